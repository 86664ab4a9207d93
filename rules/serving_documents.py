"""The documents of an inference submission that are ours; MLPerf's own files beside them stay as the field has them."""

from __future__ import annotations

import enum
from typing import Annotated, Literal

from pydantic import Field

from rules.documents import (
    Count,
    Document,
    FileDigest,
    ImageIdentity,
    Name,
    Record,
    Seconds,
    Sha256,
    SystemDescription,
)
from rules.scenarios import Scenario

Number = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
# What one LoadGen run is for: the two that make a result, and those that test it. `seeds` takes an alternate seed set.
RunName = Literal["performance", "accuracy", "TEST01", "TEST04", "TEST06", "seeds"]


class ServingOutcome(enum.StrEnum):
    """How a LoadGen run ended. Only `success` gives LoadGen's files; whether they make a valid result, the log says."""

    SUCCESS = "success"
    CRASHED = "crashed"
    HUNG = "hung"  # no answer within the workload's limit
    ANSWERED_TWICE = "answered-twice"
    UNANSWERED = "unanswered"  # a sample that would never have got its answer
    WRONG_SIZE = "wrong-size"
    INVALID = "invalid"  # LoadGen itself says that the run is not a valid one
    OFF_PACE = "off-pace"  # a test failed by nothing but how fast its run was beside the performance run
    OUT_OF_MEMORY = "out-of-memory"
    DISK_FULL = "disk-full"
    ENGINE_LOST = "engine-lost"
    TIMEOUT = "timeout"
    INTERRUPTED = "interrupted"


# After these a compliance run is made again, as often as the round allows (INVALID: in results of earlier versions).
REPEATED = (ServingOutcome.INVALID, ServingOutcome.OFF_PACE)


class ServingSystem(SystemDescription):
    """`systems/<system>.json` as MLPerf Inference wants it: fields that Training has not, and no number 0.

    MLCommons' checker takes a number 0 for an empty field, so that a system without accelerators has the text "0".
    """

    system_type: Literal["datacenter", "edge", "datacenter,edge", "edge,datacenter"]
    system_type_detail: str
    host_network_card_count: str
    accelerators_per_node: str  # type: ignore[assignment]  # the text of a number


class ServingAttempt(Document):
    """An earlier start of the same run that gave no result, and why."""

    outcome: ServingOutcome
    explanation: str


class SutParameters(Document):
    """The declared parameters of the system under test."""

    threads: Annotated[int, Field(ge=1)]
    batch: Annotated[int, Field(ge=1)]
    precision: Name
    workers: Annotated[int, Field(ge=1)]


class ServingRecord(Record):
    """Provenance of one LoadGen run; `assay/<system>/<workload>/<Scenario>/<run>/record.json`.

    Its log is the container's standard output, `log.txt` beside it.
    """

    schema_: Literal["assay/serving-record/1"] = Field(alias="schema")
    scenario: Scenario
    run: RunName
    outcome: ServingOutcome
    earlier_attempts: list[ServingAttempt]
    files: list[FileDigest]  # what LoadGen wrote, and latencies.bin, where they stand in the tree
    image: ImageIdentity
    sut: SutParameters
    loadgen: str  # version
    user_conf: str  # as LoadGen read it
    audit_config: str | None
    load_s: Seconds
    warm_up_s: Seconds
    loading_s: Seconds | None  # of the samples, by LoadGen's clock; performance mode only

    @property
    def threads(self) -> int:
        """Declared number of compute threads."""
        return self.sut.threads


class OutputsCertificate(Document):
    """What this framework gave for the rule set's few samples before anything was timed; `outputs.json`.

    The checker compares them with the rule set's own float64 outputs.
    """

    schema_: Literal["assay/outputs/1"] = Field(alias="schema")
    ruleset: str
    workload: Name
    framework: Name
    precision: Name
    source_sha256: Sha256
    data: dict[str, Sha256]
    samples: list[Count]
    outputs: list[list[Number]]  # one flat row per sample


class Probe(Document):
    """One short LoadGen test at an expected rate, or a performance run that was not valid.

    `valid`: LoadGen says so; of a short test of Server, that no more queries were late than a valid run may have.
    """

    scenario: Scenario
    rate: Positive  # queries a second; Offline: samples
    valid: bool
    seconds: Seconds
    queries: Count | None
    mean_ns: Number | None
    p99_ns: Number | None
    throughput: Number | None  # Offline: samples a second


class SearchRecord(Document):
    """How expected rates, and Server's highest valid rate, were found; `assay/<system>/<workload>/search.json`."""

    schema_: Literal["assay/search/1"] = Field(alias="schema")
    ruleset: str
    workload: Name
    framework: Name
    source_sha256: Sha256
    sut: SutParameters
    probes: list[Probe]  # in the order in which they were made
    rates: dict[Scenario, Positive]  # what was found
    left_out: dict[Scenario, str] = Field(default_factory=dict)  # asked for beside others, and not measured: why
