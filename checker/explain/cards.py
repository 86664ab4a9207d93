"""Rule cards as text: for `assay rules explain`, and as the generated reference docs/rules.md."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import rules.round
from checker.core.family import Family
from rules.cards import Card, Edit, Example, LogConstraint
from rules.ruleset import RuleSet, load


def explained(round_: RuleSet, card: Card, family: Family) -> str:
    """Return everything about one rule, as text that ends with a newline."""
    lines = [f"{card.id}: {card.title}", ""]
    lines.append(f"  round     {round_.name}, §{card.clause} of {round_.document}")
    since = next(name for name in reversed(round_.chain) if card.id in load(name).cards)
    lines.append(f"  since     {since}")
    lines.append(f"  severity  {card.severity}, for the {card.audience}")
    lines.append(f"  applies   {f'{card.division} division' if card.division else 'both divisions'}")
    if card.requires:
        lines.append(f"  after     {', '.join(card.requires)} (silent where one of them fails)")
    if card.on_file == "explains":
        lines.append("  explains  whatever else is found in a file or folder where it fails; that is not said")
    if card.why:
        lines.append(f"  why       {card.why}")
    lines.append(f"  fix       {card.fix}")
    lines += ["", "  demands", *(f"    {line}" for line in demands(card))]
    used = [name for name in round_.derived if f"derived.{name}" in card.model_dump_json()]
    lines += [f"    where {name} is {round_.derived[name]}" for name in used]
    if here := [f"    {line}" for line in family.explained(round_, card)]:
        lines += ["", f"  in {round_.name}", *here]
    lines += ["", "  passes", *(f"    {line}" for line in shown(card.passes))]
    lines += ["", "  fails", *(f"    {line}" for line in shown(card.fails))]
    return "\n".join(lines) + "\n"


def demands(card: Card) -> Iterator[str]:
    """Yield what a card demands, a line per constraint."""
    if card.check is not None:
        yield f"{card.title} (check {card.check!r})"
    if card.official is not None:
        yield f"{card.title} (MLCommons' {card.official} checker)"
    for constraint in card.log or ():
        yield constrained(constraint)
    if any("$metric" in one.model_dump_json() for one in card.log or ()):
        yield "where $metric is the log key of the workload's metric"
    for part in card.sheets or ():
        keys = "every key that no other rule answers for" if part.keys == ["*"] else ", ".join(part.keys)
        yield f"{keys}: what the round's sheets say of {', '.join(part.parts)}"


def constrained(constraint: LogConstraint) -> str:
    """Return a constraint in words: which lines, then what of them."""
    if constraint.keys == "*":
        subject = "every line"
    elif constraint.each is not None:
        subject = f"each of the workload's {constraint.each}"
    else:
        subject = ", ".join(constraint.keys or ())
    given = constraint.model_dump(exclude_defaults=True, exclude={"keys", "each", "expects"})
    said = [f"{name.replace('_', ' ')} {_value(value)}" for name, value in given.items()]
    return f"{subject}: {'; '.join(said)}"


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_value(one) for one in value)
    if isinstance(value, dict):
        return " ".join(f"{name.replace('_', ' ')} {_value(one)}" for name, one in value.items() if one is not None)
    if value is True:
        return "(yes)"
    return str(value).removeprefix("=") if isinstance(value, str) else json.dumps(value)


def shown(example: Example) -> Iterator[str]:
    """Yield an example, a line per log line or change."""
    if example.why:
        yield f"# {example.why}"
    for event in example.log or ():
        parts = [event.key]
        parts += [] if event.value is None else [f"= {json.dumps(event.value)}"]
        parts += [f"at {event.time_ms} ms"] if event.time_ms else []
        parts += [event.event] if event.event != "POINT_IN_TIME" else []
        parts += [json.dumps(event.metadata)] if event.metadata else []
        yield " ".join(parts)
    if example.text is not None:
        yield example.text
    if example.edit is not None and not example.edit:
        yield "a submission without fault"
    for edit in example.edit or ():
        yield _edited(edit)


def _edited(edit: Edit) -> str:
    where = edit.file if edit.line is None else f"{edit.file}, line {edit.line}"
    if edit.remove:
        return f"{where}: removed"
    if edit.link is not None:
        return f"{where}: a link to {edit.link}"
    if edit.copy_of is not None:
        return f"{where}: a copy of {edit.copy_of}"
    if edit.latencies is not None:
        kept = f", the first {edit.latencies.keep} only" if edit.latencies.keep else ""
        return f"{where}: each latency times {edit.latencies.times:g}{kept}"
    if edit.write is not None:
        return f"{where}: new, {json.dumps(edit.write)}"
    if edit.size is not None:
        return f"{where}: {edit.size:,} bytes"
    if edit.folder:
        return f"{where}: an empty folder"
    if edit.replace is not None:
        return f"{where}: {json.dumps(edit.replace[0])} becomes {json.dumps(edit.replace[1])}"
    changes = ", ".join(f"{name} {'+=' if edit.add else '='} {json.dumps(value)}" for name, value in edit.set.items())
    return f"{where}: {changes}"


def _order(card: Card) -> tuple[list[tuple[str, int]], str]:
    """Return a card's place: clauses by their numbers, those of further documents, which have a letter, last."""
    letter, _, number = card.clause.rpartition(" ")
    return [(letter, int(n) if n.isdigit() else 0) for n in number.split(".")], card.id


def reference(round_: RuleSet, family: Family) -> str:
    """Return the Markdown reference of a round's rules."""
    document = round_.document.rpartition("/")[2]
    own = (rules.round.ROOT.parent / round_.document).is_file()
    lines = [
        f"# Rules of {round_.title}",
        "",
        f"Generated from `rules/{round_.name}/` by `assay rules show {round_.name} --markdown`.",
        f"The text of each clause stands in {f'[{document}]({document})' if own else round_.document}.",
        "",
    ]
    for card in sorted(round_.cards.values(), key=_order):
        applies = f" {card.division} division." if card.division else ""
        lines += [f"## {card.id}", "", f"{card.title}. §{card.clause}, {card.severity}, {card.audience}.{applies}", ""]
        lines += [f"Why: {card.why}.", ""] if card.why else []
        lines += ["Fix: " + card.fix + ".", "", "```text", *demands(card), "```", ""]
        lines += ["Passes:", "", "```text", *shown(card.passes), "```", "", "Fails:", "", "```text"]
        lines += [*shown(card.fails), "```", ""]
    lines += family.reference(round_)
    return "\n".join(lines).rstrip() + "\n"
