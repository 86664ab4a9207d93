from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Write = Callable[..., Path]


def assay(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "suite.cli", "report", *map(str, arguments)]
    paths = {"PYTHONPATH": str(Path(__file__).parents[3])}
    return subprocess.run(command, cwd=folder, capture_output=True, timeout=120, env=os.environ | paths)


def test_a_written_page_is_exit_code_0_whatever_the_verdict(submission: Write, tmp_path: Path) -> None:
    done = assay(submission(("pytorch",), runs=1), folder=tmp_path)
    assert done.returncode == 0
    assert done.stdout == b""
    assert b"report.html: fail" in done.stderr
    assert (tmp_path / "report.html").read_bytes().startswith(b"<!doctype html>")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_dash_writes_the_page_to_standard_output(submission: Write, tmp_path: Path) -> None:
    done = assay(submission(("pytorch",), runs=1), "-o", "-", folder=tmp_path)
    assert done.returncode == 0
    assert done.stdout.endswith(b"</html>\n")
    assert not (tmp_path / "report.html").exists()


def test_nothing_to_report_is_exit_code_3(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = assay("empty", folder=tmp_path)
    assert done.returncode == 3
    assert b"no results below" in done.stderr
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize("where", ["report.html", "results/report.html", "results/../report.html"])
def test_a_page_is_never_written_into_the_submission_it_judges(submission: Write, where: str) -> None:
    top = submission(("pytorch",), runs=1)
    for path in (top, top / "results/amd-epyc-2c_cpu_pytorch/image-classification", top.parents[2]):
        done = assay(path, "-o", top / where, folder=top.parents[2])
        assert done.returncode == 2
        assert b"lies inside the submission" in done.stderr
    assert not (top / "report.html").exists()


def test_a_page_beside_the_submissions_is_allowed_from_their_parent(submission: Write, tmp_path: Path) -> None:
    submission(("pytorch",), runs=1)
    assert assay(".", folder=tmp_path).returncode == 0


@pytest.mark.parametrize("where", ["no/such/folder/report.html", "."])
def test_an_output_that_cannot_be_written_is_a_sentence(submission: Write, tmp_path: Path, where: str) -> None:
    done = assay(submission(("pytorch",), runs=1), "-o", where, folder=tmp_path)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    assert b"fix:" in done.stderr


def test_a_link_at_the_output_is_replaced_and_not_followed(submission: Write, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "report.html").symlink_to(victim)
    assert assay(submission(("pytorch",), runs=1), folder=tmp_path).returncode == 0
    assert victim.read_text() == "precious"


def test_an_unknown_round_is_a_usage_error(submission: Write, tmp_path: Path) -> None:
    done = assay(submission(("pytorch",), runs=1), "--round", "assay/9", folder=tmp_path)
    assert done.returncode == 2
    assert b"unknown round" in done.stderr
