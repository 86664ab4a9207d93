"""A meter outside the machine, by the file it writes: `timestamp,watts` lines, or MLPerf's `spl.txt`.

Stamps are Unix seconds or ISO 8601 (`2026-01-31T12:00:00.5+01:00`; without a zone: UTC), in `spl.txt` MLPerf's
`%m-%d-%Y %H:%M:%S.%f`, taken to be UTC. Whose clock is ahead of the machine's says by how much. Nothing is guessed:
one line that cannot be read makes the whole file useless.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rules.errors import UsageError
from rules.text import printable

MOST_BYTES = 256 << 20
LINE = 4096  # characters
SPL_STAMP = "%m-%d-%Y %H:%M:%S.%f"
NAME = re.compile(r"[^A-Za-z0-9._-]")


class PowerLogError(Exception):
    """Why a power log cannot be used, for a person."""


@dataclass(frozen=True)
class PowerLog:
    """A file that a meter writes to while runs are made."""

    path: Path
    ahead_s: float = 0.0  # how far the meter's clock is ahead of the machine's

    @property
    def name(self) -> str:
        """The channel's name."""
        return f"external/{NAME.sub('-', self.path.stem).strip('-')[:60] or 'meter'}"

    @property
    def source(self) -> str:
        """The channel's source, with what was said of its clock."""
        return f"power log {printable(self.path.name, 100)}, its clock stated as {self.ahead_s:+g} s ahead"

    def require(self) -> None:
        """Raise UsageError where the file cannot be read now: the meter writes before runs begin."""
        try:
            self.samples(-math.inf, math.inf)
        except PowerLogError as error:
            raise UsageError(
                f"--power-log {printable(str(self.path), 200)}: {error}", fix="docs/meters.md says what is read"
            ) from None

    def samples(self, since_s: float, until_s: float) -> list[tuple[float, float | None]]:
        """Return (Unix seconds by the machine's clock, watts or None) of every line between the two times.

        A power that is no number above zero is the meter's word for an error: None. Raises PowerLogError.
        """
        found: list[tuple[float, float | None]] = []
        last = -math.inf
        for number, line in enumerate(self._lines(), 1):
            if number == 1 and line.replace(" ", "").casefold() in ("timestamp,watts", "time,watts", "timestamp,power"):
                continue
            try:
                stamp, watts = _read(line)
            except ValueError:
                raise PowerLogError(f"line {number} is not a time and a power: {printable(line, 60)}") from None
            at = stamp - self.ahead_s
            if at <= last:
                raise PowerLogError(f"line {number} is not later than the one before it")
            last = at
            if since_s <= at <= until_s:
                found.append((at, watts if 0 < watts < 1e9 else None))
        return found

    def _lines(self) -> list[str]:
        """Return the file's whole lines; what follows the last line's end is still being written."""
        try:
            if not self.path.is_file():
                raise PowerLogError("it is not a file" if self.path.exists() else "there is no such file")
            with self.path.open("rb") as file:
                content = file.read(MOST_BYTES + 1)
        except OSError as error:
            raise PowerLogError(error.strerror or "it cannot be read") from None
        if len(content) > MOST_BYTES:
            raise PowerLogError(f"it is larger than {MOST_BYTES >> 20} MiB")
        text = content[: content.rfind(b"\n") + 1].decode("utf-8", "replace")
        return [line[:LINE].strip() for line in text.split("\n") if line.strip()]


def _read(line: str) -> tuple[float, float]:
    """Return a line's time (Unix seconds) and watts; ValueError where it has none."""
    words = [word.strip() for word in line.split(",", 8)]
    if words[0] == "Time":
        if len(words) < 4 or words[2] != "Watts":
            raise ValueError(line)
        return datetime.strptime(words[1], SPL_STAMP).replace(tzinfo=UTC).timestamp(), float(words[3])
    if len(words) != 2:
        raise ValueError(line)
    try:
        stamp = float(words[0])
    except ValueError:
        moment = datetime.fromisoformat(words[0])
        stamp = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if not 0 <= stamp < 1e11:
        raise ValueError(line)
    return stamp, float(words[1])
