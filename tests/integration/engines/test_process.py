"""Processes of an interpreter on this machine, as an engine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from rules.documents import Interpreter
from rules.errors import MachineError
from suite.engines.base import SandboxLimits
from suite.engines.process.engine import ProcessEngine
from suite.engines.process.interpreter import ask
from suite.engines.process.runner import ProcessRunner
from suite.engines.process.sandbox import ProcessSandbox
from tests.integration.engines.conformance import Conformance, Subject, run

HELD = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}


def processes(mark: str) -> list[int]:
    """Processes whose command line holds `mark`."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def started_by(pid: int, folder: str) -> list[int]:
    """Our own processes below `folder`, or those of the runner that `pid` is, whose number names another folder."""
    if pid == os.getpid():
        return processes(f"{folder}/own/")
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        number = line.partition("# number ")[2].partition("\n")[0]
        return processes(f"{folder}/{number}/")
    except OSError:
        return processes(f"{folder}/other")


pytestmark = pytest.mark.together


@pytest.fixture(scope="module")
def interpreter() -> Interpreter:
    return ask(Path(sys.executable))


def subject_of(engine: ProcessEngine, kind: type[ProcessRunner], module: str) -> Subject:
    """An engine of processes, whose runners of `kind` are found in `module`."""
    interpreter, folder = engine._interpreter, engine._folder
    other = interpreter.model_copy(update={"distributions": {"other": "1"}})
    return Subject(
        engine=engine,
        runner=kind(interpreter, folder / "own", HELD),
        elsewhere=lambda number: (
            f"# number other-{number}\n"
            "import pathlib, sys\n"
            "from suite.engines.process.interpreter import ask\n"
            f"from {module} import {kind.__name__}\n"
            f"place = pathlib.Path({str(folder)!r}) / 'other-{number}'\n"
            f"runner = {kind.__name__}(ask(pathlib.Path(sys.executable)), place, {HELD!r})\n"
        ),
        alive=lambda pid: started_by(pid, str(folder)),
        tampered=kind(other, folder / "own", HELD),
        broken=ProcessSandbox(["/nowhere/python"], folder / "own/job", SandboxLimits("0", 0), {}),
    )


class TestProcesses(Conformance):
    @pytest.fixture(scope="class")
    @classmethod
    def subject(cls, interpreter: Interpreter, tmp_path_factory: pytest.TempPathFactory) -> Subject:
        engine = ProcessEngine(interpreter, tmp_path_factory.mktemp("jobs"))
        return subject_of(engine, ProcessRunner, "suite.engines.process.runner")

    def test_a_program_that_is_not_there_is_named(self, subject: Subject) -> None:
        with pytest.raises(MachineError, match="/nowhere/python cannot be started: No such file"), subject.broken:
            pass

    def test_what_a_killed_runner_left_behind_is_removed_by_the_next(
        self, interpreter: Interpreter, tmp_path: Path
    ) -> None:
        (tmp_path / "job/source").mkdir(parents=True)
        (tmp_path / "job/source/stale.py").write_text("")
        program = "import sys, pathlib\nprint((pathlib.Path(sys.argv[1]) / 'source/stale.py').exists())"
        assert run(ProcessRunner(interpreter, tmp_path, HELD), program).said == ["False"]
        assert not list(tmp_path.iterdir())
