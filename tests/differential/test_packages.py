"""Whole submissions, spoiled in every named way: our official verdict is mlperf-logging's, part by part."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mlperf_logging", reason="the official checker is a development dependency")
pytest.importorskip("pandas", reason="the official summariser needs pandas")
pytest.importorskip("scipy", reason="the official convergence test needs scipy")

from checker.core.links import LinkedTree
from checker.families.mlperf_training.log_verdict import log_judge
from checker.families.mlperf_training.official import judge_organisation
from checker.families.mlperf_training.organisation import Organisation, find_organisation
from checker.families.mlperf_training.review import review
from checker.families.mlperf_training.scan import scan
from checker.families.mlperf_training.table import Row, rows
from rules.ruleset import load
from rules.training import package_rules, references
from tests.differential import oracle, passing, sheet_logs
from tests.differential.mutations import LOGS, TREES, keys_of, per_key

# The cheapest benchmark (three runs) meets every mutation; one of each other kind meets those of its own.
EVERYTHING = ("mlperf-training/5.1", "llama31_405b")
OTHERS = [
    ("mlperf-training/5.0", "llama31_405b"),
    ("mlperf-training/6.0", "deepseekv3_671b"),
    ("mlperf-training/6.1", "qwen35_397b_grpo"),
    ("mlperf-training/5.1", "retinanet"),
]
SOME = ("as it is", "a log missing", "status aborted, in one log", "evaluated much too early, in all logs")
SOME += ("wrong batch size, in all logs", "wrong batch size, in one log", "no seed, in one log", "power")
# Where the package checker stops it leaves scaling.json as it was, so what the summariser then makes of it is luck.
AFTER_A_CRASH = ("rcp_scaling_factor", "time_to_train", "Energy")


def judged(root: Path, round_name: str) -> tuple[Organisation, list[Row]]:
    """Judge an organisation as the review does, in this process."""
    fixed = package_rules(round_name)
    organisation = find_organisation(".", LinkedTree(root, load(round_name).limits), fixed)
    for folder in organisation.folders:
        for path in folder.log_paths:
            facts = scan(organisation.tree, path, fixed, log_judge(round_name))
            folder.logs.append(facts)
    judge_organisation(organisation, round_name)
    return organisation, rows(organisation)


def differences(root: Path, round_name: str) -> list[Any]:
    """Return where we and the official tools differ on one organisation."""
    fixed = package_rules(round_name)
    theirs = oracle.package(root, fixed.tool.usage, fixed.tool.ruleset)
    ours, table = judged(root, round_name)
    found: list[Any] = []
    if ours.outcome.answer != theirs.answer:
        found.append(("organisation", ours.outcome.answer, ours.outcome.cause, theirs.answer, theirs.cause))
    for path, answer in theirs.systems.items():
        system = next((s for s in ours.systems.values() if s.path == path), None)
        if system is None or system.outcome is None or system.outcome.answer != answer:
            found.append(("system", path, answer))
    for folder in ours.folders:
        seeds = theirs.seeds.get(folder.path)
        if seeds is not None and (folder.seeds is None or (folder.seeds.answer == "pass") != seeds):
            found.append(("seeds", folder.seeds, seeds))
        converged = theirs.convergence.get(folder.path)
        mine = folder.decision
        if converged is not None and (
            mine is None or (mine.passed, mine.message) != converged[:2] or not _same(mine.normalisation, converged[2])
        ):
            found.append(("convergence", mine, converged))
        if theirs.answer != "crash" and converged is not None and mine is not None and mine.mean is not None:
            written = theirs.scaling.get(folder.path)
            if written is not None and not _same(mine.scaling or math.nan, written):
                found.append(("scaling.json", mine.scaling, written))
    return found + list(_table(root, round_name, table, theirs.answer == "crash"))


def _table(root: Path, round_name: str, table: list[Row], crashed: bool) -> Any:
    fixed = package_rules(round_name)
    theirs = oracle.table(root, fixed.tool.usage, fixed.tool.ruleset)
    if theirs.rows is None:
        if not any(row.crash for row in table):
            yield "table", "the summariser stops", theirs.cause
        return
    yield from _weak(table, theirs.weak_rows)
    mine = {row.columns["details_url"]: row.columns for row in table if not row.crash}
    for row in theirs.rows:
        url = row["details_url"]
        if url not in mine:
            yield "row", url, [row.crash for row in table]
            continue
        for column in (row.keys() | mine[url].keys()) - {"notes"}:
            a, b = row.get(column), mine[url].get(column)
            if not _same(a, b) and not (crashed and column.endswith(AFTER_A_CRASH)):
                yield column, a, b


def _weak(table: list[Row], theirs: list[dict[str, Any]]) -> Any:
    mine = [row for row in table if row.weak]
    for ours, row in zip(mine, theirs, strict=True):
        columns = {name for name in row if ":" in name} | ours.weak.keys()
        yield from ((c, ours.weak.get(c), row.get(c)) for c in columns if not _same(ours.weak.get(c), row.get(c)))


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, float | int):
        return math.isclose(a, b, rel_tol=1e-12) or (math.isnan(a) and math.isnan(b))
    return bool(a == b)


def written_from_the_rules(root: Path, round_name: str, benchmark: str, scaling: str) -> Path:
    """Write a submission whose logs are made from the round's own requirements, converging like the reference runs."""
    described = passing.system_description(round_name)
    (root / "systems").mkdir(parents=True)
    (root / "systems" / "box.json").write_text(json.dumps(described))
    folder = root / "results" / "box" / scaling / benchmark
    folder.mkdir(parents=True)
    known = references(round_name, benchmark)
    assert known is not None
    point = known.points[1]
    at = sorted(point.converged_at)[len(point.converged_at) // 2]
    for run in range(package_rules(round_name).runs[benchmark]):
        lines = [line for line in sheet_logs.log(round_name, "closed", benchmark) if line["key"] != "seed"]
        keys = [line["key"] for line in lines]
        for line in lines:
            if line["key"] == "global_batch_size":
                line["value"] = point.batch_size
            if line["key"] in ("eval_accuracy", "eval_error"):
                line["metadata"] |= {"samples_count": at, "epoch_num": at}
        first = keys.index("init_start")
        added = [dict(lines[first], key="seed", value=100 + run)]
        if "global_batch_size" not in keys:
            added.append(dict(lines[first], key="global_batch_size", value=point.batch_size))
        lines[first + 1 : first + 1] = added
        (folder / f"result_{run}.txt").write_text(passing.text(lines))
    return root


OLDER = [
    *(f"mlperf-training/{v}" for v in ("3.0", "3.1", "4.0", "4.1", "5.0")),
    *(f"mlperf-hpc/{v}.0" for v in (1, 2, 3)),
]


@pytest.mark.parametrize(
    ("round_name", "benchmark", "scaling"),
    [
        (name, benchmark, scaling)
        for name in OLDER
        for benchmark in package_rules(name).benchmarks
        for scaling in package_rules(name).scaling or [""]
    ],
)
def test_every_benchmark_of_the_older_rounds_and_hpc_gets_the_official_verdict(
    tmp_path: Path, round_name: str, benchmark: str, scaling: str
) -> None:
    root = written_from_the_rules(tmp_path / "Example", round_name, benchmark, scaling)
    assert differences(root, round_name) == []


@pytest.mark.parametrize("name", TREES)
def test_a_submission_spoiled_in_any_way_gets_the_official_verdict_on_each_part(tmp_path: Path, name: str) -> None:
    round_name, benchmark = EVERYTHING
    root = passing.organisation(tmp_path / "Example", round_name, (benchmark,))
    TREES[name](root)
    assert differences(root, round_name) == []


@pytest.mark.parametrize("name", SOME)
@pytest.mark.parametrize(("round_name", "benchmark"), OTHERS)
def test_other_rounds_and_benchmarks_get_the_official_verdict(
    tmp_path: Path, round_name: str, benchmark: str, name: str
) -> None:
    root = passing.organisation(tmp_path / "Example", round_name, (benchmark,))
    TREES[name](root)
    assert differences(root, round_name) == []


@pytest.mark.parametrize(
    ("round_name", "benchmark"),
    [
        (round_name, benchmark)
        for round_name in ("mlperf-training/5.1", "mlperf-training/6.0", "mlperf-training/6.1")
        for benchmark in package_rules(round_name).benchmarks
    ],
)
def test_a_passing_submission_of_every_benchmark_passes_both_verdicts(
    tmp_path: Path, round_name: str, benchmark: str
) -> None:
    root = passing.organisation(tmp_path / "Example", round_name, (benchmark,))
    fixed = package_rules(round_name)
    assert oracle.package(root, fixed.tool.usage, fixed.tool.ruleset).answer == "pass"
    report = review(root, round_name)
    assert {item.official_verdict for item in report.items} == {"pass"}
    assert [finding for finding in report.findings if finding.severity == "error"] == []


@pytest.mark.parametrize("batch_size", [500, 1152, 1500, 2304, 3000, 4608, 5000, -1, 0, 1152.0])
@pytest.mark.parametrize("samples", [100_000.0, 267_264.0, 285_344.0, 313_344.0, 400_000.0, 1e9, math.nan])
def test_every_batch_size_and_convergence_gets_the_official_decision(
    tmp_path: Path, batch_size: float, samples: float
) -> None:
    from checker.families.mlperf_training.convergence import reference_set

    round_name, benchmark = EVERYTHING
    for run in range(3):
        lines = passing.records(benchmark, round_name, run)
        for line in lines:
            if line["key"] == "global_batch_size":
                line["value"] = batch_size
            if line["key"] == "eval_accuracy":
                line["metadata"]["samples_count"] = samples
        (tmp_path / f"result_{run}.txt").write_text(passing.text(lines))
    fixed = package_rules(round_name)
    theirs = oracle.convergence(tmp_path, fixed.tool.usage, fixed.tool.ruleset)
    if batch_size == -1:
        assert isinstance(theirs, tuple)
        assert theirs[1] == "Could not detect global_batch_size"
        return
    points = reference_set(round_name, benchmark)
    assert points is not None
    ours = points.decide(batch_size, [samples] * 3)
    assert isinstance(theirs, tuple), theirs
    assert (ours.passed, ours.message) == (bool(theirs[0]), theirs[1])
    assert _same(ours.normalisation, float(theirs[2]))


@pytest.mark.parametrize("draw", range(120))
def test_logs_spoiled_at_random_get_the_official_verdict(tmp_path: Path, draw: int) -> None:
    round_name, benchmark = EVERYTHING
    chance = random.Random(draw)
    root = passing.organisation(tmp_path / "Example", round_name, (benchmark,))
    for log in sorted(root.glob("results/*/*/*.txt")):
        for _ in range(chance.choice([0, 0, 1, 1, 2])):
            key = chance.choice([key for key in keys_of(log.read_bytes()) if isinstance(key, str)] or ["seed"])
            _, spoil = chance.choice([*per_key(key), *list(LOGS.items())[:20]])
            try:
                spoiled = spoil(log.read_bytes())
            except (KeyError, TypeError, ValueError, AttributeError):
                continue  # one mutation has left nothing for the next to spoil
            log.write_bytes(log.read_bytes() if spoiled is None else spoiled)
    theirs = oracle.package(root, "training", package_rules(round_name).tool.ruleset)
    ours, _ = judged(root, round_name)
    sizes = [log.converged.batch_size for log in ours.folders[0].logs]
    if -1 in sizes and set(map(repr, sizes)) != {"-1"}:
        # Whether the tool stops or goes on depends on which file the file system lists first; it rejects either way.
        assert ours.outcome.answer != "pass"
        assert theirs.answer != "pass"
    else:
        assert ours.outcome.answer == theirs.answer, (ours.outcome.cause, theirs.cause)
