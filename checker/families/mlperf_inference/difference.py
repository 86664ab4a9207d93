"""What changed between two rounds of MLPerf Inference, in plain words: benchmarks, targets, limits, seeds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from checker.core.findings import brief
from rules.inference import ModelRules, inference_rules
from rules.inference_review import Drift, review_rules

WORDS = {
    "accuracy": "accuracy at least",
    "accuracy_by_scenario": "accuracy at least",
    "accuracy_at_most": "accuracy at most",
    "accuracy_samples": "samples of an accuracy run",
    "samples": "samples in the data set",
    "performance_samples": "samples loaded at a time",
    "latency_ns": "latency at most, ns",
    "token_latency_ns": "latency of tokens below, ns",
    "queries": "queries at least",
    "offline_samples": "samples of an Offline query",
    "tests": "compliance tests",
    "metric_key": "metric",
}


def differences(before: str, after: str) -> Iterator[str]:
    """Yield what differs in `after`, headings without indent."""
    old, new = inference_rules(before), inference_rules(after)
    mine, theirs = ({n: m for n, m in rules.models.items() if m.listed and m.scenarios} for rules in (old, new))
    yield from (f"{name}: gone" for name in sorted(mine.keys() - theirs.keys()))
    for name, model in theirs.items():
        if name not in mine:
            yield f"{name}: new"
            yield from (f"  {line}" for line in _told(model))
            continue
        lines = list(changed(mine[name].model_dump(), model.model_dump()))
        if lines:
            yield f"{name}:"
            yield from (f"  {line}" for line in lines)
    for title, was, now in (
        ("every result", old.package.model_dump(), new.package.model_dump()),
        ("integrity checks", review_rules(before).model_dump(), review_rules(after).model_dump()),
    ):
        lines = list(changed(was, now))
        if lines:
            yield f"{title}:"
            yield from (f"  {line}" for line in lines)


def _told(model: ModelRules) -> Iterator[str]:
    for name, value in model.model_dump(exclude_defaults=True).items():
        for place, leaf in _leaves(value, WORDS.get(name, name.replace("_", " "))):
            yield f"{place}: {_shown(leaf)}"


def changed(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    """Yield how the members of one differ from those of the other, place by place."""
    for name in new:
        words = WORDS.get(name, name.replace("_", " "))
        was, now = dict(_leaves(old.get(name), words)), dict(_leaves(new[name], words))
        for place in {**was, **now}:
            if was.get(place) == now.get(place):
                continue
            if place not in now:
                yield f"{place}: no longer (was {_shown(was[place])})"
            else:
                yield f"{place}: {_shown(now[place])}" + (f" (was {_shown(was[place])})" if place in was else ", new")


def _leaves(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, one in value.items():
            yield from _leaves(one, f"{place}, {name}")
    elif isinstance(value, list) and all(isinstance(one, str) for one in value):
        if value:
            yield place, sorted(value)  # scenarios, tests, members: their order says nothing
    elif value is not None and value != []:
        yield place, value


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return f"{value:,}" if type(value) is int and abs(value) < 10**15 else str(value) if value == "" else brief(value)


def drift(round_name: str) -> Iterator[str]:
    """Yield where the official tables and the rules document differ: both numbers, or what each says."""
    known, reviewed = inference_rules(round_name).models, review_rules(round_name)
    for one in reviewed.drift.values():
        if one.model in known and known[one.model].listed:
            yield _said(one)
    for other in reviewed.differences.values():
        yield f"{other.model}: {other.table} (table), {other.rules} (rules §{other.clause})"


def _said(one: Drift) -> str:
    bound, unit = ("at least" if one.at_least else "at most"), (f" {one.unit}" if one.unit else "")
    where = f"{one.model}, {one.scenario}" if one.scenario else one.model
    return f"{where}: {one.what} {bound} {one.table:,.15g}{unit} (table), {one.rules:,.15g}{unit} (rules §{one.clause})"
