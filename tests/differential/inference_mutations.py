"""Ways to spoil a submission of MLPerf Inference, by name; each takes the round's folder and one result in it.

A mutation is told the submitter's folder and the paths of the result's files in it, so that it works in every layout.
"""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from checker.families.mlperf_inference.facts import Paths
from checker.families.mlperf_inference.walk import ResultFolder
from rules.inference import InferenceRules
from tests.differential import linking

ABSENT = object()
VALUES: tuple[Any, ...] = (
    *(ABSENT, None, True, False, 0, -1, 1, 2, 1.5, 10**9, 10**30, "", "0", "text", "true", [], [1], {}, {"a": 1}),
    *(float("nan"), float("inf"), -float("inf"), 600000.0, 599999, 1024, 1023, 24576, 24575, 50000, 43, 1e-9, "7"),
    *("Offline", "Server", "SingleStream", "MultiStream", "Interactive", "offline", "singlestream", "Network SUT x"),
)
KEYS = (
    "sut_name",
    "qsl_reported_total_count",
    "effective_accuracy_sample_count",
    "requested_use_token_latencies",
    "effective_scenario",
    "effective_min_duration_ms",
    "effective_min_query_count",
    "effective_samples_per_query",
    "effective_qsl_rng_seed",
    "effective_sample_index_rng_seed",
    "effective_schedule_rng_seed",
    "effective_performance_sample_count",
    "effective_target_latency_ns",
    "effective_sample_concatenate_permutation",
    "loaded_qsl_set",
    "early_stopping_met",
    "early_stopping_latency_ss",
    "early_stopping_latency_ms",
    "result_validity",
    "result_samples_per_second",
    "result_tokens_per_second",
    "result_completed_samples_per_sec",
    "result_completed_tokens_per_second",
    "result_mean_latency_ns",
    "result_mean_query_latency_ns",
    "result_90.00_percentile_latency_ns",
    "result_99.00_percentile_latency_ns",
    "result_99.00_percentile_per_query_latency_ns",
    "result_qps_without_loadgen_overhead",
    "result_first_token_99.00_percentile_latency_ns",
    "result_time_per_output_token_99.00_percentile_ns",
)
SYSTEM_TYPES = ("datacenter", "edge", "datacenter,edge", "edge,datacenter", "Edge", "datacenter, edge", "", None, [], 7)
TEXTS = (
    *("", "x", "TEST PASS", "TEST PASS\n", " TEST PASS \n", "NOT A TEST PASS\n", "TEST FAIL\n", "TEST  PASS\n"),
    *(
        "TEST PASS\r\nmore\r\n",
        "a\rTEST PASS\rb",
        "\ufeffTEST PASS\n",
        "test pass\n",
        "Accuracy: TEST PASS\nTEST FAIL\n",
    ),
    *("First token check pass: True\nEOS check pass: True\nSample length check pass: True\n",),
    *("First token check pass: Skipped\nEOS check pass: True\nSample length check pass: True\n",),
    *("First token check pass: False\nEOS check pass: True\nSample length check pass: True\n",),
    *("First token check pass: True\nEOS check pass: False\nSample length check pass: True\n",),
    *("First token check pass: True\nEOS check pass: True\n",),
)


@dataclass
class Target:
    """A result to spoil."""

    base: Path  # the submitter's folder
    place: ResultFolder
    paths: Paths
    rules: InferenceRules

    @property
    def result(self) -> Path:
        return self.base / self.place.path

    @property
    def log(self) -> Path:
        return self.result / "performance/run_1/mlperf_log_detail.txt"

    @property
    def accuracy(self) -> Path:
        return self.result / "accuracy"

    @property
    def system(self) -> Path:
        return self.base / "systems" / f"{self.place.system}.json"

    @property
    def measurements(self) -> Path:
        return self.base / self.paths.measurements

    @property
    def tests(self) -> dict[str, Path]:
        return {name: self.base / folder for name, folder in self.paths.tests.items()}


Act = Callable[[Target], None]
Mutation = tuple[str, Act]


# Files and folders


def gone(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def put(path: Path, content: bytes | str) -> None:
    gone(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def changed(path: Path, change: Callable[[bytes], bytes]) -> None:
    if path.is_file():
        put(path, change(path.read_bytes()))


WHOLE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda raw: b"",
    "a newline": lambda raw: b"\n",
    "cut in half": lambda raw: raw[: len(raw) // 2],
    "cut near its end": lambda raw: raw[:-3],
    "with a BOM": lambda raw: b"\xef\xbb\xbf" + raw,
    "in UTF-16": lambda raw: raw.decode(errors="replace").encode("utf-16"),
    "with a latin-1 byte at its end": lambda raw: raw + b"\xe9",
    "with a latin-1 byte in a line of its own": lambda raw: raw + b"caf\xe9\n",
    "with a latin-1 byte far behind": lambda raw: raw + b"x\n" * 9000 + b"caf\xe9\n",
    "with a latin-1 byte first": lambda raw: b"\xe9\n" + raw,
    "with CR LF": lambda raw: raw.replace(b"\n", b"\r\n"),
    "with CR": lambda raw: raw.replace(b"\n", b"\r"),
    "with a blank line first": lambda raw: b"\n" + raw,
    "with a space first": lambda raw: b" " + raw,
    "with noise first": lambda raw: b"warning: x\n" + raw,
    "with noise last": lambda raw: raw + b"\nSegmentation fault\n",
    "with NUL": lambda raw: raw + b"\0",
    "twice": lambda raw: raw + raw,
    "binary": lambda raw: bytes(range(256)),
    "null": lambda raw: b"null",
    "a list": lambda raw: b"[]",
    "an object": lambda raw: b"{}",
    "a text": lambda raw: b'"text"',
    "a number": lambda raw: b"5",
    "NaN": lambda raw: b"NaN",
    "nested deeply": lambda raw: b"[" * 3000,
}


def on_file(what: str, find: Callable[[Target], Path]) -> Iterator[Mutation]:
    for name, change in WHOLE.items():
        yield f"{what} {name}", lambda t, change=change: changed(find(t), change)
    yield f"{what} missing", lambda t: gone(find(t))
    yield f"{what} a folder", lambda t: (gone(find(t)), find(t).mkdir(parents=True), None)[2]


# Detail logs


def records(path: Path) -> list[str]:
    return path.read_text().splitlines(keepends=True)


def said(path: Path, key: str, value: Any, how: str = "set", **members: Any) -> None:
    """Set, remove or repeat the message of a key; `members` go into its metadata."""
    if not path.is_file():
        return
    lines = records(path)
    at = next((n for n, text in enumerate(lines) if f'"key": "{key}"' in text), None)
    marker = ":::MLLOG "
    record: dict[str, Any] = {"key": key, "value": value, "metadata": {"is_error": False, "is_warning": False}}
    if at is not None:
        record |= {k: v for k, v in json.loads(lines[at][len(marker) :]).items() if k != "value"}
    if value is ABSENT:
        record.pop("value", None)
    for name, member in members.items():
        record["metadata"] = {**record["metadata"], name: member} if member is not ABSENT else {}
    new = f"{marker}{json.dumps(record)}\n"
    where = len(lines) if at is None else at
    if how == "remove":
        lines[where : where + 1] = []
    elif how == "before":
        lines[min(where, len(lines)) : where] = [new]
    elif how == "after":
        lines[where + 1 : where + 1] = [new]
    else:
        lines[where : where + 1] = [new]
    put(path, "".join(lines))


MANY = ':::MLLOG {"key": "loaded_qsl_set", "value": [' + ", ".join(map(str, range(2000))) + "]"
FLAGS = '"metadata": {"is_error": false}}\n'
LINES = (
    *(f"{MANY}, {FLAGS}{MANY}{after}{FLAGS}" for after in (", ", ".5, ", "5, ", "], ", ", , ", 'null, "x": [1,], ')),
    *(
        f"{MANY}, {FLAGS}{MANY}{after}{FLAGS}"
        for after in (', "time_ms": NaN, ', ', "key": "sut_name", ', ', "x": [7], ')
    ),
    ":::MLLOG\n",
    ":::MLLOG {}\n",
    ":::MLLOG []\n",
    ':::MLLOG "key"\n',
    ":::MLLOG null\n",
    ':::MLLOG {"key": null, "metadata": {"is_error": false}}\n',
    ':::MLLOG {"key": [1], "metadata": {"is_error": false}}\n',
    ':::MLLOG {"key": 5, "value": 1, "metadata": {"is_error": false}}\n',
    ':::MLLOG {"key": "x"}\n',
    ':::MLLOG {"key": "x", "metadata": []}\n',
    ':::MLLOG {"key": "x", "metadata": "is_error"}\n',
    ':::MLLOG {"key": "x", "metadata": {"is_error": 1}}\n',
    ':::MLLOG {"key": "x", "value": "Loadgen built with uncommitted changes!", "metadata": {"is_error": true}}\n',
    ':::MLLOG {"key": "x", "value": "Multiple conf files are used", "metadata": {"is_error": true}}\n',
    ':::MLLOG {"key": "x", "value": 7, "metadata": {"is_error": true}}\n',
    ':::MLLOG {"key": "x", "value": NaN, "metadata": {"is_error": false}}\n',
    ':::MLLOG {"key": "x", "value": "\t", "metadata": {"is_error": false}}\n',
    ':::MLLOG {"key": "x", "value": "\\ud800", "metadata": {"is_error": false}}\n',
    ':::MLLOG {"key": "x", "value": 1, "metadata": {"is_error": false}} trailing\n',
    ':::MLLOG {"key": "x", "value": 1, "metadata": {"is_error": false}}\u00a0\u2003\n',
    ':::MLLOG {"key": "x", "value": 1, "metadata": {"is_error": false}}\x1c\x0b\n',
    ':::MLLOG\u00a0{"key": "x", "value": 1, "metadata": {"is_error": false}}\n',
    ' :::MLLOG {"key": broken\n',
    "x :::MLLOG {broken\n",
    ':::MLLOG{"key": "x", "value": 1, "metadata": {"is_error": false}}\n',
    ':::MLLOG {"key": "loaded_qsl_set", "value": [1,,2], "metadata": {"is_error": false}}\n',
    ':::MLLOG {"key": "loaded_qsl_set", "value": [1,2, "metadata": {"is_error": false}}\n',
    ':::MLLOG {"key": "loaded_qsl_set", "value": [NaN], "metadata": {"is_error": false}}\n',
    ':::MLLOG {"key": "loaded_qsl_set", "value": [1], "key": "early_stopping_met", "metadata": {"is_error": false}}\n',
    ':::MLLOG {"key": "loaded_qsl_set", "value": [01], "metadata": {"is_error": false}}\n',
    ':::MLLOG {"key": "loaded_qsl_set", "value": [' + "1" * 4400 + '], "metadata": {"is_error": false}}\n',
    ':::MLLOG {"key": "loaded_qsl_set", "value": ' + "[" * 1500 + "]" * 1500 + ', "metadata": {"is_error": false}}\n',
    ':::MLLOG {"key": "loaded_qsl_set", "value": ["\u00e9"], "metadata": {"is_error": false}}\n',
    ':::MLLOG {"key": "loaded_qsl_set", "metadata": {"is_error": true}}\n',
    ':::MLLOG {"key": "loaded_qsl_set", "value": 1}\n',
    ':::MLLOG {"key": "x", "value": ' + "9" * 5000 + ', "metadata": {"is_error": false}}\n',
    ':::MLLOG {"key": "x", "value": 1e999, "metadata": {"is_error": false}}\n',
    ':::MLLOG {"key": "x", "value": "' + "y" * 70000 + '", "metadata": {"is_error": false}}\n',
    ":::ENDPTS {broken\n",
    ':::ENDPTS {"key": "effective_scenario", "value": "Offline", "metadata": {"is_error": false}}\n',
)


def in_log(what: str, find: Callable[[Target], Path], everything: bool) -> Iterator[Mutation]:
    for key in KEYS:
        for value in VALUES if everything else random.Random(key).sample(VALUES, 6):
            name = "without a value" if value is ABSENT else repr(value)
            yield f"{what}: {key} {name}", lambda t, k=key, v=value: said(find(t), k, v)
        yield f"{what}: no {key}", lambda t, k=key: said(find(t), k, None, "remove")
        yield f"{what}: {key} twice, 0 first", lambda t, k=key: said(find(t), k, 0, "before")
        yield f"{what}: {key} twice, 0 last", lambda t, k=key: said(find(t), k, 0, "after")
    for member in (True, False, 1, 0, "", "false", None, [], ABSENT):
        shown = "nothing" if member is ABSENT else repr(member)
        yield f"{what}: is_error {shown}", lambda t, m=member: said(find(t), "sut_name", "s", is_error=m)
    for text in LINES:
        name = ascii(text[:60] if len(text) < 9000 else text[-60:])
        yield f"{what}: last line {name}", lambda t, x=text: changed(find(t), lambda raw: raw + x.encode())
        yield f"{what}: first line {name}", lambda t, x=text: changed(find(t), lambda raw: x.encode() + raw)
    yield f"{what}: all of :::ENDPTS", lambda t: changed(find(t), lambda raw: raw.replace(b":::MLLOG", b":::ENDPTS"))


# JSON documents


def member(path: Path, name: str, value: Any) -> None:
    if not path.is_file():
        return
    document = json.loads(path.read_text())
    document.pop(name, None)
    if value is not ABSENT:
        document[name] = value
    put(path, json.dumps(document))


def in_document(what: str, find: Callable[[Target], Path], names: list[str]) -> Iterator[Mutation]:
    for name in names:
        for value in (ABSENT, "", 0, None, "0", [], {}, False, True, "N/A", " ", 1.5, ["x"], float("nan")):
            shown = "missing" if value is ABSENT else repr(value)
            yield f"{what}: {name} {shown}", lambda t, n=name, v=value: member(find(t), n, v)


def of_system(rules: InferenceRules) -> Iterator[Mutation]:
    def find(t: Target) -> Path:
        return t.system

    yield from on_file("system", find)
    yield from in_document("system", find, rules.package.system.members)
    for kind in SYSTEM_TYPES:
        yield f"system: type {kind!r}", lambda t, k=kind: member(t.system, "system_type", k)
    for status in ("Available", "PREVIEW", "rdi", "onprem", "available ", 5, None):
        yield f"system: status {status!r}", lambda t, s=status: member(t.system, "status", s)
    for flag in ("true", "True", "TRUE", "false", "", True, False, 0, 1, None, [], "yes"):
        yield f"system: is_network {flag!r}", lambda t, f=flag: member(t.system, "is_network", f)

        def whole(t: Target, flag: Any = flag) -> None:
            for name in rules.package.system.network_members:
                member(t.system, name, "x")
            member(t.system, "is_network", flag)

        yield f"system: is_network {flag!r} with its members", whole
    for name in ("submitter", "division"):
        for value in ("", "EXAMPLE", "example", "CLOSED", "closed", "Open", "network", 5):
            yield f"system: {name} is {value!r}", lambda t, n=name, v=value: member(t.system, n, v)
    for nodes, count in (
        ("1", "2"),
        ("1", "two"),
        ("1.0", "2"),
        (1.9, 2),
        ("1_0", "2"),
        (True, "1"),
        ("1", "8 x"),
        ([1], "2"),
    ):

        def counts(t: Target, nodes: Any = nodes, count: Any = count) -> None:
            member(t.system, "number_of_nodes", nodes)
            member(t.system, "accelerators_per_node", count)

        yield f"system: {nodes!r} nodes of {count!r}", counts
    for hardware in ("", "h", 5, None, [], ["x"]):
        for software in ("", "s", 5, None, [], ["x"]):

            def notes(t: Target, hardware: Any = hardware, software: Any = software) -> None:
                member(t.system, "hw_notes", hardware)
                member(t.system, "sw_notes", software)

            yield f"system: notes {hardware!r}, {software!r}", notes


# accuracy.txt


def of_accuracy(rules: InferenceRules) -> Iterator[Mutation]:
    def find(t: Target) -> Path:
        return t.accuracy / "accuracy.txt"

    yield from on_file("accuracy.txt", find)
    swaps: dict[str, Callable[[str], str]] = {
        "no hash": lambda text: "".join(x for x in text.splitlines(True) if not x.startswith("hash=")),
        "hash indented": lambda text: text.replace("hash=", " hash="),
        "hash with a space": lambda text: text.replace("hash=", "hash= "),
        "hash empty": lambda text: "".join(
            x if not x.startswith("hash=") else "hash=\n" for x in text.splitlines(True)
        ),
        "hash followed": lambda text: "".join(
            x if not x.startswith("hash=") else x.rstrip() + " \n" for x in text.splitlines(True)
        ),
        "hash first": lambda text: "hash=abc\n" + text,
        "hash of other letters": lambda text: "hash=äöü\n" + text,
        "hash at the end without newline": lambda text: text.rstrip("\n"),
        "numbers halved": lambda text: _numbers(text, 0.5),
        "numbers a little less": lambda text: _numbers(text, 0.999),
        "numbers above": lambda text: _numbers(text, 1.2),
        "numbers doubled": lambda text: _numbers(text, 2),
        "numbers broken": lambda text: text.replace(".", "..", 1),
        "numbers all dots": lambda text: "".join("." if c.isdigit() else c for c in text),
        "numbers in other digits": lambda text: text.translate({48 + n: 0x660 + n for n in range(10)}),
        "halved, then good": lambda text: _numbers(text, 0.5) + text,
        "good, then halved": lambda text: text + _numbers(text, 0.5),
        "good, then doubled": lambda text: text + _numbers(text, 2),
        "doubled, then good": lambda text: _numbers(text, 2) + text,
        "lines the other way": lambda text: "".join(reversed(text.splitlines(True))),
        "without its first line": lambda text: "".join(text.splitlines(True)[1:]),
        "joined to one line": lambda text: text.replace("\n", " "),
        "with a prefix": lambda text: "".join(f"INFO: {x}" for x in text.splitlines(True)),
        "double quotes": lambda text: text.replace("'", '"'),
        "other separators": lambda text: text.replace("\n", "\x0b", 1).replace("\n", "\u2028", 1),
        "a long line first": lambda text: "x" * 100_000 + "\n" + text,
    }
    for name, swap in swaps.items():
        yield (
            f"accuracy.txt {name}",
            lambda t, swap=swap: changed(find(t), lambda raw: swap(raw.decode()).encode()),
        )
    for size in (0, 10239, 10240, 10241, 50_000):
        yield (
            f"accuracy log of {size} bytes",
            lambda t, size=size: put(t.accuracy / "mlperf_log_accuracy.json", b"x" * size),
        )
    yield "accuracy log missing", lambda t: gone(t.accuracy / "mlperf_log_accuracy.json")
    yield (
        "accuracy log a folder",
        lambda t: (
            gone(t.accuracy / "mlperf_log_accuracy.json"),
            (t.accuracy / "mlperf_log_accuracy.json").mkdir(parents=True),
            None,
        )[2],
    )
    yield "accuracy folder missing", lambda t: gone(t.accuracy)
    for name in ("images", "videos"):

        def outputs(t: Target, name: str = name, less: int = 0) -> None:
            of = t.rules.models.get(t.place.benchmark)
            for one in (of.extra_files.get(name, []) if of else [])[less:]:
                put(t.accuracy / name / f"{one}.png", b"x")

        yield f"accuracy with {name}", outputs
        yield f"accuracy with some {name}", lambda t, f=outputs: f(t, less=1)


def _numbers(text: str, factor: float) -> str:
    import re

    kept = [
        x if x.startswith("hash=") else re.sub(r"\d+\.\d+", lambda m: f"{float(m[0]) * factor:.6f}", x)
        for x in text.splitlines(True)
    ]
    return "".join(kept)


# Descriptions, code, compliance, layout


def of_measurements(rules: InferenceRules) -> Iterator[Mutation]:
    def find(t: Target) -> Path:
        return t.measurements

    yield from on_file("measurements", find)
    yield from in_document("measurements", find, rules.package.measurements)
    for name in ("user.conf", "README.md"):
        yield from on_file(name, lambda t, name=name: t.measurements.parent / name)
    yield (
        "measurements: a text with its members",
        lambda t: put(t.measurements, json.dumps(" ".join(t.rules.package.measurements))),
    )
    yield "measurements: a list of its members", lambda t: put(t.measurements, json.dumps(t.rules.package.measurements))
    if rules.package.layout.measurements.endswith("{file}"):
        yield "measurements folder missing", lambda t: gone(t.measurements.parent)
        yield (
            "measurements named without scenario",
            lambda t: t.measurements.rename(t.measurements.parent / f"{t.place.system}.json"),
        )
        yield "measurements named otherwise", lambda t: t.measurements.rename(t.measurements.parent / "other.json")
        yield "measurements named None", lambda t: t.measurements.rename(t.measurements.parent / "None")
        yield (
            "measurements: a broken one sorted first",
            lambda t: put(t.measurements.parent / f"{t.place.system}-0.json", "{"),
        )
        yield (
            "measurements: a broken one sorted last",
            lambda t: put(t.measurements.parent / f"{t.place.system}~.json", "{"),
        )
        yield "measurements folder a file", lambda t: put(t.measurements.parent, "x")
    yield "code missing", lambda t: gone(t.base / t.rules.package.layout.code)
    yield "code a file", lambda t: put(t.base / t.rules.package.layout.code, "x")
    yield (
        "code empty",
        lambda t: (gone(t.base / t.rules.package.layout.code), (t.base / t.rules.package.layout.code).mkdir(), None)[2],
    )


def of_tests(rules: InferenceRules, everything: bool) -> Iterator[Mutation]:
    for test in rules.package.layout.compliance:

        def at(t: Target, test: str = test) -> Path:
            return t.tests[test]

        yield f"{test} missing", lambda t, at=at: gone(at(t))
        yield f"{test} a file", lambda t, at=at: put(at(t), "x")
        yield f"{test} empty", lambda t, at=at: (gone(at(t)), at(t).mkdir(parents=True), None)[2]
        for name in ("verify_accuracy.txt", "verify_performance.txt", "verify_output_len.txt"):
            yield from on_file(f"{test}/{name}", lambda t, at=at, name=name: at(t) / name)
            for text in TEXTS:
                yield f"{test}/{name} {text[:40]!a}", lambda t, at=at, n=name, x=text: put(at(t) / n, x)
        yield (
            f"{test} verify with a pass far behind a latin-1 byte",
            lambda t, at=at: put(at(t) / "verify_performance.txt", b"caf\xe9\n" + b"x\n" * 9000 + b"TEST PASS\n"),
        )
        yield (
            f"{test} verify with a pass far before a latin-1 byte",
            lambda t, at=at: put(at(t) / "verify_performance.txt", b"TEST PASS\n" + b"x\n" * 9000 + b"caf\xe9\n"),
        )
        if test in ("TEST01", "TEST04"):
            yield from on_file(f"{test} log", lambda t, at=at: at(t) / "performance/run_1/mlperf_log_detail.txt")
            yield from in_log(
                f"{test} log", lambda t, at=at: at(t) / "performance/run_1/mlperf_log_detail.txt", everything
            )
            for name in ("extra.txt", "mlperf_log_accuracy.json", "mlperf_log_trace.json", "results.json", ".gitkeep"):
                yield f"{test} with {name}", lambda t, at=at, n=name: put(at(t) / "performance/run_1" / n, "x")
            yield (
                f"{test} without its summary",
                lambda t, at=at: gone(at(t) / "performance/run_1/mlperf_log_summary.txt"),
            )
            yield f"{test} without its run", lambda t, at=at: gone(at(t) / "performance")
            yield f"{test} run a file", lambda t, at=at: put(at(t) / "performance/run_1", "x")
    files = ("accuracy.txt", "mlperf_log_accuracy.json", "baseline_accuracy.txt", "compliance_accuracy.txt")

    def differing(t: Target) -> None:
        put(t.tests["TEST01"] / "verify_accuracy.txt", "TEST FAIL\n")
        source = t.accuracy / "accuracy.txt"
        text = source.read_bytes() if source.is_file() else b""
        for name in files:
            put(t.tests["TEST01"] / "accuracy" / name, text)

    yield "TEST01 by accuracies", differing
    for name in files:
        yield (
            f"TEST01 by accuracies without {name}",
            lambda t, n=name: (differing(t), gone(t.tests["TEST01"] / "accuracy" / n), None)[2],
        )
    yield (
        "TEST01 by accuracies with another file",
        lambda t: (differing(t), put(t.tests["TEST01"] / "accuracy/x", "x"), None)[2],
    )
    yield (
        "TEST01 by accuracies with a free file",
        lambda t: (differing(t), put(t.tests["TEST01"] / "accuracy/.gitkeep", "x"), None)[2],
    )
    for factor in (0, 0.98, 0.989, 0.9895, 0.9905, 0.998, 0.9989, 0.9991, 1.001, 1.0099, 1.011, 1.02, 1.021):

        def by(t: Target, factor: float = factor) -> None:
            differing(t)
            changed(
                t.tests["TEST01"] / "accuracy/compliance_accuracy.txt",
                lambda raw: _numbers(raw.decode(), factor).encode(),
            )

        yield f"TEST01 by accuracies times {factor}", by
    for name in files[2:]:
        for how, change in WHOLE.items():
            yield (
                f"TEST01 by accuracies, {name} {how}",
                lambda t, n=name, c=change: (differing(t), changed(t.tests["TEST01"] / "accuracy" / n, c), None)[2],
            )


def of_layout(rules: InferenceRules) -> Iterator[Mutation]:
    def renamed(find: Callable[[Target], Path], name: str) -> Act:
        def act(t: Target) -> None:
            path = find(t)
            if path.exists() and not (path.parent / name).exists():
                path.rename(path.parent / name)

        return act

    def moved(scenario: str) -> Act:
        """Rename a scenario wherever the layout has it."""

        def act(t: Target) -> None:
            for top in ("results", "measurements", "compliance"):
                path = t.base / top / t.place.system / t.place.benchmark / t.place.scenario
                if path.exists() and not (path.parent / scenario).exists():
                    path.rename(path.parent / scenario)

        return act

    def benchmark(name: str) -> Act:
        def act(t: Target) -> None:
            for top in ("results", "measurements", "compliance"):
                path = t.base / top / t.place.system / t.place.benchmark
                if path.exists() and not (path.parent / name).exists():
                    path.rename(path.parent / name)

        return act

    for name in (
        "offline",
        "OFFLINE",
        "Offline",
        "singlestream",
        "Server",
        "Interactive",
        "interactive",
        "MultiStream",
        "SingleStream",
        "Foo",
        "online",
    ):
        yield f"scenario renamed {name}", moved(name)
    for name in (
        "resnet50",
        "resnet",
        "retinanet",
        "bert-99.9-x",
        "mobilenet-v1",
        "llama2-70b-99.9",
        "llama3_1-405b-x",
        "unknown",
        "whisper",
        "Resnet",
        "dlrm-v2-99",
        "gpt-oss-120b",
        "rnnt",
        "e2e-rag-qna",
    ):
        yield f"benchmark renamed {name}", benchmark(name)
    yield "scenario missing", lambda t: gone(t.result)
    yield "scenario empty", lambda t: (gone(t.result), t.result.mkdir(parents=True), None)[2]
    yield "scenario a file", lambda t: put(t.result, "x")
    yield "benchmark missing", lambda t: gone(t.result.parent)
    yield "benchmark empty", lambda t: (gone(t.result.parent), t.result.parent.mkdir(parents=True), None)[2]
    yield "system empty", lambda t: (gone(t.result.parents[1]), t.result.parents[1].mkdir(parents=True), None)[2]
    yield "results missing", lambda t: gone(t.base / "results")
    yield "results a file", lambda t: put(t.base / "results", "x")
    yield "a file among scenarios", lambda t: put(t.result.parent / "README.md", "x")
    yield "a file among benchmarks", lambda t: put(t.result.parents[1] / "README.md", "x")
    yield "a file among systems", lambda t: put(t.result.parents[2] / "README.md", "x")
    yield "a file among submitters", lambda t: put(t.base.parent / "README.md", "x")
    yield "a folder among scenarios", lambda t: (t.result.parent / "notes").mkdir()
    yield "a hidden folder among scenarios", lambda t: (t.result.parent / ".cache").mkdir()
    yield "a folder among benchmarks", lambda t: (t.result.parents[1] / "notes").mkdir()
    yield "a folder among systems", lambda t: (t.result.parents[2] / "notes").mkdir()
    yield "a folder among submitters", lambda t: (t.base.parent / ".git").mkdir()
    yield "a system without results", lambda t: shutil.copy(t.system, t.system.with_name("other.json")) and None
    yield "performance folder missing", lambda t: gone(t.result / "performance")
    yield "performance/run_1 renamed", renamed(lambda t: t.result / "performance/run_1", "run_2")
    yield "performance log named otherwise", renamed(lambda t: t.log, "detail.txt")
    yield "both logs missing", lambda t: (gone(t.log), gone(t.accuracy / "mlperf_log_detail.txt"), None)[2]
    yield (
        "accuracy log copied over performance",
        lambda t: put(t.log, (t.accuracy / "mlperf_log_detail.txt").read_bytes()) if t.log.is_file() else None,
    )
    yield "submitter renamed", lambda t: t.base.rename(t.base.parent / "Other") and None
    yield "division renamed Closed", lambda t: t.base.parent.rename(t.base.parents[1] / "Closed") and None
    for text in ('{"x": "resnet"}', "[]", "null", "{", "", '{"x": 5}', "5", '"text"', "\ufeff{}"):
        yield f"model mapping {text}", lambda t, x=text: put(t.base / "model_mapping.json", x)
    for value in ('"resnet"', "5", "[1]", "{}", '""', "null", '"unknown"', "true"):

        def mapped(t: Target, value: str = value) -> None:
            put(t.base / "model_mapping.json", f'{{"own-model": {value}}}')
            benchmark("own-model")(t)

        yield f"benchmark mapped to {value}", mapped


# An endpoint's files


def of_endpoints(rules: InferenceRules) -> Iterator[Mutation]:
    files = ("performance/result_summary.json", "accuracy/accuracy_results.json", "config.yaml")
    for name in files:
        yield from on_file(name, lambda t, n=name: t.result / n)

    def put_in(t: Target, file: str, place: tuple[str, ...], value: Any) -> None:
        path = t.result / file
        if not path.is_file():
            return
        document = json.loads(path.read_text())
        at = document
        for part in place[:-1]:
            at = at[part] if part in at else at.setdefault(part, {})
        at.pop(place[-1], None)
        if value is not ABSENT:
            at[place[-1]] = value
        put(path, json.dumps(document))

    places: tuple[tuple[str, ...], ...] = (
        ("n_samples_issued",),
        ("n_samples_failed",),
        ("duration_ns",),
        ("qps",),
        ("tps",),
        ("latency",),
        ("latency", "avg"),
        ("latency", "early_stopping_percentiles"),
        ("latency", "early_stopping_percentiles", "99.0"),
        ("ttft", "early_stopping_percentiles", "99.0"),
        ("tpot", "early_stopping_percentiles", "99"),
        ("tpot", "early_stopping_percentiles", "99.0"),
        ("output_sequence_lengths", "avg"),
        ("output_sequence_lengths",),
        ("effective_scenario",),
        ("type",),
        ("min_duration_ms",),
        ("generated_query_count",),
        ("result",),
    )
    values = (
        ABSENT,
        None,
        0,
        1,
        -1,
        1e12,
        1150.38,
        1150.3,
        1406.02,
        1406.1,
        "x",
        "Online",
        "offline",
        "Interactive",
        True,
        [],
        {},
        [1],
        {"failed": 3},
        {"0": 5},
    )
    for place in places:
        for value in values:
            shown = "missing" if value is ABSENT else repr(value)
            yield f"summary: {'.'.join(place)} {shown}", lambda t, p=place, v=value: put_in(t, files[0], p, v)
    one = {"score": 0.9, "dataset_type": "accuracy", "total_samples": 5000}
    for scores in (
        *(
            [],
            None,
            {},
            "x",
            5,
            [5],
            ["x"],
            [None],
            [{}],
            [one],
            [one, one],
            [{**one, "score": None}],
            [{**one, "score": "0.9"}],
        ),
        *([{**one, "score": "x"}], [{**one, "score": {"f1": 0.9}}], [{**one, "score": {"F1_HIERARCHICAL": "0.1"}}]),
        *(
            [{**one, "score": {"f1": "x", "accuracy": 1}}],
            [{**one, "score": {}}],
            [{**one, "score": [1]}],
            [{**one, "score": True}],
        ),
        *(
            [{**one, "dataset_type": "performance"}],
            [{**one, "total_samples": "5000"}],
            [{**one, "total_samples": "x"}],
        ),
        *(
            [{**one, "total_samples": None}],
            [{"score": 1, "response_counts": {"issued": 5000}}],
            [{"score": 1, "response_counts": 5}],
        ),
        *([{**one, "total_samples": 5000.9}], [{**one, "total_samples": []}], [{"score": 0.1, "total_samples": 8000}]),
        *([{"score": 0.9, "total_samples": 8000}], [{"score": 0.9, "total_samples": 48289}]),
    ):
        yield f"scores {json.dumps(scores)}", lambda t, s=scores: put_in(t, files[1], ("accuracy_scores",), s)
    for text in (
        "type: offline",
        "type: Online",
        "type: interactive",
        "type: [1]",
        "type: 5",
        "- 1",
        "a: *b",
        "a: !!python/object:os.system {}",
        "\t",
        "a: 2025-99-99",
        "{}",
        "type: offline\ntype: online",
    ):
        yield f"config {text!a}", lambda t, x=text: put(t.result / files[2], x)
        yield (
            f"config.yml {text!a}",
            lambda t, x=text: (gone(t.result / files[2]), put(t.result / "config.yml", x), None)[2],
        )
    for test, name in rules.package.endpoints.audits.items():

        def audit(t: Target, name: str = name) -> Path:
            return t.tests["TEST01"].parent / "audit" / f"audit_{name}.json"

        yield from on_file(f"audit of {test}", audit)
        for body in (
            {"test": name},
            {"passed": True},
            {"test": name, "passed": False},
            {"test": name, "passed": "no"},
            {"test": "x", "passed": True},
            {"test": name, "passed": 1},
            {"test": None, "passed": True},
        ):
            yield f"audit of {test} {json.dumps(body)}", lambda t, f=audit, b=body: put(f(t), json.dumps(b))
    yield "a log of LoadGen for performance only", lambda t: put(t.log, ':::MLLOG {"key": "x", "value": 1}\n')
    yield "empty logs of LoadGen", lambda t: (put(t.log, ""), put(t.accuracy / "mlperf_log_detail.txt", ""), None)[2]


def of_supplies(rules: InferenceRules) -> Iterator[Mutation]:
    """The list of power supplies, and power folders that hold nothing."""
    supplies = "{PSUs: [{PowerCapacityWatts: 100}, {PowerCapacityWatts: 300}], Min PSUs Needed: 1}"

    def with_power(t: Target, text: str | None) -> None:
        (t.result / "performance/power").mkdir(parents=True, exist_ok=True)
        if text is not None:
            put(t.base / "systems" / f"{t.place.system}_power.yaml", text)

    for text in (
        None,
        "",
        "{",
        supplies,
        f"[{supplies}, {supplies}]",
        "node: {PSUs: 5, Min PSUs Needed: 1}",
        "{PSUs: [5], Min PSUs Needed: 1}",
        "{1: 2}",
        "{PSUs: [], Min PSUs Needed: x}",
        "{psus: [{}], min psus needed: 1}",
        "5",
        "\t",
        "a: &a [*a]",
        "{PSUs: [{PowerCapacityWatts: x}, {}], Min PSUs Needed: 1}",
    ):
        yield f"power supplies {text}", lambda t, x=text: with_power(t, x)
        if text is not None:
            yield (
                f"power supplies without power {text}",
                lambda t, x=text: put(t.base / "systems" / f"{t.place.system}_power.yaml", x),
            )
    yield (
        "power capacity in the description",
        lambda t: (with_power(t, "{"), member(t.system, "system_power_capacity", 5), None)[2],
    )
    yield (
        "power capacity, and a list that is none",
        lambda t: (with_power(t, "5"), member(t.system, "system_power_capacity", 5), None)[2],
    )


def of_links() -> Iterator[Mutation]:
    """Links in the place of what the official checker looks for, and beside it."""
    finds: dict[str, Callable[[Target], Path]] = {
        "results": lambda t: t.base / "results",
        "system": lambda t: t.base / "results" / t.place.system,
        "benchmark": lambda t: t.result.parent,
        "result": lambda t: t.result,
        "performance": lambda t: t.result / "performance",
        "run": lambda t: t.log.parent,
        "log": lambda t: t.log,
        "accuracy": lambda t: t.accuracy,
        "accuracy text": lambda t: t.accuracy / "accuracy.txt",
        "systems": lambda t: t.base / "systems",
        "description": lambda t: t.system,
        "source": lambda t: t.base / "src" if (t.base / "src").exists() else t.base / "code",
        "test": lambda t: t.base / min(t.paths.tests.values()),
        "measurements": lambda t: t.base / t.paths.measurements_folder,
    }

    def act(find: Callable[[Target], Path], way: Callable[[Path, Path], object]) -> Act:
        return lambda t: way(t.base, find(t)) if os.path.lexists(find(t)) else None

    for what, find in finds.items():
        for name, way in linking.WAYS.items():
            yield f"link for {what} {name}", act(find, way)
    yield "link to a benchmark", lambda t: (t.result.parents[1] / "retinanet").symlink_to(t.place.benchmark)
    yield "link to a scenario", lambda t: (t.result.parent / "Other").symlink_to(t.place.scenario)
    yield "link to results among systems", lambda t: (t.base / "results/again").symlink_to(".")
    yield "link to another submitter", lambda t: (t.base.parent / "Other").symlink_to(t.base.name)
    yield "power that leads nowhere", lambda t: (t.result / "performance/power").symlink_to("nowhere")
    yield "power that is a run", lambda t: (t.result / "performance/power").symlink_to("run_1")


def mutations(rules: InferenceRules, everything: bool = False) -> list[Mutation]:
    """Return every way to spoil a result with LoadGen's logs; `everything`: each key with each value."""
    return [
        *on_file("performance log", lambda t: t.log),
        *in_log("performance log", lambda t: t.log, everything),
        *on_file("accuracy detail log", lambda t: t.accuracy / "mlperf_log_detail.txt"),
        *in_log("accuracy detail log", lambda t: t.accuracy / "mlperf_log_detail.txt", everything),
        *of_accuracy(rules),
        *of_system(rules),
        *of_measurements(rules),
        *of_tests(rules, everything),
        *of_layout(rules),
        *of_supplies(rules),
        *of_links(),
    ]


def endpoints_mutations(rules: InferenceRules) -> list[Mutation]:
    """Return every way to spoil an endpoint's result."""
    shared = (*of_system(rules), *of_measurements(rules), *of_layout(rules), *of_supplies(rules), *of_links())
    return [*of_endpoints(rules), *shared]
