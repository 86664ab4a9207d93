"""The log holds :::MLLOG lines that MLCommons' own parser accepts, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from mlperf_logging.compliance_checker import mlp_parser

PROGRAM = """
import os
from suite.harness.log import Log
log = Log()
print("the framework says hello")
os.system("echo and so does C")
log.start("run_start")
log.event("eval_accuracy", 0.9, epoch_num=1.0)
log.stop("run_stop", status="success")
for step in range(1000):
    log.progress("train", step + 1, 1000)
"""


def written() -> subprocess.CompletedProcess[str]:
    # The caller's file must lie in the source tree for the log to name it.
    code = compile(PROGRAM, "x", "exec")
    assert code
    program = f"exec(compile({PROGRAM!r}, {str(Path('suite/harness/train.py').resolve())!r}, 'exec'))"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)


def test_mlcommons_parser_accepts_every_line(tmp_path: Path) -> None:
    log = tmp_path / "result_0.txt"
    log.write_text(written().stdout)
    records, errors = mlp_parser.parse_file(str(log), ruleset="5.1.0")
    assert not errors
    assert [record.key for record in records] == ["run_start", "eval_accuracy", "run_stop"]


def test_what_a_framework_prints_goes_to_standard_error() -> None:
    done = written()
    assert all(line.startswith(":::MLLOG ") for line in done.stdout.splitlines())
    assert "the framework says hello" in done.stderr
    assert "and so does C" in done.stderr


def test_progress_is_at_most_a_few_lines_a_second_and_ends_at_the_last_step() -> None:
    lines = [line for line in written().stderr.splitlines() if line.startswith(":::ASSAY ")]
    assert len(lines) <= 3
    assert '"step": 1000, "steps": 1000' in lines[-1]
