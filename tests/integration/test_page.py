"""The result page in a real browser: it runs its script under its own policy, and filtering and printing work."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

import checker
from checker.core.findings import TimeToTarget
from checker.families.assay.page.document import page
from checker.families.mlperf_training.review import review
from tests.differential import passing
from tests.unit.by_table import page as review_page
from tests.unit.page.plausible import build_submission

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium")
QUIET = [f"--{name}" for name in (
    "headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
    "disable-component-update", "disable-sync", "enable-logging=stderr", "virtual-time-budget=3000",
)]  # fmt: skip


def browse(folder: Path, source: str, *wanted: str) -> tuple[str, list[str]]:
    """Open a page; return the document after its scripts ran, and what the console said."""
    (folder / "page.html").write_text(source)
    command = [
        str(CHROMIUM),
        *QUIET,
        f"--user-data-dir={folder / 'profile'}",
        *wanted,
        f"file://{folder / 'page.html'}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.fixture
def source(tmp_path: Path) -> str:
    top = build_submission(tmp_path, ("pytorch", "jax"), runs=2)
    report = checker.check(top)
    return page(top, report)


def test_the_page_opens_without_a_word_on_the_console(tmp_path: Path, source: str) -> None:
    document, console = browse(tmp_path, source, "--dump-dom")
    assert console == []
    assert document.count("<svg") == source.count("<svg")
    assert re.search(r'<div class="filter" id="filter">', document), "the script did not show the filter"


def test_a_script_that_is_not_the_pages_own_does_not_run(tmp_path: Path, source: str) -> None:
    planted = source.replace("</main>", "<script>document.title = 'taken'</script></main>")
    document, console = browse(tmp_path, planted, "--dump-dom")
    assert "<title>taken" not in document
    assert any("Content Security Policy" in line for line in console)


def test_no_part_is_wider_than_a_narrow_screen(tmp_path: Path, source: str) -> None:
    # In a frame, since the browser's own window cannot be made as narrow as a telephone.
    probe = "parent.postMessage(document.documentElement.scrollWidth, '*');"
    allowed = re.sub(r"script-src [^;]+;", "script-src &#x27;unsafe-inline&#x27;;", source)
    probed = allowed.replace("<details>", "<details open>").replace("</body>", f"<script>{probe}</script></body>")
    frame = f'<iframe style="width:360px;height:800px;border:0" srcdoc="{html.escape(probed)}"></iframe>'
    listener = "<script>onmessage = (m) => { document.title = `width ${m.data}`; };</script>"
    document, _ = browse(tmp_path, f"<!doctype html>{listener}{frame}", "--dump-dom")
    found = re.search(r"<title>width (\d+)</title>", document)
    assert found is not None
    assert int(found[1]) <= 360


def test_no_number_of_a_reviewed_round_runs_into_the_next(tmp_path: Path) -> None:
    passing.organisation(tmp_path / "round" / "Example", "mlperf-training/5.1")
    report = review(tmp_path / "round", "mlperf-training/5.1")
    time = TimeToTarget(5, 5, score_s=16145.6, fastest_s=16145.1, slowest_s=160000.7, scaled_by=1.16667)
    long = [replace(score, training=time) for score in report.scores]
    source = review_page(tmp_path / "round", replace(report, scores=long))
    assert "2,666.678" in source
    probe = """
        const cells = [...document.querySelectorAll("#rows-table td")];
        const wide = cells.filter((cell) => cell.scrollWidth > cell.clientWidth);
        document.title = `${cells.length} cells, ${wide.length} too narrow`;
    """
    allowed = re.sub(r"script-src [^;]+;", "script-src &#x27;unsafe-inline&#x27;;", source)
    document, _ = browse(tmp_path, allowed.replace("</body>", f"<script>{probe}</script></body>"), "--dump-dom")
    assert re.search(r"<title>[1-9]\d+ cells, 0 too narrow</title>", document)


def test_searching_leaves_only_the_findings_that_hold_every_word(tmp_path: Path, source: str) -> None:
    typing = """
        const search = document.getElementById("search");
        search.value = "Seed DERIVED";
        search.dispatchEvent(new Event("input", {bubbles: true}));
        document.title = `left ${document.querySelectorAll(".finding:not([hidden])").length}`;
    """
    allowed = re.sub(r"script-src [^;]+;", "script-src &#x27;unsafe-inline&#x27;;", source)
    document, _ = browse(tmp_path, allowed.replace("</body>", f"<script>{typing}</script></body>"), "--dump-dom")
    held = [f for f in re.findall(r"<article.*?</article>", source, re.DOTALL) if "assay-seed-derived" in f]
    assert held
    assert f"<title>left {len(held)}</title>" in document
    assert re.search(rf"{len(held)} of \d+ findings shown", document)


def test_printing_shows_what_is_folded(tmp_path: Path, source: str) -> None:
    pages = []
    for name, content in (("whole", source), ("bare", re.sub(r"<details>.*?</details>", "", source, flags=re.DOTALL))):
        browse(tmp_path, content, f"--print-to-pdf={tmp_path / name}.pdf", "--no-pdf-header-footer")
        pages.append(len(re.findall(rb"/Type\s*/Page\b", (tmp_path / f"{name}.pdf").read_bytes())))
    assert pages[0] > pages[1]
