from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import checker
from checker.core.findings import Finding, Report
from checker.families.assay.page.document import page
from tests.unit.page.plausible import build_submission

Write = Callable[..., Path]
HOSTILE = '</script><img src=x onerror=alert(1)>"\'><a href="javascript:x">&lt;\u202e\u200b\x00\x1b[2J'


class Skeleton(HTMLParser):
    """The page's elements and attribute names, without any text or attribute value."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.text: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.parts.append(f"<{tag} {' '.join(name for name, _ in attrs)}>")
        self.links += [str(value) for name, value in attrs if name in ("href", "src", "action", "xlink:href")]

    def handle_endtag(self, tag: str) -> None:
        self.parts.append(f"</{tag}>")

    def handle_comment(self, data: str) -> None:
        self.parts.append("<!-- -->")

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def skeleton(source: str) -> Skeleton:
    seen = Skeleton()
    seen.feed(source)
    seen.close()
    return seen


def rendered(path: Path, change: Callable[[Report], Report] = lambda report: report) -> str:
    report = change(checker.check(path))
    return page(path, report)


def said(text: str) -> Callable[[Report], Report]:
    """Put `text` into every free text of the report, and keep few findings."""

    def change(report: Report) -> Report:
        texts = ("message", "expected", "found", "clause", "fix", "rule")
        findings = [dataclasses.replace(f, **dict.fromkeys(texts, text)) for f in report.findings[:8]]
        return dataclasses.replace(report, findings=findings, path=text)

    return change


def texts_of(text: str) -> Callable[[str, int, dict[str, Any], list[dict[str, Any]]], None]:
    """Put `text` into every free text of a run's record and into its log."""

    def edit(framework: str, run: int, record: dict[str, Any], lines: list[dict[str, Any]]) -> None:
        record["explanation"] = text
        record["earlier_attempts"] = [{"outcome": "crashed", "explanation": text}]
        record["arguments"] = [text]
        record["environment"] = {text: text}
        record["hyperparameters"] = {text: text}
        record["assay"] = text
        record["image"]["architecture"] = text
        record["image"]["versions"] = {text: text}
        record["image"]["drift"] = [{"package": text, "locked": text, "used": text}]
        record["data"] = {text: record["source_sha256"]}
        for member in ("engine", "cpuset", "network", "user"):
            record["container"][member] = text
        record["container"]["cap_drop"] = record["container"]["security_opt"] = [text]
        for line in lines:
            if line["key"] in ("framework", "submission_platform", "initial_weights_sha256"):
                line["value"] = text

    return edit


def rewrite_system(top: Path, text: str) -> None:
    for path in (top / "systems").iterdir():
        content = json.loads(path.read_text())
        changed = {
            name: text if isinstance(value, str) and name != "division" else value for name, value in content.items()
        }
        changed["assay"]["cpu_flags"] = [text]
        path.write_text(json.dumps(changed))


def test_the_page_shows_results_comparison_curves_parity_provenance_and_findings(submission: Write) -> None:
    source = rendered(submission())
    for name in ("results", "comparison-0", "curves-0", "memory-0", "steps-0", "parity", "provenance", "findings"):
        assert f'<section id="{name}"' in source
    assert source.count('role="img"') >= 3 + 1 + 1 + 3 + 2
    text = " ".join(skeleton(source).text)
    for part in ("olympic mean", "t interval", "Welch", "amd-epyc-2c_cpu_jax", "1.0e-09", "cgroup-v1 max_usage", "p99"):
        assert part in text


def test_the_same_submission_gives_the_same_bytes(submission: Write) -> None:
    top = submission(("pytorch",), runs=2)
    assert rendered(top) == rendered(top)


def test_the_page_asks_nothing_of_the_network_and_runs_only_its_own_script(submission: Write) -> None:
    source = rendered(submission(("pytorch",), runs=2))
    links = skeleton(source).links
    assert all(link.startswith("#") or link == "data:," for link in links)
    identifiers = set(re.findall(r' id="([^"]+)"', source))
    assert {link[1:] for link in links if link.startswith("#")} <= identifiers
    assert "default-src &#x27;none&#x27;" in source
    for element in ("style", "script"):
        found = re.findall(f"<{element}>(.*?)</{element}>", source, re.DOTALL)
        assert len(found) == 1
        digest = base64.b64encode(hashlib.sha256(found[0].encode()).digest()).decode()
        assert f"{element}-src &#x27;sha256-{digest}&#x27;;" in source
    assert not re.search(r"<[^>]*\son[a-z]+=", source)
    assert not re.search(r"<[^>]*\sstyle=", source)


@settings(max_examples=8, deadline=None)
@given(text=st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60) | st.just(HOSTILE))
def test_no_text_of_a_submission_changes_the_structure_of_the_page(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    pages = []
    for content in ("x", f"x{text}"):
        top = build_submission(tmp_path_factory.mktemp("page"), ("pytorch",), runs=1, edit=texts_of(content))
        rewrite_system(top, content)
        pages.append(skeleton(rendered(top, said(content))))
    assert pages[0].parts == pages[1].parts
    assert pages[0].links == pages[1].links


def test_what_could_steer_a_reader_is_spelt_out(submission: Write) -> None:
    top = submission(("pytorch",), runs=2, edit=texts_of(HOSTILE))
    source = rendered(top, said(HOSTILE))
    assert not set("\u202e\u200b\x00\x1b") & set(source)
    assert "\\u202e\\u200b" in source
    assert "<img" not in source


def test_names_of_folders_are_text_too(submission: Write) -> None:
    top = submission(("pytorch",), runs=2)
    (top / "results/amd-epyc-2c_cpu_pytorch").rename(top / "results/<img src=x onerror=alert(1)>")
    source = rendered(top)
    assert "<img" not in source
    assert "&lt;img src=x onerror=alert(1)&gt;" in source


def test_absurd_numbers_are_words_not_figures(submission: Write) -> None:
    def edit(framework: str, run: int, record: dict[str, Any], lines: list[dict[str, Any]]) -> None:
        record["memory"]["peak_bytes"] = 10**29
        record["seed"] = 10**29
        record["threads"] = 10**29
        record["container"]["memory_bytes"] = 10**29
        record["steps"]["seconds"] = [1e308, 0.0, 5e-324] * 5
        record["steps"]["steps_per_call"] = 10**29
        for line in lines:
            line["time_ms"] = 10**29 if run == 0 else line["time_ms"]
            if line["key"] == "eval_accuracy":
                line["value"] = 1e308
            line["metadata"]["samples_count"] = -(10**29)

    source = rendered(submission(("pytorch", "jax"), runs=2, edit=edit))
    assert "out of range" in source
    assert "Not shown" in source
    assert "nan" not in " ".join(skeleton(source).text).lower().split()


def test_what_was_not_measured_is_said_and_is_never_zero(submission: Write) -> None:
    def edit(framework: str, run: int, record: dict[str, Any], lines: list[dict[str, Any]]) -> None:
        record["memory"] = record["steps"] = record["final_weights"] = record["initial_weights_sha256"] = None
        del lines[:]

    text = " ".join(skeleton(rendered(submission(("pytorch",), runs=2, edit=edit))).text)
    assert "not measured" in text
    assert "no score" in text
    assert not re.search(r"\b0\.00\b", text)


def test_a_run_that_misses_the_target_is_shown_and_its_result_not_compared(submission: Write) -> None:
    text = " ".join(skeleton(rendered(submission(failing=("jax", 1)))).text)
    assert "target-not-reached" in text
    assert "the last evaluation gave 0.8913" in text
    assert "jax is not compared: 1 of its 5 runs did not reach the target" in text


def test_a_record_that_claims_success_against_its_log_is_marked(submission: Write) -> None:
    def edit(framework: str, run: int, record: dict[str, Any], lines: list[dict[str, Any]]) -> None:
        record["outcome"] = "success"

    text = " ".join(skeleton(rendered(submission(("jax",), failing=("jax", 1), edit=edit))).text)
    assert "success (the log disagrees)" in text


def test_durations_that_are_not_one_per_step_are_called_out(submission: Write) -> None:
    def edit(framework: str, run: int, record: dict[str, Any], lines: list[dict[str, Any]]) -> None:
        if run == 1:
            record["steps"]["seconds"] = record["steps"]["seconds"][:30]

    source = rendered(submission(("jax",), runs=2, edit=edit))
    assert re.search(r"not step times: jax, run 1: 30 durations for \d{3} steps", source)
    assert "jax, run 0: " not in source


def test_the_gap_between_the_logs_clock_and_the_hosts_is_shown(submission: Write) -> None:
    text = " ".join(skeleton(rendered(submission(("jax",), runs=1))).text)
    assert "Clock gap" in text
    assert "20.0" in text


def test_an_emulated_run_is_called_so_before_any_figure(submission: Write) -> None:
    def edit(framework: str, run: int, record: dict[str, Any], lines: list[dict[str, Any]]) -> None:
        record["emulated"] = True

    source = rendered(submission(("pytorch",), runs=2, edit=edit))
    assert source.index("Emulated.") < source.index('<section id="results"')


BROKEN = {
    "record cut off": lambda folder: (folder / "result_0.json").write_bytes(b'{"schema": "assay/run-rec'),
    "record 100,000 deep": lambda folder: (folder / "result_0.json").write_text("[" * 100_000),
    "record not UTF-8": lambda folder: (folder / "result_0.json").write_bytes(b"\xff\xfe\x00"),
    "record gone": lambda folder: (folder / "result_0.json").unlink(),
    "all records gone": lambda folder: [path.unlink() for path in folder.glob("*.json")],
    "log gone": lambda folder: (folder / "result_0.txt").unlink(),
    "log is noise": lambda folder: (folder / "result_0.txt").write_bytes(bytes(range(256)) * 1000),
    "log of wrong types": lambda folder: (folder / "result_0.txt").write_text(
        ':::MLLOG {"namespace":"","time_ms":"x","event_type":"POINT_IN_TIME","key":"run_start",'
        '"value":[],"metadata":{}}\n'
        ':::MLLOG {"namespace":"","time_ms":{},"event_type":"POINT_IN_TIME","key":"run_stop","value":1,'
        '"metadata":{"samples_count":[],"status":{}}}\n'
    ),
    "log is a link": lambda folder: (
        (folder / "result_0.txt").unlink(),
        (folder / "result_0.txt").symlink_to("/etc/passwd"),
    ),
    "record is a folder": lambda folder: ((folder / "result_0.json").unlink(), (folder / "result_0.json").mkdir()),
    "certificate of nonsense": lambda folder: (folder / "parity.json").write_text('{"frameworks": 7}'),
    "everything gone": lambda folder: [path.unlink() for path in folder.iterdir()],
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_submission_still_gives_a_page_with_its_findings(submission: Write, fault: str) -> None:
    top = submission(("pytorch",), runs=2)
    BROKEN[fault](top / "results/amd-epyc-2c_cpu_pytorch/image-classification")
    source = rendered(top)
    assert "FAIL" in source
    assert '<section id="findings"' in source
    assert "root:" not in source


def test_a_single_log_gives_a_page_of_findings(submission: Write) -> None:
    top = submission(("pytorch",), runs=1)
    source = rendered(top / "results/amd-epyc-2c_cpu_pytorch/image-classification/result_0.txt")
    assert "Nothing here is a whole result" in source
    assert '<section id="findings"' in source


def test_many_findings_are_cut_and_the_page_says_so(submission: Write) -> None:
    finding = Finding("r", "error", "assay", "submitter", "x", 1, "m", "", "", "", "")
    source = rendered(submission(("pytorch",), runs=1), lambda r: dataclasses.replace(r, findings=[finding] * 5000))
    assert source.count('class="finding"') == 1000
    assert "4,000 further findings" in source


def test_every_finding_is_visible_without_scripts(submission: Write) -> None:
    source = rendered(submission(("pytorch",), runs=1))
    assert 'class="finding" hidden' not in source
    assert re.search(r'<div class="filter" id="filter" hidden>', source)
