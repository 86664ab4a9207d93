"""Which MLPerf Inference round a path looks like: by the seeds in its logs or an endpoint's files, new in every round.

A published tree is told from one of Assay's own by its layout: one has `assay/` beside `results/`.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path

from checker.findings import Problem
from checker.inference.endpoints import endpoint_seeds, read_files
from checker.inference.loadgen import read_detail
from checker.inference.walk import find
from checker.tree import Tree
from rules.errors import AssayError, UsageError
from rules.inference import inference_rules
from rules.ruleset import load, rulesets

FAMILY = "mlperf-inference"
MOST = 5000  # entries of a folder that are looked at
LOGS = 12  # logs that are asked, each of another submitter or benchmark
FOLDERS = 2000  # scenario folders that are looked into
SEEDS = ("effective_sample_index_rng_seed", "effective_schedule_rng_seed")
PUBLISHED = re.compile(r"\binference(?:_results)?_v(\d+\.\d+)\b")


@dataclass(frozen=True)
class Likeness:
    """What a path looks like: the rounds whose seeds its logs have, the most frequent first."""

    path: Path
    rounds: tuple[str, ...]

    def only(self) -> str:
        """Return the one round this can be, or UsageError with the candidates."""
        if len(self.rounds) == 1:
            return self.rounds[0]
        known = known_rounds()
        for part in reversed(self.path.absolute().parts):
            if (match := PUBLISHED.search(part)) and (name := f"{FAMILY}/{match[1]}") in known:
                return name
        seen = "their logs have the seeds of " + ", ".join(self.rounds) if self.rounds else "no log has a round's seeds"
        options = [f"add --round {name}" for name in reversed(self.rounds or known)]
        raise UsageError(f"{self.path} holds results of MLPerf Inference, and {seen}", fix=", or ".join(options))


def likeness(path: Path) -> Likeness | None:
    """Return what `path` looks like; None where it holds no result laid out as MLPerf Inference's are."""
    asked, said = 0, Counter[str]()
    for scenario in islice(_scenarios(path), FOLDERS):
        asked += 1
        if said.total() < LOGS and (name := _round_of(scenario)) is not None:
            said[name] += 1
        if said.total() >= LOGS:
            break
    return Likeness(path, tuple(name for name, _ in said.most_common())) if asked else None


def foreign(seen: Likeness, round_name: str) -> Problem | None:
    """Return what is wrong with judging this by `round_name`; None where a log has that round's seeds, or none any."""
    if not seen.rounds or round_name in seen.rounds:
        return None
    found = ", ".join(seen.rounds)
    return Problem(f"the seeds of these logs are those of another round: {found}", round_name, found, ".")


def known_rounds() -> tuple[str, ...]:
    """Return the rounds of MLPerf Inference, older first."""
    return tuple(name for name in rulesets() if name.startswith(f"{FAMILY}/"))


@cache
def _seeds(rounds: tuple[str, ...]) -> dict[tuple[int, ...], str]:
    table = {}
    for name in rounds:
        seeds = inference_rules(name).package.seeds.model_dump()
        table[tuple(seeds[key] for key in SEEDS)] = name
    return table


def _round_of(scenario: Path) -> str | None:
    return next(filter(None, map(_with, _given(scenario))), None)


def _given(scenario: Path) -> Iterator[tuple[object, ...]]:
    """Yield the seeds that a result's files give: LoadGen's log, then an endpoint's summary and config."""
    tree = Tree(scenario.parent, load(known_rounds()[0]).limits)
    log = read_detail(tree, f"{scenario.name}/performance/run_1/mlperf_log_detail.txt")
    yield tuple(log.values.get(key) for key in SEEDS)
    yield from endpoint_seeds(read_files(tree, scenario.name))


def _with(seeds: tuple[object, ...]) -> str | None:
    return _seeds(known_rounds()).get(seeds) if all(type(seed) is int for seed in seeds) else None  # type: ignore[arg-type]


def _scenarios(path: Path) -> Iterator[Path]:
    """Yield scenario folders; of each submitter's benchmarks one before any second."""
    try:
        scope = find(path)
    except (AssayError, OSError):
        return
    later = []
    for _, root in scope.submitters:
        if (root / "assay").is_dir():
            continue
        for system in _inside(root / "results"):
            for benchmark in _inside(system):
                mine = [scenario for scenario in _inside(benchmark) if _holds_a_result(scenario)]
                yield from mine[:1]
                later += mine[1:]
    yield from later


def _holds_a_result(scenario: Path) -> bool:
    return any((scenario / "performance" / name).exists() for name in ("run_1", "result_summary.json"))


def _inside(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as listing:
            found = [Path(item.path) for item in islice(listing, MOST) if item.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    return sorted(found)
