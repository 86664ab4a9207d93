"""What a person asked for, and the other ways of running it: without an engine, or where no such machine is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from rules.errors import UsageError
from rules.text import printable
from rules.workload import Division
from suite.meters.power_log import PowerLog

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class Request:
    """What the user asked for, as on the command line of `assay run`."""

    workload: str
    framework: str
    target: str
    division: Division
    submitter: str
    runs: int | None
    settings: list[str]
    threads: int | None
    memory_mib: int | None
    data: Path | None
    system_file: Path | None
    output: Path
    resume: bool
    discard: bool
    replace: bool
    scenario: str | None = field(default=None, kw_only=True)  # of inference: one, or `all`
    round: str | None = field(default=None, kw_only=True)  # None: the newest of the family
    power_log: PowerLog | None = field(default=None, kw_only=True)
    idle_s: float | None = field(default=None, kw_only=True)  # of an idle baseline before the runs
    uncontained: Path | None = field(default=None, kw_only=True)  # an interpreter, instead of an engine's image
    wait: bool = field(default=False, kw_only=True)  # for another command that is measuring on the machine

    def arguments(self, framework: str) -> list[str]:
        """Return the command line that measures this again, one framework at a time."""
        words = ["assay", "run", self.workload, "--framework", framework, "--target", self.target]
        words += ["--division", self.division, "--submitter", self.submitter]
        optional = {
            "--runs": self.runs,
            "--threads": self.threads,
            "--memory": self.memory_mib,
            "--data": self.data,
            "--system-file": self.system_file,
            "--power-log": self.power_log and self.power_log.path,
            "--power-log-ahead": (self.power_log and self.power_log.ahead_s) or None,
            "--idle-baseline": self.idle_s and f"{self.idle_s:g}",
            "--uncontained": self.uncontained,
            "--round": self.round,
        }
        words += [word for flag, value in optional.items() if value is not None for word in (flag, str(value))]
        words += [word for setting in self.settings for word in ("--set", setting)]
        return words + (["--scenario", self.scenario] if self.scenario else [])

    def words(self) -> str:
        """Return the command in short, for who waits for its end."""
        return " ".join(self.arguments(self.framework))

    def there(self, suite: str, frameworks: Iterable[str]) -> bool:
        """Whether each framework seems to have its result already, so that nothing but judging is left to do."""
        results = self.output / suite / self.division / self.submitter / "results"
        named = (f"*_{self.target}_{framework}/{self.workload}" for framework in frameworks)
        return not self.replace and all(any(results.glob(name)) for name in named)

    def require_usable(self) -> None:
        """Raise UsageError where the submitter cannot be a folder's name, or the meter's file cannot be read."""
        if not NAME.fullmatch(self.submitter):
            raise UsageError(
                f"submitter {printable(self.submitter)!r} cannot be a folder name",
                fix="letters, digits, '.', '_' and '-', beginning with a letter or digit",
            )
        if self.power_log:
            self.power_log.require()

    def beside(self, folder: str) -> Request:
        """Return the same of what is no submission: in the open division, in `folder` beside the submissions."""
        return replace(self, division="open", output=self.output / folder)

    def smoke(self, folder: str) -> Request:
        """Return what is run where no machine of the target is in reach: once, anew, beside the submissions."""
        return replace(self.beside(folder), runs=None, settings=[], discard=True, replace=True)
