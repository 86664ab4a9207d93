"""The accuracy phase: accuracy.txt, the accuracy log's size, errors, whether the whole data set was asked.

In the open division any value will do, but it has to be one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from checker.core.findings import Violation, brief
from checker.families.mlperf_inference.accuracy_text import AccuracyText
from checker.families.mlperf_inference.modular.case import LogRun
from checker.families.mlperf_inference.modular.outcome import Checks, ResultPhase, judge_phase
from checker.families.mlperf_inference.modular.performance import (
    FORGIVEN,
    endpoints_model,
    error_problem,
    logged_errors,
)


def judge_accuracy(run: LogRun) -> ResultPhase:
    """Judge an accuracy run; its metrics are noted."""
    return judge_phase("accuracy", CHECKS, run, _folder(run), run.view)


def _folder(run: LogRun) -> str:
    return f"{run.place.path}/accuracy"


def _result(run: LogRun) -> Iterator[Violation]:
    if run.is_endpoints:
        yield from _endpoints_result(run)
        return
    text = run.facts.accuracy_text
    targets = run.models.targets(run.model, run.asked)
    limits = run.models.rules(run.model).accuracy_at_most
    if text is None:
        raise TypeError("accuracy.txt is missing")
    reading = AccuracyText(text.path, targets, limits)
    reading.read(text.lines, run.rules)
    run.review.accuracies = reading.values
    if not run.is_open:
        yield from (*reading.problems, *reading.unhashed(), *reading.absent())


def _endpoints_result(run: LogRun) -> Iterator[Violation]:
    score = run.view["accuracy_score"]
    if score is None:
        yield Violation("there is no accuracy score", "accuracy_scores", "none", run.view.log.path)
        return
    run.review.accuracies = score
    if run.is_open or run.model != "qwen3-vl-235b-a22b":
        return
    targets = run.models.targets(run.model, run.asked)
    number = _number(score, list(targets))
    least = next(iter(targets.values()))
    if number is None:
        yield Violation("the accuracy score is no number", f"at least {least:.9g}", brief(score), run.view.log.path)
    elif number < least:
        yield Violation("the accuracy is too low", f"at least {least:.9g}", repr(number), run.view.log.path)


def _number(score: Any, metrics: list[str]) -> float | None:
    """Return an endpoint's score as a number, whichever way it is given; None where it is none."""
    if isinstance(score, int | float):
        return float(score)
    if isinstance(score, str):
        return _float(score)
    if isinstance(score, dict):
        names = [name for metric in metrics for name in (metric, metric.lower(), metric.split("_")[-1].lower())]
        for name in [*names, "f1", "score", "accuracy"]:
            value = score.get(name)
            if isinstance(value, int | float):
                return float(value)
            if isinstance(value, str) and (number := _float(value)) is not None:
                return number
    return None


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _log_size(run: LogRun) -> Iterator[Violation]:
    path, most = f"{_folder(run)}/mlperf_log_accuracy.json", run.rules.package.limits.accuracy_log_bytes
    if run.is_endpoints:
        return
    if not run.listing.exists(path):
        yield Violation("the accuracy log is missing", path.rpartition("/")[2], "no such file", path)
    elif (size := run.listing.size(path)) is not None and size > most:
        yield Violation("the accuracy log was not truncated", f"at most {most:,} bytes", f"{size:,}", path)


def _errors(run: LogRun) -> Iterator[Violation]:
    log, forgives = run.view.log, run.options.submission_exceptions
    if run.is_endpoints:
        count = run.view["num_errors"] or 0
        if count != 0 and not forgives:
            yield Violation("requests failed", "none", brief(count), log.path)
        return
    for error in logged_errors(log):
        if not forgives or FORGIVEN not in error.value:
            yield error_problem(log, error)


def _data_set(run: LogRun) -> Iterator[Violation]:
    wanted = run.models.accuracy_samples(run.model, run.asked)
    own = "effective_accuracy_sample_count"
    key = own if own in run.view.log else "qsl_reported_total_count"
    if run.view[key] != wanted:
        expected = brief(wanted) if not isinstance(wanted, dict) else ", ".join(f"{s} {n}" for s, n in wanted.items())
        yield run.view.problem("the accuracy run does not cover the data set", f"{expected} samples", key)


def _extra_files(run: LogRun) -> Iterator[Violation]:
    wanted = run.models.rules(run.model).extra_files if run.options.extra_files else {}
    for folder, names in wanted.items():
        path = f"{_folder(run)}/{folder}"
        if not run.listing.is_folder(path):
            yield Violation("the folder of outputs to look at is missing", folder, "no such folder", path)
            continue
        there = {name.split(".")[0] for name in run.listing.files(path)}
        if absent := [name for name in names if name not in there]:
            yield Violation("outputs to look at are missing", ", ".join(names), f"without {', '.join(absent)}", path)


CHECKS: Checks[LogRun] = (
    ("accuracy_result", "accuracy", _result),
    ("accuracy_json", "accuracy-log", _log_size),
    ("loadgen_errors", "accuracy-errors", _errors),
    ("dataset", "data-set", _data_set),
    ("extra_files", "accuracy-files", _extra_files),
    ("endpoints_model", "endpoints-model", lambda run: endpoints_model(run, _folder(run))),
)
