"""What the modular checker judges: a submitter, its systems, a result, and what comes of judging it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

from checker.core.findings import brief
from checker.core.tree import RefusedError
from checker.families.mlperf_inference.endpoints.logs import EndpointFiles
from checker.families.mlperf_inference.facts import Paths, ResultFacts, read_document
from checker.families.mlperf_inference.models import KINDS, SCENARIOS, Models, models
from checker.families.mlperf_inference.modular.outcome import PHASES, Name, ResultPhase, Stop, View
from checker.families.mlperf_inference.walk import MAPPING, Listing, ResultFolder, Submitter
from checker.loadgen.log import DetailLog
from rules import hostile_yaml
from rules.inference import InferenceRules

YAML = 1 << 20  # bytes of a list of power supplies


@dataclass(frozen=True)
class Options:
    """How the official checker was called; as recorded for published rounds, neither."""

    submission_exceptions: bool = False  # LoadGen's errors in a performance log fail it; an uncommitted one is forgiven
    extra_files: bool = False  # without --skip-extra-accuracy-files-check: pictures and videos have to be there


@dataclass
class SystemVerdict:
    """A system with results. `stop` is why the official checker ends before it comes to any of them."""

    name: str
    path: str  # systems/{system}.json
    description: dict[str, Any] = field(default_factory=dict)
    described: bool = False  # there is a description, and it is an object
    supplies_path: str | None = None
    supplies: Any = None
    stop: Stop | None = None


@dataclass
class ResultReview:
    """One result, judged. `stop` is why the official checker ends at it; then it has no official phases."""

    place: ResultFolder
    facts: ResultFacts
    system: SystemVerdict
    model: Any
    is_endpoints: bool = False
    endpoint: EndpointFiles | None = None  # what an endpoint's result is read from, where there is any of it
    performance: DetailLog | None = None  # what the performance phase read, an endpoint's files included
    accuracy: DetailLog | None = None
    phases: dict[Name, ResultPhase] = field(default_factory=dict)  # all six, unless a log they need is missing
    stop: Stop | None = None
    unwritten: bool = False  # it ends where it writes a valid result into its table
    metric: Any = None  # as the official table has it; None where the performance phase came to none
    metric_key: str = ""  # the key that it was read from
    inferred: bool = False
    accuracies: Any = None  # metric -> value as accuracy.txt says it
    power_metric: float | None = None  # W, or mJ per query
    power_efficiency: float | None = None
    has_power: bool = False
    design_power: Any = None

    @property
    def told(self) -> bool:
        """Whether the official checker comes to judge its six phases, be it that it cannot write them down."""
        return (self.stop is None or self.unwritten) and len(self.phases) == len(PHASES)

    @property
    def valid(self) -> bool:
        """Whether the official checker accepts it."""
        return self.stop is None and self.told and all(phase.passed for phase in self.phases.values())

    @property
    def failed(self) -> list[str]:
        """The official checks that fail, as `phase.check`."""
        return [f"{name}.{check}" for name in PHASES if name in self.phases for check in self.phases[name].failed]


class SubmitterFacts:
    """One submitter's folder and what all its results share."""

    def __init__(self, submitter: Submitter, rules: InferenceRules) -> None:
        self.submitter = submitter
        self.rules = rules
        self.mapping: Any = {}  # own benchmark names -> models, open division
        self.stop: Stop | None = None
        self._scenarios: dict[tuple[str, str], tuple[tuple[str, ...], tuple[str, ...]]] = {}
        try:
            self._read()
        except Stop as stop:
            self.stop = stop
        self.systems = {name: self._system(name) for name in submitter.systems}

    def paths(self, place: ResultFolder) -> Paths:
        """Return where a result's files are."""
        layout = self.rules.package.layout
        names = {"system": place.system, "benchmark": place.benchmark, "scenario": place.scenario, "file": ""}
        tests = {test: path.format(**names) for test, path in layout.compliance.items()}
        folder = layout.measurements.rpartition("/")[0].format(**names)
        if not layout.measurements.endswith("{file}"):
            return Paths(layout.measurements.format(**names), folder, tests)
        files = self.submitter.listing.files(folder)
        named = (name for name in files if name.startswith(place.system) and name.endswith(".json"))
        return Paths(f"{folder}/{next(named, None)}", folder, tests)

    def scenarios(self, place: ResultFolder, model: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return which required scenarios of a benchmark are missing, and which folders are of none it has."""
        key = (place.system, place.benchmark)
        if key not in self._scenarios:
            self._scenarios[key] = self._compared(place, model)
        return self._scenarios[key]

    def _compared(self, place: ResultFolder, model: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
        kind = KINDS.get(str(self.systems[place.system].description.get("system_type")))
        if place.division == "open" or kind is None:
            return (), ()
        wanted = models(self.rules.name).scenarios(model, kind)
        if wanted is None:
            return (), ()
        there = [scenario.lower() for scenario in self.submitter.scenarios(place.system, place.benchmark)]
        required, optional = ([s.lower() for s in those] for those in (wanted.required, wanted.optional))
        missing: list[str] = [SCENARIOS[scenario] for scenario in required if scenario not in there]
        unknown = [scenario for scenario in there if scenario not in required + optional]
        if {"interactive", "server"} <= set(optional) and not {"interactive", "server"} & set(there):
            missing.append("Interactive or Server")
        return tuple(missing), tuple(unknown)

    def _read(self) -> None:
        listing, path = self.submitter.listing, MAPPING
        if self.submitter.division == "open" and listing.exists(path):
            document = read_document(self.submitter.tree, path)
            if document.crash is not None:
                raise Stop("the submitter's model mapping cannot be read", document.crash, path, document.crash_line)
            self.mapping = document.value
        if not listing.is_folder("results"):
            cause = "NotADirectoryError: results" if listing.exists("results") else "FileNotFoundError: results"
            raise Stop("the submitter has no results", cause, "results")

    def _system(self, name: str) -> SystemVerdict:
        system = SystemVerdict(name, f"systems/{name}.json")
        try:
            self._describe(system)
        except Stop as stop:
            system.stop = stop
        return system

    def _describe(self, system: SystemVerdict) -> None:
        listing, tree, path = self.submitter.listing, self.submitter.tree, system.path
        if not listing.exists(path):
            raise Stop("the system has no description", f"AttributeError: no {path}", path)
        document = read_document(tree, path)
        if document.crash is not None:
            raise Stop("the system's description cannot be read", document.crash, path, document.crash_line)
        if not isinstance(document.value, dict):
            cause = f"AttributeError: the description is {brief(document.value)}"
            raise Stop("the system's description is no object", cause, path)
        system.description, system.described = document.value, True
        supplies = self.rules.package.layout.power_supplies
        if supplies is not None:
            system.supplies_path = supplies.format(system=system.name)
            if listing.exists(system.supplies_path):
                system.supplies = self._supplies(system.supplies_path)
        kind, benchmarks = document.value.get("system_type"), self.submitter.benchmarks(system.name)
        if self.submitter.division != "open" and benchmarks and kind not in list(KINDS):
            what = "the system is of no type that has scenarios"
            raise Stop(what, f"ValueError: invalid system type: {brief(kind)}", path)

    def _supplies(self, path: str) -> Any:
        try:
            return hostile_yaml.loads(self.submitter.tree.read(path, YAML).decode())
        except RefusedError as error:
            cause = f"the file {error}"
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            cause = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise Stop("the list of power supplies cannot be read", cause, path)


@dataclass
class Judging:
    """A result while it is judged; what the phases come to is noted in `review`."""

    case: SubmitterFacts
    review: ResultReview
    options: Options

    @property
    def rules(self) -> InferenceRules:
        """What the round fixes."""
        return self.case.rules

    @property
    def models(self) -> Models:
        """The round's models."""
        return models(self.rules.name)

    @property
    def model(self) -> Any:
        """The model that it is of."""
        return self.review.model

    @property
    def listing(self) -> Listing:
        """What lies in the submitter's folder."""
        return self.case.submitter.listing

    @property
    def place(self) -> ResultFolder:
        """The scenario folder."""
        return self.review.place

    @property
    def facts(self) -> ResultFacts:
        """What was read of it."""
        return self.review.facts

    @property
    def system(self) -> SystemVerdict:
        """The system that it was measured on."""
        return self.review.system

    @property
    def is_open(self) -> bool:
        """Whether no target holds."""
        return self.place.division == "open"

    @property
    def is_endpoints(self) -> bool:
        """Whether an endpoint's files stand for LoadGen's logs."""
        return self.review.is_endpoints

    @property
    def asked(self) -> str:
        """The scenario of the folder; an endpoint's `online` is of Server."""
        scenario = self.review.place.scenario
        return "server" if self.is_endpoints and scenario.lower() == "online" else scenario


@dataclass
class LogRun(Judging):
    """One of its two runs."""

    view: View
