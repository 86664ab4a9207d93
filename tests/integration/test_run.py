"""`assay run` as a user meets it: results that end badly are kept and explained, stopped ones go on."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from rules.documents import Outcome, RunRecord
from suite.engines.docker.labels import OWNER, owner
from tests.integration.toy.checkout import SHORT, SLOW, Checkout

pytestmark = [pytest.mark.engine, pytest.mark.image, pytest.mark.machine]


def assay(toy: Checkout, output: Path, *more: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return toy.done(toy.run(output, *more), **environment)


def begun(toy: Checkout, output: Path, *more: str, **environment: str) -> subprocess.Popen[str]:
    """Begin a result whose every run takes seconds."""
    words = toy.run(output, *SLOW, *more)
    environment = toy.environment | environment
    return subprocess.Popen(words, stderr=subprocess.PIPE, text=True, cwd=toy.top, env=environment)


def results(output: Path) -> list[Path]:
    return sorted(output.glob("training/*/*/results/*/*"))


def records(folder: Path) -> list[RunRecord]:
    return [RunRecord.model_validate_json(path.read_bytes()) for path in sorted(folder.glob("result_?.json"))]


def wait_until(condition, seconds=300):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.2)


def containers(client, belongs: str):
    """The containers of one runner: other tests have theirs on the same engine."""
    return client.api.containers(all=True, filters={"label": f"{OWNER}={belongs}"})


def test_a_result_short_of_its_target_is_kept_whole_and_fails_the_check(client, toy, tmp_path):
    done = assay(toy, tmp_path, *SHORT)
    assert done.returncode == 1, done.stderr
    [folder] = results(tmp_path)
    runs = records(folder)
    assert [run.outcome for run in runs] == [Outcome.TARGET_NOT_REACHED] * 3
    assert all("target 0.1" in run.explanation for run in runs)
    assert len({run.seed for run in runs}) == 3
    assert not list(tmp_path.glob(".work/**/result_*"))
    assert "FAIL" in done.stdout
    assert "assay-runs-converged" in done.stdout


def test_a_loss_that_is_not_finite_is_recorded_as_diverged(client, toy, tmp_path):
    done = assay(toy, tmp_path, *SHORT, "--set", "opt_base_learning_rate=1e30")
    assert done.returncode == 1, done.stderr
    [folder] = results(tmp_path)
    assert {run.outcome for run in records(folder)} == {Outcome.DIVERGED}
    again = assay(toy, tmp_path, *SHORT, "--set", "opt_base_learning_rate=1e30", "--idle-baseline", "20")
    assert (again.returncode, "measured without an idle baseline" in again.stderr) == (2, True), again.stderr


def test_a_killed_run_leaves_no_container_and_no_half_submission_and_resumes(client, toy, tmp_path):
    runner = begun(toy, tmp_path)
    belongs = owner(runner.pid)
    wait_until(lambda: list(tmp_path.glob(".work/**/started_1")))
    wait_until(lambda: containers(client, belongs))
    runner.send_signal(signal.SIGKILL)
    runner.wait()
    wait_until(lambda: not containers(client, belongs), 60)
    assert results(tmp_path) == []

    refused = assay(toy, tmp_path, *SLOW)
    assert refused.returncode == 2
    assert "--resume" in refused.stderr

    changed = assay(toy, tmp_path, *SLOW, "--resume", "--set", "opt_adamw_beta_1=0.8")
    assert changed.returncode == 2
    assert "opt_adamw_beta_1" in changed.stderr

    first = next(tmp_path.glob(".work/**/result_0.txt")).read_bytes()
    resumed = assay(toy, tmp_path, *SLOW, "--resume")
    assert resumed.returncode == 1, resumed.stderr
    [folder] = results(tmp_path)
    assert (folder / "result_0.txt").read_bytes() == first
    assert [len(run.earlier_attempts) for run in records(folder)] == [0, 1, 0]
    assert records(folder)[1].earlier_attempts[0].outcome is Outcome.INTERRUPTED


def test_interrupt_ends_in_a_sentence_and_exit_code_130(client, toy, tmp_path):
    runner = begun(toy, tmp_path)
    belongs = owner(runner.pid)
    wait_until(lambda: containers(client, belongs) and list(tmp_path.glob(".work/**/started_0")))
    runner.send_signal(signal.SIGINT)
    _, said = runner.communicate(timeout=60)
    assert runner.returncode == 130
    assert "interrupted" in said
    assert "Traceback" not in said
    assert containers(client, belongs) == []


def test_out_of_memory_is_named_with_its_fix_and_noted_when_resumed(jax_image, tmp_path):
    """The toy would fit into the least memory there is."""
    words = ["run", "image-classification", "--framework", "jax", "--division", "open", "--submitter", "tests"]
    words += ["--wait", "--memory", "160", "--output", str(tmp_path)]
    done = subprocess.run([sys.executable, "-m", "suite.cli", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "memory limit" in done.stderr
    assert "--memory" in done.stderr
    assert results(tmp_path) == []
    [attempts] = tmp_path.glob(".work/**/attempts_0.json")
    assert json.loads(attempts.read_bytes())[0]["outcome"] == "out-of-memory"


def test_an_engine_that_goes_away_is_told_from_a_failed_run(client, toy, tmp_path):
    with Tunnel(tmp_path / "engine.sock") as tunnel:
        runner = begun(toy, tmp_path / "out", DOCKER_HOST=f"unix://{tunnel.path}")
        belongs = owner(runner.pid)
        wait_until(lambda: list((tmp_path / "out").glob(".work/**/started_0")) and containers(client, belongs))
        time.sleep(1)
        tunnel.cut()
        _, said = runner.communicate(timeout=120)
    assert runner.returncode == 5, said
    assert "engine" in said
    assert "--resume" in said
    assert "Traceback" not in said
    wait_until(lambda: not containers(client, belongs), 60)


class Tunnel:
    """A socket that leads to the engine until it is cut."""

    def __init__(self, path: Path):
        self.path = path
        self._open: list[socket.socket] = []

    def __enter__(self):
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.cut()

    def cut(self):
        self.path.unlink(missing_ok=True)
        for end in [self._listener, *self._open]:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            far.connect("/var/run/docker.sock")
            self._open += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._copy, args=(source, sink), daemon=True).start()

    @staticmethod
    def _copy(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("--framework", "pytroch"), "pytorch"),
        (("--target", "cpuu"), "cpu"),
        (("--set", "opt_adamw_beta_3=1"), "opt_adamw_beta_1"),
        (("--set", "opt_adamw_beta_1=fast"), "float"),
        (("--runs", "1"), "at least 2"),
        (("--submitter", "../x"), "folder name"),
        (("--division", "closed", "--runs", "3"), "exactly 2"),
        (("--division", "closed", "--set", "opt_adamw_beta_1=0.8"), "fixed in the closed division"),
        (("--threads", "4096"), "CPUs"),
        (("--system-file", "/nowhere.yaml"), "No such file"),
        (("--data", "/nowhere"), "folder"),
    ],
)
def test_what_cannot_be_run_is_refused_before_anything_starts(client, toy, tmp_path, words, hint):
    done = assay(toy, tmp_path, *words)
    assert done.returncode == 2, done.stderr
    assert hint in done.stderr
    assert "Traceback" not in done.stderr
    assert results(tmp_path) == []


def test_no_engine_is_one_sentence_with_the_fix(toy, tmp_path):
    done = assay(toy, tmp_path, DOCKER_HOST=f"unix://{tmp_path}/none.sock")
    assert done.returncode == 5
    assert "no Docker engine answers" in done.stderr
    assert "fix:" in done.stderr
