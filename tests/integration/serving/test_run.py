"""`assay run … --scenario` as a user meets it: a submission that the field's checker reads; stops and resumes."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rules.errors import JudgedError
from rules.serving import serving_rules
from rules.serving_documents import ServingRecord
from suite.engines.docker.engine import DockerEngine
from suite.engines.docker.labels import LABEL, busy
from suite.images.matrix import cell
from suite.inference.context import InferenceContext
from suite.inference.procedure import Inference
from suite.inference.run import execute
from suite.inference.staging import InferenceWork
from suite.inference.tree import complete
from suite.inputs import source
from suite.result import machine, produce
from suite.result.job import job_files
from suite.result.machine import Personal
from suite.result.request import Request
from suite.targets.data import NOTHING, ExecutionMode
from tests.integration.serving.toys import RULESET

pytestmark = [pytest.mark.engine, pytest.mark.image, pytest.mark.machine]

OFFICIAL = Path(__file__).parents[4] / "oracle/inference-b66003e1/tools/submission"
SHORT = ("--set", "min_duration_ms=300", "--set", "min_query_count=64")
WORKLOAD = "image-classification"


def command(output: Path, *more: str, scenario: str = "SingleStream") -> list[str]:
    words = ["run", WORKLOAD, "--framework", "onnxruntime", "--division", "open", "--submitter", "tests", "--wait"]
    return [sys.executable, "-m", "suite.cli", *words, "--scenario", scenario, "--output", str(output), *SHORT, *more]


def assay(output: Path, *more: str, scenario: str = "SingleStream") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(output, *more, scenario=scenario), capture_output=True, text=True, timeout=900, check=False
    )


@pytest.fixture(autouse=True)
def idle(client):
    """Wait for the engine: two measured runs at a time are refused."""
    deadline = time.monotonic() + 300
    while busy(client):
        if time.monotonic() > deadline:
            pytest.skip("the engine is busy with another run")
        time.sleep(1)


def wait_until(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.1)


def records(output: Path) -> dict[str, ServingRecord]:
    found = {}
    for path in output.glob("inference/*/*/assay/*/*/*/*/record.json"):
        found["/".join(path.parts[-3:-1])] = ServingRecord.model_validate_json(path.read_bytes())
    return found


def running(client) -> list[object]:
    return client.api.containers(all=True, filters={"label": f"{LABEL}=run"})


def test_one_scenario_gives_a_submission_that_passes_its_check(serving_image, tmp_path):
    done = assay(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(records(tmp_path)) == {"SingleStream/performance", "SingleStream/accuracy"}
    assert "outputs differ from the reference by" in done.stderr
    [accuracy] = tmp_path.glob("inference/open/tests/results/*/*/SingleStream/accuracy/accuracy.txt")
    assert re.match(r"accuracy=90\.6\d+%\n", accuracy.read_text())
    again = assay(tmp_path)
    assert (again.returncode, "checking it again" in again.stderr) == (0, True)
    other = assay(tmp_path, "--set", "batch=2")
    assert (other.returncode, "measured with other sut" in other.stderr) == (2, True)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, pytest.param(signal.SIGHUP, marks=pytest.mark.long)])
def test_a_stopped_run_leaves_no_container_and_goes_on(client, serving_image, tmp_path, number):
    runner = subprocess.Popen(command(tmp_path), stderr=subprocess.PIPE, text=True)
    wait_until(lambda: list(tmp_path.glob(".work/**/started_SingleStream-performance")))
    wait_until(lambda: running(client))
    runner.send_signal(number)
    said = runner.communicate(timeout=60)[1]
    wait_until(lambda: not running(client))
    assert runner.returncode == (-9 if number == signal.SIGKILL else 130)
    if number != signal.SIGKILL:
        assert "0 of 2 LoadGen runs are kept" in said
    assert not list(tmp_path.glob("inference/*/*/results/*/*"))
    refused = assay(tmp_path)
    assert (refused.returncode, "add --resume" in refused.stderr) == (2, True)
    done = assay(tmp_path, "--resume")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "search …" not in done.stderr
    attempts = records(tmp_path)["SingleStream/performance"].earlier_attempts
    assert [attempt.outcome.value for attempt in attempts][:1] == ["interrupted"]


def test_a_framework_that_gives_other_outputs_is_refused_before_anything_is_timed(client, serving_image, tmp_path):
    name = f"suite/workloads/{WORKLOAD.replace('-', '_')}/serve/onnxruntime.py"
    code = source.serving_files(WORKLOAD)
    code[name] = code[name].replace(b"EPSILON = 1e-5", b"EPSILON = 1e-3")
    bench, _ = bench_of(client, tmp_path, code, {})
    with bench.work.held():
        bench.work.begin(resume=False)
        with pytest.raises(JudgedError, match="this is a different model"):
            execute(bench)
    assert bench.work.outputs() is None
    assert bench.work.search() is None


def bench_of(
    client, output: Path, code: dict[str, bytes], plan: dict[str, object]
) -> tuple[InferenceContext, dict[str, bytes]]:
    """Return what `assay run` would run in all scenarios, shortened, with `code` for source and `plan` put in.

    Beside it the files that results share.
    """
    request = Request(
        workload=WORKLOAD, framework="onnxruntime", target="cpu", division="open", submitter="tests", runs=None,
        settings=[word for word in SHORT if word != "--set"], threads=None, memory_mib=None, data=None,
        system_file=None, output=output, resume=False, discard=False, replace=False, scenario="all",
    )  # fmt: skip
    inference = Inference(request)
    chosen = cell("onnxruntime", "cpu", suite="inference")
    there = DockerEngine(client).environment(chosen, ExecutionMode(NOTHING, ""))
    common = produce._common(inference, "onnxruntime", there, source.digests(code))
    made = inference.plan(common, there).model_copy(update=plan)
    files = produce._data(inference, lambda *_: None)
    work = InferenceWork(output, made)
    system = inference.described(machine.describe(there, Personal(), made))
    shared = work.shared_files(system.model_copy(update={"division": made.division}), code)
    return InferenceContext(there.runner, work, inference.rules, job_files(code, files), ["assay"]), shared


def test_a_test_that_stays_off_pace_is_made_again_then_once_with_its_performance_run(client, serving_image, tmp_path):
    name = f"suite/workloads/{WORKLOAD.replace('-', '_')}/serve/onnxruntime.py"
    code = source.serving_files(WORKLOAD)
    slow = (
        b"        if '\"test\": \"TEST01\"' in Path('/io/job/job.json').read_text(): __import__('time').sleep(0.002)\n"
    )
    head = b"    def infer(self, batch: Array) -> Array:\n"
    assert head in code[name]
    code[name] = code[name].replace(head, head + slow)
    short = serving_rules(RULESET, WORKLOAD).scenarios["SingleStream"]
    short = short.model_copy(update={"min_duration_ms": 300, "min_query_count": 64})
    closed = {"division": "closed", "tests": ["TEST01"], "scenarios": {"SingleStream": short}}
    bench, _ = bench_of(client, tmp_path, code, closed)
    with bench.work.held():
        bench.work.begin(resume=False)
        execute(bench)
    found = {run: bench.work.record("SingleStream", run) for run in ("performance", "accuracy", "TEST01")}
    tries = {run: [one.outcome.value for one in record.earlier_attempts] for run, record in found.items()}
    assert tries == {"performance": ["off-pace"], "accuracy": ["off-pace"], "TEST01": ["off-pace"] * 5}
    assert "because TEST01 always fails" in found["performance"].earlier_attempts[0].explanation


@pytest.mark.measured
def test_the_fields_own_checker_reads_a_closed_submission_through(client, serving_image, tmp_path):
    if not OFFICIAL.is_dir():
        pytest.skip("MLCommons' checker is not beside this checkout")
    rules = serving_rules(RULESET, WORKLOAD)
    short = {
        name: its.model_copy(update={"min_duration_ms": 300, "min_query_count": 64})
        for name, its in rules.scenarios.items()
        if name != "Interactive"  # the benchmark below has none
    }
    closed = {"division": "closed", "tests": ["TEST01", "TEST04"], "scenarios": short}
    bench, shared = bench_of(client, tmp_path, source.serving_files(WORKLOAD), closed)
    with bench.work.held():
        bench.work.begin(resume=False)
        execute(bench)
        staged = bench.work.stage({})
        complete(bench.work, rules, staged)
        bench.work.publish(staged, shared)
    tree = tmp_path / "official"
    shutil.copytree(tmp_path / "inference", tree)
    [benchmark] = tree.glob(f"closed/tests/results/*/{WORKLOAD}")
    benchmark.rename(benchmark.with_name("resnet"))  # an edge benchmark of round 6 with the same scenarios
    done = subprocess.run(
        [sys.executable, "-m", "submission_checker.main", "--input", tree, "--version", "v6.1", "--csv", tree / "csv"],
        cwd=OFFICIAL, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert "Traceback" not in said
    results = len(short)
    for phase in ("system checks", "measurement checks"):
        assert said.count(f"All {phase} checks passed") == results, said
    # What it objects to is what we chose, short runs and another data set; on a busy machine, a test's performance too.
    allowed = (
        "Test duration less than 600s",
        "run does not cover all dataset, accuracy samples: 10000",
        "Checks failed for",
        "NoResults",
        "submission has errors",
        "ompliance test performance",
    )
    errors = [line for line in said.splitlines() if " ERROR]" in line]
    assert len(errors) > results
    assert [line for line in errors if not any(words in line for words in allowed)] == []


def test_a_search_and_its_probes_are_on_record(serving_image, tmp_path):
    done = assay(tmp_path, scenario="Server")
    assert done.returncode == 0, done.stdout + done.stderr
    [path] = tmp_path.glob("inference/open/tests/assay/*/*/search.json")
    search = json.loads(path.read_bytes())
    page = tmp_path / "inference/open/tests.html"
    assert f"result page: {page}" in done.stderr
    assert "Server: latency, the slow ones" in page.read_text()
    assert {probe["scenario"] for probe in search["probes"]} == {"Offline", "Server"}
    [conf] = tmp_path.glob("inference/open/tests/results/*/*/Server/user.conf")
    assert f"target_qps = {search['rates']['Server']:.6f}"[:20] in conf.read_text()
