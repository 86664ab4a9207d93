"""Demands of a sheet in words: for findings, for `assay rules`, for the difference between two rounds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from checker.core.findings import Problem, brief
from rules.cards import Part
from rules.sheets import Demand, sheets

PARTS: dict[str, Part] = {
    "occurs": "lines",
    "instead": "lines",
    "after": "order",
    "before": "order",
    "within": "time",
    "has": "members",
    "first": "schedule",
    "reaches": "target",
    "remembers": "value",
}


def part_of(member: str) -> Part:
    """Return the part of a demand, as cards name it, that its member is."""
    return PARTS.get(member, "value")


def listed(names: list[Any], last: str = "or") -> str:
    """Return names as `a, b or c`."""
    words = [one if isinstance(one, str) else brief(one) for one in names]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def wanted(demand: Demand, member: str, key: str) -> str:
    """Return what one member of a demand asks for, as the end of 'it should be …'."""
    name, _, position = member.partition(".")
    if name == "occurs":
        return {"once": "exactly one line", "some": "at least one line", "any": "any number of lines"}.get(
            str(demand.occurs), f"at least {demand.occurs} lines"
        )
    if name == "instead":
        return f"a line of {listed([key, *demand.instead])}"
    if name == "after":
        return f"after {listed(demand.after, 'and')}"
    if name == "before":
        return f"before {listed(demand.before, 'and')}"
    if name == "within":
        assert demand.within is not None
        minutes = demand.within.minutes
        limit = f"{minutes:g}" if isinstance(minutes, float) else listed([f"{m:g} ({d})" for d, m in minutes.items()])
        return f"under {limit} minutes after the first {demand.within.since}"
    if name == "has":
        return f"metadata with {listed(demand.has)}"
    if name == "equals":
        return brief(demand.equals)
    if name == "one_of":
        return f"one of {', '.join(brief(value) for value in demand.one_of)}"
    if name == "holds":
        return demand.holds[int(position)] if position else " and ".join(demand.holds)
    if name == "between":
        assert demand.between is not None
        return f"from {demand.between[0]:g} to {demand.between[1]:g}"
    if name == "given":
        return "a value"
    if name == "sign":
        return "a finite number, not below 0"
    if name == "first":
        return f"on the first line, {demand.first}"
    if name == "reaches":
        return f"on some line, {demand.reaches}"
    return "a value from which what follows can be computed"


def members(demand: Demand) -> Iterator[str]:
    """Yield the members of a demand that ask for something, in the order they are judged."""
    for name in (
        "occurs",
        "instead",
        "after",
        "before",
        "within",
        "has",
        "equals",
        "one_of",
        "holds",
        "between",
        "first",
    ):
        if getattr(demand, name) not in (None, [], "any"):
            yield name
    if demand.reaches is not None:
        yield "reaches"


def told(demand: Demand, key: str) -> str:
    """Return a whole demand in words."""
    said = [wanted(demand, member, key) for member in members(demand)]
    if demand.occurs == "any" and not demand.instead:
        return f"where logged, {'; '.join(said) or 'anything'}"
    return "; ".join(said)


def reference(round_name: str) -> Iterator[str]:
    """Yield the Markdown of a round's sheets, nothing where it has none."""
    known = sheets(round_name)
    if known:
        yield from (
            "# What a log must hold",
            "",
            "Laid one after the other: `common`, the division's, the benchmark's.",
            "",
        )
    for name, sheet in known.items():
        yield from (f"## {name}", "", "```text")
        for key, demand in {**sheet.keys, **sheet.strict}.items():
            yield f"{key}: {told(demand, key)}"
        yield from ("```", "")


def problem(demand: Demand, member: str, key: str, found: str, line: int | None, why: str = "") -> Problem:
    """Return the problem of a line (or of a key never logged) that does not meet `member` of its demand."""
    name = member.partition(".")[0]
    said = {
        "occurs": f"'{key}' is logged {found}",
        "after": f"'{key}' comes too early",
        "before": f"'{key}' comes too late",
        "within": f"'{key}' comes too long after the first {demand.within.since if demand.within else ''}",
        "has": f"'{key}' does not say where it stands in the run",
        "first": f"the first '{key}' is not where it should be",
        "reaches": f"no '{key}' line reaches the target",
    }.get(name, f"'{key}' is {found}")
    if why:
        said = f"'{key}' cannot be judged: {why}"
    return Problem(said, wanted(demand, member, key), found, line=line)
