from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.report.page.markup import fragment, program, tag

ANY = st.text(alphabet=st.characters(codec=None), max_size=200)  # lone surrogates too


class Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.tags.append(("comment", {}))

    def handle_decl(self, decl: str) -> None:
        self.tags.append(("declaration", {}))

    def handle_pi(self, data: str) -> None:
        self.tags.append(("instruction", {}))


def parsed(source: str) -> Seen:
    seen = Seen()
    seen.feed(source)
    seen.close()
    return seen


@given(ANY, ANY)
def test_no_text_becomes_markup(content: str, value: str) -> None:
    seen = parsed(tag("p", content, ["a", content], title=value).source)
    assert [name for name, _ in seen.tags] == ["p"]
    assert list(seen.tags[0][1]) == ["title"]


@given(ANY)
def test_what_is_shown_is_printable_and_says_the_same(content: str) -> None:
    shown = parsed(tag("p", content).source).text
    assert shown.isprintable()
    if content.isprintable():
        assert shown == content


def test_characters_that_make_a_line_read_as_another_are_spelt_out() -> None:
    assert tag("p", "pass\u202e\u200b\x1b[31m").source == "<p>pass\\u202e\\u200b\\x1b[31m</p>"


def test_a_long_text_is_cut_and_says_how_long_it_was() -> None:
    source = tag("p", "x" * 1_000_000).source
    assert len(source) < 2100
    assert "(1000000 characters)" in source


def test_absent_children_and_attributes_leave_nothing() -> None:
    assert tag("a", None, "x", [], href=None, hidden=False, open=True).source == "<a open>x</a>"
    assert fragment("a", None, tag("br")).source == "a<br>"


@pytest.mark.parametrize("name", ["", "a b", "a>", "on click=", "p\n", "1"])
def test_names_of_elements_and_attributes_are_never_text_from_outside(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        tag(name)
    with pytest.raises(ValueError, match="name"):
        tag("p", **{name: "x"})


@pytest.mark.parametrize("source", ["</script><b>", "<!-- x", "</style>"])
def test_a_program_cannot_close_its_own_element(source: str) -> None:
    with pytest.raises(ValueError, match="cannot stand"):
        program("script", source)
