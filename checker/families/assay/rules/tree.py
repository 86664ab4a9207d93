"""Rules on the folder itself: nothing but plain files, within bounds, where the layout wants them, all of them used."""

from __future__ import annotations

import re
from collections.abc import Iterator

from checker.core.files import look
from checker.core.findings import Violation
from checker.families.assay.checks import check
from checker.families.assay.submission import Result, Submission
from checker.families.assay.training.submission import RUN_FILE

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,149}")
WRITTEN = re.compile(  # by `assay run`, of what the layout has a place for
    r"(?:systems/[^/]+|(?:results|assay)/[^/]+/[^/]+/(?:[^/]+/)*(?:result_\d+|observation(?:_\w+)?|log|record|manifest|parity"
    r"|sbom\.cdx|outputs|search|measurements|accuracy|verify_\w+|mlperf_log_\w+))\.(json|txt)"
)
DOCUMENTS = ("manifest.json", "parity.json", "sbom.cdx.json")
OBSERVATION = re.compile(r"observation_(idle|0|[1-9]\d{0,5})\.json")
WANTED = "result_<i>.txt, .json, .safetensors, observation_<i>.json, observation_idle.json, " + ", ".join(DOCUMENTS)
KINDS = {
    "link": "is a symbolic link; links are not followed",
    "special": "is a pipe, socket or device; it was not opened",
    "unreadable": "cannot be read: permission denied",
}


@check("plain-files", "submitter")
def plain_files(submission: Submission) -> Iterator[Violation]:
    """Judge that everything is a plain, readable file or folder."""
    for entry in submission.entries:
        if entry.kind in KINDS:
            yield Violation(KINDS[entry.kind], "a plain file", entry.kind, entry.path)


@check("file-readable", "submitter")
def file_readable(submission: Submission) -> Iterator[Violation]:
    """Judge that logs and documents are what their names say: none empty, a pointer, an archive, or cut off."""
    for entry in submission.entries:
        written = WRITTEN.fullmatch(entry.path)
        if entry.kind != "file" or written is None:
            continue
        state = look(submission.tree, entry.path, "json" if written[1] == "json" else "lines")
        if state is not None:
            yield state.problem(entry.path, "the file as `assay run` wrote it")


@check("bounds", "submitter")
def bounds(submission: Submission) -> Iterator[Violation]:
    """Judge that the submission can be listed whole and no file is too large."""
    limits = submission.tree.limits
    if submission.tree.truncated is not None:
        most = f"at most {limits.entries} entries, {limits.depth} folders deep"
        yield Violation("the submission cannot be listed whole", most, submission.tree.truncated, ".")
    results = submission.all_result_folders
    if limits.results is not None and len(results) > limits.results:
        yield Violation(
            "there are more results than are judged", f"at most {limits.results}", str(len(results)), "results"
        )
    for folder in submission.result_folders:
        runs = sum(entry.path.endswith(".txt") for entry in submission.tree.files(folder))
        if limits.runs is not None and runs > limits.runs:
            yield Violation("the result has more runs than are judged", f"at most {limits.runs}", str(runs), folder)
    for entry in submission.entries:
        if entry.size > limits.file_bytes:
            most = f"at most {limits.file_bytes:,} bytes"
            yield Violation("the file is too large and was not read", most, f"{entry.size:,} bytes", entry.path)


@check("names", "submitter")
def names(submission: Submission) -> Iterator[Violation]:
    """Judge that names are plain: no blank, control character or leading dot."""
    for entry in submission.entries:
        name = entry.path.rpartition("/")[2]
        if not NAME.fullmatch(name):
            yield Violation(
                "the name is not allowed", "letters, digits, '.', '_', '+', '-'", "other characters", entry.path
            )


@check("layout", "submitter")
def layout(submission: Submission) -> Iterator[Violation]:
    """Judge that every file stands where the layout has a place for it."""
    for entry in submission.entries:
        if not submission.has_place(entry):
            yield Violation("this does not belong in the layout", ", ".join(submission.TOP), entry.path, entry.path)


@check("result-files", "result")
def result_files(result: Result) -> Iterator[Violation]:
    """Judge that the folder of a result of training holds only the files that it has."""
    for entry in result.tree.files(result.folder):
        name = entry.path.removeprefix(f"{result.folder}/")
        if not RUN_FILE.fullmatch(name) and not OBSERVATION.fullmatch(name) and name not in DOCUMENTS:
            yield Violation("the file does not belong to a result", WANTED, name, entry.path)


@check("results", "submitter")
def results_there(submission: Submission) -> Iterator[Violation]:
    """Judge that the submitter, and each system's folder, has a result."""
    folders = submission.all_result_folders
    if not folders:
        yield Violation("the submitter's folder holds no result", "results/<system>/<workload>/", "none", ".")
        return
    systems = {folder.rpartition("/")[0] for folder in folders}
    for entry in submission.entries:
        is_system = entry.kind == "folder" and entry.path.startswith("results/") and entry.path.count("/") == 1
        if is_system and entry.path not in systems:
            yield Violation("the system's folder holds no result", "<workload>/", "none", entry.path)


@check("unused", "results")
def unused(results: list[Result]) -> Iterator[Violation]:
    """Judge that what stands beside results is of one of them; only where all results were asked for."""
    if not results or results[0].scope or not all(result.framework for result in results):
        return
    used = {f"systems/{result.system}.json" for result in results}
    used |= {folder for result in results for folder in result.own_folders[1:]}
    tree = results[0].tree
    there = {entry.path: None for entry in tree.files("systems")}
    for folder in reversed(results[0].own_folders[1:]):
        top, *below = folder.split("/")
        there |= {"/".join(entry.path.split("/")[: 1 + len(below)]): None for entry in tree.files(top)}
    for path in there:
        if path not in used:
            yield Violation("no result uses this", "only what the results need", path, path)
