"""What the single-file checker judges: a round as it has it, a submitter, and what comes of judging."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from checker.core.findings import Violation
from checker.core.outcome import OfficialOutcome
from checker.families.mlperf_inference.facts import Text
from checker.families.mlperf_inference.models import Models, models_of
from checker.families.mlperf_inference.walk import Listing, ResultFolder, Submitter
from rules.inference import InferenceRules
from rules.single_file import SingleFileRules, single_file_models, single_file_rules

RUN_FILES = ("mlperf_log_summary.txt", "mlperf_log_detail.txt")
NETWORK = "the system is over a network, or not, otherwise than the division has it"
ANYWHERE = frozenset({"mlperf_log_trace.json", "results.json", ".gitkeep"})


class StopsError(Exception):
    """What ends the single-file program; the message is its cause, `path` where."""

    def __init__(self, cause: str, path: str = "") -> None:
        super().__init__(cause)
        self.cause = cause
        self.path = path


@dataclass(frozen=True)
class Fixed:
    """A round as this checker has it."""

    rules: InferenceRules

    @property
    def own(self) -> SingleFileRules:
        """What is particular to this checker."""
        return single_file_rules(self.rules.name)

    @property
    def models(self) -> Models:
        """What it says of models."""
        return _models(self.rules.name)


@cache
def _models(round_name: str) -> Models:
    return models_of(round_name, single_file_models(round_name), single_file_rules(round_name).guesses)


@dataclass(frozen=True)
class Case:
    """A system's results, while they are judged."""

    submitter: Submitter
    fixed: Fixed
    system: dict[str, Any]
    mapping: Any
    extra_files: bool

    @property
    def open(self) -> bool:
        """Whether it is of the open division."""
        return self.submitter.division == "open"

    @property
    def listing(self) -> Listing:
        """What lies in the submitter's folder."""
        return self.submitter.listing

    def outside(self, path: str) -> str:
        """Return a path as the checker has it, from the root of the round."""
        return f"{self.submitter.division}/{self.submitter.name}/{path}"

    def differing(self, folder: str, wanted: Iterable[str], free: Iterable[str] = ()) -> str:
        """Return which files of a folder are not those wanted, or are missing; StopsError where it is none."""
        if not self.listing.is_folder(folder):
            raise StopsError(f"NotADirectoryError: {folder}", folder)
        odd = (set(self.listing.files(folder)) ^ set(wanted)) - ANYWHERE - set(free)
        return ", ".join(f"{'no ' if name in set(wanted) else ''}{name}" for name in sorted(odd)[:10])


@dataclass
class ScenarioVerdict:
    """One scenario folder, judged. `listed`: the checker's summary has it among the results."""

    place: ResultFolder
    outcome: OfficialOutcome = field(default_factory=OfficialOutcome)
    model: Any = None
    listed: bool = False
    value: Any = None  # as the summary prints it
    metric: Any = None
    accuracy: str = ""
    power: float = 0
    inferred: bool = False
    rows: int = 0  # in the official table
    measured: bool = False  # the run is valid, so the scenario counts as submitted


@dataclass
class BenchmarkVerdict:
    """One benchmark folder: what the checker says of all its scenarios together."""

    path: str
    outcome: OfficialOutcome = field(default_factory=OfficialOutcome)


@dataclass
class Judged:
    """One submitter, judged. `seen`: whether the checker comes to its results at all."""

    submitter: Submitter
    outcome: OfficialOutcome = field(default_factory=OfficialOutcome)
    systems: dict[str, OfficialOutcome] = field(default_factory=dict)
    benchmarks: list[BenchmarkVerdict] = field(default_factory=list)
    results: dict[ResultFolder, ScenarioVerdict] = field(default_factory=dict)

    @property
    def shared(self) -> list[OfficialOutcome]:
        """What it says of more than one result: of the submitter, of systems, of benchmarks."""
        return [self.outcome, *self.systems.values(), *(benchmark.outcome for benchmark in self.benchmarks)]

    def problems(self) -> Iterator[tuple[str, Violation]]:
        """Yield everything the checker objects to or warns of, with the rule that says so."""
        for outcome in (*self.shared, *(result.outcome for result in self.results.values())):
            yield from outcome.problems


def lines_of(text: Text) -> Iterable[str]:
    """Return a text's lines, decoded as far as they are read, as Python's files are."""
    if text.crash is None:
        return text.lines
    if not text.raw:
        raise StopsError(f"OSError: {text.crash}", text.path)
    return io.TextIOWrapper(io.BytesIO(text.raw), encoding="utf-8")
