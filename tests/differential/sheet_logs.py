"""Logs that satisfy a round's requirements, made from them: also of benchmarks of which no published log exists.

A value is found by trying what the demand itself names: the fixed value, the first allowed one, the right-hand side of
an equation. `search` only has to be as clever as the rules of the rounds that exist.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from checker.families.mlperf_training.log_requirements.loose import RAISED, CompiledKey, CompiledRequirements
from checker.families.mlperf_training.log_requirements.official import OfficialRules, official_rules
from checker.families.mlperf_training.reading import ReadRecord
from rules.expressions import Meaning, Moment, compile_expression
from rules.log_requirements import LogRequirements

START = 1_700_000_000_000
LINE = dict[str, Any]
BATCH: Mapping[str, int] = {"qwen35_397b_grpo": 256, "llama31_405b": 1152, "dlrmv4": 8192}
CANDIDATES: tuple[Any, ...] = (
    16,
    0.02,
    8192,
    1000,
    1,
    0.5,
    0.0001,
    0.001,
    2e-5,
    1e-6,
    0,
    "text",
    True,
    [0.9, 0.999],
    0.91,
)
METRICS = ("eval_accuracy", "eval_error", "averaged_validation_loss")
FRAME = (
    "init_start",
    "init_stop",
    "run_start",
    "block_start",
    "eval_start",
    *METRICS,
    "eval_stop",
    "block_stop",
    "run_stop",
)
SKIPPED = ("epoch_start", "epoch_stop", "staging_start", "staging_stop", "aggregated_eval_accuracy")


@dataclass
class Writer:
    """A log in the making."""

    lines: list[LINE] = field(default_factory=list)
    postponed: dict[str, int] = field(default_factory=dict)
    clock: int = START

    def write(self, key: str, value: Any, metadata: dict[str, Any] | None = None, event: str = "POINT_IN_TIME") -> None:
        self.clock += 1000
        metadata = {"file": "train.py", "lineno": 10 + len(self.lines), **(metadata or {})}
        line = {"namespace": "", "time_ms": self.clock, "event_type": event, "key": key, "value": value}
        self.lines.append({**line, "metadata": metadata})


def cases(round_name: str) -> Iterator[tuple[str, str]]:
    """Yield (division, benchmark) of every benchmark the round has log requirements for."""
    for name in official_rules(round_name).log_requirements:
        division, _, benchmark = name.partition("_")
        if division in ("closed", "open") and benchmark != "common" and not _loaded_by_value(round_name, name):
            yield division, benchmark


def _loaded_by_value(round_name: str, name: str) -> bool:
    parts = name.rpartition("_")[0]
    return parts in official_rules(round_name).log_requirements and parts.count("_") >= 1


def log(round_name: str, division: str, benchmark: str, optimiser: str | None = None) -> list[LINE]:
    """Return the lines of a log that passes the official rules of the round."""
    rules = official_rules(round_name)
    laid = [
        rules.log_requirements["common"],
        rules.log_requirements[f"{division}_common"],
        rules.log_requirements[f"{division}_{benchmark}"],
    ]
    writer = Writer()
    given: dict[str, Any] = {"submission_division": division, "submission_benchmark": benchmark}
    if optimiser is not None:
        given["opt_name"] = optimiser
    keys = _merged(laid)
    for key in [k for k in keys if "submission_" in k] + ["cache_clear", "init_start", "global_batch_size"]:
        if key in keys:
            _add(writer, laid, keys[key], given, benchmark)
    waiting = [key for key in keys if key not in FRAME and key not in SKIPPED and keys[key].demand.occurs != "any"]
    waiting = [key for key in waiting if not any(line["key"] == key for line in writer.lines)]
    while waiting:  # a key whose value follows from another's waits for that one
        key = waiting.pop(0)
        try:
            _add(writer, laid, keys[key], given, benchmark)
        except LookupError:
            writer.postponed[key] = writer.postponed.get(key, 0) + 1
            if writer.postponed[key] > len(keys):
                raise
            waiting.append(key)
    for line in writer.lines:
        demand = keys[line["key"]].demand
        name = _next_requirements(demand.loads, line["value"])
        if name and name not in (f"{division}_common", f"{division}_{benchmark}") and name in rules.log_requirements:
            more = {key: value for key, value in rules.log_requirements[name].keys.items() if key not in keys}
            for compiled in more.values():
                _add(writer, [*laid, rules.log_requirements[name]], compiled, given, benchmark)
            break
    for line in list(writer.lines):
        name = _next_requirements(keys[line["key"]].demand.loads, line["value"]) if line["key"] in keys else None
        if name and name.endswith(("multistep", "cosine_annealing")) and name in rules.log_requirements:
            for compiled in rules.log_requirements[name].keys.values():
                if not any(other["key"] == compiled.key for other in writer.lines):
                    _add(writer, [*laid, rules.log_requirements[name]], compiled, given, benchmark)
    writer.write("init_stop", None, event="INTERVAL_END")
    writer.write("run_start", None, event="INTERVAL_START")
    _frame(writer, rules, laid, keys, benchmark)
    writer.write("run_stop", None, {"status": "success", "samples_count": 1024, "epoch_num": 2}, "INTERVAL_END")
    return writer.lines


def _next_requirements(loads: str | dict[str, str] | None, value: Any) -> str | None:
    if isinstance(loads, dict):
        return loads.get(value)
    return None if loads is None else loads.replace("{value}", str(value)).replace("{lower}", str(value).lower())


def _merged(laid: list[CompiledRequirements]) -> dict[str, CompiledKey]:
    return {key: compiled for requirements in laid for key, compiled in requirements.keys.items()}


def _frame(
    writer: Writer, rules: OfficialRules, laid: list[CompiledRequirements], keys: dict[str, CompiledKey], benchmark: str
) -> None:
    first, step = _positions(writer, laid[-1].given)
    for index in range(2):
        samples = first + index * step
        position = {"samples_count": samples, "epoch_num": index + 1, "step_num": samples}
        block = {"first_epoch_num": index, "epoch_count": 1, "samples_count": samples, "step_num": samples}
        writer.write("block_start", None, block, "INTERVAL_START")
        writer.write("eval_start", None, position, "INTERVAL_START")
        for metric in METRICS:
            if metric in keys and keys[metric].demand.occurs != "any":
                writer.write(metric, _reached(keys[metric]), position)
        if laid[-1].given.gathers:
            writer.write("eval_accuracy", 80.0, {**position, "metric": "FID"})
            writer.write("eval_accuracy", 0.2, {**position, "metric": "CLIP"})
        writer.write("eval_stop", None, position, "INTERVAL_END")
        writer.write("block_stop", None, block, "INTERVAL_END")


def _positions(writer: Writer, requirements: LogRequirements) -> tuple[int, int]:
    """Return the samples of the first evaluation and the step to the next, by the set's own rules."""
    batch = next((line["value"] for line in writer.lines if line["key"] == "global_batch_size"), 16)
    if requirements.name == "closed_qwen35_397b_grpo":
        return batch * -int(-(2.5 + 3840 / batch) // 1), batch
    if requirements.name == "closed_dlrmv4":
        interval = max(1, -int(-(0.001 * 2290835423 / batch) // 1)) * batch
        return -int(-(((4480 * batch + 135331840) // 3) / interval) // 1) * interval, interval
    if requirements.name == "closed_deepseekv3_671b":
        return batch * int(42 + 24576 / batch), batch
    return 512, 512


def _reached(compiled: CompiledKey) -> Any:
    """Return a value that reaches the target."""
    pool: list[Any] = [0.5, 0.91, 0.035, 2.65, 0.8, 0.8028, 0.76, 0.74, 0.345, 0.83, {"BBOX": 0.38, "SEGM": 0.34}]
    for value in pool:
        moment = Moment(event=ReadRecord(START, compiled.key, value, {}))  # type: ignore[arg-type]
        try:
            if compiled.reaches is None or compiled.reaches(moment):
                return value
        except RAISED:
            continue
    raise LookupError(f"no value reaches the target of {compiled.key}")


def _add(
    writer: Writer, laid: list[CompiledRequirements], compiled: CompiledKey, given: Mapping[str, Any], benchmark: str
) -> None:
    moments = [_moment(writer, requirements, laid) for requirements in laid if compiled.key in requirements.keys]
    log_requirements = [requirements for requirements in laid if compiled.key in requirements.keys]
    for value in _tries(compiled, given, benchmark, log_requirements, moments):
        record = ReadRecord(writer.clock + 1000, compiled.key, value, {"samples_count": 512, "epoch_num": 1})
        # A benchmark the open division forgot to allow (4.0, 4.1) has its log all the same.
        if compiled.key in given or all(
            _fits(requirements.keys[compiled.key], moment, record)
            for requirements, moment in zip(log_requirements, moments, strict=True)
        ):
            event = "INTERVAL_START" if compiled.key.endswith("_start") else "POINT_IN_TIME"
            writer.write(compiled.key, value, event=event)
            return
    raise LookupError(f"no value found for {compiled.key} of {benchmark}")


def _fits(compiled: CompiledKey, moment: Moment, record: ReadRecord) -> bool:
    moment.event = record  # type: ignore[assignment]
    try:
        return all(test(moment) for _, test in compiled.tests)
    except RAISED:
        return False


def _moment(writer: Writer, requirements: CompiledRequirements, laid: list[CompiledRequirements]) -> Moment:
    """Return the state a set is in after the lines written so far."""
    moment = Moment(held=dict(requirements.given.begins))
    for line in writer.lines:
        record = ReadRecord(line["time_ms"], line["key"], line["value"], line["metadata"])
        moment.event = record  # type: ignore[assignment]
        moment.counts[record.key] = moment.counts.get(record.key, 0) + 1
        moment.latest[record.key] = record  # type: ignore[assignment]
        compiled = requirements.keys.get(record.key)
        for name, expression in compiled.remembers if compiled else ():
            moment.held[name] = expression(moment)
    return moment


def _tries(
    compiled: CompiledKey,
    given: Mapping[str, Any],
    benchmark: str,
    log_requirements: list[CompiledRequirements],
    moments: list[Moment],
) -> Iterator[Any]:
    demand = compiled.demand
    if compiled.key in given:
        yield given[compiled.key]
        return
    if compiled.key == "global_batch_size":
        yield BATCH.get(benchmark, 16384)
    if demand.equals is not None:
        yield demand.equals
    yield from demand.one_of
    for text in demand.holds:
        for pattern, scale in (
            (r"value == (.*)", 1),
            (r"abs\(value - (.*)\) < 1e-9", 1),
            (r"value \* 1152 == (.*)", 1152),
        ):
            if match := re.fullmatch(pattern, text):
                try:
                    right = compile_expression(match[1], meaning=Meaning.LOOSE, held=log_requirements[-1].given.held)
                    yield right.evaluate(moments[-1]) / scale if scale != 1 else right.evaluate(moments[-1])
                except RAISED:
                    continue
    if "lr_max" in log_requirements[-1].given.held and moments[-1].held.get("lr_max"):
        yield moments[-1].held["lr_max"]
        yield moments[-1].held.get("opt_base_learning_rate")
    if compiled.key == "num_prompts_per_step":
        yield BATCH["qwen35_397b_grpo"] // 16
    yield from CANDIDATES
