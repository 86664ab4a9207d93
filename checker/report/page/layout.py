"""What every part of the page is made of: sections, tables that scroll by themselves, folded data, verdict marks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from checker.core.findings import Verdict
from checker.report.page.markup import Child, Markup, tag

ROWS = 2000  # of one table


def section(name: str, title: str, *children: Child) -> Markup:
    """Return a part of the page that the contents list links to; `name` is Assay's own, never a submission's."""
    return tag("section", tag("h2", title, id=f"{name}-title"), *children, id=name, aria_labelledby=f"{name}-title")


def table(caption: str, heads: Sequence[str], rows: Sequence[Sequence[Child]], *, words: Iterable[int] = ()) -> Markup:
    """Return a table whose first column heads its rows; columns in `words` hold text, all others figures.

    What follows the comma in a head is its unit. The caption stands outside, so that it does not scroll with the table.
    """
    text = {0, *words}

    def cell(at: int, content: Child) -> Markup:
        if at == 0:
            return tag("th", content, scope="row")
        return tag("td", content, class_=None if at in text else "figure")

    head = tag(
        "tr", [tag("th", *_head(h), scope="col", class_=None if i in text else "figure") for i, h in enumerate(heads)]
    )
    body = [tag("tr", [cell(i, c) for i, c in enumerate(row)]) for row in rows[:ROWS]]
    more = len(rows) - ROWS
    note = tag("p", f"{more:,} further rows are not shown.", class_="note") if more > 0 else None
    whole = tag("table", tag("thead", head), tag("tbody", body), aria_label=caption)
    scroll = tag("div", whole, class_="scroll", role="region", aria_label=caption, tabindex="0")
    return tag("div", tag("p", caption, class_="caption"), scroll, note, class_="table")


def _head(text: str) -> Sequence[Child]:
    name, comma, unit = text.rpartition(", ")
    return (name, " ", tag("span", unit, class_="unit")) if comma else (text,)


def folded(summary: Child, *children: Child, opened: bool = False) -> Markup:
    """Return content behind a summary line; printing opens it."""
    return tag("details", tag("summary", summary), *children, open=opened)


def facts(pairs: Iterable[tuple[str, Child]]) -> Markup:
    """Return names and values in two columns."""
    return tag("dl", [tag("div", tag("dt", name), tag("dd", value)) for name, value in pairs], class_="facts")


def note(*children: Child) -> Markup:
    """Return a paragraph on how to read what stands around it."""
    return tag("p", *children, class_="note")


def side_by_side(*children: Child) -> Markup:
    """Return charts side by side, as many as there is room for."""
    return tag("div", *children, class_="charts")


def listing(caption: str, heads: tuple[str, str], pairs: Iterable[tuple[str, Child]]) -> Markup:
    """Return a table of names and what each is, in words or in the machine's own."""
    return table(caption, heads, list(pairs), words=(1,))


def code(text: str) -> Markup:
    """Return text in the machine's own words: a path, a digest, a command."""
    return tag("code", text)


def verdict_mark(verdict: Verdict) -> Markup:
    """Return the verdict as sign and word; its colour is only a third way to tell."""
    shape = "M3 8.5l3.5 3.5L13 4.5" if verdict == "pass" else "M4 4l8 8M12 4l-8 8"
    sign = tag("svg", tag("path", d=shape), viewBox="0 0 16 16", width=16, height=16, aria_hidden="true")
    return tag("span", sign, verdict.upper(), class_=f"verdict {verdict}")


def searchable(count: int, columns: str, tables: Child, note: str, kind: str | None = None) -> Markup:
    """Return the section of a round's results: a search over `columns`, the tables, and what their heads mean."""
    search = tag("input", type="search", id="rows", autocomplete="off", spellcheck="false")
    words = tag("label", f"Search {columns} ", search, for_="rows")
    shown = tag("p", role="status", id="rows-shown")
    return section(
        "results",
        f"Results ({count:,})",
        tag("div", words, shown, class_="filter", id="rows-filter", hidden=True),
        tag("div", tables, id="rows-table", class_=kind),
        tag("p", f"{note} At most {ROWS:,} results are shown.", class_="note"),
    )
