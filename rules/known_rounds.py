"""Families and rounds of MLPerf, also those that Assay has no rules of: `known_rounds.yaml`, and names for people."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from itertools import zip_longest
from pathlib import Path

from pydantic import Field

from rules.errors import UsageError
from rules.round import Strict, content, validated
from rules.text import printable

FILE = Path(__file__).with_name("known_rounds.yaml")
WRITTEN = re.compile(r"(.*?)[_\s-]*v?(\d[\d.,]*)?", re.DOTALL)  # a round without its slash: family, version


class Mark(Strict):
    """What a file of a family's results is called or holds, by patterns over its path and its start."""

    files: str
    text: str | None = None
    never: str | None = None  # no file beside it is called so
    rounds: list[str] = Field(default_factory=list)  # only these have it; empty: any may


class RoundFamily(Strict):
    """A family of MLPerf: its rounds without rules, and what tells them."""

    title: str
    folder: str
    rounds: list[str]
    benchmarks: dict[str, list[str]] = Field(default_factory=dict)
    seeds: dict[str, tuple[int, int]] = Field(default_factory=dict)  # sample index, schedule
    laid_out_as: str | None = None
    marks: list[Mark] = Field(default_factory=list)


class Archive(Strict):
    """How a packed file begins: bytes in hexadecimal, at an offset."""

    name: str
    starts: str
    at: int = 0


class KnownRounds(Strict):
    """`known_rounds.yaml`."""

    families: dict[str, RoundFamily]
    archives: list[Archive]


@cache
def known_rounds() -> KnownRounds:
    """Return the families and their marks; UsageError for a mistake in the file."""
    return validated(KnownRounds, str(FILE), content(FILE))


def families() -> Mapping[str, RoundFamily]:
    """Return the families of MLPerf by name, e.g. `mlperf-training`."""
    return known_rounds().families


def without_rules(benchmark: str) -> list[str]:
    """Return the rounds without rules that have a benchmark of Training or HPC."""
    table = ((f"{name}/{of}", have) for name, family in families().items() for of, have in family.benchmarks.items())
    return [name for name, have in table if benchmark in have]


def archive(start: bytes) -> str | None:
    """Return which kind of archive a file is that begins so; None where it is none."""
    return next((name for name, magic, at in _archives() if start.startswith(magic, at)), None)


@cache
def _archives() -> list[tuple[str, bytes, int]]:
    return [(kind.name, bytes.fromhex(kind.starts), kind.at) for kind in known_rounds().archives]


@cache
def _folder(word: str) -> re.Pattern[str]:
    named = rf"(?<![a-z]){word}[_-](?:(?:results|submissions?)[_-]v?|v)(\d+\.\d+)(?!\.?\d)"
    return re.compile(rf"{named}|submissions?_{word}_v?(\d+\.\d+)(?!\.?\d)", re.IGNORECASE)


def named(path: Path) -> tuple[str, str] | None:
    """Return the round that a folder's name says, the nearest above or at `path`, and that folder's name."""
    for part in reversed(path.absolute().parts):
        if (round_ := _named(part)) is not None:
            return round_, part
    return None


def _named(part: str) -> str | None:
    for name, family in families().items():
        if match := _folder(family.folder).search(part):
            return f"{name}/{match[1] or match[2]}"
    return None


def title(rounds: Iterable[str]) -> str:
    """Return rounds of one family in words: `MLPerf Tiny 1.0, 1.1 or 1.2`; a family alone is its title."""
    parted = [name.partition("/") for name in ordered(rounds)]
    words = families()[parted[0][0]].title if parted[0][0] in families() else parted[0][0]
    *most, last = [version for _, _, version in parted]
    return f"{words} {', '.join(most)} or {last}" if most else f"{words} {last}".strip()


def ordered(rounds: Iterable[str]) -> list[str]:
    """Return names of rounds by family and version, older first."""
    return sorted(rounds, key=lambda name: (name.partition("/")[0], _version(name.partition("/")[2])))


def newest_first(rounds: Iterable[str]) -> list[str]:
    """Return names of rounds, the newest of each family before all older ones, then the next."""
    by_family: dict[str, list[str]] = {}
    for name in reversed(ordered(rounds)):
        by_family.setdefault(name.partition("/")[0], []).append(name)
    return [name for tier in zip_longest(*by_family.values()) for name in tier if name is not None]


def spans(rounds: Iterable[str]) -> str:
    """Return rounds in few words, the first and the last of each family: `MLPerf HPC 1.0 to 3.0, ...`."""
    by_family: dict[str, list[str]] = {}
    for name in ordered(rounds):
        family, _, version = name.partition("/")
        by_family.setdefault(family, []).append(version)
    return ", ".join(
        f"{title([family])} {versions[0]}" + (f" to {versions[-1]}" if len(versions) > 1 else "")
        for family, versions in by_family.items()
    )


def no_rules(round_: str, known: Iterable[str]) -> str:
    """Return which rounds Assay knows instead of one it has no rules of: those of its family, or all of MLPerf."""
    family = round_.partition("/")[0]
    mlperf = [name for name in known if name.partition("/")[0] in families()]
    return spans([name for name in mlperf if name.startswith(f"{family}/")] or mlperf)


def unknown_round(name: str, known: list[str]) -> UsageError:
    """Return the error for a round there are no rules of; a suggestion is of the same family and major version."""
    written, version = _parts(name.strip().lower())
    family, what = _family(written, known), f"unknown round {printable(name)!r}"
    mine = [one for one in known if one.startswith(f"{family}/")]
    if family is None or (not mine and family not in families()):
        return UsageError(what, fix=f"known: {', '.join(known)}")
    near, is_version = _near(version, family, mine), re.fullmatch(r"\d+\.\d+", version)
    if family in families() and near is None and (is_version or not mine):
        what += f": Assay has no rules of {title([f'{family}/{version}' if is_version else family])}"
    if not mine:
        return UsageError(f"{what}; it knows {no_rules(family, known)}", fix="`assay rules list` lists the rounds")
    listed = f"known: {', '.join(ordered(mine))}"
    return UsageError(what, fix=listed if near is None else f"did you mean {near!r}? {listed}")


def _parts(name: str) -> tuple[str, str]:
    """Return family and version of a round as a person writes it, also as a folder is called."""
    family, slash, version = (_named(name) or name).partition("/")
    if not slash and (match := WRITTEN.fullmatch(name)):
        family, version = match[1], match[2] or ""
    return family, version.removeprefix("v").replace(",", ".")


def _published(family: str) -> list[str]:
    return families()[family].rounds if family in families() else []


def _near(version: str, family: str, mine: list[str]) -> str | None:
    """Return the round of the family that a version is a slip of; None for a round that exists without rules."""
    if version in _published(family):
        return None
    major = version.partition(".")[0] if "." in version else version[:1]
    near = [one.partition("/")[2] for one in mine if one.partition("/")[2].partition(".")[0] == major]
    found = get_close_matches(version, near, n=1, cutoff=0.5)
    return f"{family}/{found[0]}" if found else None


def _family(written: str, known: list[str]) -> str | None:
    """Return the family that a text names or is a slip of."""
    plain = {name.removeprefix("mlperf-"): name for name in (*families(), *(one.partition("/")[0] for one in known))}
    found = get_close_matches(written.removeprefix("mlperf-"), plain, n=1, cutoff=0.7)
    return plain[found[0]] if found else None


def _version(version: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isdigit() else 0 for part in version.split("."))
