"""Objections to a submission, drafted as MLCommons' review process wants them: one file per finding.

Each says against whom, by which section of the rules, what was expected and found, quotes the lines, and says how
anybody can see it again. Whatever comes from a submission stands in a fence or in escaped text: a log cannot write
itself an objection.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from checker.findings import DEFECT, Finding, Report
from checker.tree import RefusedError, Tree
from rules.errors import UsageError
from rules.ruleset import RuleSet, load
from rules.text import printable

CONTEXT = 1  # lines quoted on either side of the offending one
LINE = 600  # characters quoted of a line
NAME = 40  # characters of a part of a file's name
MOST = 2000  # objections drafted at once
INDEX = "index.md"


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


def drafts(path: Path, report: Report) -> dict[str, str]:
    """Return the objections to what `report` says of `path`, by file name, and last their index.

    Raises UsageError where there are more than anybody would file.
    """
    found = worth_objecting(report)
    if len(found) > MOST:
        fix = "draft for one organisation at a time, or correct --round"
        raise UsageError(f"{path}: {len(found):,} findings to object to; at most {MOST:,} are drafted", fix=fix)
    ruleset = load(report.ruleset)
    base, roots = judged_folders(path, ruleset)
    quotes = _Quotes(ruleset)
    drafted: dict[str, str] = {}
    rows = []
    for finding in sorted(found, key=lambda f: (f.path, f.line or 0, f.rule)):
        place = _placed(finding, base, roots)
        against = _against(place, report, finding)
        name = file_name(finding, against)
        if name not in drafted:
            rows.append(f"- {_whom(against)}: {coded(finding.message)} ([{finding.rule}]({name}))")
        drafted[name] = _draft(finding, against, place, quotes.around(place, finding.line), path, ruleset)
    many = f"{len(drafted)} objection{'' if len(drafted) == 1 else 's'}"
    head = [f"# {many} by the rules of {ruleset.title}", "", "Read each before it is filed: a draft states what"]
    head += ["a program found, and a reviewer stands for it.", ""]
    return {**drafted, INDEX: "\n".join([*head, *rows, "", ""])}


def judged_folders(path: Path, ruleset: RuleSet) -> tuple[Path, list[Path]]:
    """Return the folder that findings' paths are relative to, and the submissions that `path` holds or lies in."""
    if ruleset.family == "assay":
        from checker.discovery import discover

        found = discover(path)
        return found.base, found.submitters
    from checker.training.discovery import find, is_organisation

    scope = find(path, logs_only=False)
    around = [folder for folder in path.resolve().parents[:4] if scope.logs and is_organisation(folder)]
    return scope.base, scope.organisations or around[:1]


def file_name(finding: Finding, against: Against) -> str:
    """Return an objection's file name, the same for the same finding: organisation-system-benchmark-rule-hash.md."""
    told = (finding.rule, finding.path, str(finding.line), finding.message, finding.expected, finding.found)
    digest = hashlib.sha256("\0".join(told).encode("utf-8", "backslashreplace")).hexdigest()[:12]
    parts = (against.organisation, against.system, against.benchmark, finding.rule)
    return "-".join([*(_plain(part) for part in parts if part), digest]) + ".md"


def _plain(part: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "_", part)[:NAME].strip("._") or "_"


def _placed(finding: Finding, base: Path, roots: Sequence[Path]) -> _Place:
    """Find the submission a finding is in; paths are compared as they are shown."""
    shown = os.path.normpath(os.path.join(printable(str(base.resolve())), finding.path))  # noqa: PTH118 - no file is touched
    for root in roots:
        top = printable(str(root.resolve()))
        if shown == top or shown.startswith(f"{top}/"):
            return _Place(root, shown[len(top) + 1 :] or ".")
    return _Place(None, finding.path)


def _against(place: _Place, report: Report, finding: Finding) -> Against:
    if place.root is None:
        return Against()
    organisation, parts = printable(place.root.resolve().name), place.path.split("/")
    if parts[0] == "systems" and len(parts) > 1:
        return Against(organisation, parts[1].removesuffix(".json"))
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


def _draft(finding: Finding, against: Against, place: _Place, quoted: list[str], path: Path, ruleset: RuleSet) -> str:
    card = ruleset.cards.get(finding.rule)
    title = card.title if card is not None else finding.rule
    lines = [f"# Objection to {_whom(against)}", "", f"The rule: {title}.", ""]
    for name, value in (
        ("Organisation", coded(against.organisation) if against.organisation else ""),
        ("System", coded(against.system) if against.system else ""),
        ("Benchmark", coded(against.benchmark) if against.benchmark else ""),
        ("File", coded(place.path) + ("" if finding.line is None else f", line {finding.line}")),
        ("Section", f"{finding.clause} ({ruleset.document})"),
        ("Rule", f"`{finding.rule}`, {finding.severity}; {_sure(finding)}"),
    ):
        lines += [f"- {name}: {value}"] if value else []
    lines += ["", "## What is wrong", "", f"- {coded(finding.message)}"]
    lines += [f"- Expected: {coded(finding.expected)}"] if finding.expected else []
    lines += [f"- Found: {coded(finding.found)}"] if finding.found else []
    lines += ["", f"Why the rule exists: {card.why}."] if card is not None and card.why else []
    if quoted:
        lines += ["", "## The lines", "", *fenced(quoted)]
    lines += ["", "## How to see it", "", *fenced(_commands(finding, place, path, ruleset))]
    lines += ["", "## What would settle it", "", f"{finding.fix[:1].upper()}{finding.fix[1:]}."]
    return "\n".join(lines) + "\n\n"


def _sure(finding: Finding) -> str:
    who = "MLCommons' own checker says so" if finding.authority == "official" else "a check beyond MLCommons' checker"
    return who if finding.severity == "error" else f"{who}, and asks for a look"


def _commands(finding: Finding, place: _Place, path: Path, ruleset: RuleSet) -> list[str]:
    """Return commands for whoever has the same folders; no path of this machine is given away."""
    name = shlex.quote(printable(path.resolve().name))
    commands = [
        f"assay check {name} --round {ruleset.name}",
        f"assay rules explain {finding.rule} --round {ruleset.name}",
    ]
    if finding.rule.startswith("official-log-") and ruleset.family != "assay" and place.root is not None:
        from rules.training import package_rules

        tool = package_rules(ruleset.name).tool
        log = shlex.quote(f"{printable(place.root.resolve().name)}/{place.path}")
        official = f"python3 -m mlperf_logging.compliance_checker --usage {tool.usage} --ruleset {tool.ruleset} {log}"
        commands.append(f"{official}  # mlperf-logging {tool.version}")
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


class _Quotes:
    """Lines of the files that findings name, read within the round's limits; one file is held at a time."""

    def __init__(self, ruleset: RuleSet) -> None:
        self._limits = ruleset.limits
        self._held: tuple[Path, str, list[bytes]] | None = None

    def around(self, place: _Place, line: int | None) -> list[str]:
        """Return the offending line with its neighbours, numbered; none where no line is named or none can be read."""
        if place.root is None or line is None:
            return []
        try:
            lines = self._lines(place.root, place.path)
        except RefusedError:
            return []
        first, end = max(1, line - CONTEXT), min(len(lines), line + CONTEXT)
        return list(self._numbered(lines, first, end, line)) if line <= len(lines) else []

    def _numbered(self, lines: list[bytes], first: int, end: int, line: int) -> Iterator[str]:
        width = len(str(end))
        for number in range(first, end + 1):
            raw = lines[number - 1]
            text = printable(raw[: 4 * LINE].decode("utf-8", "backslashreplace"), LINE)
            text += f"… ({len(raw):,} bytes)" if len(raw) > 4 * LINE else ""
            yield f"{'>' if number == line else ' '} {number:>{width}}  {text}"

    def _lines(self, root: Path, path: str) -> list[bytes]:
        if self._held is None or self._held[:2] != (root, path):
            self._held = None
            data = Tree(root, self._limits).read(path, self._limits.log_bytes)
            # As a log's reader counts lines: "\r\n" and a lone "\r" end one too, nothing else that Python's text does.
            self._held = (root, path, data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"))
        return self._held[2]
