"""No submission costs a reviewer more than its share: of time, of memory, of findings."""

from __future__ import annotations

import io
import json
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.core import mllog
from checker.core.mllog import read_log
from checker.core.strict_json import JsonError
from checker.core.tree import Tree
from rules.ruleset import load
from tests.unit.checker.submissions import TOKEN, Built, errors, said

LIMITS = load("assay/1.0").limits


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":[' + b"1," * 7_000_000 + b"1]}",
        b'{"a":[' + b"1," * 900_000 + b"1]}",
        b'{"a":[' + b"1," * 190_000 + b"1]}",
        b'{"receipts":[' + b'"",' * 190_000 + b"1]}",
    ],
    ids=["14 MB", "2 MB", "many values", "many errors"],
)
def test_a_record_of_a_long_list_is_refused_in_little_time_and_memory(body: bytes, built: Callable[..., Built]) -> None:
    submission = built()
    submission.write("{result}/result_1.json", body)
    began = time.process_time()
    tracemalloc.start()
    report = submission.check()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "assay-record" in {f.rule for f in errors(report)}, said(report)
    assert time.process_time() - began < 10  # an eighth of it without tracing
    assert peak < 300 << 20


def line(value: str) -> bytes:
    record = '{"namespace": "", "time_ms": 1, "event_type": "POINT_IN_TIME", "key": "a", "value": %s, "metadata": {}}'
    return (TOKEN + record % value + "\n").encode()


@pytest.mark.parametrize("digits", [18, 19, 20, 29, 30, 31, 400])
@pytest.mark.parametrize("sign", ["", "-"])
def test_an_integer_is_read_alike_however_long(digits: int, sign: str) -> None:
    log = read_log(io.BytesIO(line(sign + "9" * digits)), "log", LIMITS)
    if digits <= 30:
        assert [record.value for record in log.records] == [int(sign + "9" * digits)]
        assert type(log.records[0].value) is int
    else:
        assert log.records == []
        assert [problem.line for problem in log.flaws["log-json"]] == [1]


values: st.SearchStrategy[Any] = st.one_of(
    st.integers(), st.floats(), st.text(), st.booleans(), st.none(), st.lists(st.integers(), max_size=3)
)


@given(
    st.one_of(
        values.map(json.dumps), st.from_regex(r"-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,4})?", fullmatch=True)
    )
)
def test_the_fast_reader_says_what_the_exact_one_says_or_nothing(text: str) -> None:
    body = line(text)[len(TOKEN) : -1]
    fast = mllog._fast(body)
    try:
        exact = mllog._exact(body)
    except JsonError:
        assert fast is None
        return
    assert fast is None or (fast.value == exact.value and type(fast.value) is type(exact.value))


def test_thousands_of_empty_results_are_judged_in_seconds_and_fail(built: Callable[..., Built]) -> None:
    submission = built()
    for number in range(6000):
        submission.path(f"results/box_cpu_{number}/image-classification").mkdir(parents=True)
    began = time.process_time()
    report = submission.check()
    assert time.process_time() - began < 20
    assert len(report.findings) < 10_000
    assert {"assay-bounds"} <= {f.rule for f in errors(report)}


def test_more_runs_than_a_result_may_have_are_not_read(built: Callable[..., Built]) -> None:
    submission = built()
    for run in range(5, 150):
        submission.write(f"{{result}}/result_{run}.txt", b":::MLLOG {}\n")
    report = submission.check()
    assert "assay-bounds" in {f.rule for f in errors(report)}
    assert len([item for item in report.items if item.kind == "log"]) == 100


def test_more_bytes_than_a_submission_may_have_are_not_read(built: Callable[..., Built]) -> None:
    submission = built()
    for number in range(6):
        with submission.path(f"{{source}}/suite/blob{number}").open("wb") as file:
            file.truncate(LIMITS.file_bytes)  # sparse
    began = time.process_time()
    tree = Tree(submission.root, LIMITS)
    report = submission.check("results")
    assert tree.entries
    assert str(tree.truncated).startswith("more than 8,589,934,592 bytes")
    assert "assay-bounds" in {f.rule for f in errors(report)}
    assert time.process_time() - began < 5


def test_a_manifest_cannot_have_other_files_read(built: Callable[..., Built]) -> None:
    submission = built()
    submission.write("results/other.bin", b"x")
    body = json.loads(submission.path("{result}/manifest.json").read_bytes())
    body["files"].append({"path": "results/other.bin", "sha256": "0" * 64})
    submission.write("{result}/manifest.json", json.dumps(body, indent=2))
    found = [f for f in errors(submission.check()) if f.rule == "assay-manifest-digests"]
    assert [f.found for f in found] == ["results/other.bin"]


def test_a_file_is_hashed_once_whoever_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"content")
    tree = Tree(tmp_path, LIMITS)
    first = tree.sha256("file")
    monkeypatch.setattr("hashlib.file_digest", None)
    assert tree.sha256("file") == first


def test_step_times_whose_sum_is_beyond_a_float_are_a_finding(built: Callable[..., Built]) -> None:
    submission = built()
    body = json.loads(submission.path("{result}/result_1.json").read_bytes())
    seconds = body["steps"]["seconds"]
    submission.edit_json("{result}/result_1.json", {"steps.seconds": [1e308] * len(seconds)})
    submission.seal()
    report = submission.check()
    assert report.exit_code == 1
    assert "assay-step-times" in {f.rule for f in errors(report)}, said(report)
