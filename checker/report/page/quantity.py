"""Numbers as a reader wants them: fixed decimals, units, and words where there is no number. Never a zero for a gap."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

NOT_MEASURED = "not measured"
NOT_STATED = "not stated"
NONE = "none"
LARGEST = 1e15  # beyond it a figure is no measurement of anything here


def number(value: Any) -> float | None:
    """Return `value` as a finite float of sensible size; None for anything else, truth values included."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not -LARGEST < value < LARGEST:  # also false for NaN; compares huge integers without converting them
        return None
    return float(value)


def fixed(value: Any, decimals: int, missing: str = NOT_MEASURED) -> str:
    """Return a number with thousands separated and `decimals` digits after the point."""
    if value is None:
        return missing
    plain = number(value)
    return "out of range" if plain is None else f"{plain:,.{decimals}f}"


def count(value: Any, missing: str = NOT_MEASURED) -> str:
    """Return a whole number with thousands separated."""
    return fixed(value, 0, missing)


def scientific(value: Any, missing: str = NOT_MEASURED) -> str:
    """Return a small difference, such as 3.1e-15; zero stays `0`."""
    if value is None:
        return missing
    plain = number(value)
    return "out of range" if plain is None else "0" if plain == 0 else f"{plain:.1e}"


def mebibytes(value: Any) -> str:
    """Return bytes as MiB."""
    plain = number(value)
    return fixed(None if plain is None else plain / 2**20, 0)


def day(unix_s: Any) -> str:
    """Return a Unix time as date and time in UTC."""
    plain = number(unix_s)
    if plain is None or not 0 <= plain < 32_503_680_000:  # the year 3000
        return NOT_STATED
    return f"{datetime.fromtimestamp(plain, UTC):%Y-%m-%d %H:%M} UTC"


def percentile(ordered: list[float], share: float) -> float:
    """Return the value below which `share` of `ordered` lies, linear between neighbours (type 7 of Hyndman and Fan)."""
    at = share * (len(ordered) - 1)
    low = math.floor(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (at - low) * (ordered[high] - ordered[low])


def significant(value: object) -> str:
    """Return a number with about five digits, thousands separated; a word where there is none."""
    plain = number(value)
    if plain is None:
        return NONE if value is None else "out of range"
    if plain == 0 or abs(plain) < 1e-3:
        return f"{plain:.3g}"
    return fixed(plain, max(0, 4 - math.floor(math.log10(abs(plain)))))
