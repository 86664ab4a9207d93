"""The official result table of MLPerf Tiny: one row for each result that the checker lists, under its own headings."""

from __future__ import annotations

from typing import Any

from checker.tiny.official import ResultReview, SubmitterReview, SystemReview

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


def row(review: SubmitterReview, system: SystemReview, judged: ResultReview) -> dict[str, Any] | None:
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
