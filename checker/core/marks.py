"""Marks of families and rounds in a tree: files that only some have, LoadGen's seeds. The marks are rule data.

Some files of each submitter's results are listed and few are opened, however large a tree is; no link is followed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from checker.core.tree import RefusedError, Tree
from rules.known_rounds import Mark, RoundFamily, families
from rules.ruleset import load, newest

LISTED = 2000  # files of a submitter's results that are looked at, and folders
SUBMITTERS = 50
OPENED = 12  # files looked into for one mark
HEAD = 1 << 20  # bytes of a file that are searched
SEEDS = tuple(re.compile(rb'(?<![a-z0-9]_)%b_rng_seed"?\s*[:,]\s*(?:"value"\s*:\s*)?(\d{1,20})' % key)
              for key in (b"(?:effective_)?sample_index", b"(?:effective_)?schedule"))  # fmt: skip
Seeds = tuple[int, int]  # sample index, schedule


def sampled(folders: Iterable[Path]) -> list[str]:
    """Return the paths of some of the plain files below each folder."""
    return [file for folder in islice(folders, SUBMITTERS) for file in islice(_below(folder), LISTED)]


def marked(files: list[str]) -> tuple[str, ...]:
    """Return the rounds whose marks are in these files, or their family alone; nothing where none is."""
    seen = _Seen(files)
    for name, family in families().items():
        hits = [mark for mark in family.marks if seen.has(mark)]
        if hits:
            rounds = {of for mark in hits for of in mark.rounds} or set(seen.seeded(family))
            return tuple(f"{name}/{of}" for of in family.rounds if of in rounds) or (name,)
    return ()


def rounds_with_seeds(seeds: Seeds, laid_out_as: str) -> list[str]:
    """Return the rounds without rules, of families laid out as one, that have these seeds."""
    table = ((name, family) for name, family in families().items() if family.laid_out_as == laid_out_as)
    return [f"{name}/{of}" for name, family in table for of, pair in family.seeds.items() if pair == seeds]


def stated_seeds(start: bytes) -> Seeds | None:
    """Return the seeds that a detail log of LoadGen states, of whatever version; None where it states none."""
    found = [pattern.findall(start) for pattern in SEEDS]
    return (int(found[0][-1]), int(found[1][-1])) if all(found) else None


def head(file: Path, most: int = HEAD) -> bytes:
    """Return the start of a plain file; nothing of what cannot be read."""
    try:
        with Tree(file.parent, load(newest("assay")).limits).open(file.name) as opened:
            return opened.read(most)
    except (RefusedError, OSError):
        return b""


class _Seen:
    """Files of a tree, their starts read once."""

    def __init__(self, files: list[str]) -> None:
        self._paths = files
        self._heads: dict[str, bytes] = {}

    def has(self, mark: Mark) -> bool:
        hits = self._called(mark.files)
        if not hits or (mark.never is not None and self._called(mark.never)):
            return False
        text = None if mark.text is None else re.compile(mark.text.encode())
        return text is None or any(text.search(self._head(path)) for path in _spread(hits))

    def seeded(self, family: RoundFamily) -> Iterator[str]:
        logs = self._called(r"/mlperf_log_detail\.txt$")
        stated = {stated_seeds(self._head(path)) for path in _spread(logs)}
        return (of for of, pair in family.seeds.items() if pair in stated)

    def _called(self, pattern: str) -> list[str]:
        return list(filter(re.compile(pattern).search, self._paths))

    def _head(self, path: str) -> bytes:
        if path not in self._heads:
            self._heads[path] = head(Path(path))
        return self._heads[path]


def _spread(paths: list[str]) -> list[str]:
    """Return a few of many, from all over."""
    return paths[:: max(1, len(paths) // OPENED)][:OPENED]


def _below(folder: Path) -> Iterator[str]:
    waiting, looked = [folder.as_posix()], 0
    while waiting and looked < LISTED:
        looked += 1
        try:
            with os.scandir(waiting.pop()) as listing:
                items = sorted(islice(listing, LISTED), key=lambda item: item.name, reverse=True)
        except OSError:
            continue
        yield from (item.path for item in items if item.is_file(follow_symlinks=False))
        waiting += [item.path for item in items if item.is_dir(follow_symlinks=False)]
