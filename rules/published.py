"""What a round publishes of a workload: for each source that ran, a parity certificate and reference runs.

`published.yaml` lists the sources, oldest first. A new source is added and none is replaced, so that a result is judged
by what was published of the source it ran. A source that is not listed is judged by the first.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field

import rules.round
from rules.documents import Count, Name, ParityCertificate, Sha256
from rules.errors import UsageError
from rules.round import Strict, content, find, read, validated

FILE = "published.yaml"
TRANSPORTS = "transports.yaml"  # by digest, what is particular to it: each was read before it was listed
LEAST = 20  # reference runs of a source: fewer say nothing of what is usual
HEAD = "# Sources of the round, oldest first, and the evidence on each; `assay evidence` adds, nothing is replaced.\n"


class ReferenceRun(Strict):
    """One run of the published source that reached the target after `samples` samples."""

    framework: Name
    seed: Count
    samples: Annotated[int, Field(ge=1)]
    log_sha256: Sha256


class _File(Strict):
    """A file of reference runs: its list."""

    runs: Annotated[list[ReferenceRun], Field(min_length=LEAST)]


class PublishedSource(Strict):
    """One published source; its evidence as files of the round."""

    source_sha256: Sha256
    parity: str | None = None
    references: str | None = None


def sources(round_name: str, workload: str) -> list[PublishedSource]:
    """Return the published sources of a workload, oldest first."""
    return _listed(round_name).get(workload, [])


def transports(round_name: str) -> dict[str, str]:
    """Return the transports (`rules.source`) that a round lists, by digest; none where it has no such file."""
    return {} if find(round_name, TRANSPORTS) is None else read(round_name, TRANSPORTS, dict[Sha256, str])


def certificates(round_name: str, workload: str, source_sha256: str) -> list[ParityCertificate]:
    """Return the parity certificates of a source, or the round's first one; none where it publishes none."""
    given = [one for one in sources(round_name, workload) if one.parity]
    mine = [one for one in given if one.source_sha256 == source_sha256] or given[:1]
    return [certificate(round_name, one.parity) for one in mine if one.parity]


@cache
def certificate(round_name: str, file: str) -> ParityCertificate:
    """Return a published certificate; UsageError where it is missing or broken."""
    return validated(ParityCertificate, f"{round_name}/{file}", content(_path(round_name, file)))


def references(round_name: str, workload: str, source_sha256: str) -> list[ReferenceRun] | None:
    """Return the reference runs of a source, else the round's first ones, LEAST or more; None where it has none."""
    given = [one for one in sources(round_name, workload) if one.references]
    mine = next((one for one in given if one.source_sha256 == source_sha256), given[0] if given else None)
    return _runs(round_name, mine.references) if mine is not None and mine.references else None


def add(round_name: str, workload: str, source_sha256: str, **files: str) -> None:
    """List evidence on a source in the round's own `published.yaml`, beside all there is."""
    with _alone(round_name):
        forget()  # another command may have added some since
        _add(round_name, workload, source_sha256, **files)
        forget()


@contextmanager
def _alone(round_name: str) -> Iterator[None]:
    """Let one program at a time change what a round publishes."""
    folder = os.open(rules.round.ROOT / round_name, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _add(round_name: str, workload: str, source_sha256: str, **files: str) -> None:
    listed, mine = dict(_listed(round_name)), list(sources(round_name, workload))
    for at, one in enumerate(mine):
        if one.source_sha256 != source_sha256:
            continue
        if files.items() <= one.model_dump().items():
            break  # the extended round's list, of which the round now has a file of its own
        if not one.model_fields_set & files.keys():
            mine[at] = one.model_copy(update=files)
            break
    else:
        mine.append(PublishedSource(source_sha256=source_sha256, **files))
    listed[workload] = mine
    body = {name: [one.model_dump(exclude_none=True) for one in its] for name, its in listed.items()}
    write(round_name, FILE, HEAD + yaml.safe_dump(body, sort_keys=False))


def write(round_name: str, file: str, text: str) -> Path:
    """Write a file of the round, whole or not at all; return its path."""
    path = rules.round.ROOT / round_name / file
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".new")
    scratch.write_text(text)
    scratch.replace(path)
    return path


def missing(round_name: str, workload: str, source_sha256: str) -> list[str]:
    """Return which evidence a round lacks on a source: `parity`, `references`.

    Reference runs are the extended round's too. A certificate names its round, so that each needs its own.
    """
    mine = [one for one in sources(round_name, workload) if one.source_sha256 == source_sha256]
    certified = any(certificate(round_name, one.parity).ruleset == round_name for one in mine if one.parity)
    found = {"parity": certified, "references": any(one.references for one in mine)}
    return [what for what, there in found.items() if not there]


def evidence(round_name: str, workload: str) -> None:
    """Read all evidence on a workload; UsageError for a file that is missing or broken, or of another source."""
    transports(round_name)
    for one in sources(round_name, workload):
        if one.parity and certificate(round_name, one.parity).source_sha256 != one.source_sha256:
            raise UsageError(
                f"{round_name}/{one.parity}: not of the source that it is listed for", fix=f"correct {FILE}"
            )
        if one.references:
            _runs(round_name, one.references)


def new_file(round_name: str, kind: str, workload: str, source_sha256: str) -> str:
    """Return the name of a file of the round, not there yet, for evidence on a source."""
    stem = f"{kind}/{workload}/{source_sha256[:16]}"
    names = (f"{stem}{'' if number == 1 else f'-{number}'}.json" for number in count(1))
    return next(name for name in names if not (rules.round.ROOT / round_name / name).exists())


def forget() -> None:
    """Have what is published read anew."""
    for cached in (_listed, certificate):
        cached.cache_clear()


@cache
def _listed(round_name: str) -> dict[str, list[PublishedSource]]:
    return {} if find(round_name, FILE) is None else read(round_name, FILE, dict[str, list[PublishedSource]])


def _runs(round_name: str, file: str) -> list[ReferenceRun]:
    raw = {"runs": content(_path(round_name, file))}
    return validated(_File, f"{round_name}/{file}", raw).runs


def _path(round_name: str, file: str) -> Path:
    return find(round_name, file) or rules.round.ROOT / round_name / file
