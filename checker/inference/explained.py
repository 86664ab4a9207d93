"""Where a result lies between two authorities: the official tables and the rules document, the tool and the rules.

Nothing here fails a result. It says both numbers, or why the official checker refuses what the rules allow.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from checker.findings import Problem, brief
from checker.inference.cases import ResultCase, number
from checker.judges.registry import judge
from rules.inference_review import Drift


@judge("inference-between-tables-and-rules", "inference-result")
def between_tables_and_rules(case: ResultCase) -> Iterator[Problem]:
    """Judge that a result meets a bound that the official tables and the rules give differently, by either."""
    between: dict[bool, list[tuple[Drift, float]]] = {}
    for drift in case.reviewed.drift.values():
        if drift is None or drift.model != case.model or drift.scenario not in (None, case.asked) or not case.strict:
            continue
        value = case.accuracy.get(drift.what)
        if drift.key is not None:
            value = number(case.log, drift.key) if case.log is not None else None
        if value is None:
            continue
        by_table, by_rules = ((value >= b) if drift.at_least else (value <= b) for b in (drift.table, drift.rules))
        if by_table != by_rules:
            between.setdefault(by_table, []).append((drift, value))
    for by_table, found in between.items():
        one = "the official table accepts and the rules as written do not"
        what = one if by_table else "the rules as written accept and the official table does not"
        stated = "; ".join(f"{drift.what} {value:,.10g}{_unit(drift)}" for drift, value in found)
        yield Problem(
            f"the result is one that {what}", "; ".join(map(_bounds, (d for d, _ in found))), stated, case.path
        )


def _bounds(drift: Drift) -> str:
    bound, unit = "at least" if drift.at_least else "at most", _unit(drift)
    return f"{drift.what} {bound} {drift.rules:,.10g}{unit} (§{drift.clause}), {drift.table:,.10g}{unit} (table)"


def _unit(drift: Drift) -> str:
    return f" {drift.unit}" if drift.unit else ""


@judge("inference-refused-by-tool-alone", "inference-result")
def refused_by_tool_alone(case: ResultCase) -> Iterator[Problem]:
    """Judge that nothing stands in a system description which the tool refuses and the rules do not."""
    path = f"systems/{case.facts.place.system}.json"
    for member, why in _odd(case.system):
        yield Problem(why, "as the rules have it", f"{member}: {brief(case.system[member])}", path)


def _odd(system: dict[str, Any]) -> Iterator[tuple[str, str]]:
    network = system.get("is_network")
    if isinstance(network, str) and network and network.lower() != "true":
        yield "is_network", "the official checker takes this text for true and asks for the members of a network system"
    if isinstance(network, bool):
        yield "is_network", "the official checker cannot read a truth value here; the rules write True without quotes"
    for member in ("accelerators_per_node", "number_of_nodes", "host_network_card_count"):
        if type(system.get(member)) is int and system[member] == 0:
            yield member, "the official checker takes the number 0 for an empty member; as text it is accepted"
