"""What changed between two rounds, in plain words: benchmarks, targets, keys, values, runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from checker.core.findings import brief
from checker.families.mlperf_training.log_requirements.words import EMPTY, WANTED, listed, told, wanted
from rules.log_requirements import Demand, LogRequirements, log_requirements
from rules.training import package_rules

COMMON = {"common": "every log", "closed_common": "closed division", "open_common": "open division"}


def differences(before: str, after: str) -> Iterator[str]:
    """Yield what differs in `after`, a line each, headings without indent."""
    yield from _requirements(log_requirements(before), log_requirements(after))
    yield from _package(before, after)


def _title(name: str) -> str:
    if name in COMMON:
        return COMMON[name]
    division, _, rest = name.partition("_")
    return f"{rest}, {division} division"


def _requirements(old: Mapping[str, LogRequirements], new: Mapping[str, LogRequirements]) -> Iterator[str]:
    for name in sorted(old.keys() - new.keys()):
        yield f"{_title(name)}: gone"
    for name in sorted(new, key=lambda name: (name not in COMMON, name)):
        if name not in old:
            yield f"{_title(name)}: new"
            yield from (f"  {key}: {told(demand, key)}" for key, demand in _merged(new[name]).items())
            continue
        lines = list(_keys(_merged(old[name]), _merged(new[name])))
        if lines:
            yield f"{_title(name)}:"
            yield from (f"  {line}" for line in lines)


def _merged(requirements: LogRequirements) -> dict[str, Demand]:
    return {**requirements.keys, **requirements.strict}


def _keys(old: Mapping[str, Demand], new: Mapping[str, Demand]) -> Iterator[str]:
    for key in old.keys() - new.keys():
        yield f"{key}: no longer asked for"
    for key, demand in new.items():
        if key not in old:
            yield f"{key}: now asked for: {told(demand, key)}"
        elif demand != old[key]:
            yield from (f"{key}: {line}" for line in _demand(old[key], demand, key))


def _demand(old: Demand, new: Demand, key: str) -> Iterator[str]:
    if old.one_of and new.one_of:
        gone = [value for value in old.one_of if value not in new.one_of]
        come = [value for value in new.one_of if value not in old.one_of]
        if come:
            yield f"now also {listed(come, 'and')}"
        if gone:
            yield f"no longer {listed(gone, 'or')}"
    for member in (name for name in WANTED if name != "one_of"):
        was, now = getattr(old, member), getattr(new, member)
        if was == now:
            continue
        if member == "holds":
            come = [text for text in now if text not in was]
            gone = [text for text in was if text not in now]
            if come and gone:
                yield f"now {listed(come, 'and')} (was {listed(gone, 'and')})"
            elif come or gone:
                yield f"now {listed(come, 'and')}" if come else f"no longer {listed(gone, 'and')}"
        elif now in EMPTY:
            yield f"no longer {wanted(old, member, key)}"
        else:
            yield f"now {wanted(new, member, key)}" + ("" if was in EMPTY else f" (was {wanted(old, member, key)})")


def _package(before: str, after: str) -> Iterator[str]:
    old, new = package_rules(before), package_rules(after)
    lines = []
    for benchmark in new.benchmarks:
        was = old.runs.get(benchmark) if benchmark in old.benchmarks else None
        now = new.runs.get(benchmark)
        if was is not None and was != now:
            lines.append(f"{benchmark}: {now} runs (was {was})")
    for benchmark in sorted({*old.leniency, *new.leniency}):
        was, now = old.leniency.get(benchmark, 0), new.leniency.get(benchmark, 0)
        if was != now:
            lines.append(
                f"{benchmark}: may converge {now:,} samples earlier than the reference test allows (was {was:,})"
            )
    come = [name for name in new.references if name not in old.references]
    gone = [name for name in old.references if name not in new.references]
    if come:
        lines.append(f"reference convergence points now also for {listed(come, 'and')}")
    if gone:
        lines.append(f"no reference convergence points any more for {listed(gone, 'and')}")
    if old.system.statuses != new.system.statuses:
        lines.append(f"a system's status is one of {', '.join(map(brief, new.system.statuses)) or 'any'}")
    if lines:
        yield "results:"
        yield from (f"  {line}" for line in lines)
