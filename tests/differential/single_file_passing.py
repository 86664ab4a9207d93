"""Submissions that the single-file checker of MLPerf Inference passes: those of `inference_passing`, completed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rules.inference import inference_rules
from rules.single_file import single_file_models
from tests.differential import inference_passing
from tests.differential.inference_passing import accuracy_text, compliance, line, write

EQUAL_ISSUE = "effective_sample_concatenate_permutation"


def submission(root: Path, round_name: str, model: str = "resnet", kind: str = "edge", **more: Any) -> Path:
    """Make a submission of one system and benchmark below `root`; return the submitter's folder."""
    base = inference_passing.submission(root, round_name, model, kind, **more)
    rules, of = inference_rules(round_name), single_file_models(round_name)[model]
    folder = more.get("folder") or model
    write(base / "calibration.md", "calibrated\n")
    write(base / "code" / folder / "README.md", "code\n")
    for described in base.glob("measurements/*/*/*/*.json"):
        scenario = described.parent.name
        tests = base / "compliance" / described.parent.relative_to(base / "measurements")
        for test in of.tests if more.get("division") != "open" else ():
            if not (tests / test).is_dir():
                compliance(tests / test, test, rules, of, scenario)
        if (tests / "TEST01").is_dir():
            write(tests / "TEST01/accuracy/accuracy.txt", accuracy_text(of, scenario))
            write(tests / "TEST01/accuracy/mlperf_log_accuracy.json", "[]\n")
    for log in base.rglob("mlperf_log_detail.txt"):
        log.write_text(log.read_text() + line(EQUAL_ISSUE, True))
    return base


def change(log: Path, key: str, value: Any) -> None:
    """Give a key's lines another value, or with `...` take them out."""
    lines = []
    for text in log.read_text().splitlines(keepends=True):
        record = json.loads(text.partition(" ")[2])
        if record["key"] != key:
            lines.append(text)
        elif value is not ...:
            lines.append(f":::MLLOG {json.dumps({**record, 'value': value})}\n")
    log.write_text("".join(lines))
