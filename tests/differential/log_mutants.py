"""Random spoilings of a log, several at once: values that Python treats in its own ways, and changed bytes."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from random import Random
from typing import Any

Lines = list[dict[str, Any]]
VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 0.5, 2, "", "x", "5", "%d", "%s %s", [], {}, [1, 2], [[]], {"FID": 1, "CLIP": 0.2},
    {"FID": "a"}, float("nan"), float("inf"), -float("inf"), -0.0, 1e308, 1e-320, 10**18, 10**40, 2**63, "closed",
    "open", "./closed", "/closed", "common", "status", "samples_count", "é", "\ud800", "NaN", [float("nan")], 0.1 + 0.2,
    1 + 1e-12, "a" * 3000, "samples_count epoch_num",
]  # fmt: skip
TIMES: list[Any] = [
    "123", "nan", "inf", " 1_000 ", None, True, "12:00", 10**400, 10**300, 2**63, -1, [], {}, 1.5, "", float("nan"),
    float("inf"), "0x10", "١٢",
]  # fmt: skip
METRICS: list[Any] = [
    0.36, 0.036, 0.124, 0.9, 0.925, 3.3, 5.6, 0.72, 1, 1.0, 0.999, 3.34, 3.6, 0.69, 0.75, 2.6, 2.69, 0, -1, "0.5",
    None, float("nan"), 0.80275, 0.3400000001,
]  # fmt: skip
KEYS: list[Any] = [
    "eval_accuracy", "eval_error", "global_batch_size", "opt_name", "seed", "train_samples", "run_start", "run_stop",
    "init_stop", "init_start", "block_start", "submission_status", "submission_division", "submission_benchmark",
    "scheduler_type", "epoch_start", "epoch_stop", "staging_stop", "staging_start", "aggregated_eval_accuracy",
    "dropout", "opt_weight_decay", "gradient_accumulation_steps", "tensor_parallelism", None, 5, ["x"], {}, "x", "",
    "opt_base_learning_rate", "opt_learning_rate_warmup_steps",
]  # fmt: skip
BENCHMARKS: list[Any] = [
    "bert", "resnet", "resnet_lars", "gpt3", "unet3d", "stable_diffusion", "llama2_70b_lora", "llama31_8b", "flux1",
    "rgat", "dlrm_dcnv2", "deepcam", "deepcam_lamb", "cosmoflow", "qwen35_397b_grpo", "dlrmv4", None, "/bert", "",
]  # fmt: skip
LINES: list[bytes] = [
    b"null", b"[]", b"1", b'"x"', b"true", b"", b"{}", b"NaN", b'{"time_ms":1}', b"[" * 300 + b"]" * 300,
    b'{"key":1,"value":1,"metadata":1,"time_ms":1}', b'{"key":"k","value":"\\u0000\\ud83d","metadata":{},"time_ms":1}',
    b'{"key":"k","value":%s,"metadata":{},"time_ms":1}' % (b"[" * 150 + b"]" * 150),
    b'{"key":"k","value":01,"metadata":{},"time_ms":1}', b'{"key":"k","value":1.,"metadata":{},"time_ms":1}',
    b'{"key":"k","value":1e999,"metadata":{},"time_ms":1}', b'{"key":"k","value":"\x01","metadata":{},"time_ms":1}',
    b'{"key":"k","value":"\x7f","metadata":{},"time_ms":1}', b'{"key":"k","value":1,"metadata":{},"time_ms":1e400}',
    b'{"key":"k","value":1,"value":2,"metadata":{},"time_ms":1,"time_ms":null}',
    b'{"key":"k","value":1,"metadata":{},"time_ms":1}}', b'{"key":"k","value":1,"metadata":{},"time_ms":-0}',
    b'{"key":"k","value":1,"metadata":{},"time_ms":123456789012345678901234567890}',
    b'{"key":"k","value":' + b"9" * 5000 + b',"metadata":{},"time_ms":1}',
    b'{"key":"k","value":0.' + b"9" * 5000 + b',"metadata":{},"time_ms":1}',
    b'{"key":"eval_accuracy","value":Infinity,"metadata":{"samples_count":1,"epoch_num":1},"time_ms":1}',
]  # fmt: skip


def _one(values: list[Any], rng: Random) -> Any:
    return copy.deepcopy(rng.choice(values))  # what is chosen may be spoiled again


def mutate(lines: Lines, rng: Random) -> None:
    """Change one thing in the records, in place."""
    at = rng.randrange(len(lines))
    EDITS[rng.randrange(len(EDITS))](lines, at, lines[at], rng)


def _again(lines: Lines, at: int, line: dict[str, Any], rng: Random) -> None:
    lines.insert(rng.randrange(len(lines) + 1), dict(line))


def _again_otherwise(lines: Lines, at: int, line: dict[str, Any], rng: Random) -> None:
    lines.insert(rng.randrange(len(lines) + 1), {**line, "value": _one(VALUES, rng)})


def _elsewhere(lines: Lines, at: int, line: dict[str, Any], rng: Random) -> None:
    lines.insert(rng.randrange(len(lines)), lines.pop(at))


def _position(lines: Lines, at: int, line: dict[str, Any], rng: Random) -> None:
    if isinstance(line.get("metadata"), dict) and line["metadata"]:
        name = rng.choice(sorted(line["metadata"]))
        if rng.random() < 0.5:
            del line["metadata"][name]
        else:
            line["metadata"][name] = _one(VALUES, rng)


def _shifted(lines: Lines, at: int, line: dict[str, Any], rng: Random) -> None:
    if type(line.get("time_ms")) is int:
        line["time_ms"] += rng.choice([-1_800_000, 1_800_000, -14_400_000, 14_400_001, 60_000])


def _nearly(lines: Lines, at: int, line: dict[str, Any], rng: Random) -> None:
    value = line.get("value")
    if type(value) in (int, float):
        near = [float(value), str(value), -value, value * (1 + 1e-16), value * 1.0000001, value + 1e-10, value * 2]
        line["value"] = rng.choice([*near, [value]])


def _short(lines: Lines, at: int, line: dict[str, Any], rng: Random) -> None:
    if rng.random() < 0.3:
        line.pop(rng.choice(["namespace", "event_type", "time_ms", "key", "value", "metadata"]), None)


def _swapped(lines: Lines, at: int, line: dict[str, Any], rng: Random) -> None:
    other = rng.randrange(len(lines))
    lines[at], lines[other] = lines[other], lines[at]


def _every(key: str | tuple[str, ...], values: list[Any]) -> Callable[[Lines, int, dict[str, Any], Random], None]:
    def edit(lines: Lines, at: int, line: dict[str, Any], rng: Random) -> None:
        for one in lines:
            if isinstance(one.get("key"), str) and one["key"] in key:
                one["value"] = _one(values, rng)

    return edit


def _more(lines: Lines, at: int, line: dict[str, Any], rng: Random) -> None:
    metadata = rng.choice([{}, {"samples_count": 5}, {"epoch_num": 1}, None, "x"])
    lines.append({"key": rng.choice(KEYS), "value": _one(VALUES, rng), "metadata": metadata, "time_ms": 1})


def _set(member: str, values: list[Any]) -> Callable[[Lines, int, dict[str, Any], Random], None]:
    return lambda lines, at, line, rng: line.update({member: _one(values, rng)})


def _gone(lines: Lines, at: int, line: dict[str, Any], rng: Random) -> None:
    if len(lines) > 1:
        del lines[at]


EDITS = (
    _gone, _again, _again_otherwise, _elsewhere, _set("value", VALUES), _set("value", VALUES), _set("metadata", VALUES),
    _position, _set("time_ms", TIMES), _shifted, _set("key", KEYS), _nearly, _short, _swapped, _more,
    _every(("submission_division",), ["open", "closed", "Open", None, "./open", "//closed", ["closed"], 1]),
    _every(("submission_benchmark",), BENCHMARKS),
    _every(("eval_accuracy", "eval_error", "averaged_validation_loss"), METRICS),
)  # fmt: skip


def spoil(log: bytes, rng: Random) -> bytes:
    """Change one thing in the bytes of a log."""
    lines = log.split(b"\n")
    at, byte = rng.randrange(len(lines)), rng.randrange(len(log) or 1)
    tails = [b" ", b"\x85", b"\xa0", b"\x1c", b"x", b"\x00", b",", b"\xc2\xa0"]
    heads = [b"\xef\xbb\xbf", b"x", b":::MLLOG ", b"[rank0] ", b"\xff"]
    tokens = [b"", b"  ", b"\t", b" \x0b", b" \xa0", b" \r"]
    ways: list[Callable[[], bytes]] = [
        lambda: lines[at][: rng.randrange(len(lines[at]) + 1)],
        lambda: lines[at] + rng.choice(tails),
        lambda: rng.choice(heads) + lines[at],
        lambda: lines[at].replace(b'"', b"'", 1),
        lambda: lines[at].replace(b"MLLOG ", b"MLLOG" + rng.choice(tokens), 1),
        lambda: lines[at] + lines[(at + 1) % len(lines)],
        lambda: b":::MLLOG " + rng.choice(LINES),
    ]
    whole: list[Callable[[], bytes]] = [
        lambda: log.replace(b"\n", rng.choice([b"\r", b"\r\n", b"\n\n", b"\r\r"])),
        lambda: log[:byte] + bytes([rng.randrange(256)]) + log[byte + 1 :],
        lambda: log[:byte] + bytes([rng.choice(b'{}[]",:0 \\\n\r\t')]) + log[byte:],
        lambda: log[:byte],
    ]
    if rng.random() < len(whole) / (len(ways) + len(whole)):
        return rng.choice(whole)()
    lines[at] = rng.choice(ways)()
    return b"\n".join(lines)


def copied(lines: Lines) -> Lines:
    """Return records that may be changed."""
    return [json.loads(json.dumps(line)) for line in lines]
