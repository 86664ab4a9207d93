"""A round's rule set: a folder of YAML that says only what differs from the round it extends.

`ruleset.yaml` names the round, its rules document, salt and limits; `cards/*.yaml` hold the rules, `workloads/*.yaml`
what it fixes about each workload. A card replaces the one of the same id in the round before; `drop` removes some.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import Field, ValidationError

import rules.workload
from rules.cards import Card
from rules.errors import UsageError, unknown
from rules.known_rounds import unknown_round
from rules.workload import Strict, WorkloadRules, workload_rules

T = TypeVar("T", bound=Strict)


class Limits(Strict):
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
    """`ruleset.yaml`; members a round does not give are those of the round it extends."""

    name: str
    title: str
    document: str | None = None  # the rules document, relative to the project
    extends: str | None = None
    salt: str | None = None
    receipt_tolerance_s: float | None = None  # between an event's own clock and the host's
    significance: float | None = None  # of the reference-convergence test
    limits: Limits | None = None
    steadiness: Steadiness | None = None
    idle: Idle | None = None
    derived: dict[str, str] = Field(default_factory=dict)  # name -> expression
    drop: list[str] = Field(default_factory=list)


@dataclass(frozen=True)
class RuleSet:
    """A round with all it inherits, resolved."""

    name: str
    title: str
    document: str
    salt: str
    receipt_tolerance_s: float
    significance: float
    limits: Limits
    derived: Mapping[str, str]
    cards: Mapping[str, Card]
    steadiness: Steadiness | None  # None: the round judges no observation
    idle: Idle | None  # None: the round knows no idle baseline
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
        root = rules.workload.ROOT
        return sorted({path.stem for name in self.chain for path in (root / name / "workloads").glob("*.yaml")})

    def workload(self, workload: str) -> WorkloadRules:
        """Return what the nearest round in the chain fixes about `workload`; UsageError where none does."""
        for name in self.chain:
            if (rules.workload.ROOT / name / "workloads" / f"{workload}.yaml").is_file():
                return workload_rules(name, workload)
        raise unknown("workload", workload, self.workloads())

    def clause(self, card: Card) -> str:
        """Return the card's clause as a finding cites it."""
        return f"{self.name} §{card.clause}"

    def data(self, *parts: str) -> Path | None:
        """Return the path of a data file of the round or of one it extends; None where no round has it."""
        for name in self.chain:
            path = rules.workload.ROOT.joinpath(name, *parts)
            if path.is_file():
                return path
        return None


def rulesets() -> list[str]:
    """Names of all rounds Assay knows, e.g. `assay/1.0`."""
    return list(rulesets_in(rules.workload.ROOT))


@cache
def rulesets_in(root: Path) -> tuple[str, ...]:
    """Names of all rounds below a folder, listed once: every log of a review asks."""
    return tuple(sorted(path.parent.relative_to(root).as_posix() for path in root.glob("*/*/ruleset.yaml")))


@cache
def load(name: str) -> RuleSet:
    """Load the round `name`; UsageError for an unknown one or a mistake in its files, with the place."""
    if name not in rulesets():
        raise unknown_round(name, rulesets())
    folder = rules.workload.ROOT / name
    header = _validated(Header, folder / "ruleset.yaml", _yaml(folder / "ruleset.yaml"))
    before = load(header.extends) if header.extends else None
    for lost in (rule for rule in header.drop if before is None or rule not in before.cards):
        raise UsageError(f"{folder}/ruleset.yaml: drops {lost!r}, which the round it extends does not have")
    cards = {} if before is None else {rule: card for rule, card in before.cards.items() if rule not in header.drop}
    for path in sorted((folder / "cards").glob("*.yaml")):
        seen: set[str] = set()
        for position, raw in enumerate(_yaml(path) or []):
            card = _validated(Card, path, raw, position)
            if card.id in seen:
                raise UsageError(f"{path}: {card.id} is defined twice", fix="give each rule its own id")
            seen.add(card.id)
            cards[card.id] = card
    given: dict[str, Any] = {
        member: getattr(header, member) if getattr(header, member) is not None else getattr(before, member, None)
        for member in ("document", "salt", "receipt_tolerance_s", "significance", "limits")
    }
    for member, value in given.items():
        if value is None:
            raise UsageError(f"{folder}/ruleset.yaml: {member!r} is missing", fix="give it, or extend a round")
    return RuleSet(
        name=header.name,
        title=header.title,
        derived={**(before.derived if before else {}), **header.derived},
        steadiness=header.steadiness or (before.steadiness if before else None),
        idle=header.idle or (before.idle if before else None),
        cards=cards,
        chain=(name, *(before.chain if before else ())),
        **given,
    )


def _yaml(path: Path) -> Any:
    try:
        return yaml.load(path.read_bytes(), yaml.CSafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise UsageError(f"{path}: {error}", fix="correct the rule file") from None


def _validated(model: type[T], path: Path, raw: Any, position: int | None = None) -> T:
    where = f"{path}" if position is None else f"{path}: rule {position + 1}"
    if isinstance(raw, dict) and "id" in raw:
        where = f"{path}: {raw['id']}"
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{where}: {place}: {first['msg']}", fix="correct the rule file") from None
