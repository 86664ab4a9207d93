"""What is checked of files whatever they hold: names and sizes that a Git host refuses, links, and what is no text.

Of logs it is told where they are read what they are instead.
"""

from __future__ import annotations

from collections.abc import Iterator

from checker.core.files import look
from checker.core.findings import Violation
from checker.core.links import dead, followed
from checker.families.mlperf_training.checks import check
from checker.families.mlperf_training.organisation import Organisation


def judge_repository(organisation: Organisation) -> Iterator[tuple[str, Violation]]:
    """Yield what the official repository check objects to, which walks down no link."""
    for entry in organisation.tree.entries.values():
        name = entry.path.rpartition("/")[2]
        if name.startswith(".") or " " in name:
            yield (
                "repository-names",
                Violation("the name is not fit for Git", "no blank, no leading dot", name, entry.path),
            )
        if entry.kind == "file" and entry.size > organisation.fixed.repository.file_bytes:
            most = f"at most {organisation.fixed.repository.file_bytes:,} bytes"
            yield "repository-size", Violation("the file is too large", most, f"{entry.size:,}", entry.path)
    if organisation.tree.truncated is not None:
        what = "the submission cannot be listed whole; what is beyond was not judged"
        yield "repository-bounds", Violation(what, "fewer files and folders", organisation.tree.truncated, ".")


def _dead_links(organisation: Organisation) -> Iterator[tuple[Violation, bool]]:
    """Yield each link that leads to nothing of the submission, and whether it lies where official tools read."""
    for entry, lead in organisation.tree.links():
        if lead.real is None:
            judged = entry.path.partition("/")[0] in ("results", "systems")
            yield Violation(dead(lead), "a plain file or folder", "a link", entry.path), judged


@check("training-links", "submitter")
def links_of_code(organisation: Organisation) -> Iterator[Violation]:
    """Judge that no link in code leads out of the submission, or nowhere."""
    yield from (problem for problem, judged in _dead_links(organisation) if not judged)


@check("training-links-judged", "submitter")
def links_of_results(organisation: Organisation) -> Iterator[Violation]:
    """Judge the same of results and systems."""
    yield from (problem for problem, judged in _dead_links(organisation) if judged)


@check("training-links-followed", "submitter")
def links_followed(organisation: Organisation) -> Iterator[Violation]:
    """Note links to what lies in the submission."""
    for entry, lead in organisation.tree.links():
        if lead.real is not None:
            yield Violation(followed(lead), "a plain file or folder", "a link", entry.path)


@check("training-file-readable", "submitter")
def file_readable(organisation: Organisation) -> Iterator[Violation]:
    """Judge that each system's description is JSON."""
    tree = organisation.tree
    for system in organisation.systems.values():
        state = look(tree, system.path, "json") if system.unreadable else None
        if state is not None:
            yield state.problem(system.path, "a JSON document")


@check("training-side-file-readable", "submitter")
def side_file_readable(organisation: Organisation) -> Iterator[Violation]:
    """Judge that logs of power are text."""
    tree = organisation.tree
    for folder in organisation.folders:
        for entry in tree.files(folder.power) if folder.power is not None else ():
            state = look(tree, entry.path) if entry.path.endswith(".txt") else None
            if state is not None and state.name != "byte-order mark":
                yield state.problem(entry.path, "a log of power, as MLCommons' logger writes it")
