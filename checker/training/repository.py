"""The repository checks: names and sizes that a Git host refuses, links that lead nowhere."""

from __future__ import annotations

from collections.abc import Iterator

from checker.findings import Problem
from checker.training.organisation import Organisation
from rules.training import PackageRules


def judge_repository(organisation: Organisation, fixed: PackageRules) -> Iterator[tuple[str, Problem]]:
    """Yield what the official repository check objects to; links are listed, never followed."""
    for entry in organisation.tree.entries.values():
        name = entry.path.rpartition("/")[2]
        if name.startswith(".") or " " in name:
            yield (
                "repository-names",
                Problem("the name is not fit for Git", "no blank, no leading dot", name, entry.path),
            )
        if entry.kind == "file" and entry.size > fixed.repository.file_bytes:
            most = f"at most {fixed.repository.file_bytes:,} bytes"
            yield "repository-size", Problem("the file is too large", most, f"{entry.size:,}", entry.path)
        if entry.kind == "link":
            what = "a symbolic link: it is not followed, and nothing behind it is judged"
            yield "repository-links", Problem(what, "a plain file or folder", "a link", entry.path)
    if organisation.tree.truncated is not None:
        what = "the submission cannot be listed whole; what is beyond was not judged"
        yield "repository-bounds", Problem(what, "fewer files and folders", organisation.tree.truncated, ".")
