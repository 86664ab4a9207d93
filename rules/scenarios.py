"""The scenarios that LoadGen measures, one record each: LoadGen's name, its keys, and the kind of measurement.

Sources: LoadGen's `test_settings.h` (scenarios), `results.cc` (keys of the detail log) and `user.conf` (keys of
settings); the Inference rules, sections 3 (scenarios and metrics) and 4.1 (results inferred on edge systems).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal, get_args

Scenario = Literal["SingleStream", "MultiStream", "Server", "Interactive", "Offline"]
# stream: each query once the last is answered; server: as they arrive, within a bound; offline: all in one query
Kind = Literal["stream", "server", "offline", "unknown"]
DURATION = {"min_duration": "effective_min_duration_ms"}


@dataclass(frozen=True)
class LoadGenScenario:
    """What LoadGen does and logs in one scenario."""

    name: str
    kind: Kind
    loadgen: str  # LoadGen's own name of it
    score: str = ""  # key of the score in the detail log
    tokens_score: str | None = None  # the same of a model of tokens
    unit: str = ""  # of the score in MLPerf's result tables
    counted_rate: str | None = None  # key of the rate at which what was asked was counted, the whole run long
    percentile: str | None = None  # of latency, as LoadGen writes it, that the score estimates
    samples_per_query: int = 1  # where it is not set: LoadGen's default
    by_query: bool = False  # LoadGen ranks latencies of queries, not of samples
    inferred_from: tuple[str, ...] = ()  # scenarios whose run may stand for it on an edge system
    settings: Mapping[str, str] = field(default_factory=lambda: MappingProxyType(DURATION))  # user.conf -> detail log

    @property
    def is_latency(self) -> bool:
        """Whether the score is a latency, in ns, and less is better; power is then energy per query."""
        return self.kind == "stream"

    @property
    def is_bounded(self) -> bool:
        """Whether queries arrive at a rate and their latency has a bound."""
        return self.kind == "server"

    @property
    def is_one_query(self) -> bool:
        """Whether all samples are asked at once."""
        return self.kind == "offline"

    @property
    def asks_many(self) -> bool:
        """Whether a query is of several samples."""
        return self.by_query or self.is_one_query

    @property
    def stops_early(self) -> bool:
        """Whether LoadGen's early stopping judges the run."""
        return self.kind in ("stream", "server")

    @property
    def percentile_form(self) -> str:
        """The form of the detail log's keys of the percentiles that LoadGen ranks."""
        return f"result_{{}}_percentile_{'per_query_' if self.by_query else ''}latency_ns"


_SERVER = LoadGenScenario(
    "Server",
    "server",
    "Server",
    score="result_completed_samples_per_sec",
    tokens_score="result_completed_tokens_per_second",
    counted_rate="result_scheduled_samples_per_sec",
    unit="Queries/s",
    settings=MappingProxyType({"target_qps": "effective_target_qps"} | DURATION),
)
_ALL = (
    LoadGenScenario(
        "SingleStream",
        "stream",
        "SingleStream",
        score="early_stopping_latency_ss",
        counted_rate="result_qps_with_loadgen_overhead",
        unit="Latency (ms)",
        percentile="90.00",
    ),
    LoadGenScenario(
        "MultiStream",
        "stream",
        "MultiStream",
        score="early_stopping_latency_ms",
        unit="Latency (ms)",
        percentile="99.00",
        samples_per_query=8,
        by_query=True,
        inferred_from=("SingleStream",),
    ),
    _SERVER,
    replace(_SERVER, name="Interactive"),  # Server with tighter bounds: LoadGen does not know it
    LoadGenScenario(
        "Offline",
        "offline",
        "Offline",
        score="result_samples_per_second",
        tokens_score="result_tokens_per_second",
        counted_rate="result_samples_per_second",
        unit="Samples/s",
        inferred_from=("SingleStream", "MultiStream"),
    ),
)
SCENARIOS: Mapping[str, LoadGenScenario] = MappingProxyType({one.name: one for one in _ALL})
NAMES: tuple[Scenario, ...] = get_args(Scenario)
_LOGGED = {one.name: one for one in _ALL if one.name == one.loadgen}


def scenario_named(name: object) -> LoadGenScenario:
    """Return the scenario that a round calls so; for any other name one of which nothing is known."""
    return _named(SCENARIOS, name)


def logged_scenario(name: object) -> LoadGenScenario:
    """Return the scenario that LoadGen calls so, which has no Interactive; the unknown one for any other name."""
    return _named(_LOGGED, name)


def _named(table: Mapping[str, LoadGenScenario], name: object) -> LoadGenScenario:
    text = name if isinstance(name, str) else ""
    return table.get(text) or LoadGenScenario(text, "unknown", text, settings=MappingProxyType({}))
