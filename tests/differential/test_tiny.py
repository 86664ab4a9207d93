"""Submissions to MLPerf Tiny, spoiled in every named way and at random: our official verdict is the checker's."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from checker.families.mlperf_tiny.review import review
from rules.text import printable
from tests.differential import tiny_passing
from tests.differential.tiny_mutations import TREES, folders, results, scramble
from tests.differential.tiny_oracle import official

ROUNDS = ("mlperf-tiny/1.3", "mlperf-tiny/1.4")
RANDOM = 300


def differences(root: Path, round_name: str) -> list[Any]:
    """Return where we and the official checker differ on one round's folder."""
    theirs = official(root, f"v{round_name.partition('/')[2]}")
    report = review(root, round_name)
    ours = {item.path: item for item in report.items if item.kind == "result"}
    if theirs.cause is not None:
        kind = theirs.cause.partition(":")[0]
        causes = [i.official_crash for i in report.items if i.official_crash] or [
            f.found for f in report.findings if f.rule == "official-crash"
        ]
        known = any(kind in cause or (cause.startswith("OSError") and kind.endswith("Error")) for cause in causes)
        return [] if known else [("it stops", theirs.cause, causes)]
    found: list[Any] = [("it does not stop", i.path, i.official_crash) for i in ours.values() if i.official_crash]
    valid = {path for path, value in theirs.results.items() if value}
    mine = {path for path, item in ours.items() if item.official_verdict == "pass"}
    found += [("verdict", path, path in valid) for path in valid ^ mine]
    table = {(r["Division"], r["Organization"], r["SystemDesc"], r["Model"]): r for r in theirs.rows}
    for score in report.scores:
        if score.official is None:
            continue
        o = score.official
        row = table.pop((o["Division"], o["Organization"], o["SystemDesc"], o["Model"]))
        value = f"{o['Result']:f} with power_metric = {o['Power']:f}" if o["Power"] else o["Result"]
        if theirs.results[score.path] != value:
            found.append(("value", score.path, value, theirs.results[score.path]))
        found += [(score.path, name, o[name], row[name]) for name in row if o[name] != _cut(row[name])]
    return found + [("row", key) for key in table]


def _cut(value: Any) -> Any:
    return printable(value, 2000) if isinstance(value, str) else value


@pytest.fixture(scope="module")
def passing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_passing.submitter(tmp_path_factory.mktemp("round") / "closed" / "Example").parents[1]


@pytest.fixture
def copy(passing: Path, tmp_path: Path) -> Callable[[], Path]:
    def fresh() -> Path:
        root = tmp_path / "round"
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(passing, root, symlinks=True)
        return root

    return fresh


def test_what_passes_by_construction_passes_both(passing: Path) -> None:
    report = review(passing, ROUNDS[0])
    assert not differences(passing, ROUNDS[0])
    assert report.passed
    assert [item.official_verdict for item in report.items if item.kind == "result"] == ["pass", "pass"]


@pytest.mark.parametrize("round_name", ROUNDS)
@pytest.mark.parametrize("name", TREES)
def test_a_spoiled_submission_gets_the_official_verdict(copy: Callable[[], Path], name: str, round_name: str) -> None:
    root = copy()
    TREES[name](root)
    try:
        assert not differences(root, round_name), name
    finally:
        for big in root.rglob("big"):
            big.unlink()


@pytest.mark.parametrize("division", ["closed", "open"])
def test_a_spoiled_result_gets_the_official_verdict(copy: Callable[[], Path], division: str) -> None:
    root = copy()
    if division == "open":
        (root / "closed").rename(root / "open")
    wrong, tried = [], 0
    for benchmark in results(root):
        for name, spoil in folders(benchmark):
            kept = root.parent / "kept"
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(benchmark, kept)
            spoil(benchmark)
            wrong += [(benchmark.name, name, found) for found in differences(root, ROUNDS[1])]
            tried += 1
            shutil.rmtree(benchmark)
            kept.rename(benchmark)
    assert tried > 150
    assert not wrong


@pytest.mark.parametrize("seed", range(6))
def test_results_scrambled_at_random_get_the_official_verdict(copy: Callable[[], Path], seed: int) -> None:
    root, rng = copy(), Random(seed)
    if seed % 3 == 2:
        (root / "closed").rename(root / "open")
    texts = {path: path.read_bytes() for path in sorted(root.glob("*/*/results/*/*/*/results.txt"))}
    for _ in range(RANDOM // 6):
        for path in rng.sample(sorted(texts), 2):
            path.write_bytes(scramble(scramble(texts[path], rng), rng))
        assert not differences(root, ROUNDS[0])
        for path, text in texts.items():
            path.write_bytes(text)
