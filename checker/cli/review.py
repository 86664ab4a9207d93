"""`assay review`: what a reviewer of an MLPerf round works with."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rules.errors import UsageError, unknown

if TYPE_CHECKING:
    from checker.core.findings import Report

FORMATS = ("text", "json")


def review(
    path: Annotated[Path, typer.Argument(help="A round, an organisation's folder, or a results folder.")],
    round_: Annotated[
        str | None, typer.Option("--round", metavar="ROUND", help="The round of PATH, e.g. mlperf-training/5.1.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write one self-contained page for the review.")
    ] = None,
    objections: Annotated[
        Path | None, typer.Option("--objections", metavar="DIR", help="Draft one file per rule and result.")
    ] = None,
    against: Annotated[
        Path | None, typer.Option("--against", metavar="B", help="Compare the submission PATH with this one.")
    ] = None,
    format_: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="Format of the comparison: text or json.")
    ] = "text",
    waivers: Annotated[
        Path | None,
        typer.Option("--waivers", metavar="FILE", help="Accepted findings, each with its last day (YAML)."),
    ] = None,
) -> None:
    """Review a round of MLPerf: one page on it, objections drafted, two submissions compared.

    Exit code 0: done, whatever the verdict; 2: it cannot be written there; 3: nothing at PATH, or nothing in common.

    \b
      assay review training_results_v5.1 --round mlperf-training/5.1 --html review.html
      assay review inference_results_v5.1 --html review.html
      assay review training_results_v5.1 --round mlperf-training/5.1 --objections objections
      assay review Dell/results/a --against HPE/results/b --round mlperf-training/5.1
    """  # noqa: D301 - the command-line library wants the backspace itself
    if html is None and objections is None and against is None:
        fix = "say what to make: --html review.html, --objections DIR or --against B"
        raise UsageError("nothing was asked for", fix=fix)
    if against is not None:
        _compare(path, against, round_, format_)
    if html is None and objections is None:
        return
    import checker
    from checker.core.waivers import read

    judged = checker.check(path, round_, waivers=read(waivers) if waivers is not None else None)
    if objections is not None:
        _draft(path, judged, objections)
    if html is not None:
        from checker.cli.report import write
        from checker.families import family_of
        from checker.report.drafts import refuse_inside
        from checker.report.page.review import page

        refuse_inside(html.parent, [path] if path.is_dir() else [])
        content = page(path, judged, family_of(judged.ruleset).sections(path, judged)).encode()
        write(html, content)
        sys.stderr.write(f"{html}: {judged.verdict}, {len(content):,} bytes\n")


def _compare(path: Path, against: Path, round_: str | None, format_: str) -> None:
    """Print how two submissions differ."""
    if format_ not in FORMATS:
        raise unknown("format", format_, FORMATS)
    from checker.families.recognition import judged_by

    family, name = judged_by(path, round_)
    if name is None:
        raise UsageError(f"{path} looks like no MLPerf round", fix="name it: --round mlperf-training/5.1")
    compared = family.compare(path, against, name)
    sys.stdout.write(compared.as_json() if format_ == "json" else compared.as_text())


def _draft(path: Path, judged: Report, folder: Path) -> None:
    """Draft objections in `folder`, and say what became of it."""
    from checker.families import family_of
    from checker.report.drafts import refuse_inside, replace_drafts
    from checker.report.objections import drafts
    from rules.ruleset import load

    if ", " in judged.ruleset:
        fix = "draft objections to the submissions of one round at a time"
        raise UsageError(f"{path}: submissions to several rounds: {judged.ruleset}", fix=fix)
    family = family_of(judged.ruleset)
    found = family.submissions(path, load(judged.ruleset))
    refuse_inside(folder, found.roots + ([path] if path.is_dir() else []))
    done = replace_drafts(folder, drafts(path, judged, family, found))
    gone = f", {len(done.removed)} of an earlier run removed" if done.removed else ""
    sys.stderr.write(f"{folder}: {len(done.written)} files written{gone}\n")
    for name in done.kept:
        sys.stderr.write(f"{folder / name}: not as Assay wrote it, kept as it is\n")
