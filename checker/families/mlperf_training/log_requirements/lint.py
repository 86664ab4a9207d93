"""Mistakes in a round's log requirements, found before a log is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from checker.families.mlperf_training.log_requirements.loose import DIVISION, RequirementError, compile_requirements
from checker.families.mlperf_training.log_requirements.strict import StrictRequirements
from rules.errors import AssayError
from rules.log_requirements import Demand, LogRequirements, log_requirements
from rules.ruleset import load

NAMED = re.compile(r"\blog\.([A-Za-z0-9_]+)")


def mistakes(round_name: str) -> Iterator[str]:
    """Yield each mistake in the log requirements of a round, with its place."""
    try:
        known = log_requirements(round_name)
    except AssayError as error:
        yield error.message
        return
    if not known:
        return
    if "common" not in known:
        yield "there is no sheet 'common', from which the others are reached"
    for name, requirements in known.items():
        try:
            compile_requirements(requirements)
            StrictRequirements(load(round_name), (requirements,))
        except RequirementError as error:
            yield f"{name}: {error}"
        for key, demand in (*requirements.keys.items(), *requirements.strict.items()):
            yield from (f"{name}: {key}: {mistake}" for mistake in _in(requirements, key, demand, known))


def _in(requirements: LogRequirements, key: str, demand: Demand, known: Mapping[str, LogRequirements]) -> Iterator[str]:
    texts = [*demand.holds, *demand.remembers.values(), demand.first or "", demand.reaches or ""]
    for other in sorted({found for text in texts for found in NAMED.findall(text)} - requirements.keys.keys()):
        yield f"log.{other}: the sheet has no such key{_near(other, requirements)}"
    for other in (*demand.instead, *demand.after, *demand.before):
        if other not in requirements.keys:
            yield f"{other!r}: the sheet has no such key{_near(other, requirements)}"
    if demand.within is not None and demand.within.since not in requirements.keys:
        yield f"within: since {demand.within.since!r}: the sheet has no such key"
    if isinstance(demand.loads, dict):
        yield from (f"loads {name!r}, which does not exist" for name in demand.loads.values() if name not in known)
    elif demand.loads is not None and key == DIVISION:
        for value in demand.one_of:
            if demand.loads.replace("{value}", str(value)) not in known:
                yield f"allows {value!r}, for which there is no sheet"


def _near(name: str, requirements: LogRequirements) -> str:
    near = get_close_matches(name, requirements.keys, n=1, cutoff=0.5)
    return f" (did you mean {near[0]!r}?)" if near else ""
