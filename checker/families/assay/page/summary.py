"""The head of the page, the table of results, and every run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from checker.core.comparison import LEVEL, spread
from checker.core.findings import Report
from checker.families.assay.page.evidence import ResultEvidence, RunEvidence
from checker.families.assay.page.serving import ServedResult
from checker.report.page.layout import code, facts, note, section, table, verdict_mark
from checker.report.page.markup import Child, Markup, fragment, tag
from checker.report.page.quantity import NOT_MEASURED, NOT_STATED, count, day, fixed, mebibytes, number
from rules.text import printable

EMULATED = "these runs were emulated; their times are no measure of any machine's performance."
UNCONTAINED = (
    "these runs had no container; what they were made of is what the machine said, and none of it is a result of the "
    "round."
)


def header(report: Report, results: Sequence[ResultEvidence], served: Sequence[ServedResult]) -> Markup:
    """Return title, verdict and the five facts a reader asks for first."""
    records = [run.record for result in results for run in result.runs if run.record is not None]
    emulated = {record.framework for record in records if record.emulated}
    uncontained = {record.framework for record in records if not record.contained}
    return tag(
        "header",
        tag("p", "Assay result", class_="kicker"),
        tag("h1", _headline(results, served)),
        tag(
            "p",
            verdict_mark(report.verdict),
            " ",
            _said(report),
            " ",
            tag("a", "Findings", href="#findings"),
            class_="judged",
        ),
        _warning("Emulated", emulated, EMULATED),
        _warning("Uncontained", uncontained, UNCONTAINED),
        facts(
            [
                ("Measured", _listed([*(_goal(r) for r in results), *(_served(one) for one in served)])),
                ("By", _listed([*(r.submitter for r in results), *(one.found.submitter or "" for one in served)])),
                ("Systems", _listed([*(r.system for r in results), *(one.found.system for one in served)])),
                ("Logged", _days(results, served)),
                ("Rule set", report.ruleset),
                ("Judged by", f"Assay {report.assay}"),
                ("Official checker", _official(report)),
            ]
        ),
    )


def _headline(results: Sequence[ResultEvidence], served: Sequence[ServedResult]) -> str:
    trained, asked = _listed(r.workload for r in results), _listed(one.workload for one in served)
    parts = [f"{trained}: training time to target"] if results else []
    parts += [f"{asked}: inference under LoadGen"] if served else []
    return "; ".join(parts) or "Nothing here is a whole result"


def _served(one: ServedResult) -> str:
    return f"{one.workload} in {', '.join(printable(name, 60) for name in one.found.scenarios)}"


def results_section(results: Sequence[ResultEvidence], more: int) -> Markup:
    """Return the table of results and how its figures come about."""
    heads = (
        "Framework", "Verdict", "Score, s", "Mean, s", f"{LEVEL} interval, s", "Fastest, s", "Slowest, s", "Spread, %",
        "Reached target", "Threads", "Peak memory, MiB", "System", "Division",
    )  # fmt: skip
    rows = [_row(result) for result in results]
    return section(
        "results",
        "Results",
        table("Time from run start to the evaluation that reached the target", heads, rows, words=(1, 11, 12)),
        note(f"{more} further results were judged and are not shown.") if more else None,
        note(
            "Score: olympic mean of the times to target, that is, the mean without the fastest and the slowest run. ",
            f"Interval: Student's t interval at {LEVEL} around the mean of all runs that reached the target, n - 1 "
            "degrees of freedom; it covers run-to-run variation (seed and machine noise) on this machine only, "
            "and is cut at zero. ",
            "Spread: standard deviation over the mean. Peak memory: the highest of all runs.",
        ),
        [_run_table(result) for result in results],
    )


def _row(result: ResultEvidence) -> Sequence[Child]:
    s, score = spread(result.times_to_target()), result.score
    peaks = [run.record.memory.peak_bytes for run in result.runs if run.record and run.record.memory]
    threads = sorted({str(run.record.threads) for run in result.runs if run.record})
    manifest = result.found.manifest
    declared = "" if manifest is None else f" of {count(manifest.model.runs)}"
    return (
        result.framework,
        verdict_mark(result.verdicts[result.path]),
        tag("strong", fixed(score.training.score_s if score and score.training else None, 2, "no score")),
        fixed(s.mean, 2),
        f"{fixed(s.low, 2)} to {fixed(s.high, 2)}" if s.low is not None else "needs two runs",
        fixed(min(s.values, default=None), 2),
        fixed(max(s.values, default=None), 2),
        fixed(s.percent, 1),
        f"{len(s.values)}{declared}",
        ", ".join(threads) or NOT_STATED,
        mebibytes(max(peaks, default=None)),
        result.system,
        result.found.division,
    )


def _run_table(result: ResultEvidence) -> Markup:
    heads = (
        "Run", "Outcome", "Time to target, s", "Samples to target", "Last metric", "Seed", "Threads",
        "Peak memory, MiB", "Earlier attempts",
    )  # fmt: skip
    rows, more = [_run_row(run) for run in result.runs], len(result.found.runs) - len(result.runs)
    explained = [
        tag("li", f"Run {run.index}: {run.record.explanation}")
        for run in result.runs
        if run.record and run.record.explanation
    ]
    explained += [tag("li", f"Run {run.index}: {problem}") for run in result.runs for problem in run.problems]
    return fragment(
        table(f"Every run: {result.name}", heads, rows, words=(1, 8)),
        tag("p", f"{more} further runs are in the folder and not shown.") if more else None,
        tag("ul", explained, class_="sentences") if explained else None,
    )


def _run_row(run: RunEvidence) -> Sequence[Child]:
    record = run.record
    reached = run.to_target_s is not None
    attempts = record.earlier_attempts if record else []
    tried = "; ".join(f"{attempt.outcome}: {attempt.explanation}" for attempt in attempts[:5])
    return (
        str(run.index),
        tag("span", run.outcome, class_="outcome good" if reached else "outcome bad"),
        fixed(run.to_target_s, 2, "none"),
        count(run.samples, NOT_MEASURED) if reached else f"none ({count(run.samples, NOT_MEASURED)} seen)",
        fixed(run.metric[-1].value if run.metric else None, 4),
        code(str(record.seed)) if record and record.seed < 2**63 else NOT_STATED,
        count(record.threads) if record else NOT_STATED,
        mebibytes(record.memory.peak_bytes if record and record.memory else None),
        tried or "none",
    )


def _said(report: Report) -> str:
    """Return how many findings there are, in words."""
    many = {noun: sum(f.severity == noun for f in report.findings) for noun in ("error", "warning", "note")}
    counted = [f"{n:,} {noun}{'' if n == 1 else 's'}" for noun, n in many.items() if n]
    return f"{', '.join(counted)}." if counted else "Every rule held."


def _official(report: Report) -> str:
    """Return MLCommons' own verdict, which is never mixed with Assay's."""
    verdicts = [item.official_verdict for item in report.items if item.official_verdict is not None]
    if not verdicts:
        return f"none exists for {report.ruleset}"
    failed = verdicts.count("fail")
    return "passes everything" if not failed else f"fails {failed} of {len(verdicts)} judged things"


def _days(results: Sequence[ResultEvidence], served: Sequence[ServedResult]) -> str:
    """Return when the first and the last run began, by their logs."""
    began = [run.began_s for result in results for run in result.runs if run.began_s is not None]
    logs = [run.log for one in served for run in one.found.runs if run.log is not None and run.log.records]
    times = [number(log.records[0].time_ms) for log in logs]
    began += [time / 1000 for time in times if time is not None]
    first, last = day(min(began, default=None)), day(max(began, default=None))
    return first if first[:10] == last[:10] else f"{first} to {last}"


def _goal(result: ResultEvidence) -> str:
    if result.found.rules is None:
        return f"{result.workload}, a workload this rule set does not know"
    return f"{result.workload} to {result.found.rules.quality.goal}"


def _warning(title: str, frameworks: set[str], sentence: str) -> Markup | None:
    said = f"{', '.join(sorted(frameworks))}: {sentence}"
    return tag("p", tag("strong", f"{title}. "), said, class_="warning") if frameworks else None


def _listed(names: Iterable[str]) -> str:
    unique = list(dict.fromkeys(names))
    return ", ".join(unique[:6]) + (f" and {len(unique) - 6} more" if len(unique) > 6 else "") if unique else NOT_STATED
