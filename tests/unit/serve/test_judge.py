"""How a container of inference ended, read from what it left; what it left is not trusted."""

from __future__ import annotations

import json
import math

import pytest

from checker.families.assay.inference.rules.outputs import relative_difference
from rules.documents import Container
from rules.errors import UsageError
from rules.serving import serving_rules
from rules.serving_documents import Probe, ServingOutcome
from suite.engines.base import Ended
from suite.harness.job import JobError, load
from suite.inference.context import judge
from suite.inference.reference_check import reference_outputs
from suite.inference.search import never_valid
from suite.inference.tree import accuracy
from suite.result.job import Finished, RunWatch
from suite.result.staging import sha256
from suite.serve.job import described
from tests.integration.serving.toys import toy, toy_job

CONTAINER = Container(
    engine="x", cpuset="0", memory_bytes=1, pids=1, network="none", read_only=True, user="1", cap_drop=[],
    security_opt=[],
)  # fmt: skip
STACK = """Thread 0x00007f (most recent call first):
  File "/io/job/source/suite/serve/guard.py", line 100 in _look

Thread 0x00007e (most recent call first):
  File "/opt/venv/lib/x.py", line 7 in run
  File "/io/job/source/suite/workloads/toy/serve/toy.py", line 14 in infer
"""


def finished(status: int | None = 0, words: tuple[str, ...] = (), **files: bytes) -> Finished:
    ended = Ended(status=status, out_of_memory=False, timed_out=False, memory=None)
    named = {name.replace("_", "."): content for name, content in files.items()}
    return Finished(ended, RunWatch(None, words=list(words)), named, CONTAINER)


def test_a_run_that_ended_well_left_a_result():
    assert judge(finished(result_json=b'{"run_s": 1}'), 60) == (ServingOutcome.SUCCESS, "")
    assert judge(finished(), 60)[0] is ServingOutcome.CRASHED


def test_a_failure_is_what_the_harness_said():
    said = json.dumps({"outcome": "answered-twice", "explanation": "2 answers"}).encode()
    assert judge(finished(4, failure_json=said), 60) == (ServingOutcome.ANSWERED_TWICE, "2 answers")


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"7", b"{}", b'{"outcome": "fine", "explanation": ""}', b'{"outcome": {}, "explanation": ""}'],
)
def test_a_failure_that_cannot_be_read_is_a_crash_with_the_last_words(content):
    ended, why = judge(finished(4, ("oh no",), failure_json=content), 60)
    assert (ended, why) == (ServingOutcome.CRASHED, "the harness ended with exit code 4: oh no")


def test_control_characters_of_a_system_under_test_reach_no_terminal():
    said = json.dumps({"outcome": "crashed", "explanation": "\x1b[2J gone"}).encode()
    assert "\x1b" not in judge(finished(4, failure_json=said), 60)[1]
    assert "\x1b" not in judge(finished(1, hang_txt=STACK.replace("infer", "\x1b[2J").encode()), 60)[1]


def test_a_hang_is_told_with_its_place_in_the_workload():
    ended, why = judge(finished(1, hang_txt=STACK.encode()), 60)
    assert ended is ServingOutcome.HUNG
    assert why.endswith("it stood in infer (suite/workloads/toy/serve/toy.py:14)")
    assert judge(finished(1, hang_txt=b"\xff\xfe"), 60)[0] is ServingOutcome.HUNG


def test_outputs_are_compared_by_the_largest_of_the_reference():
    assert relative_difference([1.0, 2.0], [1.0, 4.0]) == 0.5
    assert relative_difference([0.0], [0.0]) == 0.0
    assert relative_difference([1.0], [1.0, 2.0]) == math.inf


def test_the_reference_is_the_file_that_the_rules_name():
    rules = serving_rules("assay-inference/1.0", "image-classification")
    outputs = reference_outputs("assay-inference/1.0", rules)
    assert len(outputs) == len(rules.outputs.samples)
    other = rules.model_copy(update={"outputs": rules.outputs.model_copy(update={"reference_sha256": "0" * 64})})
    with pytest.raises(UsageError, match="SHA-256"):
        reference_outputs("assay-inference/1.0", other)


def test_accuracy_is_written_in_the_fields_words_where_it_has_some():
    text = accuracy({"top-1 accuracy": 0.9067}, b"log")
    assert text == f"accuracy=90.670%\ntop-1 accuracy=0.9067\nhash={sha256(b'log')}\n"
    assert accuracy({"lee_pearson": 0.65}, b"").startswith("lee_pearson=0.65\nhash=")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mode": "train"}, "unknown mode"),
        ({"scenario": "Server2"}, "unknown scenario 'Server2'"),
        ({"sut": {"threads": 0, "batch": 1, "precision": "float32", "workers": 1}}, "whole numbers from 1"),
        ({"sut": {"threads": 1}}, "missing 3 required"),
        ({"sut": None}, "must be a mapping"),
        ({"tokens": "yes"}, "tokens must be bool"),
        ({"surprise": 1}, "unexpected keyword"),
        ({"data": []}, "data must be dict"),
    ],
)
def test_a_job_that_is_not_as_described_is_refused(tmp_path, change, words):
    (tmp_path / "job.json").write_text(json.dumps(toy_job(toy()) | change))
    with pytest.raises(JobError, match=words):
        load(tmp_path, described)


def test_a_job_as_the_host_writes_it_is_read(tmp_path):
    (tmp_path / "job.json").write_text(json.dumps(toy_job(toy())))
    job = load(tmp_path, described)
    assert (job.scenario, job.sut.batch, job.out) == ("SingleStream", 4, tmp_path / "out")


@pytest.mark.parametrize("outcome", ["success", "invalid", "off-pace"])
def test_a_failure_cannot_call_itself_what_is_none(outcome):
    said = json.dumps({"outcome": outcome, "explanation": "all is well"}).encode()
    assert judge(finished(4, failure_json=said), 60)[0] is ServingOutcome.CRASHED
    assert judge(finished(4, failure_json=b"[" * 100_000), 60)[0] is ServingOutcome.CRASHED


def probe(rate: float, valid: bool) -> Probe:
    none = dict.fromkeys(("queries", "mean_ns", "p99_ns", "throughput"))
    return Probe(scenario="Server", rate=rate, valid=valid, seconds=1.0, **none)


def test_server_is_given_up_where_no_probe_of_it_was_valid():
    assert never_valid("Server", [probe(20, False), probe(10, False), probe(10, False)]) == (
        "no rate from 20 down to 10 a second was valid"
    )
    assert not never_valid("Server", [probe(20, False), probe(10, False), probe(10, True)])
    assert not never_valid("Server", [probe(20, False), probe(20, False), probe(10, False)])  # no time for two
    assert not never_valid("Server", [])
    assert not never_valid("Interactive", [probe(20, False)])
    assert not never_valid("Offline", [])
