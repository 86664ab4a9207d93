"""Whose a log says it is, beside whose folder it lies in and whose system its description is.

Names are compared loosely: "NVIDIA" is "NVIDIA Corporation", "Fujitsu" has a part in "Fujitsu+RIKEN", "QCT" is
"Quanta Cloud Technology". What a log of the reference code says before anybody filled it in is no name at all.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from checker.core.findings import Violation, brief
from checker.families.mlperf_training.checks import check
from checker.families.mlperf_training.integrity import FolderCase
from checker.families.mlperf_training.reading import ReadRecord

WORDS = re.compile(r"[^\W_]+")
SHOWN = 3  # names shown of a result whose logs say several
Said = list[tuple[str, ReadRecord]]  # logs, and where each says what


@check("log-of-submitter", "result")
def log_of_submitter(case: FolderCase) -> Iterator[Violation]:
    """Judge that the logs of a result name the organisation whose folder or description it is."""
    folder, described = _submitters(case)
    names = [name for name in (folder, described) if name]
    others = [
        (path, place)
        for path, place in _said(case, "submission_org")
        if not _placeholder(case, "submission_org", place) and not any(alike(str(place.value), name) for name in names)
    ]
    if others:
        owner = f"the folder of {brief(folder)}" + (f", its description of {brief(described)}" if described else "")
        what = f"the log is of organisation {_listed(others)}, {owner}"
        yield _folded(case, what, described or folder, others)


@check("log-filled-in", "result")
def log_filled_in(case: FolderCase) -> Iterator[Violation]:
    """Judge that the logs of a result name an organisation and a platform, and no placeholder."""
    unfilled: dict[str, Said] = {}
    for key in case.fixed.reviewed.placeholders:
        if found := [(path, place) for path, place in _said(case, key) if _placeholder(case, key, place)]:
            unfilled[key] = found
    if unfilled:
        keys = " and ".join(f"'{key}' is {_listed(said)}" for key, said in unfilled.items())
        what = f"{keys}: a placeholder, so the log does not say what ran"
        yield _folded(case, what, "the name of what ran", max(unfilled.values(), key=len))


def _submitters(case: FolderCase) -> tuple[str, str]:
    """Return whose folder it is, and whom the system description names, "" where there is none."""
    system = case.organisation.described(case.folder)
    return case.organisation.tree.root.resolve().name, "" if system is None else system.stated("submitter")


def _said(case: FolderCase, key: str) -> Said:
    return [(log.path, log.kept[key][0]) for log in case.folder.logs if log.kept.get(key)]


def _placeholder(case: FolderCase, key: str, place: ReadRecord) -> bool:
    """Whether a value is none, or holds one of the words that stand where none was filled in."""
    if place.value is None:
        return True
    said = str(place.value).casefold()
    return not said.strip() or any(word.casefold() in said for word in case.fixed.reviewed.placeholders[key])


def alike(one: str, other: str) -> bool:
    """Whether two names may be of one organisation, or the one has a part in the other."""
    mine, theirs = WORDS.findall(one.casefold()), WORDS.findall(other.casefold())
    if not mine or not theirs:
        return one.strip() == other.strip()
    if set(mine) <= set(theirs) or set(theirs) <= set(mine):
        return True
    a, b = "".join(mine), "".join(theirs)
    return a in b or b in a or a == _initials(theirs) or b == _initials(mine)


def begins_alike(one: str, other: str) -> bool:
    """Whether two names have their first word in common."""
    mine, theirs = WORDS.findall(one.casefold()), WORDS.findall(other.casefold())
    return bool(mine and theirs) and mine[0] == theirs[0]


def _initials(words: list[str]) -> str:
    return "".join(word[0] for word in words)


def _listed(said: Said) -> str:
    names = [brief(name) for name, _ in Counter(str(place.value) for _, place in said).most_common()]
    return " and ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def _folded(case: FolderCase, what: str, expected: str, said: Said) -> Violation:
    """Make one problem of what several logs of a result say, at the line of the first."""
    path, place = said[0]
    if len(said) > 1:
        what += f" (in {len(said)} of the {len(case.folder.logs)} runs)"
    return Violation(what, expected, brief(place.value), path, place.line)
