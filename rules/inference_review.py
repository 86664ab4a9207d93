"""What integrity checks on a round of MLPerf Inference go by, beyond what the official checker looks at."""

from __future__ import annotations

from pydantic import Field

from rules.round import Strict, kept
from rules.scenarios import Scenario


class Drift(Strict):
    """A number that the official checker's tables and the rules document give differently."""

    model: str
    what: str  # accuracy metric, or a measured quantity in words
    scenario: Scenario | None = None  # None: all
    key: str | None = None  # of the performance log, where it measures this
    table: float
    rules: float
    unit: str = ""
    at_least: bool = False  # more is better
    clause: str


class SourceDifference(Strict):
    """What the official checker's tables and the rules document say differently, where no number is compared."""

    model: str
    table: str
    rules: str
    clause: str


class TestSettings(Strict):
    """What LoadGen is told in a compliance test, and what a log then says."""

    settings: dict[str, bool | int]  # key of the log -> value
    positive: list[str] = Field(default_factory=list)  # keys whose value is above zero
    timed: bool = False  # it compares speeds, so its run must be valid; others ask few samples, in no least time


class EndpointReview(Strict):
    """What the rules on endpoints go by."""

    stated: list[str]  # places of result_summary.json that hold a number in every run
    accuracy_stated: list[str]  # members of a data set's accuracy results
    load: dict[Scenario, str]  # scenario -> type of its load pattern
    empty_answers: float  # share of an accuracy run's answers that may be empty
    untimed: float  # share of answers that may have no time per output token, for they are one piece
    token_slack: float  # by which share lengths by the tokenizer and by the pieces sent may differ
    lengths: list[str]  # accuracy metrics that are lengths, not scores
    mean_length: str  # of them, the mean number of tokens
    same_weights: dict[str, str]  # model -> the model whose weights it has


class ReviewRules(Strict):
    """`review.yaml`, resolved."""

    loadgen_at_least: str  # version of LoadGen, major.minor
    unknown: list[str]  # texts by which a tool says that it does not know, in small letters
    untransformed: list[str]  # what a description says of weights that are the reference's, in small letters
    unset_seed: int  # of a LoadGen that did not read its settings
    targets: list[str]  # how names of a model end that has several targets of accuracy
    percentile: dict[Scenario, float]  # of the latency that is measured, at least
    slack: float  # by which share two statements of one log may differ
    tokens_slack: float  # by which share tokens per sample may differ between performance and accuracy run
    other_lengths: list[str]  # models whose two runs may generate up to different lengths
    told: dict[str, TestSettings]
    test_slack: float  # share by which a test's score may differ from the result's
    test_slack_fast: float  # the same, where latencies are so short that the machine's noise counts
    fast_ns: dict[Scenario, int]  # and below which that is
    file_bytes: int
    top_folders: list[str]  # at the top of a submission, beside code, measurements and compliance tests
    top_files: list[str]  # how names of files begin there, in small letters
    run_files: list[str]  # in the folder of a performance or an accuracy run
    units: dict[str, dict[Scenario, str]] = Field(
        default_factory=dict
    )  # model -> scenario -> instead of the usual unit
    placeholders: list[str]  # texts that stand where a description should, in small letters
    drift: dict[str, Drift] = Field(default_factory=dict)
    differences: dict[str, SourceDifference] = Field(default_factory=dict)
    backward_ms: float  # by which a log's time may fall from one line to the next
    fabrics: list[str]  # permitted in the network division, in small letters
    machine_members: list[str]  # of a description, which two of one machine give alike
    endpoints: EndpointReview
    power_members: list[str]  # of the description of a system whose power was measured


review_rules = kept("review.yaml", ReviewRules)
