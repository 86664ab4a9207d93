"""The vocabulary of a rule: a card with id, clause, fix and examples, and what it demands.

A card demands constraints on the log, stated in the words below, or a *check*: a named procedure of the checker for
what spans several files; or it answers for a round's log requirements (its *sheets*), or for a part of what an
*official* checker decides. No part of an id has a meaning. Text that begins with `=` is an expression
(`rules/expressions.py`). In a constraint `$metric` is the log key of the workload's metric, `$counts` what it counts.
"""

from __future__ import annotations

import enum
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from rules.round import Strict


class Severity(enum.StrEnum):
    """How sure a finding is: an error fails the verdict, a warning asks for a look, a note informs."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Audience(enum.StrEnum):
    """Who has to act on a finding."""

    SUBMITTER = "submitter"
    REVIEWER = "reviewer"
    AUDITOR = "auditor"


Scalar = bool | int | float | str
Bound = int | float | str  # a number, or an expression
EventType = Literal["INTERVAL_START", "INTERVAL_END", "POINT_IN_TIME"]
ValueType = Literal["integer", "number", "real", "text", "truth", "sha256"]


class CountRange(Strict):
    """How often a key may be logged."""

    at_least: Annotated[int, Field(ge=0)] = 0
    at_most: int | None = None


class Within(Strict):
    """Time since the first line of `since`, by time_ms, is under `seconds`."""

    since: str
    seconds: Bound


class LogConstraint(Strict):
    """What must hold for the lines of some keys. All members given must hold; each failing line is one finding."""

    keys: Literal["*"] | list[str] | None = None  # "*": every line
    each: str | None = None  # instead of keys: those of a mapping of the workload's rules; `each` is the value there
    where: str | None = None  # expression: only such lines are concerned
    count: int | CountRange | None = None
    event: EventType | None = None
    of: str = "value"  # what the tests below look at: value, time_ms, metadata.NAME
    type: ValueType | None = None
    equals: Scalar | None = None
    one_of: list[Scalar] | None = None
    at_least: Bound | None = None
    at_most: Bound | None = None
    above: Bound | None = None
    between: tuple[Bound, Bound] | None = None  # both ends allowed
    after: list[str] = Field(default_factory=list)  # each of these was logged before
    before: list[str] = Field(default_factory=list)  # none of these was logged before
    within: Within | None = None
    unique: bool = False
    first: str | None = None  # expression on the first such line
    holds: str | None = None  # expression on every such line
    pairs_with: str | None = None  # intervals: each line is followed by one of this key, and they do not overlap
    expects: str = ""  # in words, for expressions: what the log should say

    @model_validator(mode="after")
    def _concerns_something(self) -> LogConstraint:
        if (self.keys is None) == (self.each is None):
            raise ValueError("a constraint has either 'keys' or 'each'")
        return self


Part = Literal["lines", "order", "time", "members", "value", "schedule", "target", "given", "sign"]


class RequirementPart(Strict):
    """Log requirements (`rules/log_requirements.py`) that a card answers for; the most particular has it.

    A key ending in `*` stands for all that begin so. `lines` is how often a key is logged, `members` what metadata
    holds, `schedule` what the first line must be. Of hyperparameters that are left free, `given` is that there
    is a value, `sign` that it is a finite number not below zero; a key that no card claims for them may be anything.
    """

    keys: list[str]
    parts: list[Part]


class ExampleEvent(Strict):
    """A log line of an example; `time_ms` is given where it matters."""

    key: str
    value: Any = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    time_ms: Any = 0
    event: EventType = "POINT_IN_TIME"


class Slowed(Strict):
    """A change to the latencies of a LoadGen run of inference."""

    times: Annotated[float, Field(gt=0)] = 1.0  # each latency becomes so many times as long
    keep: int | None = None  # only so many samples are kept, the first


class Edit(Strict):
    """A change to one file of a valid submission, the rest sealed again around it."""

    file: str  # relative to the submitter's folder; {result} stands for the result's folder
    set: dict[str, Any] = Field(
        default_factory=dict
    )  # a.b.0 -> value, in a JSON document or, with `line`, in that record of a log
    line: str | None = None  # the key whose first line is changed
    remove: bool = False  # the file, or with `line` that line
    add: bool = False  # with `set`: numbers are added to those there
    write: str | None = None  # the file's whole new text
    replace: tuple[str, str] | None = None  # a text in the file, everywhere, and what stands there instead
    copy_of: str | None = None  # another file, whose bytes it gets
    size: int | None = None  # new, with so many bytes of nothing
    folder: bool = False  # new, an empty folder
    latencies: Slowed | None = None  # of the LoadGen run whose latencies the file holds
    link: str | None = None  # where a symbolic link in its place points
    seal: bool = True  # digests that bind the file are brought up to date


class Example(Strict):
    """What a rule accepts or refuses: log lines given to this rule alone, lines of text, or an edited submission."""

    why: str = ""
    log: list[ExampleEvent] | None = None
    text: str | None = None  # a log's raw text
    edit: list[Edit] | None = None
    division: Literal["closed", "open"] = "closed"
    # For a log requirement: whose, without it one of every log; of our inference: the submission's workload.
    benchmark: str | None = None


class Card(Strict):
    """One rule."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)+$")]
    title: str
    clause: str  # section of the round's rules document
    severity: Severity = Severity.ERROR
    audience: Audience = Audience.SUBMITTER
    division: Literal["closed", "open"] | None = None  # None: both
    requires: list[str] = Field(default_factory=list)  # rules without which this one says nothing
    # explains: where it fails on a file or folder, what else is found there only follows; stands: save this.
    on_file: Literal["explains", "stands"] | None = None
    log: list[LogConstraint] | None = None
    check: str | None = None
    sheets: list[RequirementPart] | None = None
    official: str | None = None  # the checker of MLCommons of whose verdict this is a part
    why: str = ""  # what would go wrong without the rule
    fix: str
    passes: Example
    fails: Example

    @model_validator(mode="after")
    def _demands_something(self) -> Card:
        if [self.log, self.check, self.sheets, self.official].count(None) != 3:
            raise ValueError(f"{self.id}: a rule has one of 'log', 'check', 'sheets' and 'official'")
        return self

    @property
    def authority(self) -> Literal["assay", "official"]:
        """Whose verdict its findings belong to."""
        return "assay" if self.official is None else "official"
