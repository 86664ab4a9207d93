"""A file of a round that says only what differs from the round it extends: mappings are merged member by member."""

from __future__ import annotations

from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

import rules.workload
from rules.errors import UsageError
from rules.ruleset import load
from rules.workload import Strict

T = TypeVar("T", bound=Strict)


def layered(round_name: str, file: str, model: type[T]) -> T:
    """Return `file` of a round, laid over that of the rounds it extends; UsageError for a mistake in it."""
    merged: Any = {}
    for name in reversed(load(round_name).chain):
        path = rules.workload.ROOT / name / file
        if path.is_file():
            merged = _merged(merged, yaml.load(path.read_bytes(), yaml.CSafeLoader) or {})
    try:
        return model.model_validate(merged)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{round_name}/{file}: {place}: {first['msg']}", fix="correct the rule file") from None


def _merged(before: Any, given: Any) -> Any:
    if not (isinstance(before, dict) and isinstance(given, dict)):
        return given
    return {**before, **{name: _merged(before.get(name), value) for name, value in given.items()}}
