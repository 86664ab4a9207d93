"""What changed between two rounds of MLPerf Inference, in plain words: benchmarks, targets, limits, seeds."""

from __future__ import annotations

from collections.abc import Iterator

from checker.explain.difference import changed, leaves, shown
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
        lines = list(changed(mine[name].model_dump(), model.model_dump(), WORDS))
        if lines:
            yield f"{name}:"
            yield from (f"  {line}" for line in lines)
    for title, was, now in (
        ("every result", old.package.model_dump(), new.package.model_dump()),
        ("integrity checks", review_rules(before).model_dump(), review_rules(after).model_dump()),
    ):
        lines = list(changed(was, now, WORDS))
        if lines:
            yield f"{title}:"
            yield from (f"  {line}" for line in lines)


def _told(model: ModelRules) -> Iterator[str]:
    for name, value in model.model_dump(exclude_defaults=True).items():
        for place, leaf in leaves(value, WORDS.get(name, name.replace("_", " "))):
            yield f"{place}: {shown(leaf)}"


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
