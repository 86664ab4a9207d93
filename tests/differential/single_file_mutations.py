"""Ways to spoil a submission to MLPerf Inference in the layout of v5.x: folders, texts, LoadGen's logs.

`TREES` and `OPEN` take the submitter's folder; the rest a file.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

from tests.differential import linking
from tests.differential.single_file_passing import change

Spoil = Callable[[Path], object]
RESULT = "results/box/resnet/Offline"
DESCRIBED = "measurements/box/resnet/Offline"
TEST01 = "compliance/box/resnet/Offline/TEST01"
TEST04 = "compliance/box/resnet/Offline/TEST04"
VALUES: list[Any] = [..., None, True, False, 0, 1, -1, 0.5, "5", "", "INVALID", "Offline", "Server", "SingleStream",
                     "MultiStream", "Interactive", [], {}, 10**30, 1e300, 23, 24576, 600000, 599999]  # fmt: skip
KEYS = ("result_validity", "effective_scenario", "effective_performance_sample_count", "effective_qsl_rng_seed",
        "effective_sample_index_rng_seed", "effective_schedule_rng_seed", "result_samples_per_second",
        "early_stopping_latency_ss", "early_stopping_met", "effective_target_latency_ns", "effective_min_query_count",
        "effective_samples_per_query", "effective_min_duration_ms", "qsl_reported_total_count", "num_errors",
        "requested_use_token_latencies", "result_first_token_99.00_percentile_latency_ns", "sut_name",
        "result_tokens_per_second", "effective_sample_concatenate_permutation", "result_mean_latency_ns",
        "result_qps_without_loadgen_overhead", "early_stopping_latency_ms")  # fmt: skip


def _write(path: Path, content: bytes | str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def _member(name: str, value: Any, file: str = "systems/box.json") -> Spoil:
    def spoil(base: Path) -> None:
        document = json.loads((base / file).read_text())
        if value is ...:
            document.pop(name, None)
        else:
            document[name] = value
        (base / file).write_text(json.dumps(document))

    return spoil


def _sparse(path: Path, size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.truncate(size)


def _file_instead(path: Path) -> None:
    shutil.rmtree(path)
    path.write_text("x")


def _folder_instead(path: Path) -> None:
    path.unlink()
    _write(path / "x", "x")


def _different(base: Path, baseline: str, compliance: str) -> None:
    """Make TEST01 one of answers that differ from run to run."""
    _write(base / TEST01 / "verify_accuracy.txt", "TEST FAIL\n")
    _write(base / TEST01 / "accuracy/baseline_accuracy.txt", baseline)
    _write(base / TEST01 / "accuracy/compliance_accuracy.txt", compliance)


def _renamed(old: str, new: str) -> Spoil:
    def spoil(base: Path) -> None:
        for part in ("results", "measurements", "compliance"):
            if (base / part / old).exists():
                (base / part / new).parent.mkdir(parents=True, exist_ok=True)
                (base / part / old).rename(base / part / new)

    return spoil


def _as_system(name: str) -> Spoil:
    def spoil(base: Path) -> None:
        _renamed("box", name)(base)
        (base / "systems/box.json").rename(base / f"systems/{name}.json")
        for file in base.glob("measurements/*/*/*/box_*.json"):
            file.rename(file.with_name(file.name.replace("box", name)))

    return spoil


TREES: dict[str, Spoil] = {
    "as it is": lambda base: None,
    "file at the root": lambda base: _write(base.parents[1] / "notes.txt", "x"),
    "readme at the root": lambda base: _write(base.parents[1] / "README.md", "x"),
    "another division": lambda base: _write(base.parents[1] / "Closed/readme", "x"),
    "file in the division": lambda base: _write(base.parent / "README.md", "x"),
    "a submitter without results": lambda base: _write(base.parent / "other/systems/x.json", "{}"),
    "results only": lambda base: shutil.rmtree(base / "measurements"),
    "no systems": lambda base: shutil.rmtree(base / "systems"),
    "results is a file": lambda base: _file_instead(base / "results"),
    "no results": lambda base: shutil.rmtree(base / "results"),
    "broken link": lambda base: (base / "code/link").symlink_to("nowhere"),
    "link to a file beside it": lambda base: (base / "code/link").symlink_to("resnet/README.md"),
    **linking.spoils(
        *("results/*", RESULT, f"{RESULT}/performance/run_1", f"{RESULT}/accuracy/accuracy.txt", "systems/*.json"),
        *("measurements/*/*/*", TEST01, "code/resnet"),
    ),
    "link to a file by its path from the root": lambda base: (base / "code/link").symlink_to(
        "closed/Example/calibration.md"
    ),
    "link to another submitter": lambda base: (base.parent / "Other").symlink_to("Example"),
    "link to a division": lambda base: (base.parents[1] / "open").symlink_to("closed"),
    "link to a file beside the divisions": lambda base: (base.parents[1] / "notes").symlink_to(
        "closed/Example/calibration.md"
    ),
    "link to nowhere beside the divisions": lambda base: (base.parents[1] / "notes").symlink_to("nowhere"),
    "link to nowhere in the division": lambda base: (base.parent / "notes").symlink_to("nowhere"),
    "link to a folder": lambda base: (base / "code/link").symlink_to("resnet"),
    "51 MiB": lambda base: _sparse(base / "code/big", (50 << 20) + 1),
    "50 MiB": lambda base: _sparse(base / "code/big", 50 << 20),
    "dot file": lambda base: _write(base / "code/.hidden", "x"),
    "dot folder": lambda base: _write(base / "code/.git/x", "x"),
    "gitkeep": lambda base: _write(base / RESULT / "accuracy/.gitkeep", ""),
    "blank": lambda base: _write(base / "code/a b", "x"),
    "pycache": lambda base: _write(base / "code/__pycache__/a.pyc", "x"),
    "empty folder": lambda base: (base / "code/none").mkdir(),
    "empty result": lambda base: (base / "results/box/resnet/Server").mkdir(),
    "a description without results": lambda base: _write(base / "measurements/spare/a", "x"),
    "a system without results": lambda base: shutil.copy(base / "systems/box.json", base / "systems/spare.json"),
    "a folder of that name": lambda base: _write(base / "systems/spare.json/x", "x"),
    "no calibration": lambda base: (base / "calibration.md").unlink(),
    "calibration in documentation": lambda base: (
        (base / "documentation").mkdir(), (base / "calibration.md").rename(base / "documentation/calibration.md")),
    "no system": lambda base: (base / "systems/box.json").unlink(),
    "no results of it": lambda base: shutil.rmtree(base / "results/box"),
    "a system's folder empty of benchmarks": lambda base: _write(base / "results/two/readme", "x"),
    "system a folder": lambda base: _folder_instead(base / "systems/box.json"),
    "a benchmark's folder without scenarios": lambda base: _write(base / "results/box/retinanet/readme", "x"),
    "another folder without scenarios": lambda base: _write(base / "results/box/notes/readme", "x"),
    "no scenario": lambda base: shutil.rmtree(base / "results/box/resnet/SingleStream"),
    "a scenario more": lambda base: shutil.copytree(base / RESULT, base / "results/box/resnet/Server"),
    "small letters": _renamed("box/resnet/Offline", "box/resnet/offline"),
    "odd letters": _renamed("box/resnet/Offline", "box/resnet/OFFLINE"),
    "resnet50": _renamed("box/resnet", "box/resnet50"),
    "mobilenet": _renamed("box/resnet", "box/my-mobilenet"),
    "unknown benchmark": _renamed("box/resnet", "box/resnext"),
    "rgat": _renamed("box/resnet", "box/rgat"),
    "whisper": _renamed("box/resnet", "box/whisper"),
    "bert-99-int8": _renamed("box/resnet", "box/bert-99-int8"),
    "a system named TEST05": _as_system("TEST05"),
    "a system named TEST01": _as_system("TEST01box"),
    "no code": lambda base: shutil.rmtree(base / "code"),
    "no code of the benchmark": lambda base: (base / "code/resnet").rename(base / "code/other"),
    "code is a file": lambda base: _file_instead(base / "code/resnet"),
    "code points elsewhere": lambda base: (_file_instead(base / "code/resnet"),
                                           _write(base / "code/resnet", " there \n"),
        _write(base / "code/there/x", "x")),
    "code points up": lambda base: (_file_instead(base / "code/resnet"), _write(base / "code/resnet", "../systems")),
    "code points nowhere": lambda base: (_file_instead(base / "code/resnet"), _write(base / "code/resnet", "gone")),
    "code points at nothing": lambda base: (_file_instead(base / "code/resnet"), _write(base / "code/resnet", "")),
    "implementation named": lambda base: (base / DESCRIBED / "box_Offline.json").rename(
        base / DESCRIBED / "box_mine_Offline.json"),
    "no description": lambda base: (base / DESCRIBED / "box_Offline.json").unlink(),
    "description of another system": lambda base: (base / DESCRIBED / "box_Offline.json").rename(
        base / DESCRIBED / "other_Offline.json"),
    "description without scenario": lambda base: (base / DESCRIBED / "box_Offline.json").rename(
        base / DESCRIBED / "box.json"),
    "no measurements of it": lambda base: shutil.rmtree(base / DESCRIBED),
    "measurements a file": lambda base: _file_instead(base / DESCRIBED),
    "no user.conf": lambda base: (base / DESCRIBED / "user.conf").unlink(),
    "empty user.conf": lambda base: _write(base / DESCRIBED / "user.conf", ""),
    "no README": lambda base: (base / DESCRIBED / "README.md").unlink(),
    "no accuracy": lambda base: shutil.rmtree(base / RESULT / "accuracy"),
    "accuracy a file": lambda base: _file_instead(base / RESULT / "accuracy"),
    "extra in accuracy": lambda base: _write(base / RESULT / "accuracy/extra", "x"),
    "trace in accuracy": lambda base: _write(base / RESULT / "accuracy/mlperf_log_trace.json", "x"),
    "long accuracy log": lambda base: _write(base / RESULT / "accuracy/mlperf_log_accuracy.json", "x" * 10241),
    "accuracy log at the limit": lambda base: _write(base / RESULT / "accuracy/mlperf_log_accuracy.json", "x" * 10240),
    "no performance": lambda base: shutil.rmtree(base / RESULT / "performance"),
    "no run": lambda base: (base / RESULT / "performance/run_1").rename(base / RESULT / "performance/run_2"),
    "run a file": lambda base: _file_instead(base / RESULT / "performance/run_1"),
    "no summary": lambda base: (base / RESULT / "performance/run_1/mlperf_log_summary.txt").unlink(),
    "extra in run": lambda base: _write(base / RESULT / "performance/run_1/extra", "x"),
    "accuracy log in run": lambda base: _write(base / RESULT / "performance/run_1/mlperf_log_accuracy.json", "x"),
    "power folder": lambda base: _write(base / RESULT / "performance/power/client.json", "{}"),
    "power and settings": lambda base: (
        _write(base / RESULT / "performance/power/client.json", "{}"),
        _write(base / "measurements/analyzer_table.md", "x"),
        _write(base / "measurements/box/power_settings.json", "x"),
        _write(base / RESULT / "performance/run_1/spl.txt", "x")),
    "power and empty settings": lambda base: (
        _write(base / RESULT / "performance/power/client.json", "{}"),
        _write(base / "measurements/analyzer_table.md", ""),
        _write(base / "measurements/box/power_settings.json", "x")),
    "no compliance": lambda base: shutil.rmtree(base / "compliance"),
    "no TEST01": lambda base: shutil.rmtree(base / TEST01),
    "no TEST04": lambda base: shutil.rmtree(base / TEST04),
    "TEST01 a file": lambda base: _file_instead(base / TEST01),
    "no verdict on accuracy": lambda base: (base / TEST01 / "verify_accuracy.txt").unlink(),
    "no verdict on performance": lambda base: (base / TEST04 / "verify_performance.txt").unlink(),
    "NOT A TEST PASS": lambda base: _write(base / TEST04 / "verify_performance.txt", "NOT A TEST PASS"),
    "test pass": lambda base: _write(base / TEST04 / "verify_performance.txt", "test pass"),
    "no run of TEST04": lambda base: shutil.rmtree(base / TEST04 / "performance"),
    "no run of TEST01": lambda base: shutil.rmtree(base / TEST01 / "performance"),
    "run of TEST04 a file": lambda base: _file_instead(base / TEST04 / "performance/run_1"),
    "run of TEST01 a file": lambda base: _file_instead(base / TEST01 / "performance/run_1"),
    "TEST01 unreadable": lambda base: _write(base / TEST01 / "performance/run_1/mlperf_log_detail.txt", ":::MLLOG x"),
    "TEST04 unreadable": lambda base: _write(base / TEST04 / "performance/run_1/mlperf_log_detail.txt", ":::MLLOG x"),
    "both unreadable": lambda base: [_write(base / t / "performance/run_1/mlperf_log_detail.txt", ":::MLLOG x")
                                     for t in (TEST01, TEST04)],
    "extra in the test's run": lambda base: _write(base / TEST04 / "performance/run_1/extra", "x"),
    "no accuracy of TEST01": lambda base: shutil.rmtree(base / TEST01 / "accuracy"),
    "accuracy of TEST01 a file": lambda base: _file_instead(base / TEST01 / "accuracy"),
    "extra in TEST01's accuracy": lambda base: _write(base / TEST01 / "accuracy/extra", "x"),
    "answers differ": lambda base: _different(base, "accuracy=76.0%", "accuracy=75.9%"),
    "answers differ much": lambda base: _different(base, "accuracy=76.0%", "accuracy=74.0%"),
    "answers differ at 1%": lambda base: _different(base, "accuracy=99%", "accuracy=100%"),
    "answers differ, none": lambda base: _different(base, "accuracy=76.0%", "nothing"),
    "answers differ, no number": lambda base: _different(base, "accuracy=76.0.1%", "accuracy=76.0%"),
    "answers differ, files missing": lambda base: _write(base / TEST01 / "verify_accuracy.txt", "TEST FAIL"),
    "not UTF-8 in a verdict": lambda base: _write(base / TEST04 / "verify_performance.txt", b"\xff TEST PASS"),
    "model mapping in closed": lambda base: _write(base / "model_mapping.json", "{"),
}  # fmt: skip
TREES |= {
    f"{name} {value!r}": _member(name, value)
    for name, values in {
        "status": ["Available", "RDI", "onprem", None, 5, ...],
        "system_type": ["datacenter", "edge,datacenter", "Edge", None, ["edge"], ...],
        "submitter": ["EXAMPLE", "Other", None, ...],
        "division": ["Closed", "open", None, ...],
        "is_network": ["false", "true", "True", "", True, None],
        "accelerators_per_node": [0, "0", "", ...],
        "hw_notes": ["", None, 5, ...],
        "sw_notes": ["x", 5, ["x"], ""],
        "framework": ["", 5, ...],
        "system_name": ["", 5, ["x"]],
        "host_processor_model_name": [5, ...],
        "operating_system": [7],
        "system_power_only": [True, "true", []],
        "other": ["x"],
    }.items()
    for value in values
}
TREES |= {
    f"description's {name} {value!r}": _member(name, value, f"{DESCRIBED}/box_Offline.json")
    for name in ("weight_data_types", "retraining")
    for value in ("", None, 0, ["fp8"], ...)
}
OPEN: dict[str, Spoil] = {
    "guessed": lambda base: None,
    "mapped": lambda base: _write(base / "model_mapping.json", '{"mine": "resnet"}'),
    "mapped to an alias": lambda base: _write(base / "model_mapping.json", '{"mine": "resnet50"}'),
    "mapped to nothing": lambda base: _write(base / "model_mapping.json", '{"mine": ""}'),
    "mapped to a number": lambda base: _write(base / "model_mapping.json", '{"mine": 5}'),
    "mapped to a list": lambda base: _write(base / "model_mapping.json", '{"mine": ["resnet"]}'),
    "mapped by a list": lambda base: _write(base / "model_mapping.json", '["mine"]'),
    "mapped by null": lambda base: _write(base / "model_mapping.json", "null"),
    "mapped by a fragment": lambda base: _write(base / "model_mapping.json", "{"),
    "mapped, no calibration": lambda base: (
        _write(base / "model_mapping.json", '{"mine": "resnet"}'), (base / "calibration.md").unlink()),
    "mapped, own scenario": lambda base: (
        _write(base / "model_mapping.json", '{"mine": "resnet"}'),
        _renamed("box/mine/Offline", "box/mine/Batch")(base)),
    "mapped, low accuracy": lambda base: (
        _write(base / "model_mapping.json", '{"mine": "resnet"}'),
        _write(base / "results/box/mine/Offline/accuracy/accuracy.txt", "accuracy=1%\n")),
    "mapped, no accuracy": lambda base: (
        _write(base / "model_mapping.json", '{"mine": "resnet"}'),
        _write(base / "results/box/mine/Offline/accuracy/accuracy.txt", "none\n")),
    "mapped, over a network": lambda base: (
        _write(base / "model_mapping.json", '{"mine": "resnet"}'), _member("is_network", "true")(base)),
    "mapped, one scenario": lambda base: (
        _write(base / "model_mapping.json", '{"mine": "resnet"}'),
        shutil.rmtree(base / "results/box/mine/SingleStream")),
}  # fmt: skip


def log_mutations() -> Iterator[tuple[str, Spoil]]:
    """Yield ways to spoil a detail log."""
    for key in KEYS:
        for value in VALUES if key in ("effective_scenario", "effective_samples_per_query") else VALUES[::3]:
            yield f"{key} = {value!r}", lambda log, key=key, value=value: change(log, key, value)
    for name, spoil in LINES.items():
        yield name, lambda log, spoil=spoil: log.write_bytes(spoil(log.read_bytes()))


def _error(text: bytes, value: bool = True) -> bytes:
    said = b'"value": "bad", ' if value else b""
    return text + b':::MLLOG {"key": "error_runtime", ' + said + b'"metadata": {"is_error": true}}\n'


LINES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda text: b"",
    "noise first": lambda text: b"noise\n" + text,
    "noise first and an invalid line": lambda text: b"noise\n" + text + b":::MLLOG {\n",
    "BOM": lambda text: b"\xef\xbb\xbf" + text,
    "truncated": lambda text: text[: len(text) // 2],
    "not UTF-8": lambda text: text + b"\xff\n",
    "invalid line": lambda text: text + b":::MLLOG x\n",
    "no key": lambda text: text + b":::MLLOG {}\n",
    "a list": lambda text: text + b":::MLLOG []\n",
    "a number": lambda text: text + b":::MLLOG 5\n",
    "indented marker": lambda text: text + b" :::MLLOG x\n",
    "an error": _error,
    "an error without value": lambda text: _error(text, value=False),
    "no metadata": lambda text: text + b':::MLLOG {"key": "x", "value": 1}\n',
    "no metadata, errors counted": lambda text: (
        text + b':::MLLOG {"key": "x", "value": 1}\n:::MLLOG {"key": "num_errors", "value": 0, "metadata": {}}\n'
    ),
    "errors counted": lambda text: (
        _error(text) + b':::MLLOG {"key": "num_errors", "value": 0, "metadata": {"is_error": false}}\n'
    ),
    "no value": lambda text: text.replace(b'"value": true', b'"other": true', 1),
    "endpoints": lambda text: text.replace(b":::MLLOG", b":::ENDPTS"),
    "repeated": lambda text: text + text,
    "CR": lambda text: text.replace(b"\n", b"\r"),
    "valid again": lambda text: text.replace(b'"VALID"', b'"INVALID"') + text,
}


def line_mutations(path: Path) -> Iterator[tuple[str, Spoil]]:
    """Yield ways to spoil a text or a document."""
    yield "gone", lambda at: at.unlink()
    yield "empty", lambda at: at.write_bytes(b"")
    yield "not UTF-8", lambda at: at.write_bytes(b"\xff" + at.read_bytes())
    yield "not UTF-8 at the end", lambda at: at.write_bytes(at.read_bytes() + b"\n" * 9000 + b"\xff")
    yield "a folder", _folder_instead
    if path.suffix == ".json":
        for text in ("{", "[]", "null", "5", '{"x": NaN}', '"x"'):
            yield text, lambda at, text=text: at.write_text(text)
    if path.name == "accuracy.txt":
        for text in ACCURACIES:
            yield text, lambda at, text=text: at.write_text(text)
    if path.name.startswith("verify"):
        for text in ("TEST PASS", "xTEST PASSx", "Test Pass", "TEST\nPASS"):
            yield text, lambda at, text=text: at.write_text(text)


ACCURACIES = (
    "accuracy=76.0%\nhash=a\n", "accuracy=75.0%\nhash=a\n", "accuracy=76.0%\n", "hash=a\naccuracy=76%\n",
    "accuracy=75.0%\naccuracy=76.0%\nhash=a\n", "accuracy=76.0%\naccuracy=75.0%\nhash=a\n",
    "accuracy=76.0%\nhash=a\naccuracy=1%\n", "accuracy=76.1.2%\nhash=a\n", " accuracy=76.0%\nhash=a\n",
    "accuracy=76.0%\nhash=a b\n", "accuracy=76.0%\nhash=\n", '{"accuracy": 76.5, "x": 1}\nhash=ü\n',
    "accuracy 76\nhash=a",
    "accuracy=.\nhash=a\n", "accuracy=76.0%\rhash=a\r", "accuracy=76.0%\n hash=a\n", "accuracy=1e2%\nhash=a\n",
)  # fmt: skip


def scramble(text: bytes, rng: Random) -> bytes:
    """Change one thing in a file: a byte, a line, a number, an end."""
    lines = text.split(b"\n")
    at, byte = rng.randrange(len(lines)), rng.randrange(len(text) or 1)
    ways: list[Callable[[], bytes]] = [
        lambda: b"\n".join(lines[:at] + lines[at + 1 :]),
        lambda: b"\n".join([*lines[:at], lines[at], *lines[at:]]),
        lambda: text[:byte] + bytes([rng.randrange(256)]) + text[byte + 1 :],
        lambda: text[:byte] + bytes([rng.choice(b'{}[]",:0 5\\\n\r\t')]) + text[byte:],
        lambda: text[:byte],
        lambda: text.replace(
            rng.choice([b"true", b"VALID", b"PASS", b"fp32", b"some"]), rng.choice([b"false", b"0", b""]), 1
        ),
        lambda: b"\n".join([*lines[:at], bytes(reversed(lines[at])), *lines[at + 1 :]]),
    ]
    return rng.choice(ways)()
