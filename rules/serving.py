"""What a rule set of inference fixes about one workload, and about LoadGen: data, scenarios, limits, metrics, seeds."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from rules.documents import Count, Sha256
from rules.round import Strict, find, kept, read_workload
from rules.scenarios import Scenario, scenario_named

Comparison = Literal["top-1", "correlations", "agreement"]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Metric(Strict):
    """Bounds of one metric of the accuracy run, both inclusive; a fraction of the reference's value, as the field's."""

    at_least: float | None = None
    at_most: float | None = None
    reference: float  # what the reference model reaches on the same data
    uncertain: Annotated[float, Field(ge=0)] = 0.0  # how much the answers may leave open, where they leave anything

    def met(self, value: float) -> bool:
        """Say whether `value` lies within the bounds."""
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)


class ScenarioRules(Strict):
    """How LoadGen measures one scenario. Fixed in the closed division."""

    min_duration_ms: Annotated[int, Field(ge=1)]
    min_query_count: Annotated[int, Field(ge=1)]
    percentile: Annotated[float, Field(gt=0, lt=1)] | None = None  # of the latency that counts
    samples_per_query: Annotated[int, Field(ge=1)] | None = None  # MultiStream: exactly; Offline: at least
    # Whole milliseconds: LoadGen's configuration cuts off what is behind the point.
    target_latency_ms: Annotated[int, Field(ge=1)] | None = None  # Server, Interactive: the percentile stays below it
    ttft_ms: Annotated[int, Field(ge=1)] | None = None  # the same of the first token
    tpot_ms: Annotated[int, Field(ge=1)] | None = None  # and of each token after it


class Agreement(Strict):
    """Outputs every framework gives before anything is timed, against `outputs/<workload>.json` of the rule set.

    The difference of a sample is max|output - reference| / max|reference| over its elements.
    """

    samples: Annotated[list[Count], Field(min_length=1)]
    tolerance: dict[str, Positive]  # precision -> largest difference
    reference_sha256: Sha256  # of the file with the float64 outputs


class ServingRules(Strict):
    """The rules on one workload in one round of inference."""

    workload: str
    data: dict[str, Sha256]  # file name -> SHA-256 of the decompressed bytes; weights are among them
    samples: Annotated[int, Field(ge=1)]
    performance_samples: Annotated[int, Field(ge=1)]
    answer_bytes: Annotated[int, Field(ge=1)] | None = None  # None: as many as the tokens take
    tokens: bool = False  # whether LoadGen times the first token and those after it
    metrics: Annotated[dict[str, Metric], Field(min_length=1)]
    # File of the rule set -> the metrics that follow from it and the answers of an accuracy run; {}: none do.
    compared_with: dict[str, Comparison]
    outputs: Agreement
    warmup_limit_s: Positive  # loading and warming up
    answer_limit_s: Positive  # no answer for so long: the system under test hangs
    time_limit_s: Positive  # one LoadGen run, from container start to its end
    scenarios: Annotated[dict[Scenario, ScenarioRules], Field(min_length=1)]

    @model_validator(mode="after")
    def _bounds_where_they_belong(self) -> ServingRules:
        for scenario, its in self.scenarios.items():
            bounded = its.target_latency_ms or (its.ttft_ms and its.tpot_ms)
            if scenario_named(scenario).is_bounded != bool(bounded):
                raise ValueError(f"{scenario}: a latency bound belongs to Server and Interactive, and to them only")
            if scenario_named(scenario).asks_many != (its.samples_per_query is not None):
                raise ValueError(f"{scenario}: samples_per_query belongs to MultiStream and Offline")
        return self


Seed = Annotated[int, Field(ge=0, lt=2**64)]


class Seeds(Strict):
    """LoadGen's three seeds of a performance run; they exceed 2^63."""

    qsl_rng_seed: Seed
    sample_index_rng_seed: Seed
    schedule_rng_seed: Seed


class LoadGenRules(Strict):
    """`loadgen.yaml`: the LoadGen of the round and its seeds."""

    version: str
    seeds: Seeds
    alternate: Annotated[list[Seeds], Field(min_length=1)]  # of the test that other seeds give the same distribution


@cache
def serving_rules(ruleset: str, workload: str) -> ServingRules:
    """Return the rules on `workload` in `ruleset`; UsageError for an unknown or broken one."""
    return read_workload(ruleset, workload, ServingRules)


loadgen_rules = kept("loadgen.yaml", LoadGenRules)


def shipped(ruleset: str, name: str) -> Path | None:
    """Return the path of a data file that the rule set itself holds (trained weights); None where it has none."""
    return find(ruleset, "weights", name)
