"""Our reader beside MLCommons' own: what we accept it accepts, with the same records; what only we refuse is said."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlperf_logging.compliance_checker.mlp_parser import ruleset_100

from checker.core.mllog import read_log
from rules.ruleset import load
from tests.unit.checker.submissions import Built

LIMITS = load("assay/1.0").limits
GOOD = b':::MLLOG {"namespace": "", "time_ms": 1, "event_type": "A", "key": "a", "value": 1, "metadata": {}}\n'
CRASHES = (KeyError, TypeError, OverflowError, RecursionError, AttributeError)


def official(path: Path) -> list[tuple[object, object]] | None:
    """The (key, value) pairs MLCommons' parser reads; None where it refuses a line or crashes."""
    try:
        lines, errors = ruleset_100.parse_file(str(path))
    except CRASHES:
        return None
    return None if errors else [(line.key, line.value) for line in lines]


def ours(path: Path) -> list[tuple[object, object]] | None:
    log = read_log(io.BytesIO(path.read_bytes()), path.name, LIMITS)
    if log.flaws:
        return None
    return [(record.key, {"value": record.value, "metadata": record.metadata}) for record in log.records]


def test_a_valid_log_reads_the_same_in_both(built: Callable[..., Built]) -> None:
    path = built().path("{result}/result_0.txt")
    assert ours(path) is not None
    assert ours(path) == official(path)


scalars = st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(exclude_categories=["Cs"], max_codepoint=126), max_size=12)
members = st.fixed_dictionaries(
    {
        "namespace": texts,
        "time_ms": st.integers(0, 2**53),
        "event_type": st.sampled_from(["INTERVAL_START", "INTERVAL_END", "POINT_IN_TIME"]),
        "key": texts,
        "value": scalars | texts | st.lists(scalars, max_size=3),
        "metadata": st.dictionaries(texts, scalars | texts, max_size=3),
    }
)


@given(st.lists(members, min_size=1, max_size=5))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_record_a_logger_writes_reads_the_same_in_both(tmp_path: Path, records: list[dict[str, object]]) -> None:
    path = tmp_path / "log.txt"
    path.write_text("".join(f":::MLLOG {json.dumps(record)}\n" for record in records))
    token_inside = any(":::MLLOG " in json.dumps(record) for record in records)
    assert ours(path) is not None
    if not token_inside:  # the official parser drops everything up to the last token on a line
        assert ours(path) == official(path)


@given(st.lists(st.one_of(st.just(GOOD), st.binary(max_size=40).map(lambda b: b":::MLLOG " + b + b"\n")), max_size=4))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_are_accepted_by_us_that_mlcommons_refuses(tmp_path: Path, lines: list[bytes]) -> None:
    path = tmp_path / "log.txt"
    path.write_bytes(b"".join(lines))
    if ours(path) is not None:
        assert official(path) is not None


STRICTER = {
    "a line without the token": b"progress 10%\n" + GOOD,
    "text before the token": b"0: " + GOOD,
    "NaN": GOOD.replace(b": 1,", b": NaN,", 2),
    "a member given twice": GOOD.replace(b'"key": "a"', b'"key": "b", "key": "a"'),
    "no namespace": GOOD.replace(b'"namespace": "", ', b""),
    "no event_type": GOOD.replace(b'"event_type": "A", ', b""),
    "latin-1": GOOD.replace(b'"a"', b'"\xe4"'),
    "CR LF": GOOD.replace(b"\n", b"\r\n"),
    "no line end": GOOD.rstrip(b"\n"),
    "a byte-order mark": b"\xef\xbb\xbf" + GOOD,
}


@pytest.mark.parametrize("raw", STRICTER.values(), ids=STRICTER.keys())
def test_what_only_we_refuse(raw: bytes, tmp_path: Path) -> None:
    """The official parser takes these; the rules of the round (§2.1, §2.2) do not."""
    path = tmp_path / "log.txt"
    path.write_bytes(raw)
    assert official(path) is not None
    assert ours(path) is None
