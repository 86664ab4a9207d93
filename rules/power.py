"""What a round of MLPerf Inference fixes about power measurements: what the official power checker accepts, as data."""

from __future__ import annotations

from rules.round import Strict, kept


class PowerRules(Strict):
    """`power.yaml` of a round."""

    source: str
    versions: list[str]  # of the PTDaemon
    meters: dict[str, int]  # model as the daemon names it -> its device number
    multichannel: int  # the device number that needs two channels
    sources: list[dict[str, str]]  # SHA-1 of every file of each accepted release of the client and server
    tolerated_ranging: list[str]  # how errors begin that are usual while ranging
    tolerated_testing: list[str]  # errors accepted while testing
    clock_tolerance_s: float  # between client's and server's time of a phase
    load_margin_s: float  # after the load's begin and before its end, where the official checker takes warnings lightly
    sample_gap_s: float  # the longest time without a sample during the load
    margin_s: float  # the same, as it is meant
    shorter_at_most: float  # by which share of ranging the testing run may be shorter without a warning
    lower_at_most_percent: float  # by which testing's mean power may lie below ranging's


power_rules = kept("power.yaml", PowerRules)
