"""What every run of a result shares, and how one is made: it is recorded, or what it came to is noted and raised."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, ClassVar, TypeVar

from pydantic import ValidationError

from rules.documents import Document, FileDigest, Outcome
from rules.errors import AssayError, JudgedError, MachineError, UsageError
from rules.text import printable
from suite.engines.base import EngineLostError, Runner, SandboxLimits
from suite.host.disk import DiskError
from suite.host.progress import Phase, say
from suite.meters.idle import baseline
from suite.meters.power_log import PowerLog
from suite.meters.sampler import Observer, Samples, observer
from suite.result.job import Files, Finished, run_job
from suite.result.staging import Work, sha256

UNUSABLE = 2  # exit code of a harness that refuses its job
FIX = {
    "out-of-memory": "free memory there and --resume, or in containers start over with --discard --memory MIB",
    "disk-full": "free space there (an engine's disk: `docker system df`); then --resume",
    "timeout": "find out what slowed the machine down; then --resume",
    "crashed": "read the lines above; once the cause is gone, --resume",
}
# What a run's record takes from the plan.
PLANNED = (
    *("ruleset", "submitter", "system", "workload", "division", "framework", "target", "emulated", "image"),
    *("source_sha256", "transport_sha256", "data", "environment"),
)
D = TypeVar("D", bound=Document)


@dataclass(frozen=True)
class Ran:
    """A run that ended in a result, what was seen of the machine meanwhile, and the attempts before it."""

    finished: Finished
    outcome: str
    explanation: str
    attempts: list[Any]
    seen: Samples


@dataclass(frozen=True)
class RunContext(ABC):
    """What every run of a result shares; a procedure says what runs, and how it ended."""

    runner: Runner
    work: Work
    rules: Any  # of the round, on the workload
    files: Files  # source and data of every job
    arguments: list[str]  # of the command line that measures this again
    power_log: PowerLog | None = None  # of a meter outside

    MODULE: ClassVar[str]  # what runs in the sandbox
    RESULTS: ClassVar[Collection[str]]  # outcomes that are part of the result; any other stops the program
    BROKEN: ClassVar[str] = FIX["crashed"]  # what to do about an outcome that FIX does not know

    @abstractmethod
    def judge(self, finished: Finished) -> tuple[str, str]:
        """Return how a run ended, and a sentence about it (empty on success)."""

    def run(self, name: str, title: str, job: Mapping[str, object], limit_s: float, *, watched: bool = True) -> Ran:
        """Make the run `name`; note and raise what came to nothing.

        Raises JudgedError where that was for reasons of its own, MachineError where the machine failed it, UsageError
        where the harness refuses the job.
        """
        self.require_alone()
        attempts = self.work.start(name)
        plan = self.work.plan
        limits = SandboxLimits(cpuset=plan.cpuset, memory_bytes=plan.memory_bytes, access=plan.access)
        watch = self._observer() if watched and not plan.emulated else None
        with Phase(title) as phase:
            try:
                with watch or nullcontext():
                    finished = run_job(
                        self.runner, job, self.files, limits, limit_s, phase, kind="run", module=self.MODULE
                    )
            except MachineError as error:
                lost = Outcome.ENGINE_LOST if isinstance(error, EngineLostError) else Outcome.CRASHED
                self.work.note(name, Outcome.DISK_FULL if isinstance(error, DiskError) else lost, error.message)
                raise
            outcome, explanation = self.judge(finished)
            if outcome not in self.RESULTS:
                self._refuse(name, title, finished, outcome, explanation)
        seen = watch.observed() if watch else Samples(None, "under emulation nothing is measured" if watched else "")
        return Ran(finished, outcome, explanation, attempts, seen)

    def _observer(self) -> Observer:
        return observer(self.runner, self.work.plan.target, self.work.plan.cpuset, self.power_log)

    def idle(self) -> None:
        """Sample the idle machine, where a baseline is declared and not there yet."""
        work = self.work
        if work.plan.idle_s and not work.at(work.idle).exists():
            self.require_alone()
            work.keep({work.idle: baseline(self._observer(), work.plan.idle_s)})

    def require_alone(self) -> None:
        """Raise MachineError where another run is being measured here."""
        if other := self.runner.busy():
            raise MachineError(
                f"another measurement is running: {other}; two at a time would disturb each other",
                fix="wait for it to end; then --resume",
            )

    def _refuse(self, name: str, title: str, finished: Finished, outcome: str, explanation: str) -> None:
        """Note why a run gave no result, and raise it."""
        self.work.note(name, outcome, explanation)
        for line in finished.watch.words[-20:]:
            say(f"  | {printable(line)}")
        if finished.ended.status == UNUSABLE:
            raise UsageError(f"{title}: {explanation}", fix="correct what the harness says is wrong")
        error: type[AssayError] = MachineError if outcome == Outcome.DISK_FULL else JudgedError
        raise error(f"{title}: {outcome}: {explanation}", fix=FIX.get(outcome, self.BROKEN))

    def facts(self, ran: Ran, log: str, observation: str) -> dict[str, Any]:
        """Return what the record of every run says; the run's log and samples will stand at `log`, `observation`."""
        finished = ran.finished
        return {name: getattr(self.work.plan, name) for name in PLANNED} | {
            "outcome": ran.outcome,
            "explanation": ran.explanation,
            "earlier_attempts": ran.attempts,
            "log": digest(log, finished.watch.log),
            "receipts": finished.watch.receipts,
            "arguments": self.arguments,
            "container": finished.container,
            "memory": finished.memory(),
            "observation": digest(observation, ran.seen.content),
            "unobserved": ran.seen.why_not,
            "assay": version("assay"),
        }

    def recorded(self, name: str, title: str, record: Callable[[], D]) -> D:
        """Return the run's record; note and raise where none can be made of what the harness left."""
        try:
            return record()
        except (ValidationError, KeyError, TypeError, ValueError, AttributeError) as error:
            why = f"the harness's results cannot be recorded: {_first(error)}"
            self.work.note(name, Outcome.CRASHED, why)
            raise JudgedError(f"{title}: {why}", fix=FIX["crashed"]) from None


def digest(path: str, content: bytes | None) -> FileDigest | None:
    """Return a file's entry in a record, None where there is no such file."""
    return None if content is None else FileDigest(path=path, sha256=sha256(content))


def _first(error: Exception) -> str:
    """Say what is wrong first."""
    if not isinstance(error, ValidationError):
        return printable(str(error), 300)
    first = error.errors(include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
