"""Submissions to MLPerf Inference, spoiled in every named way: the verdict is that of the single-file checker."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from checker.families.mlperf_inference.facts import ResultFacts, read_result
from checker.families.mlperf_inference.modular.official import SubmitterFacts
from checker.families.mlperf_inference.single_file.check import Judged, ScenarioVerdict, judge, look_above
from checker.families.mlperf_inference.walk import find, read_submitter
from rules.inference import inference_rules
from rules.ruleset import load
from rules.single_file import single_file_models, single_file_rounds
from tests.corpus.rounds import unpacked
from tests.differential import single_file_passing as passing
from tests.differential.single_file_mutations import OPEN, TREES, line_mutations, log_mutations, scramble
from tests.differential.single_file_oracle import official

ROUND = "mlperf-inference/5.1"
SUBMITTER = "closed/Example"
RANDOM = 300


def judged(root: Path, round_name: str, extra_files: bool = False) -> list[Judged]:
    """Judge a round's folder, in this process."""
    rules, found = inference_rules(round_name), []
    above = look_above(root, rules)
    for division, folder in find(root).submitters:
        case = SubmitterFacts(read_submitter(division, folder, load(round_name).limits), rules)
        found.append(judge(case.submitter, rules, facts(case), above[division], extra_files))
    return found


def facts(case: SubmitterFacts) -> Iterator[ResultFacts]:
    for place in case.submitter.places:
        paths = case.paths(place)
        yield read_result(case.submitter.listing, place, paths)


def differences(root: Path, round_name: str = ROUND, extra_files: bool = False) -> list[Any]:
    """Return where we and the single-file checker differ on one round's folder."""
    theirs = official(root, f"v{round_name.partition('/')[2]}", extra_files)
    submitters = judged(root, round_name, extra_files)
    results: dict[str, ScenarioVerdict] = {
        f"{one.submitter.division}/{place.submitter}/{place.path}": result
        for one in submitters
        for place, result in one.results.items()
    }
    outcomes = [o for one in submitters for o in (one.outcome, *one.systems.values())]
    outcomes += [b.outcome for one in submitters for b in one.benchmarks]
    outcomes += [result.outcome for result in results.values()]
    causes = [outcome.cause for outcome in outcomes if outcome.answer == "crash"]
    if theirs.cause is not None:
        kind = theirs.cause.partition(":")[0]
        return [] if any(_alike(kind, cause) for cause in causes) else [("it ends", theirs.cause, causes)]
    found: list[Any] = [("it does not end", cause) for cause in causes]
    valid = {path: value for path, value in theirs.results.items() if value and path in results}
    mine = {path: result for path, result in results.items() if result.listed}
    found += [("verdict", path, path in valid, theirs.results.get(path)) for path in valid.keys() ^ mine.keys()]
    found += [("value", p, mine[p].value, v) for p, v in valid.items() if p in mine and mine[p].value != v]
    missing = {path for path, value in theirs.results.items() if value is None} - results.keys()
    said = {
        f"{one.submitter.division}/{one.submitter.name}/{b.path}"
        for one in submitters
        for b in one.benchmarks
        if b.outcome.answer == "fail"
    }
    models = {path for path in missing if path.count("/") == 4 and "/results/" in path}
    found += [("benchmark", path) for path in models ^ said]
    rows = [row["Location"] for row in theirs.rows]
    found += [("rows", path, result.rows) for path, result in mine.items() if rows.count(path) != result.rows]
    for row in theirs.rows:
        if row["Location"] in mine and row["Accuracy"] != mine[row["Location"]].accuracy:
            found.append(("accuracy", row["Location"], row["Accuracy"], mine[row["Location"]].accuracy))
    return found


def _alike(theirs: str, ours: str) -> bool:
    """Whether one exception's name and our cause speak of the same: an unfit line of a log has several names."""
    unfit = ours.startswith("RuntimeError: the line is no") and theirs in ("KeyError", "TypeError", "RuntimeError")
    return theirs in ours or unfit or (ours.startswith("OSError") and theirs.endswith("Error"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("round")
    passing.submission(root, ROUND)
    return root


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Callable[[], Path]:
    def fresh() -> Path:
        shutil.rmtree(tmp_path / "round", ignore_errors=True)
        return Path(shutil.copytree(made, tmp_path / "round", symlinks=True))

    return fresh


@pytest.mark.parametrize("round_name", single_file_rounds())
def test_every_model_and_type_of_system_gets_the_official_verdict(tmp_path: Path, round_name: str) -> None:
    listed = 0
    for model, rules in single_file_models(round_name).items():
        for kind in rules.scenarios:
            root = tmp_path / f"{model}-{kind}"
            passing.submission(root, round_name, model, kind)
            assert not differences(root, round_name), (model, kind)
            listed += sum(result.listed for one in judged(root, round_name) for result in one.results.values())
            shutil.rmtree(root)
    assert listed > 50


def test_what_passes_by_construction_passes(made: Path) -> None:
    (one,) = judged(made, ROUND)
    assert not list(one.problems())
    assert all(result.listed for result in one.results.values())
    assert len(one.results) == 3


@pytest.mark.parametrize("name", TREES)
def test_a_spoiled_submission_gets_the_official_verdict(copy: Callable[[], Path], name: str) -> None:
    root = copy()
    TREES[name](root / SUBMITTER)
    try:
        assert not differences(root), name
    finally:
        for big in root.rglob("big"):
            big.unlink()


@pytest.mark.parametrize("name", OPEN)
def test_a_spoiled_open_submission_gets_the_official_verdict(tmp_path: Path, name: str) -> None:
    base = passing.submission(tmp_path / "round", ROUND, division="open", folder="mine")
    OPEN[name](base)
    assert not differences(tmp_path / "round"), name


LOGS = [
    ("resnet", "Offline", "closed", 1),
    ("resnet", "MultiStream", "open", 3),
    ("resnet", "SingleStream", "network", 5),
    ("llama2-70b-99", "Interactive", "closed", 2),
    ("llama3.1-8b", "Server", "network", 4),
    ("deepseek-r1", "Server", "closed", 4),
]


@pytest.mark.parametrize(("model", "scenario", "division", "every"), LOGS)
def test_a_spoiled_log_gets_the_official_verdict(
    tmp_path: Path, model: str, scenario: str, division: str, every: int
) -> None:
    root, kind = tmp_path / "round", "edge" if model == "resnet" else "datacenter"
    base = passing.submission(root, ROUND, model, kind, division=division, scenarios=[scenario])
    wrong, tried = [], 0
    for log in sorted(base.rglob("mlperf_log_detail.txt")):
        text = log.read_bytes()
        for name, spoil in list(log_mutations())[::every]:
            spoil(log)
            wrong += [(log.relative_to(root).as_posix(), name, found) for found in differences(root)]
            log.write_bytes(text)
            tried += 1
    assert not wrong
    assert tried > 50


@pytest.mark.parametrize("division", ["closed", "open"])
def test_a_spoiled_text_gets_the_official_verdict(tmp_path: Path, division: str) -> None:
    root = tmp_path / "round"
    base = passing.submission(root, ROUND, division=division, scenarios=["Offline"])
    wrong = []
    for path in [path for path in sorted(base.rglob("*")) if path.is_file() and path.name != "mlperf_log_detail.txt"]:
        text = path.read_bytes()
        for name, spoil in line_mutations(path):
            spoil(path)
            wrong += [(path.relative_to(root).as_posix(), name, found) for found in differences(root)]
            if path.is_dir():
                shutil.rmtree(path)
            path.write_bytes(text)
    assert not wrong


@pytest.mark.parametrize("seed", range(4))
def test_files_scrambled_at_random_get_the_official_verdict(copy: Callable[[], Path], seed: int) -> None:
    root, rng = copy(), Random(seed)
    texts = {path: path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}
    wrong = []
    for _ in range(RANDOM // 4):
        chosen = rng.sample(sorted(texts), 2)
        for path in chosen:
            path.write_bytes(scramble(texts[path], rng))
        wrong += [([p.relative_to(root).as_posix() for p in chosen], found) for found in differences(root)]
        for path in chosen:
            path.write_bytes(texts[path])
    assert not wrong


@pytest.fixture(scope="module")
def power(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published power result by itself, with its system and its description."""
    source = min(unpacked("inference_v5.1").glob("open/*/results/*/*/*/performance/power")).parents[1]
    base, result = source.parents[3], source.relative_to(source.parents[3])
    root = tmp_path_factory.mktemp("power") / "round"
    mine = root / "open" / base.name
    for part in ("results", "measurements"):
        folder = Path(part, *result.parts[1:])
        shutil.copytree(base / folder, mine / folder)
        for above in folder.parents:
            for file in (file for file in sorted((base / above).glob("*")) if file.is_file()):
                shutil.copy(file, mine / above / file.name)
    (mine / "systems").mkdir()
    shutil.copy(base / "systems" / f"{result.parts[1]}.json", mine / "systems")
    passing.write(mine / "code" / result.parts[2] / "README.md", "code\n")
    return root


@pytest.mark.corpus
def test_a_published_power_result_is_listed_with_two_rows(power: Path) -> None:
    (one,) = judged(power, ROUND)
    assert [(result.listed, result.rows) for result in one.results.values()] == [(True, 2)]
    assert not differences(power)


@pytest.mark.corpus
@pytest.mark.parametrize("seed", range(2))
def test_a_power_result_scrambled_at_random_gets_the_official_verdict(power: Path, tmp_path: Path, seed: int) -> None:
    root, rng = Path(shutil.copytree(power, tmp_path / "round")), Random(seed)
    names = ("*/performance/*/*", "*/*/measurements/**/*")
    texts = {p: p.read_bytes() for name in names for p in sorted(root.rglob(name)) if p.is_file()}
    wrong = []
    for _ in range(40):
        path = rng.choice(sorted(texts))
        path.write_bytes(scramble(texts[path], rng))
        wrong += [(path.relative_to(root).as_posix(), found) for found in differences(root)]
        path.write_bytes(texts[path])
    assert not wrong


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("at", "say"),
    [
        ("performance/ranging", "no ranging"),
        ("performance/ranging/mlperf_log_detail.txt", "no ranging log"),
        ("performance/power/ptd_logs.txt", "no log of the daemon"),
        ("performance/run_1/spl.txt", "no samples"),
    ],
)
def test_a_power_result_that_lacks_something_gets_the_official_verdict(
    power: Path, tmp_path: Path, at: str, say: str
) -> None:
    root = Path(shutil.copytree(power, tmp_path / "round"))
    (result,) = (path for path in root.glob("open/*/results/*/*/*") if path.is_dir())
    if (result / at).is_dir():
        shutil.rmtree(result / at)
    else:
        (result / at).unlink()
    assert not differences(root), say
