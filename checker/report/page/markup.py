"""HTML and SVG built from elements, so that no text can become markup: there is no way to write a string unescaped."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass

from rules.text import printable

TEXT_LIMIT = 2000  # characters of any one text; what is cut says so
ATTRIBUTE_LIMIT = 8000  # of an attribute: a line of a chart is one
VOID = frozenset({"br", "col", "hr", "input", "link", "meta"})
NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(-[A-Za-z0-9]+)*")


@dataclass(frozen=True)
class Markup:
    """Finished markup. Deliberately no `str`: it cannot be joined with text by accident."""

    source: str


Child = Markup | str | None | Iterable["Child"]
Attribute = str | int | float | bool | None


def tag(name: str, /, *children: Child, **attributes: Attribute) -> Markup:
    """Return an element; texts among `children` are escaped, None is left out, iterables are flattened.

    Attribute names are Python's: `class_` is `class`, `data_x` is `data-x`. True writes a bare attribute, None and
    False leave it out.
    """
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not an element's name")
    opened = f"<{name}{''.join(_attribute(key, value) for key, value in attributes.items())}>"
    if name in VOID:
        return Markup(opened)
    return Markup(f"{opened}{''.join(_sources(children))}</{name}>")


def escaped(text: str, limit: int = TEXT_LIMIT) -> str:
    """Return `text` as HTML text or attribute value: controls, bidirectional and zero-width characters spelt out."""
    return html.escape(printable(text, limit), quote=True)


def fragment(*children: Child) -> Markup:
    """Return `children` one after another, without an element around them."""
    return Markup("".join(_sources(children)))


def program(name: str, source: str) -> Markup:
    """Return a `style` or `script` element with Assay's own source, which must not be able to close it."""
    if name not in ("style", "script") or "</" in source or "<!--" in source:
        raise ValueError(f"this cannot stand inside <{name}>")
    return Markup(f"<{name}>{source}</{name}>")


def _attribute(key: str, value: Attribute) -> str:
    name = key.rstrip("_").replace("_", "-")
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not an attribute's name")
    if value is None or value is False:
        return ""
    if value is True:
        return f" {name}"
    return f' {name}="{escaped(str(value), ATTRIBUTE_LIMIT)}"'


def _sources(children: Iterable[Child]) -> Iterable[str]:
    for child in children:
        if child is None:
            continue
        if isinstance(child, Markup):
            yield child.source
        elif isinstance(child, str):
            yield escaped(child)
        else:
            yield from _sources(child)
