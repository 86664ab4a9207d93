"""The report for a person at a terminal: findings by result, scores, verdict; 80 columns, colour only on a terminal."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Callable, Iterator

from checker.core.findings import AboveIdle, Energy, Finding, Report, Score, Waived

WIDTH = 80
PLACES = 4  # shown of one rule in one result, or of a round in one organisation
REFUSED = 10  # logs and organisations listed that the official checker refuses
SEVERITIES = ("error", "warning", "note")
COLOURS = {"error": "31", "warning": "33", "note": "36", "pass": "32", "fail": "31", "faint": "2", "bold": "1"}
Paint = Callable[[str, str], str]


def render(report: Report, *, colour: bool = False, for_actions: bool = False) -> str:
    """Return the report as text that ends with a newline; `for_actions`: harmless in a log of GitHub Actions."""

    def paint(name: str, text: str) -> str:
        return f"\033[{COLOURS[name]}m{text}\033[0m" if colour else text

    lines: list[str] = []
    for heading, findings in _grouped(report).items():
        lines += [paint("bold", report.path if heading == "." else heading), ""]
        for same in _by_rule(findings):
            lines += [*_rule(same, heading, paint), ""]
    official = any(score.official_verdict is not None for score in report.scores)
    timed = [score for score in report.scores if score.training is not None]
    for position, score in enumerate(timed):
        lines += _heading(official) if position == 0 else []
        lines += _score(score, paint)
    measured = [score for score in report.scores if score.inference is not None]
    for position, score in enumerate(measured):
        lines += _measured_heading(official) if position == 0 else []
        lines += _measured(score, paint)
    lines += [""] if report.scores else []
    lines += _refused(report)
    waived = sum(f.waived is not None for f in report.findings)
    counts = {s: sum(f.severity == s and f.waived is None for f in report.findings) for s in SEVERITIES}
    said = ", ".join(f"{n} {s}{'' if n == 1 else 's'}" for s, n in counts.items() if n) or "no findings"
    said += f", {waived} waived" if waived else ""
    lines.append(f"{paint(report.verdict, report.verdict.upper())}  {said} ({report.ruleset})")
    said = "\n".join(lines) + "\n"
    # A runner takes a line that begins with "::", or "##[" anywhere, for a command: a submission must not give it any.
    return re.sub(":(?=:)", ": ", said).replace("##[", "## [") if for_actions else said


def _grouped(report: Report) -> dict[str, list[Finding]]:
    """Group findings by the result they stand in, of several organisations by organisation; else by file."""
    organisations = [item.path for item in report.items if item.kind == "organisation"]
    results = [item.path for item in report.items if item.kind == "result"]
    results = organisations if len(organisations) > 1 else sorted(results, key=len, reverse=True)
    groups: dict[str, list[Finding]] = {}
    for finding in report.findings:
        inside = (r for r in results if r == "." or f"{finding.path}/".startswith((f"{r}/", f"{_ours(r)}/")))
        groups.setdefault(next(inside, finding.path), []).append(finding)
    for findings in groups.values():
        findings.sort(key=lambda f: (f.path, f.line or 0))
    return dict(sorted(groups.items()))


def _below(path: str, heading: str) -> str:
    """Return a path without what the heading above it says of its place: the result, or else the submitter's folder."""
    submitter, is_result, _ = f"/{heading}".partition("/results/")
    return path.removeprefix(f"{heading}/").removeprefix(f"{submitter[1:]}/" if is_result and submitter else "")


def _ours(result: str) -> str:
    """Return where of a result of inference stands what is Assay's own: beside `results/`, in `assay/`."""
    return re.sub(r"(^|/)results/", r"\1assay/", result, count=1)


def _by_rule(findings: list[Finding]) -> list[list[Finding]]:
    """Bring the findings of one rule and severity together, errors first, of them what a file is; waived ones last."""
    rules: dict[tuple[str, str, Waived | None], list[Finding]] = {}
    for finding in sorted(findings, key=lambda f: (f.waived is not None, SEVERITIES.index(f.severity), not f.cause)):
        rules.setdefault((finding.rule, finding.severity, finding.waived), []).append(finding)
    return list(rules.values())


def _rule(findings: list[Finding], heading: str, paint: Paint) -> Iterator[str]:
    """Yield a rule's clause and fix, then the places; beyond a few only their number."""
    first = findings[0]
    word = paint(first.severity, first.severity) if first.waived is None else paint("faint", f"waived {first.severity}")
    yield f"  {word} {paint('bold', first.rule)}  {paint('faint', first.clause)}"
    few = [first] if first.severity == "note" else findings[:PLACES]
    for finding in few:
        where = _below(finding.path, heading) if finding.path != heading else finding.path.rpartition("/")[2]
        where += f":{finding.line}" if finding.line is not None else ""
        yield from _wrapped("", f"{where}: {finding.message}")
        if finding.expected:
            yield from _wrapped("    expected  ", finding.expected)
        if finding.found and finding.found not in finding.message:
            yield from _wrapped("    found     ", finding.found)
    if len(findings) > len(few):
        yield f"    … and {len(findings) - len(few)} more like it (--format json lists them)"
    if first.waived is not None:
        yield from _wrapped(f"waived until {first.waived.until} by ", f"{first.waived.by}: {first.waived.why}")
    else:
        for fix in dict.fromkeys(finding.fix for finding in findings):
            yield from _wrapped("fix: ", fix)


def _refused(report: Report) -> Iterator[str]:
    """Yield what the official checker refuses of the logs, or results, and organisations, where there is one."""
    logs = any(item.kind == "log" for item in report.items)
    for kind, plural in (("log", "logs") if logs else ("result", "results"), ("organisation", "organisations")):
        judged = [item for item in report.items if item.kind == kind and item.official_verdict is not None]
        refused = [item for item in judged if item.official_verdict == "fail"]
        if not judged:
            continue
        yield f"official checker: {len(refused):,} of {len(judged):,} {plural} refused"
        for item in refused[:REFUSED]:
            yield from _wrapped("", item.path)
        if len(refused) > REFUSED:
            yield f"    … and {len(refused) - REFUSED} more (--format json lists them)"
    if any(item.official_verdict is not None for item in report.items):
        yield ""


def _wrapped(label: str, text: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=f"    {label}", subsequent_indent=" " * (4 + len(label)), break_on_hyphens=False
    )


def _heading(official: bool) -> list[str]:
    times = f"{'result':<25}{'runs':>6}{'score':>10}{'fastest':>10}{'slowest':>10}"
    return [f"{times}  {_verdicts_heading(official)}", "-" * WIDTH]


def _verdicts_heading(official: bool) -> str:
    return "official  assay" if official else "verdict"


def _verdicts(score: Score, paint: Paint) -> str:
    """Return both verdicts, or Assay's alone where no official checker exists."""
    ours = paint(score.verdict, score.verdict.upper())
    if score.official_verdict is None:
        return ours
    return paint(score.official_verdict, score.official_verdict.upper()) + " " * 6 + ours


def _score(score: Score, paint: Paint) -> list[str]:
    """Return a time to target under its name; a dash where the rules give none."""
    found = score.training
    assert found is not None
    scaled = f", scaled ×{found.scaled_by:.4f}" if found.scaled_by is not None else ""
    name = f"{score.submitter} {score.system} {score.workload} ({score.division}{scaled})"
    runs = f"{found.converged}/{found.runs}"
    times = "".join(f" {duration(t):>9}" for t in (found.score_s, found.fastest_s, found.slowest_s))
    row = f"{runs:>6}{times}  {_verdicts(score, paint)}"
    return [*textwrap.wrap(name, WIDTH, break_on_hyphens=False), f"{'':<25}{row}", *_machine(score, paint)]


def _machine(score: Score, paint: Paint) -> list[str]:
    """Return what a result took of its machine, in a line or two; nothing in rounds that know no meters."""
    said = []
    if score.energy is not None:
        said.append(f"energy {energy(score.energy)}")
    if score.use is not None:
        said += [f"memory {score.use.memory_bytes / 2**20:,.0f} MiB"] if score.use.memory_bytes else []
        own = score.use.accelerator_memory_bytes
        said += [f"of an accelerator {own / 2**20:,.0f} MiB"] if own else []
        said += [f"{score.use.utilised} {score.use.utilisation:.0%} busy"] if score.use.utilisation is not None else []
        said += [f"{score.use.disturbed} disturbed"] if score.use.disturbed else []
    lines = textwrap.wrap("; ".join(said), WIDTH - 2, break_on_hyphens=False)
    return [paint("faint", f"  {line}") for line in lines]


def energy(found: Energy) -> str:
    """Return an energy with its uncertainty and energy-delay product, or why it was not measured."""
    if found.joules is None:
        return f"not measured: {found.reason}"
    bound = f" ± {found.uncertainty:.1%}" if found.uncertainty is not None else ""
    bound += "" if found.stated else " and the meter's own error"
    product = f", energy-delay {found.delay_product:.4g} J·s" if found.delay_product is not None else ""
    whole = f"{figure(found.joules)} J a{'n' if found.per == 'inference' else ''} {found.per}{bound}{product}"
    return whole + (f"; {_above(found.above_idle)}" if found.above_idle else "")


def _above(found: AboveIdle) -> str:
    """Return what remains of an energy above the idle machine's, and what that one takes."""
    watts = f"idle {figure(found.watts)} W ± {found.watts_uncertainty:.1%}" if found.watts is not None else ""
    if found.joules is None:
        return f"above idle not known: {found.reason}{f' ({watts})' if watts else ''}"
    return f"above idle {figure(found.joules)} J ± {found.uncertainty:.1%} ({watts})"


def _measured_heading(official: bool) -> list[str]:
    return [f"{'result':<22}{'measured':>14} {'unit':<13}{'power':>11}  {_verdicts_heading(official)}", "-" * WIDTH]


def _measured(score: Score, paint: Paint) -> list[str]:
    """Return what inference measured, under its name."""
    found = score.inference
    assert found is not None
    power = f"{figure(found.power)} {found.power_unit}" if found.power else ""
    names = (score.submitter, score.system, score.workload, found.scenario, f"({score.division})")
    row = f"{figure(found.metric):>14} {found.unit:<13}{power:>11}  {_verdicts(score, paint)}"
    lines = textwrap.wrap(" ".join(filter(None, names)), WIDTH, break_on_hyphens=False)
    return [*lines, f"{'':<22}{row}", *_machine(score, paint)]


def figure(value: object) -> str:
    """Return a measured number with about five digits; a dash for none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1e15 < value < 1e15:
        return "-"
    decimals = 0 if abs(value) >= 1e4 else 4 - math.floor(math.log10(abs(value))) if abs(value) >= 1e-6 else 0
    return f"{value:,.{min(decimals, 9)}f}"


def duration(seconds: float | None) -> str:
    """Return a time as minutes and seconds, 1:02.34; a dash for none."""
    if seconds is None:
        return "-"
    minutes, rest = divmod(round(seconds * 100), 6000)
    return f"{minutes}:{rest / 100:05.2f}"
