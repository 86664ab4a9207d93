"""Real submissions spoiled as an examiner would: both official checkers beside ours, and what only the rules forbid."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from checker.core.findings import Finding, Item, Report
from checker.families.mlperf_inference.review import review
from rules.errors import NothingToCheckError
from rules.text import printable
from tests.corpus.rounds import unpacked
from tests.differential import inference_oracle, single_file_oracle
from tests.differential.inference_examiner import CAUGHT, CUT, EXPLAINED, MADE, MODULAR, TOLD, Act, Spoiled, make

pytestmark = pytest.mark.corpus

BASES = (*CUT, *MADE)
SINGLE = [base for base in CUT if CUT[base][-1] == "5.1"]
ENDS = 8  # times that a result is taken out and both are asked again
LISTED = {"measurements-two"}  # the single-file checker takes what its file system lists first


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Spoiled]:
    corpus, kept = unpacked("inference_v5.1"), dict[str, Spoiled]()

    def base(name: str) -> Spoiled:
        if name not in kept:
            kept[name] = make(name, corpus, tmp_path_factory.mktemp(name))
        return kept[name]

    return base


def spoiled(base: Spoiled, into: Path, act: Act) -> Spoiled:
    """Copy a base and spoil the copy."""
    shutil.rmtree(into, ignore_errors=True)
    shutil.copytree(base.root, into, symlinks=True)
    copy = replace(base, root=into, base=into / base.base.relative_to(base.root))
    act(copy)
    return copy


def judged(s: Spoiled, official: str = "modular") -> Report | None:
    try:
        return review(s.root, s.round_name, jobs=1, official=official)
    except NothingToCheckError:
        return None


def results(report: Report) -> list[Item]:
    return [item for item in report.items if item.kind == "result"]


def differences(s: Spoiled) -> list[Any]:
    """Return where our official verdict is not the modular checker's; what it ends at is taken out and both go on."""
    found: list[Any] = []
    for _ in range(ENDS):
        report = judged(s)
        theirs = inference_oracle.ask(s.root, f"v{s.round_name.partition('/')[2]}")
        if report is None:
            return [*found, *(["nothing to check", theirs.crash] if theirs.results or theirs.crash else [])]
        items = results(report)
        ours = {item.path: item for item in items}
        for path, one in ((printable(path), one) for path, one in theirs.results.items()):
            unwritten = theirs.crash is not None and not theirs.written and ours[path].official_crash is not None
            if ours[path].official_phases != one.phases:
                found.append((path, ours[path].official_phases, one.phases, one.failed))
            elif (ours[path].official_verdict == "pass") != all(one.phases.values()) and not unwritten:
                found.append((path, ours[path].official_verdict, one.phases))
        ends = [item for item in report.items if item.official_crash is not None]
        if (theirs.crash is None) != (not ends):
            return [*found, ("it ends", theirs.crash, [(end.path, end.official_crash) for end in ends])]
        if theirs.crash is None:
            return found
        kind = theirs.crash.partition(":")[0]
        end = next((end for end in ends if end.kind == "result"), ends[0])
        if kind not in str(end.official_crash):
            found.append(("it ends otherwise", theirs.crash, end.official_crash))
        if end.kind != "result" or not (s.root / end.path).is_dir():
            return found
        before = [item.path for item in items[: items.index(end) + (not theirs.written)]]
        if before != [printable(path) for path in theirs.results]:
            return [*found, ("it ends elsewhere", theirs.crash, list(theirs.results), end.path)]
        shutil.rmtree(s.root / end.path)
    return found


@pytest.mark.parametrize("base", BASES)
def test_the_official_verdict_is_the_modular_checkers(
    made: Callable[[str], Spoiled], tmp_path: Path, base: str
) -> None:
    inference_oracle.modules()
    wrong = []
    for name, on, act in MODULAR:
        if on == base:
            wrong += [(name, found) for found in differences(spoiled(made(base), tmp_path / "round", act))]
    assert not wrong


@pytest.mark.parametrize("base", SINGLE)
def test_the_official_verdict_is_the_single_file_checkers(
    made: Callable[[str], Spoiled], tmp_path: Path, base: str
) -> None:
    wrong: list[Any] = []
    for name, on, act in MODULAR:
        if on != base or name in LISTED:
            continue
        s = spoiled(made(base), tmp_path / "round", act)
        theirs, report = single_file_oracle.official(s.root, "v5.1"), judged(s, "single-file")
        items = [] if report is None else report.items
        ends = [item.official_crash for item in items if item.official_crash is not None]
        if (theirs.cause is None) != (not ends) and report is not None:
            wrong.append((name, theirs.cause, ends))
        if theirs.cause is None:
            listed = {item.path for item in items if item.kind == "result" and item.official_verdict == "pass"}
            wrong += [(name, path) for path in {path for path, value in theirs.results.items() if value} ^ listed]
    assert not wrong


def new_findings(before: Report, after: Report, rule: str, at: str) -> list[Finding]:
    """Return what `after` says by a rule at a path, and `before` does not."""
    known = {(f.rule, f.path, f.line, f.message) for f in before.findings}
    new = [f for f in after.findings if (f.rule, f.path, f.line, f.message) not in known]
    return [f for f in new if f.rule == rule and f.path.startswith(at)]


@pytest.mark.parametrize(
    ("name", "base", "act", "rule", "where", "line"), [*CAUGHT, *TOLD], ids=[one[0] for one in (*CAUGHT, *TOLD)]
)
def test_what_only_the_rules_look_at_is_found(
    made: Callable[[str], Spoiled], tmp_path: Path, name: str, base: str, act: Act, rule: str, where: str, line: bool
) -> None:
    s = spoiled(made(base), tmp_path / "round", act)
    before, after = judged(made(base)), judged(s)
    assert before is not None
    assert after is not None
    assert all(item.official_verdict == "pass" for item in after.items)
    at = s.measurements.with_name(where) if where.endswith(".conf") else s.file(where)
    found = new_findings(before, after, rule, at.relative_to(s.root).as_posix())
    assert found, [(f.rule, f.path) for f in after.findings]
    fails = (name, base) in {(one[0], one[1]) for one in CAUGHT}
    assert all((f.severity == "error") == fails and f.authority == "assay" for f in found)
    assert all(f.clause and f.fix and f.message and f.expected for f in found)
    assert all((f.line is not None) == line for f in found)
    verdicts = {item.path: item.verdict for item in after.items}
    of_result = not where.startswith("..") and rule not in ("no-links", "power-documented")
    judged_path = s.path if of_result else s.base.relative_to(s.root).as_posix()
    assert verdicts[judged_path] == "fail" if fails else after.verdict == before.verdict


@pytest.mark.parametrize(("name", "base", "act"), EXPLAINED, ids=[one[0] for one in EXPLAINED])
def test_what_only_the_tool_rejects_is_explained_and_fails_nothing(
    made: Callable[[str], Spoiled], tmp_path: Path, name: str, base: str, act: Act
) -> None:
    report = judged(spoiled(made(base), tmp_path / "round", act))
    assert report is not None
    assert {(item.verdict, item.official_verdict) for item in results(report)} == {("pass", "fail")}
    assert any(f.rule == "refused-by-tool-alone" and f.severity == "note" and f.fix for f in report.findings)
