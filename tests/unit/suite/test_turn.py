"""Two commands that would measure on one machine, each a real process: one has it, the other waits or refuses."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rules.errors import MachineError
from suite.engines.base import NO_ENGINE, Host
from suite.engines.docker.engine import DockerEngine
from suite.engines.docker.labels import LABEL, OWNER, owner
from suite.result import produce, verdict
from suite.result import turn as turns
from suite.result.request import Request
from suite.result.turn import turn
from suite.targets.data import NOTHING, ExecutionMode
from suite.training.procedure import Training

# This machine without an engine, as `turn` and `produce` see it.
HERE: Any = SimpleNamespace(
    locks=lambda: ["machine"],
    busy=lambda: None,
    mode=lambda *_: ExecutionMode(NOTHING, ""),
    host=Host(1 << 40, "Linux", NO_ENGINE, "2", "none", 64),
    prepare=lambda *_: None,
)
# What `suite.cli` does around a command: signals that stop it, errors as sentences and exit codes.
PROGRAM = """
import signal, sys
from pathlib import Path
from types import SimpleNamespace
from suite import cli
from suite.result import turn
turn.FOLDERS = (Path(sys.argv[1]),)
turn.POLL_S = 0.05
def command():
    here = SimpleNamespace(locks=lambda: ["machine"], busy=lambda: None)
    with turn.turn(sys.argv[2], here, wait="--wait" in sys.argv):
        print("mine", flush=True)
        sys.stdin.read()
cli.app = command
cli.main()
"""


@pytest.fixture
def locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tmp_path.chmod(0o1777)
    monkeypatch.setattr(turns, "FOLDERS", (tmp_path,))
    monkeypatch.setattr(turns, "POLL_S", 0.05)
    return tmp_path


@pytest.fixture
def started(locks: Path, project: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes to be ended after the test, whatever happens in it."""
    found: list[subprocess.Popen[str]] = []
    yield found
    for process in found:
        process.kill()
        process.communicate()


def start(started: list[subprocess.Popen[str]], locks: Path, *words: str) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", PROGRAM, str(locks), *words]
    started.append(subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True))
    return started[-1]


def holder(started: list[subprocess.Popen[str]], locks: Path, *words: str) -> subprocess.Popen[str]:
    process = start(started, locks, *words)
    assert process.stdout is not None
    assert process.stdout.readline() == "mine\n"
    return process


def test_the_second_is_refused_at_once_and_told_who_the_first_is(
    started: list[subprocess.Popen[str]], locks: Path
) -> None:
    first = holder(started, locks, "assay run one")
    second = start(started, locks, "assay run two")
    _, said = second.communicate(timeout=30)
    assert second.returncode == 5
    assert re.search(rf"`assay run one` \(process {first.pid}, since 20\S+ \S+ UTC\)", said)
    assert "--wait" in said
    assert first.poll() is None


def test_with_wait_it_goes_on_when_the_first_ends(started: list[subprocess.Popen[str]], locks: Path) -> None:
    first = holder(started, locks, "assay run one")
    second = start(started, locks, "assay run two", "--wait")
    assert second.stderr is not None
    assert second.stdout is not None
    said = second.stderr.readline()
    assert said.startswith("waiting")
    assert f"process {first.pid}" in said
    assert first.poll() is None
    first.communicate("")
    assert first.returncode == 0
    assert second.stdout.readline() == "mine\n"


def test_a_holder_that_is_killed_leaves_the_machine_free(started: list[subprocess.Popen[str]], locks: Path) -> None:
    first = holder(started, locks, "assay run one")
    first.send_signal(signal.SIGKILL)
    first.wait()
    holder(started, locks, "assay run two")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_that_waits_can_be_interrupted(
    started: list[subprocess.Popen[str]], locks: Path, number: signal.Signals
) -> None:
    first = holder(started, locks, "assay run one")
    second = start(started, locks, "assay run two", "--wait")
    assert second.stderr is not None
    second.stderr.readline()
    second.send_signal(number)
    _, said = second.communicate(timeout=30)
    assert (second.returncode, "interrupted" in said, "Traceback" in said) == (130, True, False)
    assert first.poll() is None


@pytest.mark.parametrize("left", [b"", b"{", b"[]", b'{"pid": 1e400, "since": 0, "doing": ""}', b"[" * 4000, b"\xff"])
def test_whatever_stands_in_the_lock_the_second_is_refused_in_a_sentence(
    started: list[subprocess.Popen[str]], locks: Path, left: bytes
) -> None:
    holder(started, locks, "assay run one")
    (locks / "assay-machine.lock").write_bytes(left)
    with (
        pytest.raises(MachineError, match="another command, which does not name itself"),
        turn("two", HERE, wait=False),
    ):
        pass


def test_what_a_holder_says_of_itself_reaches_the_terminal_escaped(
    started: list[subprocess.Popen[str]], locks: Path
) -> None:
    holder(started, locks, "\x1b[2J" * 200)
    with pytest.raises(MachineError) as refused, turn("two", HERE, wait=False):
        pass
    assert "\x1b" not in refused.value.message
    assert len(refused.value.message) < 1200


def test_another_users_lock_holds_too(started: list[subprocess.Popen[str]], locks: Path) -> None:
    """Of a kernel that protects others' files in shared folders, or a strict umask, reading is all that is allowed."""
    if os.geteuid() == 0:
        pytest.skip("root may write every file; run the tests as another user to try this")
    holder(started, locks, "assay run one")
    (locks / "assay-machine.lock").chmod(0o444)
    with pytest.raises(MachineError, match="another measurement is running"), turn("two", HERE, wait=False):
        pass


@pytest.mark.parametrize("kind", ["folder", "link", "hard link", "pipe"])
def test_a_lock_that_is_no_file_is_refused_in_a_sentence(locks: Path, kind: str) -> None:
    path, other = locks / "assay-machine.lock", locks / "elsewhere"
    other.write_text("somebody's file")
    if kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to(locks / "nowhere")
    elif kind == "hard link":
        path.hardlink_to(other)
    else:
        os.mkfifo(path)
    began = time.monotonic()
    with pytest.raises(MachineError, match=r"assay-machine\.lock"), turn("two", HERE, wait=False):
        pass
    assert time.monotonic() - began < 5
    assert not (locks / "nowhere").exists()
    assert other.read_text() == "somebody's file"


class Engine:
    """What is asked of an engine: its own number, and its containers."""

    def __init__(self, number: str, *labels: dict[str, str]) -> None:
        self.number, self.api, self.labels = number, self, labels

    def info(self) -> dict[str, str]:
        return {"ID": self.number}

    def containers(self, **_: object) -> list[dict[str, object]]:
        return [{"Id": "0" * 64, "Names": ["/assay-turn-0"], "Labels": labels} for labels in self.labels]


def test_a_lock_that_is_another_names_file_is_left_as_it_is(locks: Path) -> None:
    precious = locks / "precious"
    precious.write_text("content")
    os.link(precious, locks / "assay-machine.lock")
    with pytest.raises(MachineError), turn("a run", HERE, wait=False):
        pass
    assert precious.read_text() == "content"


def test_who_waits_for_a_lock_that_is_removed_does_not_measure_beside_a_third(
    locks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = locks / "assay-machine.lock"
    gone = turns._opened(lock)
    lock.unlink()
    opened = turns._opened
    handles = [gone]
    monkeypatch.setattr(turns, "_opened", lambda path: handles.pop() if handles else opened(path))
    third = opened(lock)
    fcntl.flock(third, fcntl.LOCK_EX)
    with pytest.raises(MachineError, match="another measurement is running"), turn("a run", HERE, wait=False):
        pass
    os.close(third)
    with turn("a run", HERE, wait=False):
        assert "a run" in lock.read_text()


def test_machines_are_told_apart_by_their_engines(locks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine elsewhere is another machine; however it is reached it is one; what runs here shares with one here."""
    monkeypatch.setenv("DOCKER_HOST", "ssh://bench")
    with turn("far", DockerEngine(Engine("A")), wait=False):  # type: ignore[arg-type]
        with turn("far too", DockerEngine(Engine("B")), wait=False):  # type: ignore[arg-type]
            pass
        with turn("uncontained", HERE, wait=False):
            pass
        monkeypatch.delenv("DOCKER_HOST")
        with pytest.raises(MachineError, match="`far`"), turn("here", DockerEngine(Engine("A")), wait=False):  # type: ignore[arg-type]
            pass
    with turn("here", DockerEngine(Engine("A")), wait=False):  # type: ignore[arg-type]
        with pytest.raises(MachineError, match="`here`"), turn("uncontained", HERE, wait=False):
            pass
        monkeypatch.setenv("DOCKER_HOST", "ssh://bench")
        with turn("far", DockerEngine(Engine("B")), wait=False):  # type: ignore[arg-type]
            pass


@pytest.mark.parametrize(
    ("kind", "by", "free"),
    [
        ("turn", "host pid:[1] 7 1", False),  # a result is measured from another machine, be it between two runs
        ("run", "host pid:[1] 7 1", False),
        ("run", "", False),  # of an older Assay
        ("turn", None, True),  # our own
        ("job", "host pid:[1] 7 1", True),
        ("observer", "host pid:[1] 7 1", True),
    ],
)
def test_an_engine_shows_by_its_containers_that_another_machine_measures_on_it(
    locks: Path, monkeypatch: pytest.MonkeyPatch, kind: str, by: str | None, free: bool
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "ssh://bench")
    monkeypatch.setattr(turns, "ENDING_S", 0.2)
    engine = Engine("A", {LABEL: kind, OWNER: owner() if by is None else by})
    refused = pytest.raises(MachineError, match="assay-turn-0")
    with nullcontext() if free else refused, turn("assay run", DockerEngine(engine), wait=False):  # type: ignore[arg-type]
        pass


@pytest.fixture
def request_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Request:
    """An uncontained run; no interpreter is looked for."""
    monkeypatch.setattr(produce.table, "chosen", lambda *_: HERE)
    asked = ("image-classification", "pytorch", "cpu", "open", "Example", None, [], None, None, None, None)
    output = tmp_path / "submissions"
    return Request(*asked, output, False, False, False, uncontained=Path(sys.executable))  # type: ignore[arg-type]


def finished(request: Request) -> None:
    name = f"some-cpu-2c_{request.target}_{request.framework}"
    results = request.output / verdict.UNCONTAINED / "training/open/Example/results"
    (results / name / request.workload).mkdir(parents=True)


def test_a_result_that_is_there_is_judged_again_while_another_command_measures(
    started: list[subprocess.Popen[str]], locks: Path, request_: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder(started, locks, "assay run one")
    monkeypatch.setattr(produce, "_measured", lambda *_: True)
    with pytest.raises(MachineError, match="`assay run one`"):
        produce.produce(Training, request_, print)
    finished(request_)
    assert produce.produce(Training, request_, print)
    with pytest.raises(MachineError, match="`assay run one`"):
        produce.produce(Training, replace(request_, replace=True), print)


def test_what_turns_out_to_be_another_result_takes_its_turn_before_it_is_measured(
    started: list[subprocess.Popen[str]], locks: Path, request_: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished(request_)
    monkeypatch.setattr(produce, "_measured", lambda _means, _person, _chosen, take, *_: take())
    assert produce.produce(Training, request_, print) is None
    holder(started, locks, "assay run one")  # and nothing is held when the command has ended
    with pytest.raises(MachineError, match="`assay run one`"):
        produce.produce(Training, request_, print)
