"""Where the files of each LoadGen run stand in a submission, and what a run in performance mode measured."""

from __future__ import annotations

from checker.core.tree import RefusedError, Tree
from checker.families.assay.inference.compliance import PerformanceTest
from checker.families.assay.inference.latencies import read_latencies
from checker.loadgen.detail_log import read_detail

ANSWERS = "mlperf_log_accuracy.json"


def loadgen_folder(results: str, ours: str, run: str) -> str:
    """Return the folder of a run's LoadGen logs; `results` and `ours` are the scenario's in `results/` and `assay/`."""
    if run == "seeds":
        return f"{ours}/seeds"
    if run == "accuracy":
        return f"{results}/accuracy"
    return f"{results}/performance/run_1" if run == "performance" else f"{results}/{run}/performance/run_1"


def answers_path(results: str, ours: str, run: str) -> str:
    """Return the accuracy log of a run that has one: the accuracy run's is the whole one."""
    return f"{ours}/accuracy/{ANSWERS}" if run == "accuracy" else f"{results}/{run}/accuracy/{ANSWERS}"


def measured(tree: Tree, results: str, ours: str, scenario: str, run: str, tokens: bool) -> PerformanceTest:
    """Read what a run in performance mode measured; RefusedError where its logs are not to be had."""
    log = read_detail(tree, f"{loadgen_folder(results, ours, run)}/mlperf_log_detail.txt")
    if log.refused is not None:
        raise RefusedError(log.refused)
    return PerformanceTest(scenario, log.values, tokens, read_latencies(tree, f"{ours}/{run}/latencies.bin"))
