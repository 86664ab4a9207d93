"""Waivers: what reviewers accept is shown and fails nothing, until the day it ends; the official verdict stays."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import checker
from checker.core.findings import DEFECT, Report
from checker.core.waivers import Waivers, matches, read
from checker.report.render import github, junit, sarif, text
from checker.report.render import json as as_json
from rules.errors import UsageError
from suite.cli import app
from tests.differential import passing
from tests.unit.by_table import drafts, page

ROUND = "mlperf-training/5.1"
RESULT = "results/box/llama2_70b_lora"
TODAY = date(2026, 6, 1)
WAIVER = "- {rule: system-members, path: Example/systems/*.json, by: Results chair, why: late, until: 2026-12-31}"


@pytest.fixture
def round_(tmp_path: Path) -> Path:
    """A round whose one fault is a description without two members that the rules ask for."""
    passing.organisation(tmp_path / "round" / "Example", ROUND)
    described = tmp_path / "round" / "Example" / "systems" / "box.json"
    members = json.loads(described.read_text())
    for member in ("host_networking", "cooling"):
        members.pop(member, None)
    described.write_text(json.dumps(members))
    return tmp_path / "round"


def waivers(tmp_path: Path, *entries: str, today: date = TODAY) -> Waivers:
    file = tmp_path / "waivers.yaml"
    file.write_text("\n".join(["waivers:", *entries]))
    return read(file, today)


def items(report: Report) -> dict[tuple[str, str], tuple[str, str | None]]:
    return {(item.kind, item.path): (item.verdict, item.official_verdict) for item in report.items}


def test_a_waived_finding_is_shown_and_fails_nothing_and_the_official_verdict_stays(
    round_: Path, tmp_path: Path
) -> None:
    before = checker.check(round_, ROUND)
    assert before.verdict == "fail"
    after = checker.check(round_, ROUND, waivers=waivers(tmp_path, WAIVER))
    assert after.verdict == "pass"
    assert len(after.findings) == len(before.findings)
    assert {f.waived.by for f in after.findings if f.waived is not None} == {"Results chair"}
    assert items(after)["system", "Example/systems/box.json"] == ("pass", "fail")
    assert items(after)["organisation", "Example"] == ("pass", "fail")
    assert {key: official for key, (_, official) in items(after).items()} == {
        key: official for key, (_, official) in items(before).items()
    }


def test_every_report_says_that_it_is_waived_by_whom_and_why(round_: Path, tmp_path: Path) -> None:
    report = checker.check(round_, ROUND, waivers=waivers(tmp_path, WAIVER))
    many = sum(finding.waived is not None for finding in report.findings)
    said = text.render(report)
    assert "waived error system-members" in said
    assert "waived until 2026-12-31 by Results chair: late" in said
    assert f"PASS  no findings, {many} waived ({ROUND})" in said
    for rendered in (github.render(report), junit.render(report)):
        assert "waived by Results chair until 2026-12-31: late" in rendered
    assert "::error" not in github.render(report)
    assert "<failure" not in junit.render(report)
    body = json.loads(as_json.render(report))
    schema = json.loads((Path(__file__).parents[3] / "rules/schemas/report.json").read_text())
    jsonschema.validate(body, schema)
    assert body["findings"][0]["waived"] == {"by": "Results chair", "why": "late", "until": "2026-12-31"}
    assert json.loads(sarif.render(report))["runs"][0]["results"][0]["suppressions"][0]["kind"] == "external"


def test_the_review_page_counts_what_is_waived_apart_and_passes_its_organisation(round_: Path, tmp_path: Path) -> None:
    unused = "- {rule: run-count, path: '**', by: x, why: y, until: 2026-12-31}"
    written = page(round_, checker.check(round_, ROUND, waivers=waivers(tmp_path, WAIVER, unused)))
    assert "1 note, 1 waived." in written
    assert "waived error" in written
    assert "Organisations (1)" in written  # what is said of the waivers' file is of none
    row = next(row for row in re.findall(r"<tr>.*?</tr>", written) if 'href="#of-' in row)
    assert (row.count("FAIL"), row.count("PASS")) == (1, 1)  # the official verdict stays


def test_a_waiver_of_a_rule_that_does_not_exist_says_which_was_meant(round_: Path, tmp_path: Path) -> None:
    given = waivers(tmp_path, WAIVER.replace("system-members", "system-member"))
    (note,) = [f for f in checker.check(round_, ROUND, waivers=given).findings if f.rule == "waiver-unused"]
    assert note.message.endswith("is about no finding; no rule is called that, did you mean 'system-members'?")


def test_nobody_objects_to_what_is_waived(round_: Path, tmp_path: Path) -> None:
    assert len(drafts(round_, checker.check(round_, ROUND))) > 1
    assert list(drafts(round_, checker.check(round_, ROUND, waivers=waivers(tmp_path, WAIVER)))) == ["index.md"]


def test_after_its_last_day_the_finding_counts_again_and_a_warning_says_so(round_: Path, tmp_path: Path) -> None:
    last = checker.check(round_, ROUND, waivers=waivers(tmp_path, WAIVER, today=date(2026, 12, 31)))
    over = checker.check(round_, ROUND, waivers=waivers(tmp_path, WAIVER, today=date(2027, 1, 1)))
    assert (last.verdict, over.verdict) == ("pass", "fail")
    (warning,) = (finding for finding in over.findings if finding.rule == "waiver-expired")
    assert warning.severity == "warning"
    assert "waiver 1 in waivers.yaml (system-members on Example/systems/*.json, by Results chair)" in warning.message


def test_a_waiver_of_nothing_is_a_note_and_fails_nothing(round_: Path, tmp_path: Path) -> None:
    nothing = "- {rule: run-count, path: '**', by: x, why: y, until: 2030-01-01}"
    report = checker.check(round_, ROUND, waivers=waivers(tmp_path, WAIVER, nothing))
    assert report.verdict == "pass"
    assert [(f.severity, f.rule) for f in report.findings if f.waived is None] == [("note", "waiver-unused")]


@pytest.mark.parametrize("member", ["path: Other/**", "message: nothing like it", "rule: system-status"])
def test_a_waiver_is_only_about_its_rule_place_and_message(round_: Path, tmp_path: Path, member: str) -> None:
    given = {"rule": "system-members", "path": "'**'", "by": "x", "why": "y", "until": "2030-01-01"}
    name, _, value = member.partition(": ")
    given[name] = value
    entry = f"- {{{', '.join(f'{k}: {v}' for k, v in given.items())}}}"
    assert checker.check(round_, ROUND, waivers=waivers(tmp_path, entry)).verdict == "fail"


def test_a_fault_beside_the_waived_one_still_fails(round_: Path, tmp_path: Path) -> None:
    (round_ / "Example" / RESULT / "result_9.txt").unlink()
    report = checker.check(round_, ROUND, waivers=waivers(tmp_path, WAIVER))
    assert report.verdict == "fail"
    assert items(report)["system", "Example/systems/box.json"][0] == "pass"
    assert items(report)["organisation", "Example"][0] == "fail"


def test_a_defect_of_assay_cannot_be_waived(tmp_path: Path) -> None:
    entry = f"- {{rule: {DEFECT}, path: '**', by: x, why: y, until: 2030-01-01}}"
    assert waivers(tmp_path, entry).on(DEFECT, "a", "b") is None


def test_what_follows_from_a_waived_finding_is_not_hidden_with_it(built_log: Path, tmp_path: Path) -> None:
    """Rounds of Assay's own fold consequences; nobody looked at those when their cause was accepted."""
    before = checker.check(built_log)
    cause = before.findings[0]
    entry = f"- {{rule: {cause.rule}, path: '**', by: x, why: y, until: 2030-01-01}}"
    after = checker.check(built_log, waivers=waivers(tmp_path, entry))
    assert {finding.rule for finding in before.findings} <= {finding.rule for finding in after.findings}
    assert len([f for f in after.findings if f.waived is None]) > 0
    assert after.verdict == "fail"


@pytest.fixture
def built_log(tmp_path: Path) -> Path:
    """A log of one line, of which nearly every rule has something to say."""
    log = tmp_path / "result_0.txt"
    log.write_text(':::MLLOG {"namespace": "", "time_ms": 1, "event_type": "POINT_IN_TIME", "key": "ruleset"}\n')
    return log


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("waivers: [{rule: a, path: b, by: c, why: d}]", "until"),
        ("waivers: [{rule: a, path: b, by: c, why: d, until: soon}]", "until"),
        ("waivers: [{rule: a, path: b, by: c, why: d, until: 20301231}]", "until"),
        ("waivers: [{rule: a, path: b, by: '  ', why: d, until: 2030-01-01}]", "by"),
        ("waivers: [{rule: a, path: b, by: c, why: d, until: 2030-01-01, severity: note}]", "severity"),
        ("waivers: [{rule: 5, path: b, by: c, why: d, until: 2030-01-01}]", "rule"),
        ("[]", "the file"),
        ("", "the file"),
        ("waivers: [", "flow"),
        ("!!python/object/apply:os.system [true]", "constructor"),
        ("a: " + "[" * 5000, "w.yaml"),
        ("\x00", "w.yaml"),
        ("#" * (2 << 20), "larger"),
    ],
)
def test_a_file_of_waivers_that_is_not_as_it_must_be_is_refused(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "w.yaml").write_text(content)
    with pytest.raises(UsageError, match=said):
        read(tmp_path / "w.yaml")


def test_a_file_of_waivers_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        read(tmp_path / "none.yaml")
    with pytest.raises(UsageError):
        read(tmp_path)


@pytest.mark.parametrize(
    ("path", "pattern", "meant"),
    [
        ("a/b/c", "a/**", True),
        ("a", "a/**", True),
        ("ab/c", "a/**", False),
        ("a/b/c", "**/c", True),
        ("c", "**/c", True),
        ("a/b/c", "a/*", False),
        ("a/b", "a/*", True),
        ("a/b/c", "a/**/c", True),
        ("a/c", "a/**/c", True),
        ("a/b/c/d", "a/**/c", False),
        (".", "**", True),
        ("a/b", "A/b", False),
    ],
)
def test_a_star_stays_in_its_name_and_two_span_folders(path: str, pattern: str, meant: bool) -> None:
    assert matches(path, pattern) is meant


@given(st.lists(st.text("ab", min_size=1), min_size=1), st.integers(0, 9), st.integers(0, 9))
def test_two_stars_stand_for_any_part_of_a_path(names: list[str], at: int, many: int) -> None:
    assert matches("/".join(names), "/".join([*names[:at], "**", *names[at + many :]]))
    assert matches("/".join(names), "/".join(names))


def test_a_pattern_of_many_stars_takes_no_time(tmp_path: Path) -> None:
    assert not matches("/".join("a" * 500), "/".join(["**", "a"] * 250 + ["b"]))


@pytest.mark.parametrize(("command", "code"), [(["check"], 0), (["review", "--objections", "OUT"], 0)])
def test_both_commands_take_waivers(round_: Path, tmp_path: Path, command: list[str], code: int) -> None:
    waivers(tmp_path, WAIVER.replace("2026-12-31", "2999-12-31"))
    words = [str(tmp_path / "out") if word == "OUT" else word for word in command]
    done = CliRunner().invoke(app, [*words, str(round_), "--round", ROUND, "--waivers", str(tmp_path / "waivers.yaml")])
    assert done.exit_code == code


def test_the_review_page_says_that_a_finding_is_waived(round_: Path, tmp_path: Path) -> None:
    waivers(tmp_path, WAIVER.replace("2026-12-31", "2999-12-31"))
    words = ["review", str(round_), "--round", ROUND, "--waivers", str(tmp_path / "waivers.yaml")]
    assert CliRunner().invoke(app, [*words, "--html", str(tmp_path / "page.html")]).exit_code == 0
    assert "Waived by Results chair until 2999-12-31: late" in (tmp_path / "page.html").read_text()
