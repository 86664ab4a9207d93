"""What every page of Assay is in: one file that asks the network for nothing and runs no script but its own."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources

from checker.report.page.markup import Child, program, tag


def shell(title: str, *body: Child) -> str:
    """Return the page `body` stands on, with Assay's style and script in it; the same input gives the same bytes."""
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
