"""A submission in which paths lead through links, as the official checkers take them, but never out of its folder.

The official checkers open, look for and list whatever a path leads to, through links of files and folders alike; where
they walk a whole tree, as `os.walk` does, they never go down a link. So does this: what is listed whole (`entries`,
`files`) is what lies in the folder itself, and `at`, `inside`, `is_file`, `open` and `read` lead through links.

A path is led by what was listed, one component after the other; what it leads to is then opened by the real path, whose
every step refuses a link, so that swapping something while it is read gains nothing. A link may leave the folder and
come back, as `../Example/code` does. Of what lies elsewhere nothing is read: a submission is judged by what is in it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from checker.core.tree import FOLDER, Entry, RefusedError, Tree
from rules.ruleset import ReadingLimits

LINKS = 40  # that one path may lead through; Linux's own bound, at which the official checkers see nothing either
ABOVE = 2  # levels above the folder that a link may pass on its way back: the submitter's and the division's
LISTED = 10_000  # names in folders that were reached through links: links to parents make as many paths as one likes
FEW, TIMES = 1000, 2  # and as many in any tree, and times the tree's own names: what a few links name is judged in full
STEPS = 5_000_000  # names of paths and of links' targets that are followed in all; a target may have two thousand
PLAIN = re.compile(r"[^./][^/]*(/[^./][^/]*)*")  # a path that needs no leading: no empty name, no dot before one
OUTSIDE, ABSOLUTE = "leads out of the submission", "names a place of one machine"
NOWHERE = "leads nowhere"
CIRCLE = f"leads in a circle, or through more than {LINKS} links"


class Lead(NamedTuple):
    """Where a path leads: the real path in the tree, "" for its root; or None, and why."""

    real: str | None
    why: str = ""


ABSENT = Lead(None, NOWHERE)


def within(path: Path, round_: Path) -> Path | None:
    """Return the real path of a folder below `round_`, which `path` may be a link to; None for anything else."""
    real, top = Path(os.path.realpath(path)), Path(os.path.realpath(round_))
    return real if real != top and real.is_relative_to(top) and real.is_dir() else None


class LinkedTree(Tree):
    """A folder and everything below it, in which links are followed to what lies in it.

    The folder itself may be a link, or below one, to a folder of the same round, `levels` above it.
    """

    def __init__(self, root: Path, limits: ReadingLimits, levels: int = 1) -> None:
        self._round = root.parents[min(levels, len(root.parents)) - 1] if root.parents else root
        super().__init__(within(root, self._round) or root, limits)
        self._leads: dict[str, Lead] = {}
        self._linked: dict[str, bool] = {}  # whether a folder, or the nearest listed above it, is a link
        self._children: dict[str, list[str]] | None = None
        self._inside: dict[str, dict[str, Entry]] = {}
        self._reached: set[str] = set()  # folders listed through links, by the paths that were asked for
        self._reached_names = self._reached_bytes = self._steps = 0

    def lead(self, path: str) -> Lead:
        """Return where `path`, relative to the tree, leads."""
        entry = self.entries.get(path)
        return Lead(path) if entry is not None and entry.kind != "link" else self._lead_on(path, entry)

    def _lead_on(self, path: str, entry: Entry | None) -> Lead:
        """Return where a path leads that is none of what was listed, or a link."""
        if entry is None and PLAIN.fullmatch(path) and not self._below_link(path):
            return ABSENT
        if path not in self._leads:
            self._leads[path] = ABSENT if path.startswith("/") else self._follow(path)
        return self._leads[path]

    def _below_link(self, path: str) -> bool:
        """Whether the nearest listed name above `path` is a link: every name above one that is none is a folder."""
        folder = above = path.rpartition("/")[0]
        if folder not in self._linked:
            while above and above not in self.entries:
                above = above.rpartition("/")[0]
            self._linked[folder] = above in self.entries and self.entries[above].kind == "link"
        return self._linked[folder]

    def _follow(self, path: str) -> Lead:
        """Lead a path as the kernel does, component by component; `..` is the parent of where one really is."""
        real, above, links = list[str](), 0, 0
        waiting = path.split("/")[::-1]
        while waiting:
            part = waiting.pop()
            self._steps += 1
            if self._steps > STEPS:
                self.truncated = f"links that lead through more than {STEPS:,} names"
                return Lead(None, CIRCLE)
            if real and self.entries["/".join(real)].kind not in ("folder", "unreadable"):
                return Lead(None, NOWHERE)
            if part in ("", "."):
                continue
            if part == ".." and real:
                real.pop()
            elif part == "..":
                above += 1
            elif above:
                if above > ABOVE or part != self._names[-above]:
                    return Lead(None, OUTSIDE)
                above -= 1
            else:
                entry = self.entries.get("/".join((*real, part)))
                if entry is None:
                    return Lead(None, NOWHERE)
                if entry.kind != "link":
                    real.append(part)
                    continue
                links += 1
                if links > LINKS:
                    return Lead(None, CIRCLE)
                if entry.target.startswith("/"):
                    return Lead(None, ABSOLUTE)
                waiting += entry.target.split("/")[::-1]
        return Lead(None, OUTSIDE) if above else Lead("/".join(real))

    @cached_property
    def _names(self) -> tuple[str, ...]:
        """The names of the folders on the way to this one, and its own."""
        return ("",) * ABOVE + Path(os.path.realpath(self.root)).parts

    def at(self, path: str) -> Entry | None:
        """Return what `path` leads to; None where there is nothing, in the tree at least.

        A folder elsewhere in the round is there, as the official checkers see it, but with nothing in it.
        """
        entry = self.entries.get(path)
        if entry is not None and entry.kind != "link":
            return entry
        lead = self._lead_on(path, entry)
        if lead.why == OUTSIDE and within(self.root / path, self._round) is not None:
            return Entry(path, "folder", 0)
        return Entry("", "folder", 0) if lead.real == "" else None if lead.real is None else self.entries.get(lead.real)

    def inside(self, folder: str) -> dict[str, Entry]:
        """Return what the names right in `folder` lead to, sorted; a link that leads nowhere stands for itself."""
        real = self.lead(folder).real
        if real is None or (real != folder and not self._may_list(folder, real)):
            return {}
        if real not in self._inside:
            below = ((name, self.entries[f"{real}/{name}" if real else name]) for name in self._names_in(real))
            self._inside[real] = {name: e if e.kind != "link" else self.at(e.path) or e for name, e in below}
        return self._inside[real]

    def below(self, folder: str) -> Iterator[tuple[str, Entry]]:
        """Yield what lies below `folder` at any depth with the name it has there: links followed, each folder once."""
        waiting, seen = [self.lead(folder).real], set[str | None]()
        while waiting:
            real = waiting.pop()
            if real is None or real in seen:
                continue
            seen.add(real)
            for name, entry in self.inside(real).items():
                yield name, entry
                if entry.kind == "folder":
                    waiting.append(entry.path)

    def _names_in(self, real: str) -> list[str]:
        if self._children is None:
            self._children = {}
            for path in self.entries:
                parent, _, name = path.rpartition("/")
                self._children.setdefault(parent, []).append(name)
        return self._children.get(real, [])

    def _may_list(self, folder: str, real: str) -> bool:
        """Whether a folder may be listed that was reached through a link: within a bound on all of them."""
        if folder not in self._reached:
            names = self._reached_names + 1 + len(self._names_in(real))
            most = min(LISTED, max(FEW, TIMES * len(self.entries)))
            if names > most:
                self.truncated = f"more than {most:,} files and folders behind links"
                return False
            self._reached.add(folder)
            self._reached_names = names
        return True

    def is_file(self, path: str) -> bool:
        """Whether `path` leads to a plain file of the tree."""
        entry = self.at(path)
        return entry is not None and entry.kind == "file"

    def links(self) -> Iterator[tuple[Entry, Lead]]:
        """Yield every link of the tree, and where it leads."""
        for entry in self.entries.values():
            if entry.kind == "link":
                yield entry, self.lead(entry.path)

    def _opened(self, path: str, most: int | None) -> tuple[int, int]:
        """Open the plain file that `path` leads to; RefusedError as `Tree` has it, and for a link to anything else.

        All that is read through links together is bounded too: a small submission could ask for one log forever.
        """
        try:
            return super()._opened(path, most)
        except RefusedError:
            lead = self.lead(path)
            if lead.real == path or (lead.real is None and lead.why == NOWHERE and not self._through_link(path)):
                raise
        if lead.real is None:
            raise RefusedError(f"is a symbolic link that {lead.why}")
        if not lead.real:
            raise RefusedError(FOLDER)
        descriptor, size = super()._opened(lead.real, most)
        self._reached_bytes += size
        if self._reached_bytes > self.limits.file_bytes:
            os.close(descriptor)
            what = f"lies behind a link, and more than {self.limits.file_bytes:,} bytes were read through links"
            raise RefusedError(what)
        return descriptor, size

    def _through_link(self, path: str) -> bool:
        """Whether a link stands on the way to `path`."""
        parts = path.split("/")
        on_the_way = (self.entries.get("/".join(parts[:end])) for end in range(1, len(parts) + 1))
        return any(entry is not None and entry.kind == "link" for entry in on_the_way)


def followed(lead: Lead) -> str:
    """Return what is said of a link that was followed."""
    return f"a link to {lead.real or 'the submission itself'}, which is read in its place, as the official checkers do"


def dead(lead: Lead) -> str:
    """Return what is said of a link that leads to nothing of the submission."""
    if lead.why in (OUTSIDE, ABSOLUTE):
        return f"a link that {lead.why}: official checkers read what they find there, and here it is not judged"
    return f"a link that {lead.why}: official checkers find nothing there either"
