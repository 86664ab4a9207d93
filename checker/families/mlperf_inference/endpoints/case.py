"""What a judge of an endpoint's result is given: the three files that stand where LoadGen's logs would.

`result_summary.json` is called the summary, `accuracy_results.json` the accuracy results, `config.yaml` the config.
Times in the summary are in ns. Whatever the files hold may be missing, of any type, or no finite number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from checker.core.findings import Violation, brief
from checker.families.mlperf_inference.cases import ResultCase
from checker.families.mlperf_inference.endpoints.logs import EndpointFiles, number_at, value_at
from checker.families.mlperf_inference.models import SCENARIOS
from rules.inference_review import EndpointReview
from rules.scenarios import Scenario

SERIES = ("ttft", "tpot", "latency", "output_sequence_lengths")  # of the summary, each a distribution
LOAD = "run_config.load_pattern"  # in the summary; in the config it is `CONFIGURED`
CONFIGURED = "settings.load_pattern"
RUNTIME = "settings.runtime"
ENTRIES = 100  # data sets of accuracy results that are looked at


@dataclass(frozen=True, slots=True)
class EndpointCase:
    """An endpoint's result and its files."""

    result: ResultCase
    files: EndpointFiles

    @property
    def reviewed(self) -> EndpointReview:
        """What the rules on endpoints go by."""
        return self.result.reviewed.endpoints

    @property
    def summary(self) -> Any:
        """What result_summary.json holds."""
        return self.files.summary.value

    @property
    def config(self) -> Any:
        """What config.yaml holds."""
        return self.files.config.value

    @property
    def asked(self) -> Scenario | None:
        """The scenario that the folder is named after; a folder `online` is of Server."""
        name = self.result.facts.place.scenario.lower()
        return "Server" if name == "online" else SCENARIOS.get(name)

    @property
    def entries(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """The accuracy results by data set, each with its position; those of other kinds left out."""
        entries = value_at(self.files.accuracy.value, "accuracy_scores")
        for position, entry in enumerate(entries[:ENTRIES] if isinstance(entries, list) else ()):
            if isinstance(entry, dict) and entry.get("dataset_type") in (None, "accuracy"):
                yield position, entry

    def number(self, place: str) -> float | None:
        """Return a finite number of the summary."""
        return number_at(self.summary, place)

    def problem(self, what: str, expected: str, place: str, found: str | None = None) -> Violation:
        """Return what is wrong at a place of the summary; `found` is what stands there, if not given."""
        stated = brief(value_at(self.summary, place)) if found is None else found
        return Violation(what, expected, f"{place} {stated}", self.files.summary.path)

    def load(self, member: str) -> Iterator[tuple[str, str, Any]]:
        """Yield the path, the place and the value of a member of the load pattern, where each file gives one."""
        for file, place in ((self.files.summary, LOAD), (self.files.config, CONFIGURED)):
            if (value := value_at(file.value, f"{place}.{member}")) is not None:
                yield file.path, f"{place}.{member}", value


def endpoint_case(result: ResultCase) -> EndpointCase | None:
    """Return what judges of an endpoint's result are given; None where LoadGen made it."""
    return None if result.endpoint is None else EndpointCase(result, result.endpoint)
