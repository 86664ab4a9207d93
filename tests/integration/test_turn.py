"""Two `assay run` on one machine, in real containers: the second refuses or waits, and the first is left alone."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rules.documents import RunRecord
from suite.engines.docker.labels import LABEL, TURN

pytestmark = [pytest.mark.engine, pytest.mark.image, pytest.mark.machine]

SHORT = ("--set", "opt_learning_rate_training_steps=20", "--set", "opt_learning_rate_warmup_steps=4")


def command(output: Path, *more: str) -> list[str]:
    words = ["run", "image-classification", "--framework", "jax", "--division", "open", "--submitter", "tests"]
    return [sys.executable, "-m", "suite.cli", *words, "--output", str(output), *SHORT, *more]


def wait_until(condition, seconds=300):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.1)


def records(output: Path) -> list[RunRecord]:
    return [RunRecord.model_validate_json(path.read_bytes()) for path in output.glob("training/**/result_?.json")]


def turns(client):
    return client.api.containers(filters={"label": f"{LABEL}={TURN}"})


def test_a_second_run_is_refused_or_waits_and_the_first_ends_as_if_alone(client, jax_image, tmp_path):
    first = subprocess.Popen(command(tmp_path / "first", "--wait"), stderr=subprocess.PIPE, text=True)
    wait_until(lambda: list((tmp_path / "first").glob(".work/**/started_0")))
    assert turns(client)  # for whoever shares the engine from another machine

    refused = subprocess.run(command(tmp_path / "other"), capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 5
    assert f"process {first.pid}" in refused.stderr
    of_parity = [sys.executable, "-m", "suite.cli", "parity", "image-classification"]
    assert subprocess.run(of_parity, capture_output=True, timeout=60, check=False).returncode == 5
    assert not list((tmp_path / "other").glob(".work/*/*"))

    stopped = subprocess.Popen(command(tmp_path / "other", "--wait"), stderr=subprocess.PIPE, text=True)
    assert stopped.stderr is not None
    wait_until(lambda: "waiting" in stopped.stderr.readline())
    stopped.send_signal(signal.SIGINT)
    assert stopped.wait(60) == 130

    second = subprocess.Popen(command(tmp_path / "second", "--wait"), stderr=subprocess.PIPE, text=True)
    _, said = first.communicate(timeout=600)
    ended = time.time()
    assert first.returncode == 1, said  # short of its target, and whole
    _, said = second.communicate(timeout=600)
    assert second.returncode == 1, said
    assert "waiting" in said
    assert [len(records(tmp_path / name)) for name in ("first", "second")] == [3, 3]
    assert not any(record.earlier_attempts for record in records(tmp_path / "first"))
    assert min(record.receipts[0] for record in records(tmp_path / "second")) > ended - 1
    assert not turns(client)
