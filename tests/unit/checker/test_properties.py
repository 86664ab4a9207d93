"""Laws: no byte of a submission changes unseen, and no bytes whatever make the checker stumble."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel, ValidationError

from checker import check
from checker.core.mllog import read_log
from checker.core.strict_json import JsonError, Lines, depth_of, loads
from rules import schemas
from rules.errors import NothingToCheckError
from rules.ruleset import load
from tests.unit.checker.submissions import Built, errors, said

quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
LIMITS = load("assay/1.0").limits
FILES = [
    "{result}/result_1.txt",
    "{result}/result_1.json",
    "{result}/result_1.safetensors",
    "{result}/manifest.json",
    "{result}/parity.json",
    "{result}/sbom.cdx.json",
    "systems/{system}.json",
    "{source}/suite/harness/train.py",
]


@pytest.fixture
def valid(built: Callable[..., Built]) -> Built:
    return built()


@given(data=st.data())
@quick
def test_no_single_byte_changes_unseen(data: st.DataObject, valid: Built) -> None:
    """A manifest's own white space is the one thing that nothing binds; its meaning is bound by the files."""
    name = data.draw(st.sampled_from(FILES))
    path = valid.path(name)
    whole = path.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda b: b != whole[at]))
    path.write_bytes(whole[:at] + bytes([byte]) + whole[at + 1 :])
    try:
        report = valid.check()
        unchanged = name.endswith("manifest.json") and same_json(whole, path.read_bytes())
        assert report.verdict == ("pass" if unchanged else "fail"), said(report)
    finally:
        path.write_bytes(whole)


@given(data=st.data())
@quick
def test_no_line_of_a_log_or_document_goes_or_doubles_unseen(data: st.DataObject, valid: Built) -> None:
    name = data.draw(st.sampled_from([n for n in FILES if not n.endswith("safetensors")]))
    path = valid.path(name)
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    at = data.draw(st.integers(0, len(lines) - 1))
    times = data.draw(st.sampled_from([0, 2]))
    path.write_bytes(b"".join([*lines[:at], *[lines[at]] * times, *lines[at + 1 :]]))
    try:
        assert valid.check().verdict == "fail"
    finally:
        path.write_bytes(whole)


@given(data=st.data())
@quick
def test_no_line_of_a_log_goes_or_doubles_unseen_even_when_every_digest_is_forged(
    data: st.DataObject, valid: Built
) -> None:
    path, record = valid.path("{result}/result_1.txt"), valid.path("{result}/result_1.json")
    whole, kept = path.read_bytes(), record.read_bytes()
    count = len(whole.splitlines())
    at = data.draw(st.integers(0, count - 1))
    times = data.draw(st.sampled_from([0, 2]))
    valid.edit_log(1, lambda lines: [*lines[:at], *[lines[at]] * times, *lines[at + 1 :]])
    body = json.loads(record.read_bytes())
    body["receipts"] = [*body["receipts"][:at], *[body["receipts"][at]] * times, *body["receipts"][at + 1 :]]
    record.write_text(json.dumps(body, indent=2))
    valid.seal()
    try:
        report = valid.check()
        shown = valid.relative("{result}/result_1.txt")
        assert [f for f in errors(report) if f.path == shown], said(report)
    finally:
        path.write_bytes(whole)
        record.write_bytes(kept)
        valid.seal()


def same_json(one: bytes, other: bytes) -> bool:
    try:
        return bool(loads(one) == loads(other))
    except JsonError:
        return False


hostile_lines = st.one_of(
    st.binary(max_size=80),
    st.binary(max_size=80).map(lambda b: b":::MLLOG " + b),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    ).map(lambda value: b":::MLLOG " + json.dumps(value).encode()),
    st.fixed_dictionaries(
        {
            "namespace": st.text() | st.none(),
            "time_ms": st.integers() | st.floats() | st.text() | st.none(),
            "event_type": st.text() | st.sampled_from(["INTERVAL_START", "INTERVAL_END"]),
            "key": st.sampled_from(
                ["run_start", "run_stop", "eval_accuracy", "block_start", "seed", "global_batch_size"]
            )
            | st.text(),
            "value": st.none() | st.integers() | st.floats() | st.text() | st.lists(st.integers()),
            "metadata": st.dictionaries(
                st.sampled_from(["samples_count", "epoch_num", "status", "first_epoch_num", "epoch_count"]) | st.text(),
                st.none() | st.integers() | st.floats() | st.text() | st.lists(st.none()),
            ),
        }
    ).map(lambda record: b":::MLLOG " + json.dumps(record).encode()),
)


@given(st.lists(hostile_lines, max_size=12), st.sampled_from([b"\n", b"\r\n", b"\r", b"\0"]))
@quick
def test_any_log_whatever_is_judged_and_fails(tmp_path: Path, lines: list[bytes], end: bytes) -> None:
    log = tmp_path / "result_0.txt"
    log.write_bytes(end.join(lines))
    report = check(log)
    assert report.verdict == "fail"
    last = log.read_bytes().count(b"\n") + 1
    assert all(finding.line is None or 1 <= finding.line <= last for finding in report.findings)
    assert all(text.isprintable() for f in report.findings for text in (f.message, f.expected, f.found, f.path))


@given(st.sampled_from([n for n in FILES if n.endswith(".json")]), st.binary(max_size=200) | st.text().map(str.encode))
@quick
def test_any_document_whatever_is_judged_and_fails(valid: Built, name: str, content: bytes) -> None:
    path = valid.path(name)
    whole = path.read_bytes()
    path.write_bytes(content)
    try:
        assert valid.check().verdict == "fail"
    finally:
        path.write_bytes(whole)


@given(data=st.data())
@quick
def test_any_line_put_into_a_log_is_judged_with_its_run(data: st.DataObject, valid: Built) -> None:
    """With every digest forged, so that all rules on runs and results meet the line."""
    path, record = valid.path("{result}/result_1.txt"), valid.path("{result}/result_1.json")
    whole, kept = path.read_bytes(), record.read_bytes()
    at = data.draw(st.integers(0, len(whole.splitlines()) - 1))
    line = data.draw(hostile_lines)
    valid.edit_log(1, lambda lines: [*lines[:at], line + b"\n", *lines[at + 1 :]])
    valid.seal()
    try:
        report = valid.check()
        assert report.verdict == "fail"
        assert any(f.line == at + 1 for f in report.findings if f.path == valid.relative("{result}/result_1.txt"))
    finally:
        path.write_bytes(whole)
        record.write_bytes(kept)
        valid.seal()


KINDS = {"result_1.json": "run-record", "manifest.json": "manifest", "parity.json": "parity-certificate"}
odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.just("0" * 64),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=4), st.integers(), max_size=2),
)


def places(value: Any, place: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value[:3]) if isinstance(value, list) else ()
    return [place, *(found for name, below in inner for found in places(below, (*place, name)))]


@given(data=st.data())
@quick
def test_any_value_anywhere_in_a_document_is_judged_alike_by_schema_and_model(
    data: st.DataObject, valid: Built
) -> None:
    name = data.draw(st.sampled_from(sorted(KINDS)))
    path = valid.path(f"{{result}}/{name}")
    whole = path.read_bytes()
    body = json.loads(whole)
    place = data.draw(st.sampled_from(places(body)[1:]))
    value = data.draw(odd)
    inner = body
    for part in place[:-1]:
        inner = inner[part]
    before, inner[place[-1]] = inner[place[-1]], value
    path.write_text(json.dumps(body, indent=2))
    try:
        report = valid.check()
        assert report.verdict == "fail" or (before == value and type(before) is type(value)), said(report)
        by_schema = Draft202012Validator(schemas.schema(KINDS[name])).is_valid(body)
        by_model = accepted(schemas.MODELS[KINDS[name]], path.read_bytes())
        # JSON Schema takes 1.0 for an integer; the model is stricter, never laxer.
        assert by_schema or not by_model
        assert by_model or not by_schema or isinstance(value, float)
    finally:
        path.write_bytes(whole)


def accepted(model: type[BaseModel], raw: bytes) -> bool:
    try:
        model.model_validate_json(raw)
    except ValidationError:
        return False
    return True


@given(st.binary(max_size=400))
@quick
def test_strict_json_accepts_only_what_json_accepts_with_the_same_value(raw: bytes) -> None:
    try:
        value = loads(raw)
    except JsonError:
        return
    assert json.loads(raw) == value


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(values)
@quick
def test_the_line_of_a_member_is_where_it_stands(value: Any) -> None:
    """In a two-space rendering each scalar has a line of its own, which holds the scalar."""
    raw = json.dumps(value, indent=2).encode()
    lines, where = raw.decode().split("\n"), Lines(raw)

    def walk(inner: Any, place: list[str | int]) -> None:
        if isinstance(inner, dict):
            for name, below in inner.items():
                walk(below, [*place, name])
        elif isinstance(inner, list):
            for position, below in enumerate(inner):
                walk(below, [*place, position])
        else:
            assert json.dumps(inner) in lines[where.line(place) - 1]

    walk(value, [])
    assert depth_of(value) <= 20


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        (b"x" * (3 << 20), "assay-log-line"),
        (b":::MLLOG " + b"x" * (3 << 20), "assay-log-line"),
        (b":::MLLOG " + b"[" * 100_000, "assay-log-json"),
        (b':::MLLOG {"a": ' * 50_000, "assay-log-json"),
        (b':::MLLOG {"key": "\xff"}', "assay-log-json"),
        (b'\xef\xbb\xbf:::MLLOG {"key": "a"}', "assay-log-line"),
        (b':::MLLOG {"key": "a", "key": "b"}', "assay-log-json"),
        (b':::MLLOG {"key": Infinity}', "assay-log-json"),
        (b':::MLLOG {"key": 1e999}', "assay-log-json"),
        (b':::MLLOG {"key": ' + b"9" * 5000 + b"}", "assay-log-json"),
        (b':::MLLOG {"key": "\\ud800"}', "assay-log-json"),
        (b":::MLLOG {}\0", "assay-log-json"),
        (b":::MLLOG {}\r", "assay-log-line"),
        (b":::MLLOG null", "assay-log-json"),
        (b":::MLLOG {}", "assay-log-members"),
        (b"prefix :::MLLOG {}", "assay-log-line"),
    ],
    ids=range(16),
)
def test_a_hostile_line_is_named_with_its_number(tmp_path: Path, line: bytes, rule: str) -> None:
    good = b':::MLLOG {"namespace": "", "time_ms": 1, "event_type": "A", "key": "a", "value": 1, "metadata": {}}\n'
    log = tmp_path / "log.txt"
    log.write_bytes(good * 6 + line + b"\n" + good)
    report = check(log)
    assert (rule, 7) in {(f.rule, f.line) for f in report.findings}, said(report)


class Endless(io.RawIOBase):
    """A file of one line of `size` bytes, made as it is read."""

    def __init__(self, size: int) -> None:
        self.left = size
        self.largest = 0

    def read(self, size: int = -1) -> bytes:
        self.largest = max(self.largest, size)
        given = min(size, self.left)
        self.left -= given
        return b"x" * given


def test_a_line_of_a_gigabyte_is_a_finding_and_not_memory() -> None:
    file = Endless(1 << 30)
    log = read_log(file, "log", LIMITS)  # type: ignore[arg-type]
    assert [p.line for p in log.flaws["log-line"]] == [1]
    assert file.largest <= 1 << 20


@pytest.mark.parametrize(
    "content",
    [b"[" * 100_000, b'{"a":' * 100_000, b'{"a": 1, "a": 2}', b"NaN", b"\xff", b"\xef\xbb\xbf{}", b"", b"9" * 10_000],
    ids=range(8),
)
def test_a_hostile_document_is_a_finding(content: bytes, valid: Built) -> None:
    valid.write("{result}/result_1.json", content)
    valid.seal()
    report = valid.check()
    wrong = {f.rule for f in errors(report)}
    assert len(wrong & {"assay-record", "assay-file-readable"}) == 1, said(report)


def test_an_empty_folder_is_nothing_to_check(tmp_path: Path) -> None:
    with pytest.raises(NothingToCheckError):
        check(tmp_path)
