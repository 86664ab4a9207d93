"""Objections to a submission, drafted as MLCommons' review process wants them: one file per rule and result.

Each says against whom, by which section of the rules, what was expected and found, quotes the lines, and says how
anybody can see it again. Whatever comes from a submission stands in a fence or in escaped text: a log cannot write
itself an objection.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from checker.core.excerpt import excerpts
from checker.core.family import Family, Submissions
from checker.core.findings import DEFECT, Finding, Report
from checker.core.tree import Tree
from rules.errors import UsageError
from rules.ruleset import RuleSet, load
from rules.text import printable

TOLD = 40  # findings of a rule told one by one in a draft
QUOTED = 3  # of them with their lines
NAME = 40  # characters of a part of a file's name
MOST = 2000  # objections drafted at once
INDEX = "index.md"
DIVISIONS = ("closed", "network", "open")  # folders that say how what is in them is judged


@dataclass(frozen=True)
class Against:
    """Whom an objection is against; parts that a finding does not concern are empty."""

    organisation: str = ""
    system: str = ""
    benchmark: str = ""


@dataclass(frozen=True)
class _Place:
    """A finding's file: the submission it lies in, None where it spans several, and its path there."""

    root: Path | None
    path: str


def worth_objecting(report: Report) -> list[Finding]:
    """Return what a reviewer objects to: errors, and warnings that are for reviewers; nothing that was waived."""
    rules = load(report.ruleset).cards  # what is said of waivers is of no rule
    return [
        finding
        for finding in report.findings
        if finding.rule != DEFECT
        and finding.rule in rules
        and finding.waived is None
        and (finding.severity == "error" or (finding.severity == "warning" and finding.audience == "reviewer"))
    ]


def drafts(path: Path, report: Report, family: Family, found: Submissions) -> dict[str, str]:
    """Return the objections to what `report` says of `path`, by file name, and last their index.

    Raises UsageError where there are more than anybody would file.
    """
    worth = worth_objecting(report)
    if len(worth) > MOST:
        fix = "draft for one organisation at a time, or correct --round"
        raise UsageError(f"{path}: {len(worth):,} findings to object to; at most {MOST:,} are drafted", fix=fix)
    ruleset = load(report.ruleset)
    facts: dict[tuple[Path | None, Against, str], list[tuple[Finding, _Place]]] = {}
    for finding in sorted(worth, key=lambda f: (f.path, f.line or 0, f.rule)):
        place = _placed(finding, found)
        against = _against(place, report, finding, family)
        facts.setdefault((place.root, against, finding.rule), []).append((finding, place))
    drafted: dict[str, str] = {}
    rows = []
    for (root, against, rule), told in facts.items():
        name = file_name(rule, against, "" if root is None else os.path.relpath(root, found.base))
        drafted[name] = _draft(told, against, path, ruleset, family)
        more = f" and {len(told) - 1} more" if len(told) > 1 else ""
        rows.append(f"- {_whom(against)}: {coded(told[0][0].message)}{more} ([{rule}]({name}))")
    many = f"{len(drafted)} objection{'' if len(drafted) == 1 else 's'}"
    head = [f"# {many} by the rules of {ruleset.title}", "", "Read each before it is filed: a draft states what"]
    head += ["a program found, and a reviewer stands for it.", ""]
    return {**drafted, INDEX: "\n".join([*head, *rows, "", ""])}


def file_name(rule: str, against: Against, folder: str) -> str:
    """Return an objection's file name: organisation-system-benchmark-rule-hash.md; `folder` is the organisation's."""
    told = (rule, against.organisation, against.system, against.benchmark, folder)
    digest = hashlib.sha256("\0".join(told).encode("utf-8", "backslashreplace")).hexdigest()[:12]
    parts = (against.organisation, against.system, against.benchmark, rule)
    return "-".join([*(_plain(part) for part in parts if part), digest]) + ".md"


def _plain(part: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "_", part)[:NAME].strip("._") or "_"


def _placed(finding: Finding, found: Submissions) -> _Place:
    """Find the submission a finding is in; paths are compared as they are shown."""
    shown = os.path.normpath(os.path.join(printable(str(found.base.resolve())), finding.path))  # noqa: PTH118 - no file is touched
    for root in found.roots:
        top = printable(str(root.resolve()))
        if shown == top or shown.startswith(f"{top}/"):
            return _Place(root, shown[len(top) + 1 :] or ".")
    return _Place(None, finding.path)


def _against(place: _Place, report: Report, finding: Finding, family: Family) -> Against:
    if place.root is None:
        return Against()
    organisation, parts = printable(place.root.resolve().name), place.path.split("/")
    if parts[0] == "systems" and len(parts) > 1:
        return Against(organisation, parts[1].removesuffix(".json"))
    if (concerned := family.concerned(parts)) is not None:
        return Against(organisation, *concerned)
    if parts[0] != "results" or len(parts) < 2:
        return Against(organisation)
    results = (item.path for item in report.items if item.kind == "result")
    mine = next((r for r in results if r == "." or finding.path == r or finding.path.startswith(f"{r}/")), None)
    if mine is None:
        return Against(organisation, parts[1], parts[2] if len(parts) > 2 else "")
    inside = 0 if mine == "." else len(mine.split("/"))
    below = 0 if finding.path == "." else len(finding.path.split("/"))
    return Against(organisation, parts[1], parts[len(parts) - (below - inside) - 1])


def _whom(against: Against) -> str:
    parts = (against.organisation, against.system, against.benchmark)
    return ", ".join(coded(part) for part in parts if part) or "the round"


def _draft(
    told: Sequence[tuple[Finding, _Place]], against: Against, path: Path, ruleset: RuleSet, family: Family
) -> str:
    """Write the objection to what one rule found on one result, or on whatever else it is about."""
    finding, place = told[0]
    card = ruleset.cards.get(finding.rule)
    title = card.title if card is not None else finding.rule
    lines = [f"# Objection to {_whom(against)}", "", f"The rule: {title}.", ""]
    for name, value in (
        ("Organisation", coded(against.organisation) if against.organisation else ""),
        ("System", coded(against.system) if against.system else ""),
        ("Benchmark", coded(against.benchmark) if against.benchmark else ""),
        ("Section", f"{finding.clause} ({ruleset.document})"),
        ("Rule", f"`{finding.rule}`, {finding.severity}; {_sure(finding)}"),
    ):
        lines += [f"- {name}: {value}"] if value else []
    lines += ["", "## What is wrong", ""]
    for one, where in told[:TOLD]:
        lines.append(f"- {_at(one, where)}: {coded(one.message)}")
        lines += [f"  - Expected: {coded(one.expected)}"] if one.expected else []
        lines += [f"  - Found: {coded(one.found)}"] if one.found else []
    if len(told) > TOLD:
        lines.append(f"- and {len(told) - TOLD} more, which the command below lists")
    lines += ["", f"Why the rule exists: {card.why}."] if card is not None and card.why else []
    for one, where in told[:QUOTED]:
        if quoted := _quoted(one, where, ruleset):
            lines += ["", f"## The lines: {_at(one, where)}", "", *fenced(quoted)]
    lines += ["", "## How to see it", "", *fenced(_commands(finding, place, path, ruleset, family))]
    lines += ["", "## What would settle it", "", f"{finding.fix[:1].upper()}{finding.fix[1:]}."]
    return "\n".join(lines) + "\n\n"


def _at(finding: Finding, place: _Place) -> str:
    return coded(place.path) + ("" if finding.line is None else f", line {finding.line}")


def _quoted(finding: Finding, place: _Place, ruleset: RuleSet) -> list[str]:
    """Return the offending line with its neighbours, numbered; none where no line is named or none can be read."""
    if place.root is None or finding.line is None:
        return []
    near = excerpts(Tree(place.root, ruleset.limits), place.path, [finding.line]).get(finding.line, [])
    width = len(str(near[-1].number)) if near else 0
    return [f"{'>' if line.number == finding.line else ' '} {line.number:>{width}}  {line.text}" for line in near]


def _sure(finding: Finding) -> str:
    who = "MLCommons' own checker says so" if finding.authority == "official" else "a check beyond MLCommons' checker"
    return who if finding.severity == "error" else f"{who}, and asks for a look"


def _commands(finding: Finding, place: _Place, path: Path, ruleset: RuleSet, family: Family) -> list[str]:
    """Return commands for whoever has the same folders; no path of this machine is given away."""
    judged = path.resolve()
    inside = family.by_division and judged.name not in DIVISIONS and judged.parent.name in DIVISIONS
    name = shlex.quote(printable("/".join(judged.parts[-2:]) if inside else judged.name))
    commands = [
        f"assay check {name} --round {ruleset.name}",
        f"assay rules explain {finding.rule} --round {ruleset.name}",
    ]
    if place.root is not None:
        file = f"{printable(place.root.resolve().name)}/{place.path}"
        commands += family.commands(ruleset, finding, file)
    return commands


def fenced(lines: Sequence[str]) -> list[str]:
    """Return lines in a fence that nothing in them can close: longer than any run of backticks they hold."""
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}text", *lines, fence]


def coded(text: str) -> str:
    """Return text from a submission as code on one line: nothing in it is Markdown or HTML, nobody is mentioned."""
    safe = printable(text, 2000)
    ticks = "`" * (max((len(run) for run in re.findall("`+", safe)), default=0) + 1)
    return f"{ticks} {safe} {ticks}" if safe.startswith("`") or safe.endswith("`") else f"{ticks}{safe}{ticks}"
