"""What changed between two rounds, in plain words: members of what they fix, place by place, and their cards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from checker.core.findings import brief
from rules.cards import Card


def changed_cards(old: Mapping[str, Card], new: Mapping[str, Card]) -> Iterator[str]:
    """Yield which cards came, went and changed."""
    lines = [f"{rule}: new: {card.title}" for rule, card in new.items() if rule not in old]
    lines += [f"{rule}: gone" for rule in old if rule not in new]
    lines += [f"{rule}: changed" for rule, card in new.items() if rule in old and old[rule] != card]
    if lines:
        yield "rules:"
        yield from (f"  {line}" for line in lines)


def changed(old: Mapping[str, Any], new: Mapping[str, Any], words: Mapping[str, str] | None = None) -> Iterator[str]:
    """Yield how the members of one differ from those of the other; `words` are other names for some of them."""
    for name in new:
        title = (words or {}).get(name, name.replace("_", " "))
        was, now = dict(leaves(old.get(name), title)), dict(leaves(new[name], title))
        for place in {**was, **now}:
            if was.get(place) == now.get(place):
                continue
            if place not in now:
                yield f"{place}: no longer (was {shown(was[place])})"
            else:
                yield f"{place}: {shown(now[place])}" + (f" (was {shown(was[place])})" if place in was else ", new")


def leaves(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    """Yield the places below one and what stands there."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield from leaves(one, f"{place}, {name}")
    elif isinstance(value, list) and all(isinstance(one, str) for one in value):
        if value:
            yield place, sorted(value)  # scenarios, tests, members: their order says nothing
    elif value is not None and value != []:
        yield place, value


def shown(value: Any) -> str:
    """Return a value as a sentence has it."""
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return f"{value:,}" if type(value) is int and abs(value) < 10**15 else str(value) if value == "" else brief(value)
