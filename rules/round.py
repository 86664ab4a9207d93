"""The one way a file of a round is read: along the rounds it extends, of which each says only what differs.

Merging has one rule: a mapping is merged member by member, a null removes the member, and all else (a number, a text,
a list) is replaced whole. Every mistake is a UsageError that names file and member.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from rules.errors import UsageError, unknown

if TYPE_CHECKING:
    from functools import _lru_cache_wrapper

ROOT = Path(__file__).parent
HEADER = "ruleset.yaml"
FIX = "correct the rule file"
T = TypeVar("T")


class Strict(BaseModel):
    """Base of everything read from a rule file: unknown members are an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


def rulesets() -> list[str]:
    """Names of all rounds Assay knows, e.g. `assay/1.0`."""
    return list(rulesets_in(ROOT))


@cache
def rulesets_in(root: Path) -> tuple[str, ...]:
    """Names of all rounds below a folder, listed once: every log of a review asks."""
    return tuple(sorted(path.parent.relative_to(root).as_posix() for path in root.glob(f"*/*/{HEADER}")))


def chain(name: str) -> tuple[str, ...]:
    """Return the round and those it extends, nearest first; UsageError where one is unknown or extends itself."""
    return _chain(ROOT, name)


@cache
def _chain(root: Path, name: str) -> tuple[str, ...]:
    names = [name]
    while (before := _mapping(root / names[-1] / HEADER).get("extends")) is not None:
        if before in names or before not in rulesets_in(root):
            wrong = "leads back to itself" if before in names else f"there is no round {before!r}"
            raise UsageError(f"{names[-1]}/{HEADER}: extends: {wrong}", fix="extend a round before this one")
        names.append(before)
    return tuple(names)


def find(name: str, *parts: str) -> Path | None:
    """Return the path of a round's file, from the nearest round that has it; None where none does."""
    paths = (ROOT.joinpath(each, *parts) for each in chain(name))
    return next((path for path in paths if path.is_file()), None)


def names_in(name: str, folder: str) -> list[str]:
    """Return the names, without suffix, of the YAML files that a round has in a folder."""
    return sorted({path.stem for each in chain(name) for path in (ROOT / each / folder).glob("*.yaml")})


def read(name: str, file: str, kind: type[T], over: Iterable[str] | None = None) -> T:
    """Return a file of a round, merged with those of the rounds it extends; UsageError for a mistake in it.

    `over` takes other rounds' files instead, nearest first.
    """
    merged: Any = {}
    for each in reversed(list(chain(name) if over is None else over)):
        if (path := ROOT / each / file).is_file():
            merged = merge(merged, _mapping(path))
    return validated(kind, f"{name}/{file}", merged)


def kept(file: str, kind: type[T]) -> _lru_cache_wrapper[T]:
    """Return a function that reads `file` of a round, given by name, once; UsageError for a mistake in it."""
    return cache(partial(read, file=file, kind=kind))


def read_workload(name: str, workload: str, kind: type[T]) -> T:
    """Return what a round fixes about a workload, merged; UsageError for a workload that it does not have."""
    if workload not in (known := names_in(name, "workloads")):
        raise unknown("workload", workload, known)
    return read(name, f"workloads/{workload}.yaml", kind)


def merge(before: Any, given: Any) -> Any:
    """Return `before` with what `given` says otherwise, by this module's one rule."""
    if not isinstance(given, dict):
        return given
    kept = before if isinstance(before, dict) else {}
    merged = {**kept, **{name: merge(kept.get(name), value) for name, value in given.items()}}
    return {name: value for name, value in merged.items() if value is not None}


def content(path: Path) -> Any:
    """Return what a rule file says, YAML or JSON; UsageError where it is neither, or cannot be read."""
    try:
        text = path.read_bytes()
        return json.loads(text) if path.suffix == ".json" else yaml.load(text, yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError, OSError) as error:
        raise UsageError(f"{path}: {error}", fix=FIX) from None


def validated(kind: type[T], where: str, raw: Any, *within: str) -> T:
    """Return `raw`, which stands in `within`, as a `kind`; UsageError with `where` and member for the first mistake."""
    try:
        return TypeAdapter(kind).validate_python(raw)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in (*within, *first["loc"]))
        raise UsageError(f"{where}: {place}: {first['msg']}", fix=FIX) from None


def _mapping(path: Path) -> dict[str, Any]:
    found = content(path) or {}
    if not isinstance(found, dict):
        raise UsageError(f"{path}: not a mapping", fix=FIX)
    return found
