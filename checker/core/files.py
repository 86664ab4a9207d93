"""What a file is where it is not what its name says: empty, a pointer, an archive, a web page, cut off.

Told from its first bytes, its size and its end, whoever reads it: each state has one message and one way to the right
file, in one table. What is wrong *in* such a file is never worth saying.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, replace
from typing import BinaryIO, Literal

import msgspec

from checker.core.findings import Violation
from checker.core.tree import RefusedError, Tree
from rules.known_rounds import archive

HEAD = 4096  # bytes that are looked at first
TAIL = 1 << 16  # bytes in which the last line of a log is looked for
POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:ext-\S+ \S+\n)*oid sha256:(\w{8,64})\nsize (\d{1,18})\s"
)
MARKS = (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff", b"\xff\xfe", b"\xfe\xff")  # of UTF-32 and UTF-16
BOM = b"\xef\xbb\xbf"
PAGES = (b"<!doctype html", b"<html", b"404: not found")
CONTROL = bytes({*range(32)} - {*b"\b\t\n\v\f\r\x1b"})
BINARY = 0.1  # share of control characters beyond which nothing is text
WIDE = 0.4  # share of zero bytes beyond which Latin text is of two bytes a character

StateName = Literal[
    "empty", "blank", "pointer", "utf-16", "byte-order mark", "archive", "page", "binary", "cut", "unended", "no log"
]


@dataclass(frozen=True, slots=True)
class FileState:
    """What a file is instead of what it should be: how a finding's message goes on after its name, and what to do."""

    name: StateName
    what: str
    fix: str
    found: str = ""

    def problem(self, path: str, expected: str = "") -> Violation:
        """Return the finding's problem with the file at `path`."""
        return Violation(
            f"{path.rpartition('/')[2]} {self.what}", expected, self.found, path, first=f"{self.fix}, then"
        )


_COPY = "copy the file again from the machine that wrote it, and compare its size there and here"
STATES = {
    state.name: state
    for state in (
        FileState("empty", "is empty", _COPY, "0 bytes"),
        FileState("blank", "holds nothing but blanks or zero bytes", _COPY),
        FileState(
            "pointer",
            "is a Git LFS pointer: the file that it stands for was never fetched",
            "a round's repository keeps no LFS objects; run `git lfs pull`",
        ),
        FileState(
            "utf-16",
            "is UTF-16 or UTF-32 text, which no tool of MLPerf reads",
            "write it as UTF-8 without a byte-order mark (iconv -f UTF-16 -t UTF-8), or redirect output with "
            "a shell that does not change it",
        ),
        FileState(
            "byte-order mark",
            "begins with a byte-order mark",
            "save it as UTF-8 without the mark: remove its first three bytes",
            "EF BB BF",
        ),
        FileState("archive", "is an archive", "unpack it"),
        FileState(
            "page",
            "is a web page, saved in place of the file",
            "download the raw file, not the page that shows it",
        ),
        FileState("binary", "is binary data, not text", _COPY),
        FileState("cut", "ends in the middle of a record: the rest was cut off", f"{_COPY}, or run again"),
        FileState(
            "unended",
            "ends before LoadGen's last lines: it was cut off, or the run was broken off",
            f"{_COPY}; where it is as long there, run again",
            "neither power_end nor result_validity",
        ),
        FileState("no log", "holds no record of a run", _COPY, "no line that begins with :::MLLOG"),
    )
}


def state_of(head: bytes, size: int) -> FileState | None:
    """Return what a text file of `size` bytes that begins with `head` is instead; None where it may be text.

    `head` is its first HEAD bytes, or all.
    """
    if not size:
        return STATES["empty"]
    if (found := POINTER.match(head)) is not None:
        missing = f"a pointer to {int(found[2]):,} bytes, SHA-256 {found[1][:12].decode()}…"
        return replace(STATES["pointer"], found=missing)
    if not head.strip(b" \t\r\n\0") and (size == len(head) or not head.strip(b"\0")):
        return replace(STATES["blank"], found=f"{size:,} bytes")
    if head.startswith(MARKS) or (b"\0" in head and _wide(head)):
        return STATES["utf-16"]
    if head.startswith(BOM):
        return STATES["byte-order mark" if size > len(BOM) else "blank"]
    if (kind := archive(head)) is not None:
        return replace(STATES["archive"], found=kind)
    if head.lstrip()[:20].lower().startswith(PAGES):
        return STATES["page"]
    if len(head) - len(head.translate(None, CONTROL)) > BINARY * len(head):
        return STATES["binary"]
    return None


def _wide(head: bytes) -> bool:
    """Whether text is of two bytes a character without a mark: zeros in every other place, and only there."""
    even, odd = head[::2], head[1::2]
    zeros = sorted((even.count(0) / len(even), odd.count(0) / len(odd))) if odd else [0, 0]
    return zeros[0] == 0 and zeros[1] > WIDE


def state_of_json(raw: bytes) -> FileState | None:
    """Return what a file is that is no JSON; None where it is JSON, or text that somebody wrote wrong."""
    if (state := state_of(raw[:HEAD], len(raw))) is not None:
        return state
    try:
        msgspec.json.decode(raw)
        return None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass  # Python's JSON takes NaN, too, and says where it stops
    try:
        text = raw.decode()
        json.loads(text)
    except json.JSONDecodeError as error:
        ended = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string")
        return STATES["cut"] if ended and text.lstrip()[:1] in ("{", "[") else None
    except (ValueError, RecursionError):
        return None
    return None


def state_of_tail(tail: bytes, marker: bytes) -> FileState | None:
    """Return "cut" where a log's last line begins as a record, has no end and is none; `tail` is the log's end."""
    last = tail[max(tail.rfind(b"\n"), tail.rfind(b"\r")) + 1 :]
    at = last.rfind(marker)
    if at < 0:
        return STATES["cut"] if len(last) > 2 and marker.startswith(last) else None
    try:
        json.loads(last[at + len(marker) :].decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return STATES["cut"]
    return None


def tail_of(file: BinaryIO, size: int) -> bytes:
    """Return the end of an open plain file, wherever it was read to."""
    return os.pread(file.fileno(), TAIL, max(0, size - TAIL))


def look(tree: Tree, path: str, kind: Literal["json", "text", "lines"] = "text") -> FileState | None:
    """Return what the file at `path` is instead of text, lines or JSON; None where it may be that, or is not read.

    Lines are text whose last line ends, as every other does.
    """
    try:
        if kind == "json":
            return state_of_json(tree.read(path, tree.limits.document_bytes))
        with tree.open(path, tree.limits.log_bytes) as file:
            size = os.fstat(file.fileno()).st_size
            state = state_of(file.read(HEAD), size)
            ended = kind == "text" or tail_of(file, size).endswith((b"\n", b"\r"))
            return state if state is not None or ended else STATES["cut"]
    except (RefusedError, OSError):
        return None
