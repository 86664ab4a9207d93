"""What a round of MLPerf Tiny fixes: benchmarks with their targets, what a run must hold, files, systems.

`tiny.yaml` of a round's folder says only what differs from the round it extends. The classes of the accuracy data are
`labels/<name>.csv`, found in the round or the nearest one it extends.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Literal

from pydantic import Field

from rules.errors import UsageError
from rules.round import Strict, kept
from rules.ruleset import load

Runner = Literal["mlc", "eembc"]
Test = Literal["accuracy", "performance", "energy"]


class TinyTool(Strict):
    """The official checker whose verdict is the official one, what it calls this round, and its own size limit."""

    name: str
    commit: str
    version: str
    file_bytes: int


class Benchmark(Strict):
    """One benchmark: its quality target in the closed division and the tests it takes."""

    metric: Literal["top-1", "auc", "counts"]
    at_least: float | None = None  # percent for top-1, a fraction for auc; counts have `wake_words`
    required: list[Test]
    optional: list[Test]
    models: list[str]  # what the device may answer when the runner asks which model it holds
    labels: str | None = None  # labels/<name>.csv; None: the round has none
    streaming: bool = False
    needs: str | None = None  # the smaller benchmark that has to be submitted too


class WakeWords(Strict):
    """How detections in the long recording are counted, and how many may be wrong."""

    spoken: int
    wrong_at_most: int  # false negatives, and false positives
    suppressed_s: float  # after a wake word, in which another detection is part of it
    debounced_s: float  # after a false positive


class RunRules(Strict):
    """What a measurement must hold."""

    windows: int
    window_s: float
    streaming_windows: int
    streaming_s: float


class RunnerFiles(Strict):
    """What a host runner leaves behind, and which benchmarks it cannot run."""

    files: list[str]
    not_for: list[str] = Field(default_factory=list)


class TinyRules(Strict):
    """`tiny.yaml`, resolved."""

    tool: TinyTool
    divisions: list[str]
    statuses: list[str]
    passed_over: list[str]
    benchmarks: dict[str, Benchmark]
    wake_words: WakeWords
    run: RunRules
    runners: dict[Runner, RunnerFiles]
    marker: str  # the file that says the results are of EEMBC's runner
    allowed_runners: list[Runner]
    file_bytes: int
    system_members: list[str]
    board_members: list[str]  # of a description, which two of one board give alike


tiny_rules = kept("tiny.yaml", TinyRules)


@cache
def labels(round_name: str, name: str) -> Mapping[str, int]:
    """Return the class of each file of a benchmark's accuracy data; UsageError where the round lacks them."""
    return {file: int(kind) for file, kind in _rows(round_name, name)}


@cache
def wake_words(round_name: str, name: str) -> tuple[tuple[float, float], ...]:
    """Return when each wake word of the long recording is spoken: start and end, in seconds."""
    return tuple((float(start), float(end)) for start, end in _rows(round_name, name))


def _rows(round_name: str, name: str) -> list[tuple[str, str]]:
    path = load(round_name).data("labels", f"{name}.csv")
    if path is None:
        raise UsageError(f"{round_name}: labels/{name}.csv is missing", fix="give the classes, or name no labels")
    lines = (line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    return [(first, second) for first, _, second in (line.partition(",") for line in lines)]
