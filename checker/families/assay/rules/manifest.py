"""Rules on the manifest: every file of the result is listed with the digest of its bytes, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

from checker.core.documents import ValidDocument
from checker.core.findings import Violation
from checker.core.tree import RefusedError
from checker.families.assay.checks import check, flaws
from checker.families.assay.submission import Result
from rules.documents import Manifest

flaws("result", "manifest")
flaws("result", "sbom")


@check("manifest-digests", "result")
def manifest_digests(result: Result, manifest: ValidDocument[Manifest]) -> Iterator[Violation]:
    """Judge that each listed file is there, inside the submission, with the listed digest."""
    own = _own(result)
    for position, file in enumerate(manifest.model.files):
        if result.framework and file.path not in own and result.tree.is_file(file.path):
            message = "the manifest lists a file that is not the result's"
            yield manifest.problem(message, "files of the result", file.path, "files", position, "path")
            continue
        try:
            found = result.sha256(file.path)
        except RefusedError as error:
            message = f"the manifest lists a file that {error}"
            yield manifest.problem(message, file.path, "", "files", position, "path")
            continue
        if found != file.sha256:
            listed = f"{file.sha256} (manifest line {manifest.line('files', position, 'sha256')})"
            yield Violation("the file is not the one the manifest lists", listed, found, file.path)


@check("manifest-complete", "result")
def manifest_complete(result: Result, manifest: ValidDocument[Manifest]) -> Iterator[Violation]:
    """Judge that every file of the result is listed exactly once."""
    listed: set[str] = set()
    for position, file in enumerate(manifest.model.files):
        if file.path in listed:
            yield manifest.problem("the file is listed twice", "once", file.path, "files", position)
        listed.add(file.path)
    for path in _own(result):
        if path != manifest.path and path not in listed:
            yield Violation("the manifest does not list this file", "every file of the result", "not listed", path)


def _own(result: Result) -> dict[str, None]:
    """Return the files of a result, in order: its folder's, the source that ran, the system's description."""
    paths = [entry.path for folder in result.own_folders for entry in result.tree.files(folder)]
    return dict.fromkeys([*paths, f"systems/{result.system}.json"])
