"""Where a result lies between two authorities: the official tables and the rules document, the tool and the rules.

Nothing here fails a result. It says both numbers, or why the official checker refuses what the rules allow.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from checker.core.findings import Violation, brief
from checker.families.mlperf_inference.cases import ResultCase
from checker.families.mlperf_inference.checks import check
from checker.families.mlperf_inference.endpoints.case import EndpointCase
from checker.families.mlperf_inference.table import own_unit, unit
from rules.inference_review import Drift

ALONE = "refused-by-tool-alone"


@check("inference-between-tables-and-rules", "result")
def between_tables_and_rules(case: ResultCase) -> Iterator[Violation]:
    """Judge that a result meets a bound that the official tables and the rules give differently, by either."""
    between: dict[bool, list[tuple[Drift, float]]] = {}
    for drift in case.reviewed.drift.values():
        if drift.model != case.model or drift.scenario not in (None, case.asked) or not case.strict:
            continue
        value = case.accuracy.get(drift.what)
        if drift.key is not None:
            value = case.log.number(drift.key) if case.log is not None else None
        if value is None:
            continue
        by_table, by_rules = ((value >= b) if drift.at_least else (value <= b) for b in (drift.table, drift.rules))
        if by_table != by_rules:
            between.setdefault(by_table, []).append((drift, value))
    for by_table, found in between.items():
        one = "the official table accepts and the rules as written do not"
        what = one if by_table else "the rules as written accept and the official table does not"
        stated = "; ".join(f"{drift.what} {value:,.10g}{_unit(drift)}" for drift, value in found)
        yield Violation(
            f"the result is one that {what}", "; ".join(map(_bounds, (d for d, _ in found))), stated, case.path
        )


def _bounds(drift: Drift) -> str:
    bound, unit = "at least" if drift.at_least else "at most", _unit(drift)
    return f"{drift.what} {bound} {drift.rules:,.10g}{unit} (§{drift.clause}), {drift.table:,.10g}{unit} (table)"


def _unit(drift: Drift) -> str:
    return f" {drift.unit}" if drift.unit else ""


@check("inference-endpoint-unit", "endpoint")
def endpoint_unit(case: EndpointCase) -> Iterator[Violation]:
    """Judge that the official table gives an endpoint's metric in its own unit."""
    scenario = case.asked or case.result.facts.place.scenario
    official, own = unit(case.result, scenario), own_unit(case.result, scenario)
    tokens, requests = case.number("tps"), case.number("qps")
    if official == own or requests is None:
        return
    what = f"the official table calls this result {official}, but its number is in {own}"
    stated = f"{tokens:,.6g} {official}" if tokens is not None else official
    yield case.problem(what, f"{requests:,.6g} {own}; {stated}", "qps", f"{requests:,.6g}, called {official}")


def explained(case: ResultCase, problems: Iterable[tuple[str, Violation]]) -> Iterator[tuple[str, Violation]]:
    """Yield official problems; one that the rules give no reason for becomes a note that says why."""
    for rule, problem in problems:
        why = _tool_alone(case, rule, problem)
        if why is None:
            yield rule, problem
        else:
            yield ALONE, replace(problem, message=f"{problem.message}: {why}")


def _tool_alone(case: ResultCase, rule: str, problem: Violation) -> str | None:
    """Return why the rules have nothing against what the official checker refuses; None where they have."""
    network = case.system.get("is_network")
    member = problem.message.partition(" ")[0]
    if rule == "official-system-members":
        if type(case.system.get(member)) is int and case.system[member] == 0:
            return "the official checker takes the number 0 for nothing; written as text it is accepted"
        if member in case.fixed.package.system.network_members and _is_no(network):
            return (
                f"the official checker takes is_network {brief(network)} for yes; the rules ask this of networks only"
            )
    told_apart = isinstance(network, bool) and network == (case.facts.place.division == "network")
    unread = rule in ("official-network", "official-system-network", "official-compliance-performance")
    if unread and told_apart and problem.found.startswith("AttributeError: 'bool'"):
        return "the official checker cannot read a truth value of is_network; the rules write it so"
    offline = case.log is not None and case.log.scenario.is_one_query
    if (
        rule == "official-query-count"
        and offline
        and case.model is not None
        and case.model_rules.offline_samples is None
    ):
        return "the official table lacks the number that this is compared with"
    return None


def _is_no(value: object) -> bool:
    return value is False or (isinstance(value, str) and value.lower() in ("false", "no", "n/a", "none"))
