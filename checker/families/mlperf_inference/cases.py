"""What integrity judges are given: one result, one submitter, or the traces that every result of a round left."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from checker.families.mlperf_inference.endpoints.logs import EndpointFiles
from checker.families.mlperf_inference.facts import ResultFacts
from checker.families.mlperf_inference.models import SCENARIOS, models
from checker.families.mlperf_inference.power.logs import moment
from checker.families.mlperf_inference.walk import Submitter
from checker.loadgen.log import DetailLog
from rules.inference import InferenceRules, ModelRules
from rules.inference_review import ReviewRules
from rules.scenarios import Scenario

MEASURED = ("result_mean_latency_ns", "result_max_latency_ns", "result_query_count")


@dataclass(frozen=True, slots=True)
class ResultCase:
    """What a judge of a result is given; `model` is None where the benchmark is none of the round's."""

    facts: ResultFacts
    submitter: Submitter
    model: str | None
    model_rules: ModelRules
    fixed: InferenceRules
    reviewed: ReviewRules
    system: dict[str, Any]  # its description, empty where it cannot be read
    accuracy: dict[str, float]  # what accuracy.txt says, by metric
    endpoint: EndpointFiles | None = None  # the files of an endpoint's result
    metric_key: str = ""  # LoadGen's key that the official metric was read from

    @property
    def path(self) -> str:
        """The scenario folder."""
        return self.facts.place.path

    @property
    def strict(self) -> bool:
        """Whether the constraints of the closed and network divisions hold."""
        return self.facts.place.division != "open"

    def unknown(self, said: object) -> bool:
        """Whether a value is what a tool writes that does not know, or nothing."""
        return said is None or (isinstance(said, str) and said.strip().lower() in self.reviewed.unknown)

    @property
    def asked(self) -> Scenario | None:
        """The scenario that the folder is named after; None where it is none."""
        return SCENARIOS.get(self.facts.place.scenario.lower())

    def accuracy_samples(self, asked: Scenario | None) -> int | None:
        """Return how many samples an accuracy run of a scenario has; None where the round does not say."""
        try:
            found = models(self.fixed.name).accuracy_samples(self.model, asked) if self.model and asked else None
        except ValueError:
            return None
        return found if isinstance(found, int) else None

    def targets(self, asked: Scenario | None) -> dict[str, float]:
        """Return the least accuracy by metric; nothing where the round has none."""
        try:
            return models(self.fixed.name).targets(self.model, asked)
        except ValueError:
            return {}

    @property
    def log(self) -> DetailLog | None:
        """The performance log, where it is LoadGen's, could be read and is whole."""
        return _loadgens(self.facts.performance)

    @property
    def accuracy_log(self) -> DetailLog | None:
        """The accuracy log, where it is LoadGen's, could be read and is whole."""
        return _loadgens(self.facts.accuracy)

    @property
    def logs(self) -> list[DetailLog]:
        """Of these two those that there are."""
        return [log for log in (self.log, self.accuracy_log) if log is not None]


def _loadgens(log: DetailLog | None) -> DetailLog | None:
    return None if log is None or log.endpoints or not log.whole else log


@dataclass(frozen=True, slots=True)
class SubmitterCase:
    """What a judge of a submitter is given; `results` are those of its folder that were judged."""

    submitter: Submitter
    results: list[ResultCase]
    fixed: InferenceRules
    reviewed: ReviewRules


@dataclass(frozen=True, slots=True)
class ResultTrace:
    """What a result leaves for comparison with every other of the round; paths relative to what is checked."""

    path: str  # of the performance log
    accuracy_path: str
    division: str
    submitter: str
    system: str
    model: str  # without its target of accuracy: one run may stand for all of them
    run: tuple[float | str, ...] = ()  # what no two performance runs have in common; empty where there is none
    accuracy: int = 0
    began: datetime | None = None
    ended: datetime | None = None
    scenario: str = ""  # as its folder is named, in small letters
    power: bool = False  # whether its power was measured
    machine: tuple[str, ...] = ()  # what the description says of its hardware
    endpoint: bool = False  # of an endpoint's files
    tests: tuple[tuple[str, int, str], ...] = ()  # of each compliance log: test, fingerprint, path


def mark_of(log: DetailLog) -> tuple[float | str, ...]:
    """Return what tells a run from every other: when it began, and latencies to the nanosecond; or its log's bytes."""
    began = log.values.get("power_begin")
    measured = [log.number(key) for key in MEASURED]
    if isinstance(began, str) and len(began) < 64 and None not in measured:
        return (began, *(value for value in measured if value is not None))
    return (float(log.fingerprint), float(log.messages)) if log.messages else ()


def when(log: DetailLog, key: str) -> datetime | None:
    """Return the time of day that `power_begin` or `power_end` gives."""
    value = log.values.get(key)
    try:
        return moment(value) if isinstance(value, str) and len(value) < 64 else None
    except ValueError:
        return None


def elapsed_s(log: DetailLog) -> float | None:
    """Return how long the load lasted by the clock, in seconds."""
    begin, end = when(log, "power_begin"), when(log, "power_end")
    return None if begin is None or end is None else (end - begin).total_seconds()
