"""A round's rule set: a folder of YAML that says only what differs from the round it extends.

`ruleset.yaml` names the round, its rules document, salt and limits; `cards/*.yaml` hold the rules, `workloads/*.yaml`
what it fixes about each workload. A card replaces the one of the same id in the round before; `drop` removes some.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

import rules.round
from rules.cards import Card
from rules.errors import UsageError, unknown
from rules.known_rounds import newest_first, unknown_round
from rules.round import Strict

if TYPE_CHECKING:
    from rules.workload import WorkloadRules


class ReadingLimits(Strict):
    """How much of a submission is read; beyond it stands a finding, not memory."""

    entries: int  # files and folders in all
    depth: int  # folders below the submitter's
    file_bytes: int  # any file
    document_bytes: int  # a JSON document
    log_bytes: int
    log_lines: int
    line_bytes: int
    json_depth: int
    total_bytes: int | None = None  # all files together; None: no bound of its own
    results: int | None = None  # of one submitter
    runs: int | None = None  # of one result


class Steadiness(Strict):
    """What of disturbance a timed region bears before it counts as disturbed."""

    steal: Annotated[float, Field(ge=0, lt=1)]  # of the region's time, all processors together
    other_load: Annotated[float, Field(ge=0)]  # processors' worth of other programs
    queue: Annotated[float, Field(ge=0)]  # processes that want to run beside the run's threads, on average
    swap_pages: Annotated[int, Field(ge=0)]
    frequency: Annotated[
        float, Field(ge=0, lt=1)
    ]  # relative drift of a clock from the region's first half to its second
    clock_s: Annotated[float, Field(gt=0)]  # of the wall clock against the monotonic one
    rate_hz: Annotated[float, Field(gt=0)]  # samples there must be at least


class Idle(Strict):
    """What a declared idle baseline must be: that many seconds of a machine that does nothing."""

    seconds: Annotated[float, Field(gt=0)]  # at least
    utilisation: Annotated[float, Field(ge=0, le=1)]  # of an accelerator, at most
    drift: Annotated[float, Field(ge=0, lt=1)]  # relative, of the mean power from the first half to the second


class Header(Strict):
    """`ruleset.yaml`; what a round does not give is that of the round it extends, but for its name and title."""

    name: str = ""  # its folder's
    title: str = ""
    document: str  # the rules document, relative to the project
    extends: str | None = None
    salt: str
    receipt_tolerance_s: float  # between an event's own clock and the host's
    significance: float  # of the reference-convergence test
    limits: ReadingLimits
    steadiness: Steadiness | None = None  # None: the round judges no observation
    idle: Idle | None = None  # None: the round knows no idle baseline
    derived: dict[str, str] = Field(default_factory=dict)  # name -> expression
    drop: list[str] = Field(default_factory=list)


class RuleSet(Header):
    """A round with all it inherits."""

    cards: dict[str, Card]
    chain: tuple[str, ...]  # this round, then those it extends

    @property
    def series(self) -> str:
        """The rounds it is one of, by which a family of the checker judges it: assay, mlperf-training, mlperf-hpc."""
        return self.name.partition("/")[0]

    def card(self, rule: str) -> Card:
        """Return the card with id `rule`; UsageError, with the nearest id, where there is none."""
        if rule not in self.cards:
            raise unknown("rule", rule, self.cards)
        return self.cards[rule]

    def workloads(self) -> list[str]:
        """Names of the workloads this round has rules on."""
        return rules.round.names_in(self.name, "workloads")

    def workload(self, workload: str) -> WorkloadRules:
        """Return what the round fixes about training `workload`; UsageError where it has no rules on it."""
        from rules.workload import workload_rules  # here, for published rounds have none

        return workload_rules(self.name, workload)

    def clause(self, card: Card) -> str:
        """Return the card's clause as a finding cites it."""
        return f"{self.name} §{card.clause}"

    def data(self, *parts: str) -> Path | None:
        """Return the path of a data file of the round or of one it extends; None where no round has it."""
        return rules.round.find(self.name, *parts)


def newest(family: str, asked: str | None = None) -> str:
    """Return the newest round of a family, or the one asked for; UsageError where that is of another family."""
    of_family = [name for name in rules.round.rulesets() if name.startswith(f"{family}/")]
    if asked is not None and asked not in of_family:
        if asked in rules.round.rulesets():
            raise unknown(f"round of {family}", asked, of_family)
        raise unknown_round(asked, of_family)
    return asked or newest_first(of_family)[0]


@cache
def load(name: str) -> RuleSet:
    """Load the round `name`; UsageError for an unknown one or a mistake in its files, with the place."""
    if name not in rules.round.rulesets():
        raise unknown_round(name, rules.round.rulesets())
    chain = rules.round.chain(name)
    header = rules.round.read(name, rules.round.HEADER, Header)
    folder = rules.round.ROOT / name
    own = rules.round.content(folder / rules.round.HEADER) or {}
    if own.get("name", name) != name:
        raise UsageError(f"{folder}/{rules.round.HEADER}: name: not that of its folder", fix="leave it out")
    cards = dict(load(chain[1]).cards) if len(chain) > 1 else {}
    dropped = own.get("drop") or []
    for rule in dropped:
        if cards.pop(rule, None) is None:
            raise UsageError(f"{folder}/{rules.round.HEADER}: drops {rule!r}, which the round it extends does not have")
    for path in sorted((folder / "cards").glob("*.yaml")):
        cards |= _cards(path)
    given = {**dict(header), "name": name, "title": own.get("title") or name, "drop": dropped}
    return RuleSet(**given, cards=cards, chain=chain)


def _cards(path: Path) -> dict[str, Card]:
    cards: dict[str, Card] = {}
    listed = rules.round.content(path) or []
    if not isinstance(listed, list):
        raise UsageError(f"{path}: not a list of rules", fix=rules.round.FIX)
    for position, raw in enumerate(listed, start=1):
        named = raw.get("id") if isinstance(raw, dict) else None
        card = rules.round.validated(Card, f"{path}: {named or f'rule {position}'}", raw)
        if card.id in cards:
            raise UsageError(f"{path}: {card.id} is defined twice", fix="give each rule its own id")
        cards[card.id] = card
    return cards
