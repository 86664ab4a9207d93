"""The official verdict on each result of MLPerf Tiny, equal in its decisions to mlcommons/tiny's submission checker.

Quirks included: what cannot be measured from `results.txt` is listed nowhere in the checker's summary, which then may
say that all is well; a result of exactly 0 likewise; a wrong list of files changes nothing; an open submission whose
folder is not named as an official benchmark ends the program. Unlike it, everything is judged even where it stops.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from checker.core.findings import Violation, brief
from checker.core.outcome import FOLLOWS, OfficialOutcome
from checker.core.tree import RefusedError
from checker.families.mlperf_tiny.submission import TinyResult, TinySubmitter
from rules.tiny import TinyRules

Listing = Literal["results", "no results", "dropped"]
ACCURACY = {
    "top-1": re.compile(r".* Top[- ]1%?\s?[:=] ([\d\.]+).*"),
    "auc": re.compile(r".* AUC\s?[:=] ([\d\.]+).*"),
}
THROUGHPUT = re.compile(r".* Median throughput is\s+([\d\.]+) inf\./sec\..*")
ENERGY = re.compile(r"Median energy cost is ([\d\.]+) uJ/inf")
STREAMING_THROUGHPUT = re.compile(r"Estimated throughput:\s*([\d\.]+) inf\./sec\..*")
STREAMING_COUNTS = re.compile(r"Accuracy: ([\d]+) True positives, ([\d]+) False negatives, ([\d]+) False positives")
STREAMING_DUTY = re.compile(r"Average duty cycle:\s*([\d\.]+)")
STREAMING_POWER = re.compile(r"Power\s+: ([\d\.]+) mW.*")


class _StopsError(Exception):
    """What ends the official program; the message is its cause."""


class _FailsError(Exception):
    """What the official program catches, and takes for a failed measurement."""


@dataclass
class TinyResultReview:
    """What the official checker decides on one benchmark folder."""

    result: TinyResult
    outcome: OfficialOutcome = field(default_factory=OfficialOutcome)
    listing: Listing = "dropped"
    value: float | str | None = None  # as its summary prints it
    throughput: float | None = None
    accuracy: float | str | None = None
    power: float = 0
    counts: dict[str, Any] = field(default_factory=dict)  # tp, fn, fp, duty_cycle of the streaming benchmark
    measured: bool = False  # whether the checker came to read a measurement


@dataclass
class SystemReview:
    """What it decides on one system of results/."""

    name: str
    outcome: OfficialOutcome = field(default_factory=OfficialOutcome)
    document: dict[str, Any] = field(default_factory=dict)
    described: bool = False  # whether its results are looked at
    status: str = ""


@dataclass
class SubmitterReview:
    """What it decides on one submitter."""

    submitter: TinySubmitter
    outcome: OfficialOutcome = field(default_factory=OfficialOutcome)  # what keeps it from looking at any result
    systems: dict[str, SystemReview] = field(default_factory=dict)
    results: list[TinyResultReview] = field(default_factory=list)


def judge_submitter(submitter: TinySubmitter, fixed: TinyRules) -> SubmitterReview:
    """Judge one submitter's folder."""
    review = SubmitterReview(submitter)
    _folder(submitter, fixed, review.outcome)
    mapping = _mapping(submitter, review.outcome)
    for name in submitter.systems:
        review.systems[name] = _system(submitter, name, fixed)
    for result in submitter.results:
        judged = TinyResultReview(result)
        system = review.systems[result.system]
        if review.outcome.answer == "crash":
            judged.outcome.crash(review.outcome.cause, result.path, rule=FOLLOWS)
        elif review.outcome.answer == "fail":
            judged.outcome.fail(*_unseen(result, "official-submitter-passed-over", "the submitter's folder"))
        elif system.outcome.answer == "crash":
            judged.outcome.crash(system.outcome.cause, result.path, rule=FOLLOWS)
        elif not system.described:
            judged.outcome.fail(*_unseen(result, "official-system-passed-over", "the system's description"))
        else:
            try:
                _result(submitter, judged, system, fixed, mapping)
            except _StopsError as stop:
                judged.outcome.crash(str(stop), result.path)
                judged.listing, judged.value = "dropped", None
        review.results.append(judged)
    return review


def _unseen(result: TinyResult, rule: str, what: str) -> tuple[str, Violation]:
    return rule, Violation(f"the official checker does not look at this result, because of {what}", path=result.path)


# The submitter's folder and its systems


def _folder(submitter: TinySubmitter, fixed: TinyRules, outcome: OfficialOutcome) -> None:
    entries = submitter.tree.entries.values()
    if not submitter.is_folder("results"):
        if submitter.has("results"):
            outcome.crash("NotADirectoryError: results", "results")
        return
    for entry in entries:
        if entry.kind == "link" and not (submitter.root / entry.path).is_dir():
            what = "a symbolic link: the checker looks at nothing of this submitter"
            outcome.fail("official-links", Violation(what, "a plain file", "a link", entry.path))
    for entry in entries:
        if entry.size > fixed.tool.file_bytes:
            most = f"at most {fixed.tool.file_bytes:,} bytes"
            what = "the file is so large that the checker looks at nothing of this submitter"
            outcome.fail("official-size", Violation(what, most, f"{entry.size:,}", entry.path))
    parents = {entry.path.rpartition("/")[0] for entry in entries}
    for entry in entries:
        name = entry.path.rpartition("/")[2]
        if entry.kind == "folder" and name.endswith("__pycache__"):
            what = "compiled Python: the checker looks at nothing of this submitter"
            outcome.fail("official-pycache", Violation(what, "no such folder", name, entry.path))
        elif entry.kind == "folder" and entry.path not in parents:
            what = "an empty folder: the checker looks at nothing of this submitter"
            outcome.fail("official-empty-folder", Violation(what, "no empty folder", name, entry.path))
        if name.startswith("."):
            outcome.warn(
                "repository-names", Violation("the name is not fit for Git", "no leading dot", name, entry.path)
            )
        if " " in name:
            outcome.warn("repository-names", Violation("the name holds a blank", "no blank", name, entry.path))


def _mapping(submitter: TinySubmitter, outcome: OfficialOutcome) -> Any:
    """Return what an open submission says of its own names, as far as the checker comes to read it."""
    if outcome.answer == "pass" and submitter.division == "open" and submitter.has("model_mapping.json"):
        try:
            return _json(submitter, "model_mapping.json")
        except _StopsError as stop:
            outcome.crash(str(stop), "model_mapping.json")
    return None


def _json(submitter: TinySubmitter, path: str) -> Any:
    """Return a document as Python's own reader takes it: NaN and repeated members included."""
    try:
        text = submitter.tree.read(path, submitter.tree.limits.document_bytes).decode("utf-8")
        if text.startswith("\ufeff"):
            raise _StopsError(f"JSONDecodeError: {path}: it begins with a byte-order mark")
        return json.loads(text)
    except RefusedError as error:
        raise _StopsError(f"OSError: {path} {error}") from None
    except (ValueError, RecursionError) as error:
        raise _StopsError(f"{type(error).__name__}: {path}: {brief(str(error))}") from None


def _system(submitter: TinySubmitter, name: str, fixed: TinyRules) -> SystemReview:
    review, path = SystemReview(name), f"systems/{name}.json"
    if not submitter.has(path):
        missing = Violation("the system has no description", path, "no such file", f"results/{name}")
        review.outcome.fail("system-missing", missing)
        return review
    try:
        document = _json(submitter, path)
        if not isinstance(document, dict):
            raise _StopsError(f"AttributeError: {path} holds {brief(document)}, not an object")
        review.document, status = document, document.get("Status")
        if not isinstance(status, str):
            raise _StopsError(f"AttributeError: Status is {brief(status)}")
        review.status = status.lower()
        if review.status not in fixed.statuses:
            statuses = ", ".join(fixed.statuses)
            review.outcome.fail("system-status", Violation("no known status", statuses, brief(status), path))
            return review
        if document.get("system_type") is not None:
            raise _StopsError("ValueError: invalid system type")
    except _StopsError as stop:
        review.outcome.crash(str(stop), path)
        return review
    review.described = True
    return review


# One result


def _result(
    submitter: TinySubmitter, review: TinyResultReview, system: SystemReview, fixed: TinyRules, mapping: Any
) -> None:
    result, outcome = review.result, review.outcome
    name, path = result.benchmark, result.path
    known = fixed.benchmarks.get(name)
    if known is None and submitter.closed:
        review.listing = "no results"
        listed = ", ".join(fixed.benchmarks)
        outcome.fail("benchmark-unknown", Violation("no benchmark of this round", listed, name, path))
        return
    if name == "ic2" and not submitter.is_folder(f"results/{result.system}/ic"):
        review.listing = "no results"
        outcome.fail("benchmark-needs", Violation("ic2 is submitted without ic", "ic beside ic2", "no ic", path))
        return
    if known is None:
        raise _StopsError(_unnamed(name, mapping))
    accurate = False
    if "accuracy" in known.required:
        accurate, review.accuracy = _accuracy(submitter, path, known.metric, known.at_least or 0, outcome)
        accurate = accurate or (not submitter.closed and submitter.has(f"{path}/accuracy/results.txt"))
    has_energy = submitter.has(f"{path}/energy")
    review.measured = known.streaming or submitter.is_folder(f"{path}/performance")
    read = f"{path}/{'energy' if known.streaming and has_energy else 'performance'}/results.txt"
    try:
        if known.streaming:
            measured, accurate = _streaming(submitter, review, fixed, has_energy)
        elif not review.measured:
            raise _FailsError("there is no folder performance")
        else:
            measured = _number(_last(submitter, f"{path}/performance/results.txt", THROUGHPUT))
        if has_energy:
            read = f"{path}/energy/results.txt"
            pattern = STREAMING_POWER if known.streaming else ENERGY
            review.power = _number(_last(submitter, f"{path}/energy/results.txt", pattern))
    except _FailsError as failed:
        what = "the checker finds no measurement, drops the result from its summary and may call all well"
        where = read if submitter.has(read) else path
        outcome.fail("official-dropped", Violation(what, "a measurement", str(failed), where))
        return
    assert measured is not None
    value: float | str = measured
    if review.power != 0:
        value = f"{measured:f} with power_metric = {review.power:f}"
    if not value:
        what = "a throughput of 0 is listed neither among the results nor among those without"
        outcome.fail("official-dropped", Violation(what, "a throughput above 0", "0", path))
        return
    if not accurate:
        review.listing = "no results"
        outcome.answer = "fail"  # what is wrong with the accuracy was said where it was read
        return
    _noted(system)
    review.listing, review.value, review.throughput = "results", value, measured


def _unnamed(name: str, mapping: Any) -> str:
    """Return why a folder of an open submission that has a name of its own ends the checker."""
    if mapping is not None and not isinstance(mapping, dict):
        return f"AttributeError: model_mapping.json holds {brief(mapping)}, not an object"
    given = mapping.get(name) if mapping is not None else None
    if given and isinstance(given, list | dict):
        return f"TypeError: model_mapping.json maps {brief(name)} to {brief(given)}"
    return f"KeyError: {brief(name)}: the folder has to be named as an official benchmark, mapped or not"


def _accuracy(
    submitter: TinySubmitter, path: str, metric: str, at_least: float, outcome: OfficialOutcome
) -> tuple[bool, str | None]:
    folder = f"{path}/accuracy"
    if not submitter.has(f"{folder}/results.txt"):
        missing = Violation("the accuracy run has no results.txt", "accuracy/results.txt", "no such file", folder)
        outcome.fail("accuracy-reported", missing)
        return False, None
    try:
        stated = _last(submitter, f"{folder}/results.txt", ACCURACY[metric])
    except _FailsError as error:
        raise _StopsError(str(error)) from None
    if not stated:
        what = Violation("no accuracy is stated", f"a line with {metric}", "none", f"{folder}/results.txt")
        (outcome.fail if submitter.closed else outcome.warn)("accuracy-reported", what)
        return False, None
    try:
        reached = float(stated) >= at_least
    except ValueError:
        raise _StopsError(f"ValueError: could not convert string to float: {brief(stated)}") from None
    if not reached and submitter.closed:
        below = Violation("the accuracy misses its target", f"at least {at_least:g}", stated, f"{folder}/results.txt")
        outcome.fail("accuracy-target", below)
    return reached, stated


def _streaming(
    submitter: TinySubmitter, review: TinyResultReview, fixed: TinyRules, has_energy: bool
) -> tuple[float, bool]:
    """Return throughput and whether the counts will do; of the energy run where there is one."""
    path = review.result.path
    folder = f"{path}/{'energy' if has_energy else 'performance'}"
    if not submitter.is_folder(folder):
        kind = "NotADirectoryError" if submitter.has(folder) else "FileNotFoundError"
        raise _StopsError(f"{kind}: {folder.rpartition('/')[2]}")
    throughput: float | None = None
    counts: tuple[int, int, int] | None = None
    all_spoken = False
    duty: float | None = None
    for line in _lines(submitter, f"{folder}/results.txt"):
        if match := STREAMING_THROUGHPUT.search(line):
            throughput = _number(match[1])
            continue
        if match := STREAMING_COUNTS.search(line):
            counts = (_whole(match[1]), _whole(match[2]), _whole(match[3]))
            if sum(counts) + counts[0] == 0:
                raise _FailsError("ZeroDivisionError: no detections, hits or misses")
            all_spoken = all_spoken or counts[0] + counts[1] == fixed.wake_words.spoken
        if match := STREAMING_DUTY.search(line):
            duty = _number(match[1])
    if duty is None or counts is None or throughput is None or not all_spoken:
        lacking = {"throughput": throughput, "counts of wake words": counts, "duty cycle": duty}
        said = [name for name, value in lacking.items() if value is None]
        raise _FailsError(f"no {' and no '.join(said)}" if said else "hits and misses do not add up to all wake words")
    hits, misses, false = counts
    review.accuracy = 2 * hits / (2 * hits + false + misses)
    review.counts = {"tp": hits, "fn": misses, "fp": false, "duty_cycle": duty}
    few = max(misses, false) <= fixed.wake_words.wrong_at_most
    if not few and submitter.closed:
        most = f"at most {fixed.wake_words.wrong_at_most} of each"
        found = f"{misses} missed, {false} false"
        where = f"{folder}/results.txt"
        review.outcome.fail("accuracy-target", Violation("too many wake words are missed or false", most, found, where))
    return throughput, few or not submitter.closed


def _noted(system: SystemReview) -> None:
    """Stop where joining the notes of a description stops the checker."""
    hardware, software = system.document.get("hw_notes", ""), system.document.get("sw_notes")
    if software and not (isinstance(software, str) and (isinstance(hardware, str) or not hardware)):
        raise _StopsError("TypeError: hw_notes and sw_notes cannot be joined")


# Reading results.txt as Python does


def _lines(submitter: TinySubmitter, path: str) -> Iterator[str]:
    try:
        raw = submitter.tree.read(path, submitter.tree.limits.log_bytes)
        yield from io.TextIOWrapper(io.BytesIO(raw), encoding="utf-8")
    except RefusedError as error:
        raise _FailsError(f"OSError: {path} {error}") from None
    except UnicodeDecodeError:
        raise _FailsError(f"UnicodeDecodeError: {path} is not UTF-8") from None


def _last(submitter: TinySubmitter, path: str, pattern: re.Pattern[str]) -> str | None:
    """Return what the last matching line states; None where no line does."""
    find = pattern.match if pattern.pattern.startswith(".*") else pattern.search
    stated = None
    for line in _lines(submitter, path):
        if match := find(line):
            stated = match[1]
    return stated


def _number(text: str | None) -> float:
    if text is None:
        raise _FailsError("TypeError: no line states it")
    try:
        return float(text)
    except ValueError:
        raise _FailsError(f"ValueError: {brief(text)} is no number") from None


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise _FailsError("ValueError: a count has too many digits") from None
