"""Which model a benchmark's folder is of, and what the round says of it, as the official checker finds out.

A submitter's mapping can give anything as a model's name, and a log anything as its scenario. Whatever Python raises
when the official checker looks such a thing up is raised here too: there it fails a check, or stops the program.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from rules.inference import ModelRules, Scenarios, SystemKind, inference_rules
from rules.scenarios import NAMES, Scenario

SCENARIOS: dict[str, Scenario] = {name.lower(): name for name in NAMES}
KINDS: dict[str, SystemKind] = {
    "datacenter": "datacenter",
    "edge": "edge",
    "datacenter,edge": "both",
    "edge,datacenter": "both",
}
# A folder whose name holds the first is of the second, where nothing else says of what it is.
GUESSES = (
    ("mobilenet", "resnet"),
    ("efficientnet", "resnet"),
    ("resnet50", "resnet"),
    ("bert-99.9", "bert-99.9"),
    ("bert-99", "bert-99"),
    ("llama3_1-405b", "llama3.1-405b"),
)


@dataclass(frozen=True)
class Models:
    """The models of a round, by name and by what they have in common."""

    by_name: dict[str, ModelRules]
    names: dict[str, str]
    listed: tuple[str, ...]
    of_tokens: tuple[str, ...]
    of_endpoints: tuple[str, ...]
    over_data_once: tuple[str, ...]
    guesses: Sequence[tuple[str, str]] = GUESSES

    def of(self, benchmark: Any, mapping: Any = None) -> Any:
        """Return the model that a benchmark's folder is of; `mapping` is the submitter's own, of the open division.

        Raises AttributeError or TypeError where the mapping is no object or a name in it no text.
        """
        if benchmark in self.listed:
            return benchmark
        if found := self.names.get(benchmark):
            return found
        if mapping is not None and (found := mapping.get(benchmark)):
            return found
        guessed = next((model for part, model in self.guesses if part in benchmark), benchmark)
        return self.names.get(guessed, guessed)

    def rules(self, model: Any) -> ModelRules:
        """Return what the round says of a model, nothing where it says nothing; TypeError for a list or an object."""
        return self.by_name.get(model, NOTHING)

    def scenarios(self, model: Any, kind: SystemKind) -> Scenarios | None:
        """Return which scenarios a model's results on such a system have; None where the round has none."""
        return self.rules(self.of(model)).scenarios.get(kind)

    def targets(self, model: Any, scenario: Any) -> dict[str, float]:
        """Return the least accuracy by metric; ValueError for a model without any."""
        rules = self.rules(model)
        if not rules.accuracy_by_scenario:
            if not rules.accuracy:
                raise ValueError(f"model not known: {model}")
            return rules.accuracy
        by_scenario: dict[Any, dict[str, float]] = dict(rules.accuracy_by_scenario.items())
        named = SCENARIOS.get(str(scenario).lower(), scenario)
        return by_scenario.get(named) or by_scenario.get("Offline") or by_scenario["Server"]

    def tests(self, model: Any) -> list[str]:
        """Return the compliance tests of a model."""
        return self.by_name[model].tests if isinstance(model, str) and model in self.by_name else []

    def performance_samples(self, model: Any) -> int:
        """Return how many samples LoadGen has loaded at least; ValueError for a model without a number."""
        return int(_known(model, self.rules(self.of(model)).performance_samples))

    def accuracy_samples(self, model: Any, scenario: str) -> Any:
        """Return how many samples an accuracy run has; an object where it depends on a scenario that has no number."""
        rules = self.rules(self.of(model))
        counts = rules.accuracy_samples
        if isinstance(counts, dict):
            by_scenario: dict[Any, int] = dict(counts.items())
            return by_scenario.get(scenario, counts)
        return _known(model, rules.samples) if counts is None else counts

    def queries(self, model: Any, scenario: Any) -> int | None:
        """Return how many queries a run has at least, None where there is no bound; ValueError for an unknown model."""
        by_scenario: dict[Any, int] = dict(_known(model, self.rules(self.of(model)).queries).items())
        return by_scenario.get(scenario)

    def latency(self, model: Any, scenario: Any) -> int | None:
        """Return the largest latency in ns, None where there is no bound."""
        by_scenario: dict[Any, int] = dict(self.rules(model).latency_ns.items())
        return by_scenario.get(scenario)


NOTHING = ModelRules(listed=False)


def _known(model: Any, value: Any) -> Any:
    if value is None:
        raise ValueError(f"model not known: {model}")
    return value


@cache
def models(round_name: str) -> Models:
    """Return the models of a round."""
    return models_of(round_name, inference_rules(round_name).models)


def models_of(round_name: str, rules: dict[str, ModelRules], guesses: Sequence[tuple[str, str]] = GUESSES) -> Models:
    """Return the models of a round as these rules have them."""

    def those(member: str) -> tuple[str, ...]:
        return tuple(name for name, model in rules.items() if getattr(model, member))

    names = inference_rules(round_name).package.names
    members = (those("listed"), those("tokens"), those("endpoints"), those("pass_over_data"))
    return Models(rules, names, *members, guesses)
