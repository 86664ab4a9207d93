"""The work folder and the one rename that makes a result."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest

from rules.documents import ImageIdentity, Outcome
from rules.errors import UsageError
from suite.plan import Plan, result_folder
from suite.submission import Work, clash, set_aside

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


def plan(**changes) -> Plan:
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
    return Plan(**(given | changes))


class Described:
    """Stands where a system description goes: only its bytes matter here."""

    def model_dump_json(self, **_):
        return "{}"


def finish(work: Work, run: int) -> None:
    (work.folder / f"result_{run}.txt").write_text(f"log {run}")
    (work.folder / f"result_{run}.json").write_text("{}")


def publish(work: Work, source: dict[str, bytes]):
    return work.publish(Described(), source, {"sbom.cdx.json": b"{}"})


def test_a_result_appears_whole_with_every_file_in_its_manifest(tmp_path):
    work = Work(tmp_path, plan())
    with work.held():
        work.begin(resume=False)
        for run in range(3):
            work.start(run)
            finish(work, run)
        assert not result_folder(tmp_path, work.plan).exists()
        final = publish(work, {"suite/x.py": b"code"})
    assert final == result_folder(tmp_path, work.plan)
    assert not work.folder.exists()
    top = tmp_path / "training" / "open" / "acme"
    manifest = json.loads((final / "manifest.json").read_bytes())
    assert manifest["runs"] == 3
    listed = {entry["path"]: entry["sha256"] for entry in manifest["files"]}
    there = {p.relative_to(top).as_posix() for p in top.rglob("*") if p.is_file()}
    assert set(listed) == there - {(final / "manifest.json").relative_to(top).as_posix()}
    assert all(sha256((top / path).read_bytes()).hexdigest() == digest for path, digest in listed.items())


def test_an_unfinished_result_wants_a_word_from_the_user(tmp_path):
    work = Work(tmp_path, plan())
    with work.held():
        work.begin(resume=False)
        with pytest.raises(UsageError, match="0 of 3 runs"):
            work.begin(resume=False)
        work.begin(resume=True)


def test_resuming_something_else_names_what_changed(tmp_path):
    with Work(tmp_path, plan()).held():
        Work(tmp_path, plan()).begin(resume=False)
        with pytest.raises(UsageError, match=r"hyperparameters.opt_momentum was 0.9, is 0.8"):
            Work(tmp_path, plan(hyperparameters={"opt_momentum": 0.8})).begin(resume=True)


def test_discarding_starts_anew(tmp_path):
    work = Work(tmp_path, plan())
    with work.held():
        work.begin(resume=False)
        finish(work, 0)
        work.discard()
        work.begin(resume=False)
        assert work.finished() == []


def test_a_second_run_of_the_same_result_is_held_off(tmp_path):
    with Work(tmp_path, plan()).held(), pytest.raises(UsageError, match="another"), Work(tmp_path, plan()).held():
        pass


def test_attempts_that_came_to_nothing_are_remembered_in_order(tmp_path):
    work = Work(tmp_path, plan())
    with work.held():
        work.begin(resume=False)
        assert work.start(0) == []
        work.failed(0, Outcome.OUT_OF_MEMORY, "too big")
        assert [a.outcome for a in work.start(0)] == [Outcome.OUT_OF_MEMORY]
        again = work.start(0)  # the one before left its marker: it was killed
        assert [a.outcome for a in again] == [Outcome.OUT_OF_MEMORY, Outcome.INTERRUPTED]


def test_a_frozen_plan_that_is_damaged_is_a_sentence(tmp_path):
    work = Work(tmp_path, plan())
    with work.held():
        work.begin(resume=False)
        (work.folder / "plan.json").write_text("{")
        with pytest.raises(UsageError, match=r"plan\.json"):
            work.begin(resume=True)


def test_changed_source_may_not_invalidate_another_systems_result(tmp_path):
    work = Work(tmp_path, plan())
    with work.held():
        work.begin(resume=False)
        for run in range(3):
            finish(work, run)
        publish(work, {"suite/x.py": b"code"})
    other = plan(system="laptop_cpu_jax")
    assert clash(tmp_path, other, {"suite/x.py": b"code"}) is None
    assert clash(tmp_path, other, {"suite/x.py": b"new"}) == result_folder(tmp_path, work.plan)
    assert clash(tmp_path, work.plan, {"suite/x.py": b"new"}) is None


def test_a_replaced_result_is_kept(tmp_path):
    work = Work(tmp_path, plan())
    with work.held():
        work.begin(resume=False)
        for run in range(3):
            finish(work, run)
        final = publish(work, {})
    kept = set_aside(tmp_path, work.plan)
    assert not final.exists()
    assert (kept / "result_0.txt").read_text() == "log 0"
