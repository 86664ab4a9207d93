"""Which MLPerf Inference round a path looks like: by the seeds in its logs, which differ from round to round.

A published tree is told from one of Assay's own by its layout: one has `assay/` beside `results/`.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path

from checker.findings import Problem
from checker.inference.loadgen import read_detail
from checker.inference.walk import find
from checker.likeness import Likeness
from checker.marks import rounds_with_seeds
from checker.tree import Tree
from rules.errors import AssayError
from rules.inference import inference_rules
from rules.known_rounds import title
from rules.ruleset import load, rulesets

FAMILY = "mlperf-inference"
MOST = 5000  # entries of a folder that are looked at
LOGS = 12  # logs that are asked, each of another submitter or benchmark
FOLDERS = 2000  # scenario folders that are looked into
DETAIL = "performance/run_1/mlperf_log_detail.txt"
SEEDS = ("effective_sample_index_rng_seed", "effective_schedule_rng_seed")


def likeness(path: Path) -> Likeness | None:
    """Return what `path` looks like; None where it holds no result laid out as MLPerf Inference's are."""
    asked, said = 0, Counter[str]()
    for scenario in islice(_scenarios(path), FOLDERS):
        asked += 1
        said.update(_rounds_of(scenario))
        if said.total() >= LOGS:
            break
    if not asked:
        return None
    rounds = tuple(name for name, _ in said.most_common())
    several = f"their logs have the seeds of {', '.join(rounds)}" if rounds else "no log has a round's seeds"
    return Likeness(path, "holds results of MLPerf Inference", rounds or (FAMILY,), several)


def foreign(seen: Likeness, round_name: str) -> Problem | None:
    """Return what is wrong with judging this by `round_name`; None where a log has that round's seeds, or none any."""
    if FAMILY in seen.rounds or round_name in seen.rounds:
        return None
    others = [name for name in seen.rounds if name not in rulesets()]
    without = f", and Assay has no rules for {title(others)}" if others else ""
    what = f"the seeds are those of {', '.join(seen.rounds)}, you asked for {round_name}{without}"
    return Problem(what, round_name, ", ".join(seen.rounds), ".")


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


def _rounds_of(scenario: Path) -> list[str]:
    """Return the rounds that have the seeds of a scenario's log; of those without rules there may be several."""
    log = read_detail(Tree(scenario, load(known_rounds()[0]).limits), DETAIL)
    seeds = tuple(log.values.get(key) for key in SEEDS)
    name = _seeds(known_rounds()).get(seeds) if all(type(seed) is int for seed in seeds) else None  # type: ignore[arg-type]
    return rounds_with_seeds(scenario / DETAIL, FAMILY) if name is None else [name]


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
