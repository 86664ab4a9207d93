"""The review page of a round: what a reviewer asks is on it, and nothing on it is a submitter's own markup."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from checker.core.excerpt import excerpts
from checker.core.tree import Tree
from checker.families.mlperf_training.review import review
from checker.report.page import round_findings
from rules.errors import UsageError
from rules.ruleset import load
from suite.cli import app
from tests.differential import passing
from tests.unit.by_table import page

ROUND = "mlperf-training/5.1"
LOG = "results/box/llama2_70b_lora/result_0.txt"
HOSTILE = "<script>alert(1)</script>\x1b[2J\u202e"


class Elements(HTMLParser):
    """Counts elements and keeps texts."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "action")]


@pytest.fixture
def round_(tmp_path: Path) -> Path:
    passing.organisation(tmp_path / "round" / "Other", ROUND, ("llama31_405b",), begins_hours=5000)
    passing.organisation(tmp_path / "round" / "Example", ROUND)
    return tmp_path / "round"


def spoilt(log: Path, text: str = "") -> None:
    """Make every log line's last evaluation miss the target, and put `text` beside it."""
    lines = log.read_text().splitlines()
    at = next(n for n, line in enumerate(lines) if '"run_stop"' in line)
    lines[at] = lines[at].replace('"success"', '"aborted"')
    lines.insert(at, f"beside {text}")
    log.write_text("\n".join(lines))


def html(round_: Path) -> str:
    return page(round_, review(round_, ROUND))


def part(source: str, name: str) -> str:
    found = re.search(rf'<section id="{name}".*?</section>', source, re.DOTALL)
    assert found is not None
    return found[0]


def test_a_passing_round_shows_results_times_and_reference_points(round_: Path) -> None:
    source = html(round_)
    assert "Every rule of mlperf-training/5.1 held" in part(source, "findings")
    results = part(source, "results")
    assert results.count("<tr>") == 4
    assert "10/10" in results
    assert ">Pass<" in results
    chart = part(source, "convergence")
    assert "llama2_70b_lora" in chart
    assert len(re.findall(r'class="series result s0"', chart)) == 2
    assert "least accepted mean" in chart
    assert part(source, "refused").count("<tr>") == 0


def test_a_refused_log_is_listed_with_its_cause_and_its_lines_are_quoted(round_: Path) -> None:
    spoilt(round_ / "Example" / LOG)
    (round_ / "Other" / "results/box/llama31_405b/result_1.txt").write_text("")
    source = html(round_)
    refused = part(source, "refused")
    assert "Other/results/box/llama31_405b/result_1.txt" in refused
    findings = part(source, "findings")
    assert 'data-organisation="Example"' in findings
    assert 'data-organisation="Other"' in findings
    meant = re.findall(r'<li class="meant">.*?</li>', findings)
    assert any("run_stop" in line and "aborted" in line for line in meant)
    assert "beside " in findings


def test_nothing_a_submission_holds_becomes_markup_or_is_fetched(round_: Path) -> None:
    spoilt(round_ / "Example" / LOG, HOSTILE)
    (round_ / "Example" / "results" / "<b>x" / "rgat").mkdir(parents=True)
    (round_ / "Example" / "results" / "box" / '"><img src=x>' / "result_0.txt").parent.mkdir()
    (round_ / "<script>").mkdir()
    passing.organisation(round_ / "<script>" / "..." / "..", ROUND)
    source = html(round_)
    elements = Elements()
    elements.feed(source)
    assert elements.tags.count("script") == 1
    assert "img" not in elements.tags
    assert "b" not in elements.tags
    assert all(address.startswith(("#", "data:,")) for address in elements.addresses)
    assert "\x1b" not in source
    assert "\u202e" not in source
    assert "&lt;script&gt;alert(1)" in source


def test_what_is_cut_is_said(round_: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for log in (round_ / "Example" / LOG).parent.glob("*.txt"):
        spoilt(log)
    whole = part(html(round_), "findings")
    assert "are not shown" not in whole
    monkeypatch.setattr(round_findings, "FINDINGS", 5)
    monkeypatch.setattr(round_findings, "EXCERPTS", 0)
    cut = part(html(round_), "findings")
    assert cut.count("<article") == 5
    assert "least severe are not shown" in cut
    assert "are not quoted here" in cut


def test_the_same_round_gives_the_same_page(round_: Path) -> None:
    assert html(round_) == html(round_)


@pytest.mark.parametrize("below", ["Example", "Example/results/box/llama2_70b_lora", f"Example/{LOG}"])
def test_parts_of_a_round_have_a_page(below: str, round_: Path, tmp_path: Path) -> None:
    out = tmp_path / "review.html"
    done = CliRunner().invoke(app, ["review", str(round_ / below), "--round", ROUND, "--html", str(out)])
    assert done.exit_code == 0
    assert "</html>" in out.read_text()


def test_no_page_is_written_into_what_is_reviewed(round_: Path) -> None:
    done = CliRunner().invoke(app, ["review", str(round_), "--round", ROUND, "--html", str(round_ / "x.html")])
    assert isinstance(done.exception, UsageError)
    assert not (round_ / "x.html").exists()


@pytest.mark.parametrize(
    ("data", "line", "shown"),
    [
        (b"a\nb\nc\nd\ne\nf", 3, ["a", "b", "c", "d", "e"]),
        (b"a\rb\r\nc", 3, ["a", "b", "c"]),
        (b"a\nb", 9, None),
        (b"", 1, [""]),
        (b"\xff\x00", 1, ["\\xff\\x00"]),
    ],
)
def test_lines_are_counted_as_the_reader_of_logs_counts_them(
    data: bytes, line: int, shown: list[str] | None, tmp_path: Path
) -> None:
    (tmp_path / "log").write_bytes(data)
    found = excerpts(Tree(tmp_path, load(ROUND).limits), "log", [line])
    assert [quoted.text for quoted in found[line]] == shown if shown is not None else found == {}


def test_a_line_of_megabytes_is_quoted_in_a_few_words_and_a_link_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"x" * 5_000_000)
    (tmp_path / "link").symlink_to("log")
    tree = Tree(tmp_path, load(ROUND).limits)
    assert len(excerpts(tree, "log", [1])[1][0].text) < 400
    assert excerpts(tree, "link", [1]) == {}
    assert excerpts(tree, "../log", [1]) == {}
