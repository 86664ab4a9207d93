"""One run of a result, in real processes: it is handed over, or what it came to is noted and said."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from rules.documents import Container, Outcome
from rules.errors import AssayError, JudgedError, MachineError, UsageError
from suite.engines.process.interpreter import ask
from suite.engines.process.runner import ProcessRunner
from suite.result.context import RunContext
from suite.result.job import Finished
from tests.integration.engines.conformance import job
from tests.unit.suite.test_submission import TrainingWork, plan


@dataclass(frozen=True)
class Table(RunContext):
    MODULE: ClassVar[str] = "work"
    RESULTS: ClassVar[Collection[str]] = (Outcome.SUCCESS,)

    def judge(self, finished: Finished) -> tuple[str, str]:
        return (Outcome.SUCCESS, "") if finished.ended.status == 0 else finished.failure(1.5)


def context(folder: Path, program: str) -> Table:
    runner = ProcessRunner(ask(Path(sys.executable)), folder / "boxes", {"PATH": os.environ["PATH"]})
    return Table(runner, TrainingWork(folder, plan()), None, job(program), ["assay", "run"])


def run(table: Table):
    return table.run("0", "the run", {}, 1.5, watched=False)


def test_what_ended_well_is_handed_over_with_the_attempts_before_it(tmp_path: Path) -> None:
    table = context(tmp_path, "print('hello')")
    table.work.start("0")  # and then it was killed
    assert dict(table.runner.bill) == {}  # nothing says what is in an interpreter but its record
    ran = run(table)
    assert (ran.outcome, ran.finished.watch.log, ran.seen.content) == ("success", b"hello\n", None)
    assert [attempt.outcome for attempt in ran.attempts] == [Outcome.INTERRUPTED]
    facts = table.facts(ran, "log.txt", "observation.json")
    assert (facts["log"].path, facts["observation"], facts["unobserved"]) == ("log.txt", None, "")
    assert isinstance(facts["container"], Container)


@pytest.mark.parametrize(
    ("program", "error", "outcome", "said"),
    [
        ("raise SystemExit(2)", UsageError, "crashed", "correct what the harness says is wrong"),
        ("raise SystemExit(7)", JudgedError, "crashed", "read the lines above"),
        ("import time; time.sleep(60)", JudgedError, "timeout", "find out what slowed the machine down"),
        ("raise OSError(28, 'No space left on device')", MachineError, "disk-full", "free space there"),
    ],
)
def test_what_came_to_nothing_is_noted_and_said_with_its_fix(
    tmp_path: Path, program: str, error: type[AssayError], outcome: str, said: str
) -> None:
    table = context(tmp_path, program)
    with pytest.raises(error, match=r"^the run: ") as raised:
        run(table)
    assert said in raised.value.fix
    [attempt] = table.work.attempts("0")
    assert attempt.outcome == outcome
    assert [one.outcome for one in table.work.start("0")] == [outcome]  # it ended: the next is not taken for cut short


def test_a_machine_that_fails_a_run_is_noted_and_not_the_runs_fault(tmp_path: Path) -> None:
    table = context(tmp_path, "print('hello')")
    other = table.runner.interpreter.model_copy(update={"distributions": {}})
    tampered = ProcessRunner(other, tmp_path / "boxes", {})
    with pytest.raises(MachineError, match="distributions recorded at the start"):
        run(Table(tampered, table.work, None, table.files, []))
    assert [attempt.outcome for attempt in table.work.attempts("0")] == [Outcome.CRASHED]


def test_a_run_of_which_no_record_can_be_made_is_noted(tmp_path: Path) -> None:
    table = context(tmp_path, "")

    def record() -> Container:
        return Container.model_validate({"engine": 1})

    with pytest.raises(JudgedError, match="the run: the harness's results cannot be recorded: engine: "):
        table.recorded("0", "the run", record)
    assert [attempt.outcome for attempt in table.work.attempts("0")] == [Outcome.CRASHED]


def test_an_interpreter_that_is_gone_between_two_runs_is_the_machines_fault(tmp_path: Path) -> None:
    table = context(tmp_path, "print('hello')")
    gone = ProcessRunner(
        table.runner.interpreter.model_copy(update={"path": "/nowhere/python"}), tmp_path / "boxes", {}
    )
    with pytest.raises(MachineError, match="/nowhere/python: No such file"):
        run(Table(gone, table.work, None, table.files, []))
    assert [attempt.outcome for attempt in table.work.attempts("0")] == [Outcome.CRASHED]
