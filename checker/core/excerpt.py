"""Lines of a log around those that findings name, so that a reader sees what is meant without opening the file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from checker.core.tree import RefusedError, Tree
from rules.text import printable

AROUND = 2  # lines before and after
WIDTH = 320  # characters of a line
LINE_END = re.compile(rb"\r\n|\r|\n")


@dataclass(frozen=True)
class Line:
    """A line of a file, safe to show; `number` is from 1."""

    number: int
    text: str


def excerpts(tree: Tree, path: str, numbers: Iterable[int]) -> dict[int, list[Line]]:
    """Return for each line number the line and its neighbours; nothing for a file or line that cannot be read."""
    wanted = sorted({number for number in numbers if number > 0})
    try:
        data = tree.read(path, tree.limits.log_bytes)
    except RefusedError:
        return {}
    needed = {near for number in wanted for near in range(max(1, number - AROUND), number + AROUND + 1)}
    lines: dict[int, Line] = {}
    at, number, last = 0, 1, max(needed, default=0)
    while number <= last:
        end = LINE_END.search(data, at)
        if number in needed:
            lines[number] = Line(number, _shown(data, at, len(data) if end is None else end.start()))
        if end is None:
            break
        at, number = end.end(), number + 1
    return {
        number: [lines[near] for near in range(number - AROUND, number + AROUND + 1) if near in lines]
        for number in wanted
        if number in lines
    }


def _shown(data: bytes, start: int, end: int) -> str:
    text = printable(data[start : min(end, start + 4 * WIDTH)].decode("utf-8", "backslashreplace"), WIDTH)
    return text if end - start <= 4 * WIDTH else f"{text} of {end - start:,} bytes"
