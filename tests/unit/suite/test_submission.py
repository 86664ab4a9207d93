"""The work folder and the one rename that makes a result."""

from __future__ import annotations

import json
import os
import sys
from hashlib import sha256

import pytest

from rules.documents import ImageIdentity, Outcome
from rules.errors import UsageError
from suite.training.plan import TrainingPlan
from suite.training.run import TrainingWork

DIGEST = "0" * 64
IMAGE = ImageIdentity(
    framework="jax",
    target="cpu",
    base="mmdebstrap",
    base_lock_sha256=DIGEST,
    wheel_lock_sha256=DIGEST,
    config_digest=DIGEST,
    diff_ids=[DIGEST],
    architecture="amd64",
    versions={"jax": "1"},
    drift=[],
)


def plan(**changes) -> TrainingPlan:
    given = {
        "ruleset": "assay/1.0",
        "salt": "s",
        "workload": "image-classification",
        "framework": "jax",
        "target": "cpu",
        "division": "open",
        "submitter": "acme",
        "system": "box_cpu_jax",
        "runs": 3,
        "threads": 1,
        "memory_bytes": 1,
        "cpuset": "0",
        "time_limit_s": 1.0,
        "hyperparameters": {"opt_momentum": 0.9},
        "environment": {},
        "source_sha256": DIGEST,
        "data": {},
        "image": IMAGE,
        "emulated": False,
    }
    return TrainingPlan(**(given | changes))


SYSTEM = {"systems/box_cpu_jax.json": b"{}"}


def shared(code: bytes = b"code") -> dict[str, bytes]:
    return SYSTEM | {"benchmarks/image-classification/implementations/jax/suite/x.py": code}


def finish(work: TrainingWork, run: int) -> None:
    for kind, content in (("txt", f"log {run}"), ("json", "{}")):
        place = work.at(f"{work.plan.results}/result_{run}.{kind}")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)


def publish(work: TrainingWork, code: bytes = b"code"):
    return work.publish(work.stage({f"{work.plan.results}/sbom.cdx.json": b"{}"}), shared(code))


def measured(work: TrainingWork) -> TrainingWork:
    """All runs ended, nothing is published."""
    work.begin(resume=False)
    for run in range(work.plan.runs):
        work.start(str(run))
        finish(work, run)
    return work


def test_a_result_appears_whole_with_every_file_in_its_manifest(tmp_path):
    work = TrainingWork(tmp_path, plan())
    with work.held():
        work.begin(resume=False)
        for run in range(3):
            work.start(str(run))
            finish(work, run)
        assert not work.final.exists()
        final = publish(work)
    assert final == work.final
    assert not work.folder.exists()
    top = tmp_path / "training" / "open" / "acme"
    manifest = json.loads((final / "manifest.json").read_bytes())
    assert manifest["runs"] == 3
    listed = {entry["path"]: entry["sha256"] for entry in manifest["files"]}
    there = {p.relative_to(top).as_posix() for p in top.rglob("*") if p.is_file()}
    assert set(listed) == there - {(final / "manifest.json").relative_to(top).as_posix()}
    assert all(sha256((top / path).read_bytes()).hexdigest() == digest for path, digest in listed.items())


def test_an_unfinished_result_wants_a_word_from_the_user(tmp_path):
    work = TrainingWork(tmp_path, plan())
    with work.held():
        work.begin(resume=False)
        work.start("0")
        with pytest.raises(UsageError, match="0 of 3 runs"):
            work.begin(resume=False)
        work.begin(resume=True)


def test_a_plan_under_which_nothing_started_gives_way(tmp_path):
    TrainingWork(tmp_path, plan()).begin(resume=False)
    TrainingWork(tmp_path, plan(threads=2)).begin(resume=False)
    assert '"threads": 2' in (TrainingWork(tmp_path, plan()).folder / "plan.json").read_text()


def test_resuming_something_else_names_what_changed(tmp_path):
    with TrainingWork(tmp_path, plan()).held():
        TrainingWork(tmp_path, plan()).begin(resume=False)
        TrainingWork(tmp_path, plan()).start("0")
        with pytest.raises(UsageError, match=r"hyperparameters.opt_momentum was 0.9, is 0.8"):
            TrainingWork(tmp_path, plan(hyperparameters={"opt_momentum": 0.8})).begin(resume=True)


def test_discarding_starts_anew(tmp_path):
    work = TrainingWork(tmp_path, plan())
    with work.held():
        work.begin(resume=False)
        finish(work, 0)
        work.discard()
        work.begin(resume=False)
        assert work.ended() == []


def test_a_second_run_of_the_same_result_is_held_off(tmp_path):
    with (
        TrainingWork(tmp_path, plan()).held(),
        pytest.raises(UsageError, match="another"),
        TrainingWork(tmp_path, plan()).held(),
    ):
        pass


def test_attempts_that_came_to_nothing_are_remembered_in_order(tmp_path):
    work = TrainingWork(tmp_path, plan())
    with work.held():
        work.begin(resume=False)
        assert work.start("0") == []
        work.note("0", Outcome.OUT_OF_MEMORY, "too big")
        assert [a.outcome for a in work.start("0")] == [Outcome.OUT_OF_MEMORY]
        again = work.start("0")  # the one before left its marker: it was killed
        assert [a.outcome for a in again] == [Outcome.OUT_OF_MEMORY, Outcome.INTERRUPTED]


def test_a_frozen_plan_that_is_damaged_is_a_sentence(tmp_path):
    work = TrainingWork(tmp_path, plan())
    with work.held():
        work.begin(resume=False)
        work.start("0")
        (work.folder / "plan.json").write_text("{")
        with pytest.raises(UsageError, match=r"plan\.json"):
            work.begin(resume=True)


def test_changed_source_may_not_invalidate_another_systems_result(tmp_path):
    work = TrainingWork(tmp_path, plan())
    with work.held():
        publish(measured(work))
    other = plan(system="laptop_cpu_jax")
    assert TrainingWork(tmp_path, other).clash(shared()) is None
    found = TrainingWork(tmp_path, other).clash(shared(b"new"))
    assert found == (work.final, "benchmarks/image-classification/implementations/jax/suite/x.py")
    assert work.clash(shared(b"new")) is None


def test_a_replaced_result_is_kept(tmp_path):
    work = TrainingWork(tmp_path, plan())
    with work.held():
        publish(measured(work))
        publish(measured(work), b"newer")
    [kept] = tmp_path.glob(".replaced/*/training/open/acme/results/box_cpu_jax/image-classification")
    assert (kept / "result_0.txt").read_text() == "log 0"
    assert (tmp_path / "training/open/acme" / next(n for n in shared() if n.endswith("x.py"))).read_bytes() == b"newer"


def stopped_at(step: int, work: TrainingWork, action) -> bool:
    """Run `action` in a child that dies, as by kill -9, before its `step`-th change to the file system."""
    changes = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree", "shutil.copyfile"}
    child = os.fork()
    if child == 0:
        left = [step]

        def hook(event, arguments):
            writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax")
            if event in changes or writes:
                left[0] -= 1
                if left[0] < 0:
                    os._exit(9)

        sys.addaudithook(hook)
        action()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def whole(root):
    """Every result in the tree with whether all files of its manifest are there and right."""
    for manifest in root.glob("training/*/*/results/*/*/manifest.json"):
        top = manifest.parents[3]
        files = json.loads(manifest.read_bytes())["files"]
        yield all((top / f["path"]).exists() for f in files) and all(
            sha256((top / f["path"]).read_bytes()).hexdigest() == f["sha256"] for f in files
        )


def test_a_kill_at_any_moment_of_publishing_leaves_no_half_result_and_resumes(tmp_path):
    step, died = 0, True
    while died:
        root = tmp_path / str(step)
        other, work = TrainingWork(root, plan(system="other_cpu_jax")), TrainingWork(root, plan())
        publish(measured(other))
        measured(work)
        died = stopped_at(step, work, lambda w=work: publish(w))
        assert all(whole(root)), step
        names = [p.name for p in (root / "training").rglob("*")]
        assert not [name for name in names if name.startswith(".") or "partial" in name], step
        if died and work.unfinished():
            work.begin(resume=True)
            assert work.ended() == work.records()
            publish(work)
        assert list(whole(root)) == [True, True], step
        assert not work.folder.exists()
        step += 1
    assert step > 10


def test_a_kill_while_discarding_leaves_nothing_to_be_taken_for_new_runs(tmp_path):
    step, died = 0, True
    while died:
        root = tmp_path / str(step)
        work = measured(TrainingWork(root, plan()))
        died = stopped_at(step, work, work.discard)
        if not (work.folder / "plan.json").exists():
            TrainingWork(root, plan(hyperparameters={"opt_momentum": 0.1})).begin(resume=False)
            assert work.ended() == [], step
        step += 1
    assert step > 2
