"""What the single-file checker says of what lies above and beside the results: files, folders, systems."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from checker.core.findings import Violation, brief
from checker.core.links import within
from checker.core.outcome import OfficialOutcome
from checker.families.mlperf_inference.facts import JsonFile, read_document
from checker.families.mlperf_inference.models import KINDS
from checker.families.mlperf_inference.modular.outcome import RAISED
from checker.families.mlperf_inference.modular.performance import over_network, suits_division
from checker.families.mlperf_inference.single_file.case import NETWORK, Fixed, Judged, StopsError
from checker.families.mlperf_inference.walk import DIVISIONS, MAPPING, Submitter
from rules.inference import InferenceRules


def look_above(root: Path, rules: InferenceRules) -> dict[str, OfficialOutcome]:
    """Return what the checker says of each division of a round's folder; after files at the root it looks at none."""
    fixed = Fixed(rules).own
    found = {name: OfficialOutcome() for name in DIVISIONS}
    stray = [f.name for f in _plain(root) if not f.name.endswith(tuple(fixed.at_root))]
    for name, outcome in found.items():
        if within(root / name, root) is None:
            continue
        for file in stray[:10]:
            expected = f"nothing but names that end in {' or '.join(fixed.at_root)}"
            what = "a file beside the divisions: the checker looks at nothing at all"
            outcome.fail("single-file-root-files", Violation(what, expected, file, file))
        for path in [] if stray else _plain(root / name)[:10]:
            what = "a file outside the submitters' folders: the checker looks at nothing of this division"
            outcome.fail(
                "single-file-division-files", Violation(what, "folders only", path.name, f"{name}/{path.name}")
            )
    return found


def _plain(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file())


def judge_folder(judged: Judged, fixed: Fixed) -> None:
    """Judge links, sizes, names and empty folders; one kind of fault keeps the checker from looking for the next."""
    submitter, outcome, own = judged.submitter, judged.outcome, fixed.own
    entries = submitter.tree.entries.values()
    filled = {entry.path.rpartition("/")[0] for entry in entries}
    for entry in entries:
        if entry.kind == "link" and _is_broken(submitter, entry.path):
            what = "a link that leads nowhere from the root of the round"
            outcome.fail("single-file-links", Violation(what, "a plain file", "a link", entry.path))
    if outcome.answer == "pass":
        for entry in entries:
            if entry.kind == "link" and not (submitter.root / entry.path).exists():
                raise StopsError(f"FileNotFoundError: {entry.path}", entry.path)
            if entry.size > own.file_bytes:
                most = f"at most {own.file_bytes:,} bytes"
                outcome.fail(
                    "single-file-size", Violation("the file is too large", most, f"{entry.size:,}", entry.path)
                )
    names = [(submitter.name, "."), *((entry.path.rpartition("/")[2], entry.path) for entry in entries)]
    for rule, what, expected, is_wrong in (
        ("single-file-names", "the name begins with a dot", "no leading dot", lambda name: name.startswith(".")),
        ("single-file-blanks", "the name holds a blank", "no blank", lambda name: " " in name),
    ):
        if outcome.answer == "pass":
            for name, path in names:
                if is_wrong(name):
                    outcome.fail(rule, Violation(what, expected, name, path))
    folders = [entry.path for entry in entries if entry.kind == "folder"]
    if outcome.answer == "pass":
        for path in folders:
            if path.endswith("__pycache__"):
                outcome.fail("single-file-pycache", Violation("compiled Python", "no such folder", path, path))
    if outcome.answer == "pass":
        for path in folders:
            if path not in filled:
                outcome.fail("single-file-empty-folder", Violation("an empty folder", "files in it", "none", path))


def _is_broken(submitter: Submitter, path: str) -> bool:
    """Whether the checker takes a link for broken: it looks for its target from the root of the round.

    A link to a folder is passed over; no link is followed here, so one that leads out of the round counts as broken.
    """
    root = submitter.root.parents[1]
    try:
        if (submitter.root / path).is_dir():
            return False
        target = Path(os.path.normpath(root / (submitter.root / path).readlink()))
        return not (target.is_relative_to(root) and target.exists())
    except (OSError, RuntimeError):
        return True


def mapped(submitter: Submitter) -> Any:
    """Return what an open submission says of its own names; StopsError where that cannot be read."""
    if submitter.division != "open" or not submitter.listing.exists(MAPPING):
        return None
    document = read_document(submitter.tree, MAPPING)
    if document.crash is not None:
        raise StopsError(cause_of(document), MAPPING)
    return document.value


def cause_of(document: JsonFile) -> str:
    """Return what the checker raises on a document that is none, or no object."""
    if document.crash is None:
        return f"AttributeError: {document.path} is {brief(document.value)}"
    return f"OSError: {document.crash}" if document.crash.startswith("the file") else document.crash


def judge_completeness(judged: Judged, fixed: Fixed) -> None:
    """Judge that what is described has results, and that there is a document on calibration."""
    submitter, outcome = judged.submitter, judged.outcome
    listing, results = submitter.listing, set(submitter.systems)
    for folder in ("measurements", "results", "systems"):
        if not listing.is_folder(folder):
            kind = "NotADirectoryError" if listing.exists(folder) else "FileNotFoundError"
            raise StopsError(f"{kind}: {folder}", folder)
    described = {name.replace(".json", "") for name in listing.files("systems") if name.endswith(".json")}
    for what, names, path in (
        ("a description of an implementation without results", listing.folders("measurements"), "measurements/{}"),
        ("a system without results", described, "systems/{}.json"),
    ):
        for name in sorted({*names} - results):
            outcome.fail("single-file-no-results", Violation(what, f"results/{name}", "none", path.format(name)))
    wanted = fixed.own.calibration
    if submitter.division != "open" and not any(listing.exists(path) for path in wanted):
        what = "there is no document on calibration"
        outcome.fail("single-file-calibration", Violation(what, " or ".join(wanted), "neither", "."))


def judge_system(judged: Judged, name: str, fixed: Fixed) -> dict[str, Any]:
    """Judge a system's description and return it, empty where there is none."""
    outcome, path = judged.systems.setdefault(name, OfficialOutcome()), f"systems/{name}.json"
    submitter, asked = judged.submitter, fixed.rules.package.system
    if not submitter.listing.exists(path):
        missing = Violation("the system has no description", path, "no such file", f"results/{name}")
        outcome.fail("single-file-system", missing)
        return {}
    document = read_document(submitter.tree, path)
    if document.crash is not None or not isinstance(document.value, dict):
        outcome.crash(cause_of(document), path)
        return {}
    described = document.value

    def fail(what: str, expected: str, member: str) -> None:
        outcome.fail("single-file-system", Violation(what, expected, brief(described.get(member)), path))

    try:
        status = described.get("status").lower()  # type: ignore[union-attr]
        if status not in asked.statuses:
            fail("no known status", ", ".join(asked.statuses), "status")
        elif described.get("system_type") not in list(KINDS):
            fail("no known type of system", ", ".join(KINDS), "system_type")
        else:
            _members(outcome, described, path, submitter, fixed)
            if described.get("submitter").lower() != submitter.name.lower():  # type: ignore[union-attr]
                fail("the description is of another submitter", submitter.name, "submitter")
            if described.get("division") != submitter.division:
                fail("the description is of another division", submitter.division, "division")
    except RAISED as error:
        outcome.crash(f"{type(error).__name__}: {error}", path)
    return described


def _members(
    outcome: OfficialOutcome, described: dict[str, Any], path: str, submitter: Submitter, fixed: Fixed
) -> None:
    asked, is_network = fixed.rules.package.system, over_network(described)
    if not suits_division(submitter.division, is_network):
        found = brief(described.get("is_network"))
        outcome.fail("single-file-system", Violation(NETWORK, submitter.division, found, path))
    wanted = [*asked.members, *(asked.network_members if is_network else ())]
    missing = [member for member in wanted if member not in described]
    empty = [m for m in wanted if m in asked.meaningful and m in described and not described[m]]
    for what, members in (("members are missing", missing), ("members are empty", empty)):
        if members:
            outcome.fail("single-file-system", Violation(what, "all members", ", ".join(members), path))
