"""A round's own evidence: which certificate a closed result takes, where one is published, how many runs are enough."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import rules.round
from rules.errors import UsageError
from rules.published import certificates, sources
from rules.ruleset import load
from suite.host import cache
from suite.inputs import source
from suite.result import turn as turns
from suite.training import evidence, parity
from suite.training.plan import TrainingPlan
from suite.training.reference import measure
from suite.training.unmeasured import Unmeasured
from tests.unit.rounds import forget
from tests.unit.suite.test_submission import IMAGE, plan

ROUND, WORKLOAD = "assay/1.0", "image-classification"
CERTIFICATE = certificates(ROUND, WORKLOAD, sources(ROUND, WORKLOAD)[0].source_sha256)[0]
OTHER_DISK = Path("/dev/shm")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache"))


def covered() -> TrainingPlan:
    """A plan that the published certificate covers."""
    side = next(side for side in CERTIFICATE.frameworks if side.framework == "jax")
    image = IMAGE.model_copy(update={"wheel_lock_sha256": side.wheel_lock_sha256})
    return plan(source_sha256=CERTIFICATE.source_sha256, data=CERTIFICATE.data, image=image)


def test_a_broken_certificate_of_this_machine_does_no_harm_where_the_rounds_own_fits() -> None:
    (cache.folder("parity", WORKLOAD) / "broken.json").write_text("{")
    assert parity.certificate(covered()) == CERTIFICATE
    with pytest.raises(UsageError, match=r"broken\.json is not a parity certificate"):
        parity.certificate(plan())


def test_one_made_here_is_taken_where_the_round_has_none() -> None:
    mine = CERTIFICATE.model_copy(update={"source_sha256": "1" * 64})
    path = parity.keep(mine)
    assert path.is_relative_to(cache.root())
    assert parity.certificate(covered().model_copy(update={"source_sha256": "1" * 64})) == mine


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the round, to publish in."""
    shutil.copytree(rules.round.ROOT / ROUND, tmp_path / "rules" / ROUND)
    monkeypatch.setattr(rules.round, "ROOT", tmp_path / "rules")
    forget()
    yield tmp_path / "rules"
    forget()


def test_a_certificate_is_published_also_where_the_cache_is_on_another_disk(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not OTHER_DISK.is_dir() or OTHER_DISK.stat().st_dev == copied.stat().st_dev:
        pytest.skip("one disk")
    far = OTHER_DISK / f"assay-test-{os.getpid()}"
    monkeypatch.setenv("ASSAY_CACHE", str(far))
    mine = CERTIFICATE.model_copy(update={"source_sha256": "1" * 64})
    try:
        assert parity.publish(mine).parent == copied / ROUND / "parity" / WORKLOAD
    finally:
        shutil.rmtree(far, ignore_errors=True)
    assert certificates(ROUND, WORKLOAD, "1" * 64) == [mine]


def test_a_place_that_cannot_hold_logs_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    jobs = Unmeasured(ROUND, load(ROUND).workload(WORKLOAD), {}, {})
    with pytest.raises(UsageError, match="file/logs: Not a directory"):
        list(measure(jobs, {}, 1, 1, tmp_path / "file" / "logs"))


def test_reference_runs_that_no_round_may_publish_are_not_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    with pytest.raises(
        UsageError, match="--runs 6: 18 reference runs in all, and a round publishes 20 or more"
    ) as said:
        evidence.Evidence(ROUND, "cpu", None).references(WORKLOAD, tmp_path, 6, wait=False)
    assert said.value.fix == "give --runs 7 or more"


def test_of_two_at_once_the_second_makes_only_what_the_first_has_not(
    copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o1777)
    monkeypatch.setattr(turns, "FOLDERS", (tmp_path,))
    monkeypatch.setattr(turns, "POLL_S", 0.05)
    waiting = threading.Event()
    monkeypatch.setattr(turns, "say", lambda _: waiting.set())
    here: Any = SimpleNamespace(locks=lambda: ["evidence"], busy=lambda: None)
    monkeypatch.setattr("suite.engines.table.engine", lambda: here)
    made: list[str] = []
    monkeypatch.setattr(evidence.Evidence, "_parity", lambda *_, **__: made.append("parity"))
    monkeypatch.setattr(evidence.Evidence, "_references", lambda *_: made.append("references"))
    monkeypatch.setattr("suite.inputs.source.files", lambda _: {"other.py": b""})
    mine = source.digest({"other.py": b""})
    with turns.turn("the first", here, wait=False):
        second = threading.Thread(target=lambda: evidence.Evidence(None, "cpu", None).complete(tmp_path, wait=True))
        second.start()
        assert waiting.wait(30)
        publisher = "import sys, pathlib, rules.round; rules.round.ROOT = pathlib.Path(sys.argv[1]); "
        publisher += "from suite.training.parity import publish; from rules.documents import ParityCertificate; "
        publisher += "publish(ParityCertificate.model_validate_json(sys.stdin.buffer.read()))"
        body = CERTIFICATE.model_copy(update={"source_sha256": mine}).model_dump_json(by_alias=True)
        subprocess.run([sys.executable, "-c", publisher, str(copied)], input=body.encode(), check=True)
    second.join(30)
    assert made == ["references"]
