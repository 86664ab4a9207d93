"""Demands of a set in words: for findings, for `assay rules`, for the difference between two rounds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from checker.core.findings import Violation, brief
from rules.cards import Part
from rules.log_requirements import Demand, TimeLimit, log_requirements

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


OCCURS = {"once": "exactly one line", "some": "at least one line", "any": "any number of lines"}
# What a member asks for, as the end of 'it should be …', in the order in which members are judged.
WANTED: dict[str, Callable[[Demand, str], str]] = {
    "occurs": lambda demand, _: OCCURS.get(str(demand.occurs), f"at least {demand.occurs} lines"),
    "instead": lambda demand, key: f"a line of {listed([key, *demand.instead])}",
    "after": lambda demand, _: f"after {listed(demand.after, 'and')}",
    "before": lambda demand, _: f"before {listed(demand.before, 'and')}",
    "within": lambda demand, _: _limit(demand.within),
    "has": lambda demand, _: f"metadata with {listed(demand.has)}",
    "equals": lambda demand, _: brief(demand.equals),
    "one_of": lambda demand, _: f"one of {', '.join(brief(value) for value in demand.one_of)}",
    "holds": lambda demand, _: " and ".join(demand.holds),
    "between": lambda demand, _: "from {:g} to {:g}".format(*demand.between or ()),
    "first": lambda demand, _: f"on the first line, {demand.first}",
    "reaches": lambda demand, _: f"on some line, {demand.reaches}",
}
EMPTY: tuple[object, ...] = (None, [], "any")  # of a member that asks for nothing
BEYOND = {"given": "a value", "sign": "a finite number, not below 0"}  # of hyperparameters that a set leaves free


def wanted(demand: Demand, member: str, key: str) -> str:
    """Return what one member of a demand asks for; of a list's position, `holds.0`, that one."""
    name, _, position = member.partition(".")
    if position and name == "holds":
        return demand.holds[int(position)]
    if name in WANTED:
        return WANTED[name](demand, key)
    return BEYOND.get(name, "a value from which what follows can be computed")


def _limit(limit: TimeLimit | None) -> str:
    assert limit is not None
    minutes = limit.minutes
    said = f"{minutes:g}" if isinstance(minutes, float) else listed([f"{m:g} ({d})" for d, m in minutes.items()])
    return f"under {said} minutes after the first {limit.since}"


def members(demand: Demand) -> Iterator[str]:
    """Yield the members of a demand that ask for something, in the order they are judged."""
    return (name for name in WANTED if getattr(demand, name) not in EMPTY)


def told(demand: Demand, key: str) -> str:
    """Return a whole demand in words."""
    said = [wanted(demand, member, key) for member in members(demand)]
    if demand.occurs == "any" and not demand.instead:
        return f"where logged, {'; '.join(said) or 'anything'}"
    return "; ".join(said)


def reference(round_name: str) -> Iterator[str]:
    """Yield the Markdown of a round's log requirements, nothing where it has none."""
    known = log_requirements(round_name)
    if known:
        yield from (
            "# What a log must hold",
            "",
            "Laid one after the other: `common`, the division's, the benchmark's.",
            "",
        )
    for name, requirements in known.items():
        yield from (f"## {name}", "", "```text")
        for key, demand in {**requirements.keys, **requirements.strict}.items():
            yield f"{key}: {told(demand, key)}"
        yield from ("```", "")


def problem(demand: Demand, member: str, key: str, found: str, line: int | None, why: str = "") -> Violation:
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
    return Violation(said, wanted(demand, member, key), found, line=line)
