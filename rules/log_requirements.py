"""What a log of an MLPerf Training or HPC round must hold, key by key: the round's log requirements.

The official rules come as sets that are laid over the log one after the other: `common`, then the division's, then the
benchmark's, then for some the optimiser's. `logs/*.yaml` of a round's folder hold its sets by name (grouped into files
only for the reader) and say no more than what differs from the round it extends: a set is merged with the one of that
name key by key, a set given as null is gone. Rounds of another suite in the chain lend none. In rule files and messages
a set is called a sheet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

import rules.round
from rules.errors import UsageError
from rules.round import Strict, content, validated
from rules.ruleset import load

Value = bool | int | float | str


class TimeLimit(Strict):
    """Time since the earliest line of `since` is under `minutes`, one number or one for each division."""

    since: str
    minutes: float | dict[str, float]


class Demand(Strict):
    """What the lines of one key must satisfy; members are judged in the order they are declared here."""

    occurs: Literal["once", "some", "any"] | Annotated[int, Field(ge=2)] = "any"  # a number: at least so often
    instead: list[str] = Field(default_factory=list)  # at least one line of this key or of these
    after: list[str] = Field(default_factory=list)  # each of these was logged before
    before: list[str] = Field(default_factory=list)  # none of these was logged before
    within: TimeLimit | None = None
    has: list[str] = Field(default_factory=list)  # one of these is a member of metadata
    equals: Value | None = None
    one_of: list[Value] = Field(default_factory=list)
    single: bool = False  # with one_of: a list or an object cannot even be compared
    holds: list[str] = Field(default_factory=list)  # expressions true of every line
    between: tuple[float, float] | None = None  # both ends allowed
    remembers: dict[str, str] = Field(default_factory=dict)  # name -> expression, kept as held.NAME after each line
    loads: str | dict[str, str] | None = None  # the set to lay over the log next: from the value, or by the value
    first: str | None = None  # expression true of the first line
    reaches: str | None = None  # expression true of some line, before or after anything

    @field_validator("holds", mode="before")
    @classmethod
    def _one_or_many(cls, given: Any) -> Any:
        return [given] if isinstance(given, str) else given


class Gather(Strict):
    """Lines of `key` whose metadata has `part` become one line of `into` per value of metadata `by`, after the log.

    The value of that line is an object: `by`, and for each line gathered its metadata `part` with its value.
    """

    key: str
    by: str
    part: str
    into: str


class WrittenRequirements(Strict):
    """A set of requirements as written."""

    like: str | None = None  # another set of the round, from which this one differs
    without: list[str] = Field(default_factory=list)  # keys of the set it is merged with that are gone
    begins: dict[str, Value | None] = Field(default_factory=dict)  # held.NAME before the first line
    gathers: Gather | None = None
    once: list[str] = Field(default_factory=list)  # keys logged exactly once, whatever the value
    fixed: dict[str, Value] = Field(default_factory=dict)  # keys logged exactly once, and their value
    keys: dict[str, Demand] = Field(default_factory=dict)
    strict: dict[str, Demand] = Field(
        default_factory=dict
    )  # as the rules document has it, where the official tool errs


@dataclass(frozen=True)
class LogRequirements:
    """A set of requirements with all it inherits."""

    name: str
    begins: Mapping[str, Value | None]
    gathers: Gather | None
    keys: Mapping[str, Demand]
    strict: Mapping[str, Demand]

    @property
    def held(self) -> frozenset[str]:
        """Names its expressions may ask for as held.NAME."""
        demands = (*self.keys.values(), *self.strict.values())
        return frozenset(self.begins).union(*(demand.remembers for demand in demands))


@cache
def log_requirements(round_name: str) -> Mapping[str, LogRequirements]:
    """Return the log requirements of a round by name; UsageError for a mistake in its files, with the place."""
    chain = load(round_name).chain
    suite = round_name.partition("/")[0]
    resolved: dict[str, LogRequirements] = {}
    for name in reversed([name for name in chain if name.partition("/")[0] == suite]):
        written = _written(rules.round.ROOT / name / "logs")
        done: dict[str, LogRequirements] = {}
        for requirements in written:
            _resolve(requirements, written, resolved, done, name)
        resolved = {**{k: v for k, v in resolved.items() if k not in written}, **done}
    return resolved


def _written(folder: Path) -> dict[str, tuple[Path, WrittenRequirements | None]]:
    found: dict[str, tuple[Path, WrittenRequirements | None]] = {}
    for path in sorted(folder.glob("*.yaml")):
        raw = content(path) or {}
        for name, given in raw.items():
            if name in found:
                raise UsageError(f"{path}: sheet {name} is also in {found[name][0].name}", fix="give each sheet once")
            found[name] = path, None if given is None else validated(WrittenRequirements, str(path), given, name)
    return found


def _resolve(
    name: str,
    written: Mapping[str, tuple[Path, WrittenRequirements | None]],
    before: Mapping[str, LogRequirements],
    done: dict[str, LogRequirements],
    round_name: str,
    asked: tuple[str, ...] = (),
) -> LogRequirements | None:
    if name in done:
        return done[name]
    if name not in written:
        return before.get(name)
    path, given = written[name]
    if given is None:
        return None
    if name in asked:
        raise UsageError(f"{path}: {name}: 'like' leads back to itself", fix="correct the rule file")
    base = before.get(name)
    if given.like is not None:
        base = _resolve(given.like, written, before, done, round_name, (*asked, name))
        if base is None:
            raise UsageError(f"{path}: {name}: there is no sheet {given.like!r} in {round_name}", fix="correct 'like'")
    keys = dict(base.keys) if base else {}
    for key in given.without:
        if key not in keys:
            raise UsageError(f"{path}: {name}: 'without' names {key!r}, which is not there", fix="correct 'without'")
        del keys[key]
    keys |= {key: Demand(occurs="once") for key in given.once}
    keys |= {key: Demand(occurs="once", equals=value) for key, value in given.fixed.items()}
    keys |= given.keys
    begins = {**(base.begins if base else {}), **given.begins}
    strict = {key: demand for key, demand in (base.strict if base else {}).items() if key not in given.without}
    gathers = given.gathers or (base.gathers if base else None)
    done[name] = LogRequirements(name, begins, gathers, keys, {**strict, **given.strict})
    return done[name]
