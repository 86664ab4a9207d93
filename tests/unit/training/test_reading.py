from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from checker.families.mlperf_training.facts import TEXTS, gather
from checker.families.mlperf_training.reading import BLOCK, HUGE, ReadRecord, Wanted, read
from rules.training import package_rules

TOKEN = b":::MLLOG "


def record(**members: Any) -> bytes:
    return TOKEN + json.dumps({"time_ms": 1, "key": "k", "value": None, "metadata": {}, **members}).encode() + b"\n"


def test_prefixes_go_and_of_two_records_on_a_line_the_last_stays() -> None:
    reading = read(b"[0] 12:00 " + record(key="a")[:-1] + b" " + record(key="b") + b"no token\n" + record(key="c"))
    assert [line.key for line in reading.records] == ["b", "c"]


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_every_line_end_counts(end: bytes) -> None:
    data = (b"x\n" + record(key="a") + b"y\n" + record(key="b")).replace(b"\n", end)
    assert [(line.key, line.line) for line in read(data).records] == [("a", 2), ("b", 4)]


@pytest.mark.parametrize(
    ("body", "crash"),
    [
        (b"null", False),
        (b"{", False),
        (b'{"time_ms": "12:00", "key": "", "value": 1, "metadata": {}}', False),
        (b"[1]", True),
        (b"1", True),
        (b'{"time_ms": 1, "key": "", "value": 1}', True),
        (b'{"time_ms": null, "key": "", "value": 1, "metadata": {}}', True),
        (b'{"time_ms": 1' + b"0" * 400 + b', "key": "", "value": 1, "metadata": {}}', True),
        (b"[" * 100_000, True),
        (b'{"time_ms": 1, "key": "", "value": ' + b"9" * 5000 + b', "metadata": {}}', False),
        (b'{"time_ms": 1, "key": "", "value": "\x01", "metadata": {}}', False),
    ],
)
def test_what_is_no_record_is_an_error_or_a_crash_as_in_the_official_parser(body: bytes, crash: bool) -> None:
    (line,) = read(TOKEN + body + b"\n").malformed
    assert line.crash is crash


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999", '"\\ud800"', "1" + "0" * 40])
def test_what_only_pythons_json_accepts_is_accepted(text: str) -> None:
    body = f'{{"time_ms": "17", "key": "k", "value": {text}, "metadata": {{}}}}'.encode()
    (line,) = read(TOKEN + body).records
    assert repr(line.value) == repr(json.loads(text))
    assert line.time_ms == 17.0


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
MEMBERS = st.dictionaries(st.sampled_from(["time_ms", "key", "value", "metadata", "namespace", "x"]), VALUES)
BODIES = st.one_of(
    MEMBERS.map(lambda members: json.dumps(members, ensure_ascii=False).encode("utf-8", "surrogatepass")),
    st.fixed_dictionaries({"time_ms": VALUES, "key": VALUES, "value": VALUES, "metadata": VALUES}).map(
        lambda members: json.dumps(members).encode()
    ),
    VALUES.map(lambda value: json.dumps(value).encode()),
    st.binary(max_size=40),
)
SEPARATORS = st.sampled_from([b"\n", b"\r", b"\r\n", b" ", b"\x85\n", b"\t\n", b"\n\n", b"}\n"])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([TOKEN, b"x " + TOKEN, b":::MLLOG", b""]), BODIES, SEPARATORS), max_size=6))
@example([(TOKEN, b'{"time_ms": 1, "key": "k", "value": 1, "metadata": {}, "(line)": 9}', b"\n")])
@example([(TOKEN, b'\x0b{"time_ms": 1, "key": "k", "value": 1, "metadata": {}}', b"\n")])
@example([(TOKEN, b"", b"\n")])
def test_any_bytes_are_read_as_the_official_parser_reads_them(parts: list[tuple[bytes, bytes, bytes]]) -> None:
    parser = pytest.importorskip("mlperf_logging.compliance_checker.mlp_parser")
    data = b"".join(token + body + end for token, body, end in parts)
    reading = read(data)
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        try:
            lines, failed = parser.parse_file(file.name, ruleset="5.1.0")
        except Exception:  # noqa: BLE001 - whatever stops it
            assert reading.crash is not None
            return
    assert reading.crash is None
    assert len(reading.malformed) == len(failed)
    assert len(reading.records) == len(lines)
    for ours, theirs in zip(reading.records, lines, strict=True):
        assert repr(float(ours.time_ms)) == repr(theirs.timestamp)
        # The official parser takes UTF-8 for latin-1: the same bytes, other letters.
        if data.isascii():
            assert repr((ours.key, ours.value, ours.metadata)) == repr(
                (theirs.key, theirs.value["value"], theirs.value["metadata"])
            )


@pytest.mark.parametrize(("round_name", "step"), [("3.1", "step_num"), ("4.0", "samples_count")])
def test_stable_diffusion_was_counted_in_steps_once(round_name: str, step: str) -> None:
    found = {"FID": 80.0, "CLIP": 0.16}
    data = b"".join(
        (
            record(key="submission_benchmark", value="stable_diffusion"),
            *(record(key="eval_accuracy", value=v, metadata={step: 5000, "metric": m}) for m, v in found.items()),
            record(key="run_stop", metadata={"status": "success"}),
        )
    )
    fixed = package_rules(f"mlperf-training/{round_name}")
    converged = gather("x", read(data, Wanted(TEXTS)), fixed).converged
    assert (converged.crash, converged.at) == (None, 5000)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["3.1.0", "5.1.0"]),
    st.lists(
        st.one_of(
            st.builds(
                record,
                key=st.sampled_from(["global_batch_size", "submission_benchmark", "eval_accuracy", "run_stop", "note"]),
                value=st.sampled_from([8, 8.0, "8", None, "llama2_70b_lora", "rgat", "stable_diffusion", [1], 0.9]),
                metadata=st.dictionaries(
                    st.sampled_from(["samples_count", "epoch_num", "step_num", "status", "file", "metric"]),
                    st.sampled_from([1, 0.5, None, "success", "aborted", "eval_accuracy.py", "FID", "CLIP", [1]]),
                ),
            ),
            st.just(TOKEN + b'{"global_batch_size"\n'),
            st.just(TOKEN + b'{"key": "eval_accuracy", "value": 1}\n'),
        ),
        max_size=8,
    ),
)
def test_convergence_is_extracted_from_any_log_as_the_official_tool_does(ruleset: str, lines: list[bytes]) -> None:
    rcp = pytest.importorskip("mlperf_logging.rcp_checker.rcp_checker", reason="needs scipy")
    data = b"".join(lines)
    in_samples = ["llama2_70b_lora", *(["stable_diffusion"] if ruleset == "5.1.0" else [])]
    fixed = package_rules("mlperf-training/4.0").model_copy(update={"counted_in_samples": in_samples})
    found = gather("x", read(data, Wanted(TEXTS)), fixed).converged
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "result_0.txt"
        path.write_bytes(data)
        try:
            theirs = rcp.read_submission_file(str(path), ruleset, False)
        except Exception:  # noqa: BLE001 - whatever stops it
            assert found.crash is not None
            return
    assert found.crash is None
    assert repr((int(found.failed), found.at, found.batch_size, found.benchmark)) == repr(theirs)


def test_reading_takes_time_linear_in_the_length_of_a_line() -> None:
    import time

    def seconds(length: int) -> float:
        data = record(value="x" * length)
        start = time.perf_counter()
        assert len(read(data).records) == 1
        return time.perf_counter() - start

    seconds(1_000_000)
    assert seconds(32_000_000) < 40 * max(seconds(2_000_000), 0.002)


@pytest.mark.parametrize("value", ["x" * 3_000_000, [[1]] * 400_000, "eval_accuracy" + "y" * 2_000_000])
def test_a_line_of_megabytes_is_read_like_any_other(value: Any) -> None:
    data = record(key="a") + b"prefix " + TOKEN + b"junk " + record(key="long", value=value) + record(key="b")
    reading = read(data, Wanted(TEXTS))
    assert [(line.key, line.line) for line in reading.records] == [("a", 1), ("long", 2), ("b", 3)]
    assert reading.records[1].value == value
    assert bool(reading.marked) == ("eval_accuracy" in value)


@pytest.mark.parametrize("value", ['"' + "x" * HUGE + '"', "[" + "1," * (HUGE // 2) + "1]", '"' + "\xe9" * HUGE + '"'])
def test_what_makes_a_line_huge_is_kept_by_its_size(value: str) -> None:
    long = TOKEN + f'{{"time_ms": 7, "key": "k", "value": {value}, "metadata": {{"file": "x"}}}}\n'.encode("latin-1")
    reading = read(record(key="a") + long + long[:-3] + b"\n" + record(key="b"), Wanted(TEXTS))
    assert [(line.key, line.line) for line in reading.records] == [("a", 1), ("k", 2), ("b", 4)]
    assert reading.records[1].value == f"({len(value):,} bytes)"
    assert reading.records[1].metadata == {"file": "x"}
    assert [(line.line, line.crash) for line in reading.malformed] == [(3, False)]


def test_a_huge_line_without_a_member_is_a_crash() -> None:
    reading = read(TOKEN + b'{"time_ms": 7, "key": "k", "value": "' + b"x" * HUGE + b'"}')
    assert reading.crash is not None
    assert reading.empty


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_lines_across_blocks_keep_their_numbers(end: bytes) -> None:
    line = record(key="k", metadata={"file": "f" * 100})[:-1] + end
    data = line * (3 * BLOCK // len(line))
    for shift in (b"", b"x", b"xx" + end):
        reading = read(shift + data)
        first = 2 if end in shift else 1
        assert [one.line for one in reading.records] == list(range(first, first + len(data) // len(line)))


@pytest.mark.parametrize("kind", ["one line", "lone returns", "what nobody asks for"])
def test_memory_does_not_grow_with_what_is_not_kept(kind: str, tmp_path: Path) -> None:
    import tracemalloc

    size = 40_000_000
    path = tmp_path / "log"
    if kind == "one line":
        path.write_bytes(record(key="x", value="y" * size))
    elif kind == "lone returns":
        path.write_bytes(b"noise of sixteen\r" * (size // 17))
    else:
        line = record(key="tracked_stats", value={"loss": "z" * 10_000})
        path.write_bytes(line * (size // len(line)))
    tracemalloc.start()
    try:
        with path.open("rb") as file:
            read(file, Wanted(TEXTS, frozenset({"seed"})))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # A line is held once, with room to grow; of everything else a few blocks.
    assert peak < (1.5 * size if kind == "one line" else 6 * BLOCK)


def test_only_what_is_wanted_is_kept_and_all_of_it_is_timed() -> None:
    data = record(key="tracked_stats", time_ms=9) + record(key="opt_name", time_ms=4) + record(key="seed", time_ms=9)
    reading = read(data, Wanted((), frozenset({"seed"}), ("opt_",)))
    assert [line.key for line in reading.records] == ["opt_name", "seed"]
    assert (reading.tokens, reading.backwards) == (3, [(2, 5)])


def test_a_member_cannot_pose_as_the_line_number() -> None:
    (line,) = read(b"\n" + record(**{"(line)": 99})).records
    assert isinstance(line, ReadRecord)
    assert line.line == 2
