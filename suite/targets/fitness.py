"""Is the machine fit for a target: its facts held against what the target demands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rules.errors import MachineError
from suite.host.diagnosis import Diagnosis, Level
from suite.host.progress import say
from suite.targets.data import FactDemand


def hold(unfit: str, checks: tuple[FactDemand, ...], found: Mapping[str, str], least: Mapping[str, str]) -> None:
    """Hold a machine's facts against what must be; raise MachineError, which begins with `unfit`, or warn on stderr."""
    for verdict in judge(checks, found, least):
        if verdict.good:
            continue
        if verdict.check.otherwise == "fail":
            raise MachineError(f"{unfit}: {verdict.said}", fix=verdict.check.fix)
        if verdict.known:
            say(f"  warning: {verdict.said}; {verdict.check.fix}")


@dataclass(frozen=True)
class Verdict:
    """One demand and how the machine stands: `said` names fact and value, `good` whether it is met."""

    check: FactDemand
    said: str
    good: bool
    known: bool  # whether the machine exposes the fact at all


def judge(checks: tuple[FactDemand, ...], found: Mapping[str, str], least: Mapping[str, str]) -> Iterator[Verdict]:
    """Yield a verdict on every check; `least` are a framework's own minimums, which count where they are higher."""
    for check in checks:
        own = least.get(check.fact)
        if own is not None and (check.at_least is None or _below(str(check.at_least), own)):
            check = check.model_copy(update={"at_least": own, "at_most": None, "one_of": ()})
        value = found.get(check.fact)
        name = check.fact.replace("_", " ")
        if value is None:
            yield Verdict(check, f"{name}: not exposed by this machine", good=False, known=False)
            continue
        good, wanted = _meets(check, value)
        yield Verdict(check, f"{name}: {value}" + ("" if good else f", {wanted}"), good, known=True)


def diagnoses(checks: tuple[FactDemand, ...], found: Mapping[str, str]) -> Iterator[Diagnosis]:
    """Yield what is to be said of a machine's facts before a run is asked for."""
    for verdict in judge(checks, found, {}):
        if not verdict.known and verdict.check.otherwise == "warn":
            yield Diagnosis("machine", Level.WARN, verdict.said)
            continue
        bad = Level.FAIL if verdict.check.otherwise == "fail" else Level.WARN
        yield Diagnosis.of("machine", verdict.said, verdict.check.fix, good=verdict.good, otherwise=bad)


def _meets(check: FactDemand, value: str) -> tuple[bool, str]:
    """Return whether `value` meets the check, and what would."""
    if check.one_of:
        return value in check.one_of, f"wanted {' or '.join(check.one_of)}"
    try:
        if check.at_least is not None:
            return not _below(value, str(check.at_least)), f"at least {check.at_least} is needed"
        return not _below(str(check.at_most), value), f"at most {check.at_most:g} is allowed"
    except ValueError:
        return False, "which is not a number"


def _below(a: str, b: str) -> bool:
    """Return whether `a` is less than `b`: numbers, or versions where one of them has more than one point.

    Raises ValueError for what is neither.
    """
    if max(a.count("."), b.count(".")) <= 1:
        return float(a) < float(b)
    return [int(part) for part in a.split(".")] < [int(part) for part in b.split(".")]
