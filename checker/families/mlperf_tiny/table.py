"""The official result table of MLPerf Tiny: one row for each result that the checker lists, under its own headings."""

from __future__ import annotations

from typing import Any

from checker.core.findings import InferenceScore
from checker.families.mlperf_tiny.facts import TinyResultFacts
from checker.families.mlperf_tiny.official import SubmitterReview, SystemReview, TinyResultReview

DESCRIBED = {
    "HostProcessorModelName": "Processor(s) Name",
    "HostProcessorFrequency": "Processor(s) Frequencies",
    "HostProcessorMemory": "Processor memory type and capacity",
    "AcceleratorModelName": "Accelerator",
    "AcceleratorFrequency": "Accelerator(s) Frequencies",
    "AcceleratorMemory": "Accelerator memory type and capacity",
    "HardwareNotes": "Hardware Notes",
    "InferenceFramework": "Inference Framework",
    "SoftwareLibraries": "Software Libraries",
    "SoftwareNotes": "Software Notes",
}


def row(review: SubmitterReview, system: SystemReview, judged: TinyResultReview) -> dict[str, Any] | None:
    """Return the official row of a result; None where the checker lists none."""
    if judged.listing != "results":
        return None
    streaming = bool(judged.counts)
    return {
        "Organization": review.submitter.name,
        "Availability": system.status,
        "Division": review.submitter.division,
        "BoardName": system.document.get("Board Name"),
        "SystemDesc": judged.result.system,
        "Model": judged.result.benchmark,
        "MlperfModel": judged.result.benchmark,
        "Result": judged.throughput,
        "ResultUnit": "inf./sec.",
        "Accuracy": judged.accuracy,
        "HasPower": judged.power > 0,
        "Power": judged.power,
        "PowerUnit": "mW" if streaming else "uJ/inf.",
        **{column: system.document.get(member) for column, member in DESCRIBED.items()},
        "FalsePositives": judged.counts.get("fp"),
        "FalseNegatives": judged.counts.get("fn"),
        "DutyCycle": judged.counts.get("duty_cycle"),
    }


def measured(facts: TinyResultFacts) -> InferenceScore:
    """Return what a result measured, as far as its summaries say; streaming, of the energy run where there is one."""
    benchmark, streaming = facts.benchmark, facts.benchmark is not None and facts.benchmark.streaming
    energy, timed = facts.tests.get("energy"), facts.tests.get("performance")
    read = energy if streaming and energy is not None else timed
    said = read.summary if read is not None else None
    metric = said.number("streaming throughput" if streaming else "median throughput") if said is not None else None
    accurate = facts.tests.get("accuracy")
    summary = said if streaming else accurate.summary if accurate is not None else None
    accuracy: dict[str, float] = {}
    if summary is not None and summary.counts is not None:
        accuracy = dict(zip(("hits", "misses", "false alarms"), map(float, summary.counts), strict=True))
    elif summary is not None and benchmark is not None and (value := summary.number(benchmark.metric)) is not None:
        accuracy = {benchmark.metric: value}
    drawn = energy.summary if energy is not None else None
    power = drawn.number("power" if streaming else "median energy") if drawn is not None else None
    unit = "" if power is None else "mW" if streaming else "uJ/inf."
    scenario = "streaming" if streaming else "SingleStream"
    return InferenceScore(scenario, metric, "inf./sec.", accuracy, power, unit)
