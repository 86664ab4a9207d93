"""Our official verdict on a tree beside the modular checker's own, result by result, up to and beyond where it ends."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from checker.families.mlperf_inference.facts import read_result
from checker.families.mlperf_inference.modular.official import (
    Options,
    ResultReview,
    SubmitterFacts,
    judge_result,
    submitter_stops,
)
from checker.families.mlperf_inference.modular.outcome import Stop
from checker.families.mlperf_inference.walk import find, read_submitter
from rules.errors import NothingToCheckError
from rules.inference import inference_rules
from rules.ruleset import load
from tests.differential.inference_oracle import Judged, Said, ask

ENDS = 12  # times that something is taken out and both are asked again


@dataclass
class Ours:
    """What comes in the official checker's order: a result, or an end that is no result's."""

    submitter: SubmitterFacts
    what: ResultReview | Stop

    @property
    def path(self) -> str:
        assert isinstance(self.what, ResultReview)
        return f"{self.submitter.submitter.division}/{self.submitter.submitter.name}/{self.what.place.path}"

    @property
    def stop(self) -> Stop | None:
        return self.what if isinstance(self.what, Stop) else self.what.stop


def judged(root: Path, round_name: str, options: Options) -> Iterator[Ours]:
    """Judge a tree as the review does, in this process."""
    try:
        scope = find(root)
    except NothingToCheckError:
        return
    rules, limits = inference_rules(round_name), load(round_name).limits
    for division, folder in scope.submitters:
        submitter = SubmitterFacts(read_submitter(division, folder, limits), rules)
        listing = submitter.submitter.listing
        for what in submitter_stops(submitter, scope):
            if isinstance(what, Stop):
                yield Ours(submitter, what)
                continue
            paths = submitter.paths(what)
            facts = read_result(listing, what, paths)
            yield Ours(submitter, judge_result(submitter, facts, options))


def differences(root: Path, round_name: str, **options: bool) -> list[Any]:
    """Return where we and the official checker differ on a tree, which is spoiled: what it ends at is taken out."""
    version, found = f"v{round_name.rpartition('/')[2]}", list[Any]()
    for _ in range(ENDS):
        theirs = ask(root, version, **options)
        ours = list(judged(root, round_name, Options(**options)))
        end = next((one for one in ours if one.stop is not None), None)
        seen = ours if end is None else ours[: ours.index(end)]
        if end is not None and isinstance(end.what, ResultReview) and end.what.unwritten:
            seen = [*seen, end]
        if [one.path for one in seen] != list(theirs.results) or (end is None) != (theirs.crash is None):
            said = None if end is None or end.stop is None else (end.stop.what, end.stop.cause, end.stop.path)
            return [*found, ("it ends elsewhere", theirs.crash, list(theirs.results), said)]
        found += [
            found_here for one in seen for found_here in _between(one, theirs, inference_rules(round_name).models)
        ]
        if end is None:
            return found
        _take_out(end)
    return found


def _between(one: Ours, theirs: Said, known: Any) -> Iterator[Any]:
    assert isinstance(one.what, ResultReview)
    ours, official = one.what, theirs.results[one.path]
    phases = {name: phase.passed for name, phase in ours.phases.items()}
    if phases != official.phases:
        yield one.path, phases, official.phases, ours.failed, official.failed
        return
    # Of a model that is none of the round's no table says anything; the official checker has some for all rounds.
    if isinstance(ours.model, str) and ours.model in known and _checks(ours.failed) != _checks(official.failed):
        yield one.path, ours.failed, official.failed
    yield from _numbers(one.path, ours, official)


def _checks(failed: list[str]) -> set[str]:
    return {check for check in failed if not check.startswith("power.")}  # its power phase is not told check by check


def _numbers(path: str, ours: ResultReview, official: Judged) -> Iterator[Any]:
    if official.phases["performance"] and not _same(ours.metric, official.metric):
        yield path, "metric", ours.metric, official.metric
    if official.phases["accuracy"] and not _same(ours.accuracies, official.accuracies):
        yield path, "accuracies", ours.accuracies, official.accuracies


def _same(ours: Any, official: Any) -> bool:
    if isinstance(ours, float) and isinstance(official, float):
        return ours == official or (math.isnan(ours) and math.isnan(official))
    return bool(ours == official) or repr(ours) == repr(official)


def _take_out(end: Ours) -> None:
    """Take away what the official checker ends at, and no more than we say that it is."""
    root, stop = end.submitter.submitter.root, end.stop
    assert stop is not None
    if isinstance(end.what, ResultReview):
        _remove(root / end.what.place.path)
    elif stop.path.startswith("systems/"):
        name = stop.path.removeprefix("systems/").removesuffix(".json").removesuffix("_power.yaml")
        _remove(root / "results" / name)
    elif stop.path.startswith("results/"):
        _remove(root / stop.path)
    else:
        _remove(root)


def _remove(folder: Path) -> None:
    if folder.is_symlink():
        folder.unlink()
    else:
        shutil.rmtree(folder, ignore_errors=True)  # a folder that is found again behind a link in it
