"""Which MLPerf Inference round a path looks like: by the seeds in its logs or an endpoint's files, new in every round.

A published tree is told from one of Assay's own by its layout: one has `assay/` beside `results/`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from pathlib import Path

from checker.core.detection import DetectedRound, known_rounds
from checker.core.discovery import folders_in
from checker.core.findings import Violation
from checker.core.marks import Seeds, head, rounds_with_seeds, stated_seeds
from checker.core.tree import Tree
from checker.families.mlperf_inference.endpoints.logs import endpoint_seeds, read_files
from checker.families.mlperf_inference.walk import find
from checker.loadgen.detail_log import read_detail
from checker.loadgen.log import DetailLog
from rules.errors import AssayError
from rules.inference import inference_rules
from rules.known_rounds import ordered
from rules.round import rulesets
from rules.ruleset import load

FAMILY = "mlperf-inference"
LOGS = 12  # logs that are asked, each of another submitter or benchmark
FOLDERS = 2000  # scenario folders that are looked into
DETAIL = "performance/run_1/mlperf_log_detail.txt"
SEEDS = ("effective_sample_index_rng_seed", "effective_schedule_rng_seed")


def detect_round(path: Path) -> DetectedRound | None:
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
    return DetectedRound(path, "holds results of MLPerf Inference", rounds or (FAMILY,), several)


def round_mismatch(logs: Iterable[DetailLog | None], round_name: str) -> Violation | None:
    """Return what is wrong with judging these logs by `round_name`; None unless all have seeds of other rounds."""
    said = set[str]()
    for log in filter(None, logs):
        seeds = _logged(log)
        if seeds in _seeds((round_name,)) or not (rounds := _rounds_with(seeds)):
            return None
        said.update(rounds)
    if not said:
        return None
    found = ordered(said)
    known = rulesets()
    without = "" if any(name in known for name in found) else ", which Assay has no rules for"
    what = f"the seeds are those of {' or '.join(found)}{without}; you asked for {round_name}"
    return Violation(what, round_name, ", ".join(found), ".")


@cache
def _seeds(rounds: tuple[str, ...]) -> dict[Seeds, str]:
    table = {}
    for name in rounds:
        seeds = inference_rules(name).package.seeds.model_dump()
        table[seeds[SEEDS[0]], seeds[SEEDS[1]]] = name
    return table


def _rounds_of(scenario: Path) -> list[str]:
    return next(filter(None, map(_rounds_with, _given(scenario))), [])


def _given(scenario: Path) -> Iterator[Seeds | None]:
    """Yield the seeds that a result's files give: LoadGen's log, then an endpoint's summary and config."""
    tree = Tree(scenario.parent, load(known_rounds(FAMILY)[0]).limits)
    yield _logged(read_detail(tree, f"{scenario.name}/{DETAIL}")) or stated_seeds(head(scenario / DETAIL))
    yield from (_whole(*seeds) for seeds in endpoint_seeds(read_files(tree, scenario.name)))


def _rounds_with(seeds: Seeds | None) -> list[str]:
    """Return the rounds that have these seeds: one with rules, or those without, of which there may be several."""
    if seeds is None:
        return []
    name = _seeds(known_rounds(FAMILY)).get(seeds)
    return rounds_with_seeds(seeds, FAMILY) if name is None else [name]


def _logged(log: DetailLog) -> Seeds | None:
    """Return the seeds that a run had; None where the log does not state them as whole numbers."""
    return _whole(*(log.values.get(key) for key in SEEDS))


def _whole(sample_index: object, schedule: object) -> Seeds | None:
    return (sample_index, schedule) if type(sample_index) is int and type(schedule) is int else None


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
        for system in sorted(folders_in(root / "results")):
            for benchmark in sorted(folders_in(system)):
                mine = [scenario for scenario in sorted(folders_in(benchmark)) if _holds_a_result(scenario)]
                yield from mine[:1]
                later += mine[1:]
    yield from later


def _holds_a_result(scenario: Path) -> bool:
    return any((scenario / "performance" / name).exists() for name in ("run_1", "result_summary.json"))
