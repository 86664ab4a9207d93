"""What every page of Assay is in: one file that asks the network for nothing and runs no script but its own."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib import resources

from checker.report.page.markup import Markup, program, tag

Part = tuple[str, str, Markup]  # the name of its anchor, its title in the contents, and its content


def shell(title: str, head_line: Markup, parts: Sequence[Part], skip: tuple[str, str], made: str, kind: str) -> str:
    """Return a whole page, with Assay's style and script in it; the same input gives the same bytes.

    `skip`: to which part one may skip, and how that is called. `made`: by what it was made.
    """
    links = [tag("li", tag("a", name, href=f"#{anchor}")) for anchor, name, _ in parts]
    page = tag(
        "div",
        head_line,
        tag("nav", tag("ul", links), aria_label="Contents"),
        tag("main", [part for _, _, part in parts]),
        tag("footer", tag("p", f"Made by {made}.", class_="note")),
        class_=kind,
    )
    body = (tag("a", f"Skip to the {skip[1]}", href=f"#{skip[0]}", class_="skip"), page)
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_policy()),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        tag("link", rel="icon", href="data:,"),
        program("style", _own("page.css")),
    )
    whole = tag("html", head, tag("body", *body, program("script", _own("page.js"))), lang="en")
    return f"<!doctype html>\n{whole.source}\n"


@cache
def _own(name: str) -> str:
    return resources.files("checker.report.page").joinpath(name).read_text(encoding="utf-8")


def _policy() -> str:
    """Return a content security policy that allows this page's own style and script, by digest, and nothing else."""

    def digest(name: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(_own(name).encode()).digest()).decode()}'"

    return (
        f"default-src 'none'; style-src {digest('page.css')}; script-src {digest('page.js')}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
