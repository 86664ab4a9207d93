"""The work folder of an inference result, and the renames that make a submission of it."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest

from rules.documents import Container
from rules.errors import UsageError
from rules.serving import serving_rules
from rules.serving_documents import ServingOutcome, ServingRecord, SutParameters
from suite.inference.plan import InferencePlan
from suite.inference.staging import InferenceWork, shortened
from suite.result.staging import document
from tests.unit.suite.test_submission import DIGEST, IMAGE, stopped_at

RULES = serving_rules("assay-inference/1.0", "image-classification")
SUT = SutParameters(threads=1, batch=4, precision="float32", workers=1)
SYSTEM = {"systems/box_cpu_jax.json": b"{}"}


def plan(**changes) -> InferencePlan:
    given = {
        "ruleset": "assay-inference/1.0",
        "workload": "image-classification",
        "framework": "jax",
        "target": "cpu",
        "division": "closed",
        "submitter": "acme",
        "system": "box_cpu_jax",
        "scenarios": {name: RULES.scenarios[name] for name in ("SingleStream", "Offline")},
        "tests": ["TEST01", "seeds"],
        "sut": SUT,
        "memory_bytes": 1,
        "cpuset": "0",
        "environment": {},
        "source_sha256": DIGEST,
        "data": {},
        "image": IMAGE,
        "emulated": False,
    }
    return InferencePlan(**(given | changes))


def shared(code: bytes = b"code") -> dict[str, bytes]:
    return SYSTEM | {"src/image-classification/jax/suite/x.py": code}


def record(work: InferenceWork, scenario, run) -> ServingRecord:
    its = work.plan
    container = Container(
        engine="x", cpuset="0", memory_bytes=1, pids=1, network="none", read_only=True, user="1", cap_drop=[],
        security_opt=[],
    )  # fmt: skip
    return ServingRecord(
        schema="assay/serving-record/1",
        **{name: getattr(its, name) for name in ("ruleset", "submitter", "system", "workload", "division")},
        **{name: getattr(its, name) for name in ("framework", "target", "emulated", "image", "source_sha256", "data")},
        scenario=scenario,
        run=run,
        outcome=ServingOutcome.SUCCESS,
        explanation="",
        earlier_attempts=[],
        log={"path": "log.txt", "sha256": DIGEST},
        receipts=[],
        files=[],
        sut=its.sut,
        loadgen="6.0.17",
        user_conf="",
        audit_config=None,
        load_s=0.0,
        warm_up_s=0.0,
        loading_s=None,
        arguments=[],
        environment={},
        container=container,
        memory=None,
        assay="0",
    )


def finish(work: InferenceWork, scenario, run) -> None:
    out = dict.fromkeys(
        ("mlperf_log_detail.txt", "mlperf_log_summary.txt", "mlperf_log_accuracy.json", "latencies.bin"), b"x"
    )
    work.start(f"{scenario}-{run}")
    work.finish(scenario, run, work.places(scenario, run, out), b"log", record(work, scenario, run))


def measured(work: InferenceWork) -> InferenceWork:
    work.begin(resume=False)
    for scenario, run in work.plan.runs():
        finish(work, scenario, run)
    return work


def publish(work: InferenceWork, code: bytes = b"code"):
    return work.publish(work.stage({f"{work.plan.ours}/sbom.cdx.json": b"{}"}), shared(code))


def test_the_runs_of_a_result_follow_the_plan():
    assert plan().runs() == [
        (scenario, run)
        for scenario in ("SingleStream", "Offline")
        for run in ("performance", "accuracy", "TEST01", "seeds")
    ]


def test_a_result_appears_whole_with_every_file_in_its_manifest(tmp_path):
    work = InferenceWork(tmp_path, plan())
    with work.held():
        final = publish(measured(work))
    assert final == tmp_path / "inference/closed/acme/results/box_cpu_jax/image-classification"
    assert not work.folder.exists()
    path = work.top / work.plan.ours / "manifest.json"
    manifest = json.loads(path.read_bytes())
    assert manifest["runs"] == 8
    listed = {entry["path"]: entry["sha256"] for entry in manifest["files"]}
    there = {p.relative_to(work.top).as_posix() for p in work.top.rglob("*") if p.is_file()}
    assert set(listed) == there - {path.relative_to(work.top).as_posix()}
    assert all(sha256((work.top / name).read_bytes()).hexdigest() == digest for name, digest in listed.items())


def test_below_results_stands_only_what_the_field_knows(tmp_path):
    work = InferenceWork(tmp_path, plan())
    with work.held():
        final = publish(measured(work))
    there = {p.relative_to(final / "Offline").as_posix() for p in (final / "Offline").rglob("*") if p.is_file()}
    logs = {"mlperf_log_detail.txt", "mlperf_log_summary.txt"}
    assert there == {
        *(f"performance/run_1/{name}" for name in logs),
        *(f"accuracy/{name}" for name in logs),
        *(f"TEST01/performance/run_1/{name}" for name in logs),
        "TEST01/accuracy/mlperf_log_accuracy.json",
    }


def test_an_unfinished_result_wants_a_word_and_goes_on_where_it_was(tmp_path):
    work = InferenceWork(tmp_path, plan())
    with work.held():
        work.begin(resume=False)
        finish(work, "SingleStream", "performance")
        work.start("SingleStream-accuracy")  # and then it was killed
        with pytest.raises(UsageError, match="1 of 8 LoadGen runs"):
            work.begin(resume=False)
        work.begin(resume=True)
        assert [work.record(*run) is None for run in work.plan.runs()][:2] == [False, True]
        assert [a.outcome for a in work.start("SingleStream-accuracy")] == [ServingOutcome.INTERRUPTED]


def test_resuming_something_else_names_what_changed(tmp_path):
    work = InferenceWork(tmp_path, plan())
    with work.held():
        work.begin(resume=False)
        work.start("outputs")
        other = InferenceWork(tmp_path, plan(sut=SUT.model_copy(update={"batch": 8})))
        with pytest.raises(UsageError, match=r"sut.batch was 4, is 8"):
            other.begin(resume=True)


def test_changed_source_may_not_invalidate_another_systems_result(tmp_path):
    work = InferenceWork(tmp_path, plan())
    with work.held():
        publish(measured(work))
    other = plan(system="laptop_cpu_jax")
    assert InferenceWork(tmp_path, other).clash(shared()) is None
    assert InferenceWork(tmp_path, other).clash(shared(b"new")) == (
        work.top / work.plan.ours,
        "src/image-classification/jax/suite/x.py",
    )
    assert work.clash(shared(b"new")) is None


def test_a_replaced_result_is_kept_with_what_is_ours(tmp_path):
    work = InferenceWork(tmp_path, plan())
    with work.held():
        publish(measured(work))
        publish(measured(work), b"newer")
    for part in ("results", "assay"):
        assert list(tmp_path.glob(f".replaced/*/inference/closed/acme/{part}/box_cpu_jax/image-classification/Offline"))


def test_a_kill_at_any_moment_of_publishing_leaves_no_half_result_and_goes_on(tmp_path):
    work, steps = InferenceWork(tmp_path, plan(scenarios={"Offline": RULES.scenarios["Offline"]}, tests=[])), 0
    with work.held():
        measured(work)
    while stopped_at(steps, work, lambda: publish(work)):
        steps += 7  # every seventh change, for time's sake
        # The results come last: where they stand, all that belongs to them does.
        if work.final.exists():
            manifest = json.loads((work.top / work.plan.ours / "manifest.json").read_bytes())
            for entry in manifest["files"]:
                assert sha256((work.top / entry["path"]).read_bytes()).hexdigest() == entry["sha256"]
            assert work.unfinished() is False
            with work.held():
                measured(work)
        else:
            assert work.unfinished()
    assert steps > 20
    assert work.final.exists()


def test_the_accuracy_log_is_cut_as_the_field_cuts_it():
    assert shortened(b"short") == b"short"
    cut = shortened(b"a" * 5000 + b"b" * 500_000 + b"c" * 5000)
    assert cut.startswith(b"a" * 4096)
    assert cut.endswith(b"c" * 4096)
    assert len(cut) <= 10240


def test_a_documents_bytes_are_the_same_when_it_is_read_back(tmp_path):
    work = InferenceWork(tmp_path, plan())
    made = record(work, "Offline", "performance")
    assert document(ServingRecord.model_validate_json(document(made))) == document(made)
