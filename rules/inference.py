"""What an MLPerf Inference round fixes: scenarios, targets, limits and tests per model, and where a result's files are.

`models.yaml` and `package.yaml` of a round's folder say only what differs from the round it extends; mappings in them
are merged member by member, and a null takes a member away.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

from pydantic import Field

from rules.round import Strict, read
from rules.scenarios import Scenario

SystemKind = Literal["datacenter", "edge", "both"]


class Scenarios(Strict):
    """Which scenarios a model's results on one kind of system have in the closed and network divisions."""

    required: list[Scenario]
    optional: list[Scenario] = Field(default_factory=list)


class TokenLimits(Strict):
    """Bounds that the 99th percentiles stay below, in ns: time to first token, time per output token."""

    ttft: int
    tpot: int


class ModelRules(Strict):
    """One model; what a round's tables lack of it is None or empty."""

    listed: bool = True  # the round has this benchmark; false: tables still speak of it
    scenarios: dict[SystemKind, Scenarios] = Field(default_factory=dict)  # none: not for such systems
    accuracy: dict[str, float] = Field(default_factory=dict)  # metric -> at least
    accuracy_by_scenario: dict[Scenario, dict[str, float]] = Field(default_factory=dict)  # instead of `accuracy`
    accuracy_at_most: dict[str, float] = Field(default_factory=dict)
    accuracy_tolerance_percent: dict[str, float] = Field(default_factory=dict)  # of TEST01, instead of the usual
    samples: int | None = None  # in the data set
    accuracy_samples: int | dict[Scenario, int] | None = None  # of an accuracy run, where not the data set
    performance_samples: int | None = None  # loaded at a time, at least
    latency_ns: dict[Scenario, int] = Field(default_factory=dict)  # at most
    queries: dict[Scenario, int] | None = None  # at least
    offline_samples: int | None = None  # of an Offline query, at least
    tests: list[str] = Field(default_factory=list)  # compliance tests
    metric_key: dict[Scenario, str] = Field(default_factory=dict)  # instead of the round's
    tokens: bool = False  # latency is that of tokens
    token_latency_ns: dict[Scenario, TokenLimits] = Field(default_factory=dict)
    endpoints: bool = False  # may be submitted by an endpoint's logs
    pass_over_data: bool = False  # a run goes over the data once, however long that takes
    extra_files: dict[str, list[str]] = Field(default_factory=dict)  # folder of accuracy/ -> names without suffix


class InferenceTool(Strict):
    """The official checker whose verdict is the official one, and what it calls this round."""

    name: str
    commit: str
    version: str
    options: list[str]


class RoundSeeds(Strict):
    """Seeds of LoadGen that a round fixes."""

    effective_qsl_rng_seed: int
    effective_sample_index_rng_seed: int
    effective_schedule_rng_seed: int


class PackageLayout(Strict):
    """Where files are, relative to the submitter's folder; `{system}` and so on stand for the names of a result."""

    measurements: str  # `{file}`: the first file of that folder that is named after the system
    compliance: dict[str, str]  # test -> its folder
    code: str
    power_supplies: str | None = None


class InferenceSystemRules(Strict):
    """What a system description holds."""

    statuses: list[str]
    members: list[str]
    meaningful: list[str]  # of which none is empty
    network_members: list[str]  # as well, where `is_network` is set


class ModelLimits(Strict):
    """Bounds that hold for every model."""

    duration_ms: int  # of a performance run, at least
    accuracy_log_bytes: int  # of mlperf_log_accuracy.json, at most
    test01_percent: float  # between baseline and compliance accuracy
    test01_percent_strict: float  # of models whose name says 99.9
    test09_tokens: tuple[float, float]  # mean length of an output


class Endpoints(Strict):
    """How an endpoint's own files are read as a LoadGen log."""

    keys: dict[str, str]  # LoadGen's key -> place in result_summary.json or accuracy_results.json
    alternatives: dict[str, str]  # place -> the place looked at where there is nothing
    config: dict[str, str]  # place -> place in config.yaml
    metric_key: dict[str, str] | None = None  # scenario in small letters -> LoadGen's key
    audits: dict[str, str]  # test -> name of its audit


class InferencePackage(Strict):
    """`package.yaml`, resolved."""

    tool: InferenceTool
    seeds: RoundSeeds
    layout: PackageLayout
    limits: ModelLimits
    names: dict[str, str]  # what a benchmark's folder may also be called -> model
    metric_key: dict[Scenario, str]  # of LoadGen's result
    metrics: dict[str, str]  # accuracy metric -> regular expression of its line in accuracy.txt
    system: InferenceSystemRules
    measurements: list[str]  # members of the implementation's description
    endpoints: Endpoints


class InferenceRules(Strict):
    """All that a round fixes."""

    name: str
    models: dict[str, ModelRules]
    package: InferencePackage


@cache
def inference_rules(round_name: str) -> InferenceRules:
    """Return what a round of MLPerf Inference fixes; UsageError for a mistake in its files."""
    models = read(round_name, "models.yaml", dict[str, ModelRules])
    return InferenceRules(name=round_name, models=models, package=read(round_name, "package.yaml", InferencePackage))
