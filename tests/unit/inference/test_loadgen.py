"""LoadGen's detail logs: what the official parser gives of them, what it stops at, and what hostile ones cost."""

from __future__ import annotations

import json
import resource
from pathlib import Path
from typing import Any

import pytest

from checker.core.tree import Tree
from checker.loadgen.detail_log import read_detail
from checker.loadgen.log import BIG, DetailLog
from rules.ruleset import load

LIMITS = load("mlperf-inference/5.1").limits


def line(key: Any, value: Any = 1, **metadata: Any) -> bytes:
    flags = {"is_error": False, "is_warning": False, **metadata}
    return b":::MLLOG " + json.dumps({"key": key, "value": value, "metadata": flags}).encode() + b"\n"


def read(tmp_path: Path, *content: bytes) -> DetailLog:
    (tmp_path / "log").write_bytes(b"".join(content))
    return read_detail(Tree(tmp_path, LIMITS), "log")


def test_the_first_message_of_a_key_counts_and_its_line_is_known(tmp_path: Path) -> None:
    log = read(tmp_path, line("a", 1), b"noise\n", line("b", [2]), line("a", 3), line("a", 4))
    assert (log["a"], log["b"], log["c"]) == (1, [2], None)
    assert (log.at("a"), log.at("b"), log.at("c")) == (1, 3, None)
    assert log.repeated == {"a": 3}
    assert ("a" in log, "c" in log, log.messages) == (True, False, 4)


def test_seeds_beyond_signed_64_bits_stay_integers(tmp_path: Path) -> None:
    log = read(tmp_path, line("seed", 18209322760996052031), line("huge", 10**40))
    assert (log["seed"], log["huge"]) == (18209322760996052031, 10**40)


def test_a_message_without_a_value_raises_as_the_official_parser_does(tmp_path: Path) -> None:
    log = read(tmp_path, b':::MLLOG {"key": "a", "metadata": {"is_error": false, "is_warning": false}}\n')
    assert "a" in log
    with pytest.raises(KeyError):
        log["a"]


def test_errors_and_warnings_have_their_lines(tmp_path: Path) -> None:
    log = read(tmp_path, line("a"), line("e", "bad", is_error=True), line("w", "hm", is_warning=True))
    assert [(said.key, said.value, said.line) for said in log.errors] == [("e", "bad", 2)]
    assert [(said.key, said.value, said.line) for said in log.warnings] == [("w", "hm", 3)]
    assert (log.error_count, log.unflagged) == (1, None)


def test_a_message_that_does_not_say_whether_it_is_an_error_is_noted(tmp_path: Path) -> None:
    log = read(tmp_path, line("a"), b':::MLLOG {"key": "b", "value": 1, "metadata": {}}\n')
    assert (log.unflagged, log.unflagged_line) == ("KeyError: 'is_error'", 2)
    assert log["b"] == 1


@pytest.mark.parametrize(
    ("content", "at"),
    [
        (b"\xef\xbb\xbf" + line("a"), 1),
        (b"warning\n" + line("a"), 1),
        (b"\n" + line("a"), 1),
        (line("a") + b":::MLLOG {\n", 2),
        (line("a") + b":::MLLOG []\n", 2),
        (line("a") + b':::MLLOG {"value": 1}\n', 2),
        (line("a") + b':::MLLOG {"key": ["x"]}\n', 2),
        (line("a") + b"caf\xe9\n", 2),
        (line("a") + line("a") + b':::MLLOG {"key": "x", "value": "\xff"}\n', 3),
        (line("a") + b":::MLLOG " + b"[" * 5000 + b"\n", 2),
        (line("a") + b':::MLLOG {"key": "x", "value": ' + b"9" * 5000 + b"}\n", 2),
        (line("a")[:-5], 1),
        (b"\r\n" + line("a"), 1),
    ],
)
def test_what_the_official_parser_stops_at_is_told_with_its_line(content: bytes, at: int, tmp_path: Path) -> None:
    log = read(tmp_path, content)
    assert log.crash is not None
    assert log.crash_line == at


@pytest.mark.parametrize(
    "content",
    [
        b"",
        line("a") + b"x :::MLLOG {\n",
        line("a") + b" :::MLLOG {\n",
        line("a") + b':::MLLOG {"key": "x", "value": NaN}\n',
        line("a") + b':::MLLOG {"key": "x", "value": 1e999}\n',
        line("a") + b':::MLLOG {"key": null}\n',
        line("a") + b':::MLLOG{"key": "x"}  \xc2\xa0\n',
        line("a").replace(b"\n", b"\r") + line("b"),
        b":::ENDPTS" + line("a")[8:],
    ],
)
def test_what_it_reads_on_is_no_stop(content: bytes, tmp_path: Path) -> None:
    assert read(tmp_path, content).crash is None


def test_a_log_is_read_on_after_what_stops_the_official_parser(tmp_path: Path) -> None:
    log = read(tmp_path, b"noise\n", line("a", 5), b":::MLLOG {\n", line("b", 6))
    assert (log.crash_line, log["a"], log["b"]) == (1, 5, 6)


def test_line_ends_are_universal_also_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = (line("a") + line("b")).replace(b"\n", b"\r\n") + line("c").replace(b"\n", b"\r") + line("d")
    whole = read(tmp_path, content)
    assert whole.lines == {"a": 1, "b": 2, "c": 3, "d": 4}
    for size in range(1, 40):
        monkeypatch.setattr("checker.loadgen.detail_log.BLOCK", size)
        assert read(tmp_path, content).lines == whole.lines


def samples(listed: bytes, rest: bytes = b"") -> bytes:
    flags = b'"metadata": {"is_error": false, "is_warning": false}'
    return b':::MLLOG {"key": "loaded_qsl_set", "value": ' + listed + b", " + rest + flags + b"}\n"


LONG = b"[" + b",".join(b"%d" % n for n in range(3000)) + b"]"


def test_the_list_of_samples_is_checked_and_not_kept(tmp_path: Path) -> None:
    log = read(tmp_path, line("a"), samples(LONG), samples(LONG), line("b"))
    assert log["loaded_qsl_set"] is BIG
    assert (log.crash, log.repeated, log["b"]) == (None, {"loaded_qsl_set": 2}, 1)


@pytest.mark.parametrize(
    "wrong",
    [
        LONG[:-1],
        LONG.replace(b",7,", b",,"),
        LONG.replace(b",7,", b",07,"),
        b"5" + LONG,
        b"x" + LONG,
        LONG + b"5",
        LONG.replace(b",7,", b"," + b"7" * 4400 + b","),
        b"[" * 1200 + LONG + b"]" * 1200,
    ],
)
def test_a_list_of_samples_that_is_none_stops_it_also_beside_one_seen_before(wrong: bytes, tmp_path: Path) -> None:
    log = read(tmp_path, line("a"), samples(LONG), samples(wrong), samples(LONG))
    assert log.crash_line == 3


def test_a_line_of_samples_that_names_another_key_too_is_that_key(tmp_path: Path) -> None:
    log = read(tmp_path, line("a"), samples(LONG, b'"key": "mine", '))
    assert "mine" in log
    assert "loaded_qsl_set" not in log


def test_equal_logs_have_equal_fingerprints_and_others_not(tmp_path: Path) -> None:
    one = read(tmp_path, line("a"), samples(LONG), line("b")).fingerprint
    assert read(tmp_path, line("a"), samples(LONG), line("b")).fingerprint == one
    assert read(tmp_path, line("a"), samples(LONG), line("b", 2)).fingerprint != one
    assert read(tmp_path, line("a"), line("b")).fingerprint != one


def test_a_link_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(line("a"))
    (tmp_path / "log").symlink_to("target")
    log = read_detail(Tree(tmp_path, LIMITS), "log")
    assert "link" in (log.refused or "")
    assert log.stops is not None


def test_a_log_of_one_endless_line_costs_bounded_memory(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as file:
        file.write(line("a"))
        file.truncate(300 << 20)  # a hole: zeros without a line's end
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    log = read_detail(Tree(tmp_path, LIMITS), "log")
    assert "a line of more than" in (log.refused or "")
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < 250


def test_a_log_of_very_many_keys_is_refused_and_not_kept(tmp_path: Path) -> None:
    log = read(tmp_path, *(line(f"key{n}") for n in range(20_050)))
    assert len(log.lines) == 20_000
    assert "different keys" in (log.refused or "")


def test_a_copy_of_a_log_read_before_says_the_same_under_its_own_path(tmp_path: Path) -> None:
    for name in ("log", "copy"):
        (tmp_path / name).write_bytes(line("a", [1]) + samples(LONG) + line("e", "bad", is_error=True))
    tree = Tree(tmp_path, LIMITS)
    log, copy = read_detail(tree, "log"), read_detail(tree, "copy")
    assert (log.path, copy.path) == ("log", "copy")
    assert (copy.values, copy.lines, copy.errors) == (log.values, log.lines, log.errors)


def test_another_log_of_the_same_size_and_checksum_is_no_copy(tmp_path: Path) -> None:
    polynomial = ((0xEDB88320 << 1) | 1).to_bytes(5, "little")  # of CRC-32: with it added anywhere, the sum stays
    one = line("a", "x" * 40) + line("b")
    other = bytes(a ^ b for a, b in zip(one, bytes(40) + polynomial + bytes(len(one)), strict=False))
    first, second = read(tmp_path, one), read(tmp_path, other)
    assert (first.size, first.fingerprint) == (second.size, second.fingerprint)
    assert (first["a"], first.crash) == ("x" * 40, None)
    assert second.crash is not None or second["a"] != first["a"]


@pytest.mark.parametrize("after", [b"5", b".5", b"e5", b"]", b",", b"null", b', "x": [1,], ', b', "time_ms": NaN, '])
def test_what_follows_a_list_of_samples_read_before_is_read(after: bytes, tmp_path: Path) -> None:
    listed = b':::MLLOG {"key": "loaded_qsl_set", "value": ' + LONG
    flags = b'"metadata": {"is_error": false, "is_warning": false}}\n'
    log = read(tmp_path, samples(LONG), samples(LONG), listed + after + (b"" if after[-1:] == b" " else b", ") + flags)
    assert log.crash_line == (None if b"NaN" in after else 3)


def timed(key: str, time_ms: Any) -> bytes:
    record = {"key": key, "value": 1, "time_ms": time_ms, "metadata": {"is_error": False, "is_warning": False}}
    return b":::MLLOG " + json.dumps(record).encode() + b"\n"


def test_how_far_time_runs_backwards_is_known_the_first_line_left_out(tmp_path: Path) -> None:
    log = read(tmp_path, *(timed(f"k{n}", at) for n, at in enumerate((1e12, 5.0, 7.5, 6.5, 9.0, 2, 8.0))))
    assert (log.fell_ms, log.fell_line) == (7.0, 6)
    assert read(tmp_path, timed("a", 9.0), timed("b", 1.0), timed("c", 1.0), line("d")).fell_ms == 0
    assert read(tmp_path, timed("a", 1), timed("b", 5), line("c"), timed("d", "x"), timed("e", 4)).fell_ms == 1
