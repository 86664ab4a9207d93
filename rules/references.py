"""Reference runs of a workload: how many samples honest runs need to reach the target, with their logs' digests."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from rules.documents import Count, Name, Sha256
from rules.errors import UsageError
from rules.round import Strict
from rules.ruleset import RuleSet


class ReferenceRun(Strict):
    """One run of the published source that reached the target after `samples` samples."""

    framework: Name
    seed: Count
    samples: Annotated[int, Field(ge=1)]
    log_sha256: Sha256


RUNS = TypeAdapter(Annotated[list[ReferenceRun], Field(min_length=20)])


def references(round_: RuleSet, workload: str) -> list[ReferenceRun] | None:
    """Return the round's reference runs of `workload`, at least 20; None where it has none, UsageError if broken."""
    path = round_.data("references", f"{workload}.json")
    if path is None:
        return None
    try:
        return RUNS.validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the list"
        raise UsageError(f"{path}: {place}: {first['msg']}", fix="correct the rule file") from None
