"""Text from outside, made safe to show: nothing read from a submission may steer a terminal."""

from __future__ import annotations


def printable(text: str, limit: int = 400) -> str:
    """Return `text` with every control, format and surrogate character written as an escape, cut at `limit`.

    Bidirectional and zero-width characters are escaped too: they can make a line read as another.
    """
    safe = text[:limit]
    if not safe.isprintable():
        escaped = (c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode("ascii") for c in safe)
        safe = "".join(escaped)
    return safe if len(text) <= limit else f"{safe}… ({len(text)} characters)"
