"""What an MLPerf Training or HPC round fixes about a whole submission: run counts, reference points, systems.

`package.yaml` of a round's folder says only what differs from the round it extends; mappings in it are merged member
by member. Reference convergence points are `rcp/<benchmark>.json`, found in the round or the nearest one it extends.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

import msgspec
from pydantic import Field

from rules.errors import UsageError
from rules.round import Strict, kept
from rules.ruleset import RuleSet, load

FAMILIES = ("mlperf-training", "mlperf-hpc")  # whose rounds are judged by what stands here


class TrainingTool(Strict):
    """The official checker whose verdict is the official one, and what it calls this round."""

    name: str
    version: str
    usage: Literal["training", "hpc"]
    ruleset: str


class TrainingSystemRules(Strict):
    """What the official system-description check asks for."""

    members: list[str]
    statuses: list[str]  # empty: any
    texts: list[str]  # members it joins into a table line: anything but text stops it


class Power(Strict):
    """What the rules ask of power measurements."""

    samples_at_least: int  # readings of a run
    every_s: float  # seconds between readings
    mean_s: float  # on average while the run is timed, for meters that take a little longer
    stamp_s: float  # how much farther apart two readings may be stamped: clocks that count whole seconds


class Repository(Strict):
    """What the official repository check asks for."""

    file_bytes: int


class Reviewed(Strict):
    """What integrity checks go by, beyond what the official tool looks at."""

    cadence: dict[str, int]  # training samples between evaluations, before rounding up to whole batches
    backwards_s: float  # how far a clock may go back and still be skew between ranks
    spread: float  # most a run's throughput may be of the median of its result
    superlinear: float  # most a throughput per accelerator may be of the same submitter's smaller systems
    twins: list[str]  # members of a description in which a system that is listed again to add power does not differ
    placeholders: dict[str, list[str]]  # key -> what its value holds in logs of reference code that nobody filled in
    peak_flops: dict[str, float]  # word of an accelerator's model name -> operations a second
    sample_flop: dict[str, float]  # benchmark -> operations that a training sample needs at least


class Bound(Strict):
    """Bound of one metric, inclusive."""

    at_least: float | None = None
    at_most: float | None = None

    def met(self, value: Any) -> bool:
        """Say whether `value` keeps the bound; TypeError where it is no number."""
        below = self.at_most is None or value <= self.at_most
        return bool(below and (self.at_least is None or value >= self.at_least))


class TrainingPackage(Strict):
    """`package.yaml`, resolved."""

    tool: TrainingTool
    scaling: list[str]  # folders between system and benchmark, e.g. strong and weak; empty: none
    benchmarks: list[str]  # folder names the official package checker looks into; it passes over others
    references: list[str]  # those with reference convergence points
    runs: dict[str, int]  # result files a benchmark needs
    tolerated: dict[str, int]  # failing runs allowed and scores trimmed at each end; `default` for the rest
    counted_in_samples: list[str]  # benchmarks whose convergence is metadata.samples_count; the rest: epoch_num,
    # but step_num where several metrics count
    several_metrics: dict[str, dict[str, Bound]]  # benchmark -> metric -> bound, all of which a run keeps in the end
    columns: dict[str, str]  # folder's benchmark -> column of the result table, where they differ
    leniency: dict[str, int]  # taken off the least acceptable mean
    significance: float = Field(gt=0, lt=0.5)
    system: TrainingSystemRules
    power: Power
    repository: Repository
    reviewed: Reviewed

    def trimmed(self, benchmark: str) -> int:
        """Return how many runs olympic scoring leaves out at each end."""
        return self.tolerated.get(benchmark, self.tolerated["default"])


class Point(msgspec.Struct, frozen=True):
    """Reference runs at one batch size: where each converged, in epochs or samples."""

    batch_size: int
    converged_at: tuple[int | float, ...]


class References(msgspec.Struct, frozen=True):
    """All reference points of one benchmark, in the order of their source."""

    source: str
    benchmark: str
    points: tuple[Point, ...]


package_rules = kept("package.yaml", TrainingPackage)


@cache
def references(round_name: str, benchmark: str) -> References | None:
    """Return the reference points of a benchmark; None where the round has none."""
    ruleset: RuleSet = load(round_name)
    if benchmark not in package_rules(round_name).references:
        return None
    path = ruleset.data("rcp", f"{benchmark}.json")
    if path is None:
        raise UsageError(
            f"{round_name}: rcp/{benchmark}.json is missing", fix="give the reference points, or unlist them"
        )
    return msgspec.json.decode(path.read_bytes(), type=References)
