"""What a path is: of a round with rules, of one without, of Assay's own layout, or nothing of these."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

import checker
from checker.families.recognition import recognised
from rules.errors import AssayError, Exit, NothingToCheckError, UsageError
from rules.known_rounds import families
from rules.round import rulesets
from tests.corpus.rounds import unpacked
from tests.differential import inference_passing, passing, tiny_passing
from tests.unit.recognition import trees
from tests.unit.recognition.trees import mllog, write

ALL = "MLPerf HPC 1.0 to 3.0, MLPerf Inference 5.0 to 6.1, MLPerf Tiny 1.3 to 1.4, MLPerf Training 3.0 to 6.1"
KNOWN = {
    "training": "MLPerf Training 3.0 to 6.1",
    "hpc": "MLPerf HPC 1.0 to 3.0",
    "inference": "MLPerf Inference 5.0 to 6.1",
    "tiny": "MLPerf Tiny 1.3 to 1.4",
}
LATER = {"training": "7.0", "inference": "7.0", "tiny": "2.0", "mobile": "6.0", "storage": "4.0", "hpc": "4.0"}
PUBLISHED = [(name.removeprefix("mlperf-"), of) for name, family in families().items() for of in family.rounds]
# Under a name that says nothing: what the marks leave.
NEUTRAL = {
    ("training", "0.5"): "MLPerf Training 0.5",
    ("training", "0.6"): "MLPerf Training 0.6",
    ("training", "2.1"): "MLPerf Training 0.6, 0.7, 1.0, 1.1, 2.0 or 2.1",
    ("mobile", "5.0"): "MLPerf Mobile 5.0",
    ("mobile", "4.0"): "MLPerf Mobile 4.0",
    ("mobile", "6.0"): "MLPerf Mobile",
    ("storage", "1.0"): "MLPerf Storage",
    ("endpoints", "1.0"): "MLPerf Endpoints",
    ("automotive", "0.5"): "MLPerf Automotive 0.5",
    ("automotive", "1.0"): "MLPerf Automotive 1.0",
    ("tiny", "1.2"): "MLPerf Tiny 1.0, 1.1 or 1.2",
    **{("inference", of): f"MLPerf Inference {of}" for of in families()["mlperf-inference"].seeds},
}


def refused(path: Path, round_: str | None = None) -> AssayError:
    with pytest.raises(AssayError) as error:
        checker.check(path, round_)
    assert error.value.exit_code in (Exit.USAGE, Exit.NOTHING)
    return error.value


@pytest.mark.parametrize(("family", "version"), [*PUBLISHED, *LATER.items()], ids=str)
def test_a_folder_named_for_a_round_without_rules_is_that_round(family: str, version: str, tmp_path: Path) -> None:
    root = tmp_path / f"{family}_results_v{version}"
    getattr(trees, family)(root, version)
    told = refused(root)
    title = families()[f"mlperf-{family}"].title
    assert told.message == (
        f"{root}: this is {title} {version}, which Assay has no rules for; it knows {KNOWN.get(family, ALL)}"
    )
    assert "--round" not in told.fix
    for below in sorted(path for path in root.rglob("*") if path.is_dir() or path.suffix == ".txt"):
        assert f"this is {title} {version}, which" in refused(below).message


@pytest.mark.parametrize(("family", "version"), NEUTRAL, ids=str)
def test_marks_tell_a_round_without_rules_whatever_its_folder_is_called(
    family: str, version: str, tmp_path: Path
) -> None:
    root = tmp_path / "acme"
    getattr(trees, family)(root, version)
    known = KNOWN.get(family, ALL)
    said = f"this is {NEUTRAL[family, version]}, which Assay has no rules for; it knows {known}"
    assert refused(root).message == f"{root}: {said}"
    results = next(path for path in root.rglob("results"))
    for part in (results.parent, results, next(results.iterdir()), next(next(results.iterdir()).iterdir())):
        assert refused(part).message == f"{part}: {said}"


@pytest.mark.parametrize("name", ["mobile_submission_1.1", "submissions_tiny_v1.1", "automotive_v0.5", "my-HPC_v0.7"])
def test_the_names_of_repositories_are_read(name: str, tmp_path: Path) -> None:
    trees.training(tmp_path / name, "9", "bert")
    assert "which Assay has no rules for" in refused(tmp_path / name / "Acme").message


def test_the_nearest_folder_with_a_name_counts(tmp_path: Path) -> None:
    root = tmp_path / "training_results_v2.1/training_results_v5.1"
    passing.organisation(root / "Acme", "mlperf-training/5.1")
    seen = recognised(root / "Acme")
    assert seen is not None
    assert seen.only() == "mlperf-training/5.1"


@pytest.mark.parametrize("benchmark", ["bevformer", "uniad", "deeplabv3plus"])
def test_benchmarks_of_automotive_tell_it_by_whatever_seeds(benchmark: str, tmp_path: Path) -> None:
    trees.inference(tmp_path, "4.1", benchmark=benchmark)
    assert "this is MLPerf Automotive" in refused(tmp_path).message


def test_mobile_in_the_layout_of_inference_may_be_either_and_is_never_judged(tmp_path: Path) -> None:
    trees.inference(tmp_path / "mobile_submission_1.1", "1.1")
    assert "this is MLPerf Mobile 1.1, which" in refused(tmp_path / "mobile_submission_1.1").message


def test_benchmarks_that_rounds_without_rules_have_too_are_no_advice(tmp_path: Path) -> None:
    trees.training(tmp_path, "9", "bert")
    told = refused(tmp_path)
    assert told.message == (
        f"{tmp_path} looks like an MLPerf submission (bert), and several rounds have these benchmarks; so have "
        "MLPerf Training 0.7, 1.0, 1.1, 2.0 or 2.1, which Assay has no rules for"
    )
    assert told.fix.startswith("only if it is of such a round, add --round mlperf-training/5.0, or add --round")


def test_a_name_is_not_judged_by_where_the_round_is_given_but_noted(tmp_path: Path) -> None:
    root = tmp_path / "training_results_v2.1"
    passing.organisation(root / "Acme", "mlperf-training/5.1")
    report = checker.check(root, "mlperf-training/5.1")
    assert report.ruleset == "mlperf-training/5.1"
    assert [f.message for f in report.findings if f.rule == "round-as-named"] == [
        "the folder training_results_v2.1 is named for MLPerf Training 2.1, which Assay has no rules for; "
        "judged by mlperf-training/5.1"
    ]


@pytest.mark.parametrize("round_", [name for name in rulesets() if name.startswith("mlperf-inference/")])
def test_each_round_of_inference_with_rules_is_told_by_its_seeds(round_: str, tmp_path: Path) -> None:
    inference_passing.submission(tmp_path, round_)
    seen = recognised(tmp_path)
    assert seen is not None
    assert seen.only() == round_


def test_logs_of_inference_count_for_more_than_a_benchmarks_name_that_tiny_has(tmp_path: Path) -> None:
    results = inference_passing.submission(tmp_path, "mlperf-inference/5.1", division="open") / "results/box"
    (results / "resnet").rename(results / "kws")
    seen = recognised(tmp_path)
    assert seen is not None
    assert seen.only() == "mlperf-inference/5.1"


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("corpus", "round_"),
    [
        ("training_v5.1", "mlperf-training/5.1"),
        ("inference_v5.1", "mlperf-inference/5.1"),
        ("tiny_v1.3", "mlperf-tiny/1.3"),
    ],
)
def test_published_rounds_are_recognised(corpus: str, round_: str) -> None:
    seen = recognised(unpacked(corpus))
    assert seen is not None
    assert seen.only() == round_


def test_tiny_of_a_round_with_rules_is_not_taken_for_an_older_one(tmp_path: Path) -> None:
    tiny_passing.submitter(tmp_path / "closed/Example")
    assert "add --round mlperf-tiny/1.4, or add --round mlperf-tiny/1.3" in refused(tmp_path).fix


# Neither MLPerf's nor Assay's own


def packed(path: Path) -> Path:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("Acme/results/box/bert/result_0.txt", "x")
        return path
    mode = {".tgz": "w:gz", ".xz": "w:xz", ".bz2": "w:bz2", ".tar": "w"}[path.suffix]
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        archive.addfile(tarfile.TarInfo("Acme/results"), io.BytesIO())
    return path


@pytest.mark.parametrize("name", ["acme.tgz", "acme.zip", "acme.tar.xz", "acme.tar.bz2", "acme.tar"])
@pytest.mark.parametrize("round_", [None, "assay/1.0", "mlperf-training/5.1"])
def test_an_archive_is_to_be_unpacked(name: str, round_: str | None, tmp_path: Path) -> None:
    told = refused(packed(tmp_path / name), round_)
    assert "an archive" in told.message
    assert told.fix.startswith("unpack it")


@pytest.mark.parametrize("content", ["# How to\n", "", "result: 5\n"])
def test_a_file_that_is_no_log_holds_none(content: str, tmp_path: Path) -> None:
    file = write(tmp_path / "README.md", content)
    assert refused(file).message == f"{file}: holds no log of a run"


def test_a_log_of_a_benchmark_of_nobody_is_not_assays(tmp_path: Path) -> None:
    log = write(tmp_path / "result_0.txt", mllog("submission_benchmark", "protein_\x1bfolding"))
    told = refused(log)
    assert isinstance(told, UsageError)
    assert "a log of 'protein_\\x1bfolding', which is a benchmark of no round that Assay knows" in told.message


def test_a_log_of_loadgen_alone_says_little(tmp_path: Path) -> None:
    assert "a log of LoadGen" in refused(write(tmp_path / "mlperf_log_detail.txt", trees.loadgen(7, 7))).message


@pytest.mark.parametrize("below", ["closed/Acme/results/box/new_thing", "Acme/results/a/b", "results/x/y/mlperf_log"])
def test_results_of_no_known_layout_are_not_assays(below: str, tmp_path: Path) -> None:
    write(tmp_path / below / "mlperf_log_summary.txt", "Result is : VALID\n")
    told = refused(tmp_path)
    assert isinstance(told, NothingToCheckError)
    assert "results of no layout that Assay knows" in told.message


@pytest.mark.parametrize(
    "below",
    [
        "training/closed/acme/results/box/nonsense/result_0.txt",  # where `assay run` puts results
        "acme/results/box/image-classification/readme",  # our workload
        "acme/results/box/nonsense/result_3.safetensors",  # what only ours hold
        "acme/results/box/nonsense/manifest.json",
    ],
)
def test_what_is_assays_own_stays_so_however_spoilt(below: str, tmp_path: Path) -> None:
    write(tmp_path / below, "broken")
    report = checker.check(tmp_path)
    assert (report.ruleset, report.verdict) == ("assay/1.0", "fail")


def test_a_log_that_names_our_round_is_ours_wherever_it_lies(tmp_path: Path) -> None:
    log = mllog("submission_benchmark", "nonsense") + mllog("ruleset", "assay/1.0")
    write(tmp_path / "acme/results/box/nonsense/result_0.txt", log)
    assert checker.check(tmp_path).ruleset == "assay/1.0"
    assert checker.check(write(tmp_path / "any.log", log)).ruleset == "assay/1.0"


def test_hostile_trees_are_looked_at_in_bounds(tmp_path: Path) -> None:
    results = tmp_path / "Acme/results/box"
    write(results / "bert/result_0.txt", "x" * 3_000_000)
    (results / "loop").symlink_to(tmp_path)
    (results / "bert/summary.json").symlink_to("/etc/passwd")
    deep = results / "/".join(["d"] * 60)
    write(deep / "mlperf_storage_report.json")
    assert "this is MLPerf Storage" in refused(tmp_path).message


def test_a_folder_above_a_round_is_not_judged_as_assays_own(tmp_path: Path) -> None:
    tiny_passing.submitter(tmp_path / "downloads/round/closed/Example")
    with pytest.raises(NothingToCheckError) as error:
        checker.check(tmp_path / "downloads")
    assert "give the folder of one round" in error.value.fix
