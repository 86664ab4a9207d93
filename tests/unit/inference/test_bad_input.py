"""Whatever lies in a submission of MLPerf Inference is a finding or nothing, never a traceback; no link is followed."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from checker.core.findings import DEFECT, Report
from checker.families.mlperf_inference.review import review
from checker.report.render import github, json, junit, sarif, text
from tests.differential.inference_passing import submission

ROUND = "mlperf-inference/5.1"
RESULT = "results/box/resnet/Offline"
ENDPOINTS = "mlperf-inference/6.1"


def judged(root: Path, name: str = ROUND) -> Report:
    report = review(root, name, jobs=1)
    assert DEFECT not in {finding.rule for finding in report.findings}
    for render in (json, github, sarif, junit):
        assert render.render(report)
    shown = text.render(report, colour=False, for_actions=False)
    assert all(c.isprintable() or c == "\n" for c in shown)
    return report


def refused(report: Report) -> bool:
    return any(item.kind == "result" and item.official_verdict == "fail" for item in report.items)


def linked(path: Path, to: str) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    path.symlink_to(to)


HOSTILE: dict[str, Callable[[Path], object]] = {
    "a log is a link": lambda base: linked(base / RESULT / "performance/run_1/mlperf_log_detail.txt", "/etc/passwd"),
    "a log is a link to itself": lambda base: linked(
        base / RESULT / "accuracy/mlperf_log_detail.txt", "mlperf_log_detail.txt"
    ),
    "accuracy.txt is a link": lambda base: linked(base / RESULT / "accuracy/accuracy.txt", "/etc/hostname"),
    "the description is a link": lambda base: linked(base / "systems/box.json", "/etc/passwd"),
    "the measurements are a link": lambda base: linked(base / "measurements/box/resnet/Offline", "/etc"),
    "a test is a link": lambda base: linked(base / "compliance/box/resnet/Offline/TEST01", ".."),
    "a log is a pipe": lambda base: piped(base / RESULT / "performance/run_1/mlperf_log_detail.txt"),
    "accuracy.txt is a pipe": lambda base: piped(base / RESULT / "accuracy/accuracy.txt"),
    "accuracy.txt is a device": lambda base: linked(base / RESULT / "accuracy/accuracy.txt", "/dev/zero"),
    "a log cannot be read": lambda base: (base / RESULT / "performance/run_1/mlperf_log_detail.txt").chmod(0),
    "the description is 40 MB": lambda base: (base / "systems/box.json").write_bytes(
        b'{"a": "' + b"x" * (40 << 20) + b'"}'
    ),
    "accuracy.txt is 40 MB": lambda base: (base / RESULT / "accuracy/accuracy.txt").write_bytes(b"x" * (40 << 20)),
    "accuracy.txt is one line that almost matches": lambda base: (base / RESULT / "accuracy/accuracy.txt").write_bytes(
        b'{"f1": ' * 20_000
    ),
    "deep JSON": lambda base: (base / "systems/box.json").write_text("[" * 100_000),
    "a huge integer": lambda base: (base / "systems/box.json").write_text('{"number_of_nodes": ' + "9" * 100_000 + "}"),
    "text that steers a terminal": lambda base: (base / "systems/box.json").write_text(
        '{"status": "\\u001b[2J\\u202e", "system_type": "edge"}'
    ),
    "half a surrogate": lambda base: (base / "systems/box.json").write_text(
        '{"status": "\\ud800", "system_type": "edge"}'
    ),
}


def piped(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_hostile_is_refused_with_a_finding(name: str, tmp_path: Path) -> None:
    base = submission(tmp_path, ROUND)
    HOSTILE[name](base)
    report = judged(tmp_path)
    if name == "a log cannot be read" and os.access(base / RESULT / "performance/run_1/mlperf_log_detail.txt", os.R_OK):
        return  # to this user nothing is unreadable
    assert refused(report)
    assert any(finding.authority == "official" for finding in report.findings)


def test_links_to_parents_are_followed_as_often_as_there_are_levels_and_end_there(tmp_path: Path) -> None:
    base = submission(tmp_path, ROUND)
    (base / "results/box/resnet/again").symlink_to("..")
    (base / "results/loop").symlink_to(".")
    report = judged(tmp_path)
    # box/resnet has `again` beside its three scenarios; loop has box/resnet, and itself, which has box and itself
    assert sum(item.kind == "result" for item in report.items) == 4 + 1 + 2
    assert "closed/Example/results/loop/loop/box" in {item.path for item in report.items}


@pytest.mark.parametrize(
    "name",
    [
        "a\nb",
        "a\x1b[31m",
        "a b",
        "ä\u202e",
        ".hidden",
        "{system}",
        "{0}",
        "%s",
        "a'b\"",
        "-x",
        b"\xff\xfe".decode(errors="surrogateescape"),
        "x" * 200,
    ],
)
def test_names_of_any_letters_are_judged_and_shown_safely(name: str, tmp_path: Path) -> None:
    base = submission(tmp_path, ROUND, system=name)
    assert base.is_dir()
    report = judged(tmp_path)
    assert sum(item.kind == "result" for item in report.items) == 3
    assert all(c.isprintable() for item in report.items for c in item.path)


def test_a_submitter_of_any_name_is_judged(tmp_path: Path) -> None:
    submission(tmp_path, ROUND, submitter="Ex\namp\u202ele {division}")
    assert not refused(judged(tmp_path))


@pytest.mark.parametrize("seed", range(25))
def test_random_bytes_in_any_file_never_end_in_a_traceback(seed: int, tmp_path: Path) -> None:
    luck = random.Random(seed)
    name = luck.choice((ROUND, ENDPOINTS))
    if name == ROUND:
        base = submission(tmp_path, name, division=luck.choice(("closed", "open")))
    else:
        base = submission(tmp_path, name, "gpt-oss-120b", "datacenter", endpoints=luck.random() < 0.6)
    files = sorted(path for path in base.rglob("*") if path.is_file())
    for path in luck.sample(files, 6):
        raw = bytearray(path.read_bytes())
        for _ in range(luck.choice((1, 3, 30))):
            at = luck.randrange(len(raw) + 1)
            raw[at : at + luck.choice((0, 1, 5))] = luck.randbytes(luck.choice((1, 2, 8)))
        path.write_bytes(luck.choice((bytes(raw), raw[: len(raw) // 2], b"", luck.randbytes(300))))
    judged(tmp_path, name)


def test_a_folder_of_very_many_scenarios_is_judged(tmp_path: Path) -> None:
    base = submission(tmp_path, ROUND)
    for n in range(400):
        (base / f"results/box/resnet/x{n}").mkdir()
    report = judged(tmp_path)
    assert sum(item.kind == "result" for item in report.items) == 403
    assert refused(report)
