"""What the single-file checker says of one result: its description, accuracy, run, power, and its row in the table."""

from __future__ import annotations

import json
import os
from typing import Any

from checker.core.findings import Violation, brief
from checker.core.outcome import OfficialOutcome
from checker.core.tree import RefusedError
from checker.families.mlperf_inference.accuracy_text import AccuracyText
from checker.families.mlperf_inference.facts import Paths, ResultFacts, Text, read_document, read_text
from checker.families.mlperf_inference.models import SCENARIOS
from checker.families.mlperf_inference.modular.official import joined_notes
from checker.families.mlperf_inference.modular.outcome import RAISED
from checker.families.mlperf_inference.power.check import judge_power
from checker.families.mlperf_inference.single_file.case import RUN_FILES, Case, ScenarioVerdict, StopsError, lines_of
from checker.families.mlperf_inference.single_file.log import (
    PerformanceLog,
    has_errors,
    judged_run,
    opened,
    ranging_metric,
)
from checker.families.mlperf_inference.single_file.submitter import cause_of
from checker.families.mlperf_inference.single_file.tests import judge_tests
from checker.loadgen.detail_log import read_detail
from rules.power import power_rules

ACCURACY_FILES = (*RUN_FILES, "accuracy.txt", "mlperf_log_accuracy.json")
DESCRIBED = ("user.conf", "README.md")
TABLE_TEXTS = ("system_name", "host_processor_model_name", "accelerator_model_name")


def judge_result(case: Case, result: ScenarioVerdict, facts: ResultFacts, scenario: str) -> None:
    """Judge a result; StopsError where the checker ends."""
    listing, path, outcome = case.listing, result.place.path, result.outcome
    has_power = listing.exists(f"{path}/performance/power")
    described = _description(case, result, facts.paths, has_power)
    if described is None:
        return
    if not listing.exists(f"{path}/accuracy/accuracy.txt"):
        missing = Violation("there is no accuracy", "accuracy.txt", "no such file", f"{path}/accuracy")
        outcome.fail("single-file-accuracy-files", missing)
        return
    if differing := case.differing(f"{path}/accuracy", ACCURACY_FILES):
        what = "the accuracy run's files are not those wanted"
        expected = ", ".join(ACCURACY_FILES)
        outcome.fail("single-file-accuracy-files", Violation(what, expected, differing, f"{path}/accuracy"))
        return
    accurate = _accuracy(case, result, facts)
    _measured(case, result, facts, scenario, has_power)
    complies = True
    if not case.open:
        before = len(outcome.problems)
        complies = judge_tests(case, facts, result.model, scenario, outcome)
        if not complies and len(outcome.problems) == before:
            outcome.answer = "fail"
    if not (complies and result.value):
        if complies and result.measured:
            what = "a result of nothing is listed neither among the results nor among those without"
            outcome.fail("single-file-nothing", Violation(what, "above 0", brief(result.value), path))
        return
    if not accurate:
        outcome.answer = "fail"
        return
    _tabled(case, result, scenario, described)
    result.listed = True
    result.rows = 1 if result.power <= 0 or _true(case.system.get("system_power_only")) else 2


def _description(case: Case, result: ScenarioVerdict, paths: Paths, has_power: bool) -> dict[str, Any] | None:
    """Return the implementation's description; None where it is not as wanted."""
    listing, outcome, folder = case.listing, result.outcome, paths.measurements_folder
    rule = "single-file-measurements"
    if not listing.exists(folder):
        outcome.fail(rule, Violation("the implementation is not described", folder, "no such folder", folder))
        return None
    if not listing.is_folder(folder):
        raise StopsError(f"NotADirectoryError: {folder}", folder)
    before = len(outcome.problems)
    for name in DESCRIBED:
        size = listing.size(f"{folder}/{name}")
        if not size:
            found = "empty" if size == 0 else "no such file"
            outcome.fail(rule, Violation("a file beside the description is missing or empty", name, found, folder))
    if has_power:
        _power_settings(case, folder, outcome)
    place = result.place
    named = (f for f in listing.files(folder) if f.startswith(place.system) and f.endswith(".json"))
    name = next(named, "")
    if not name:
        what = "the implementation is not described"
        outcome.fail(rule, Violation(what, f"{place.system}*.json", "no such file", folder))
        return None
    path = f"{folder}/{name}"
    document = read_document(case.submitter.tree, path)
    if document.crash is not None:
        raise StopsError(cause_of(document), path)
    described = document.value
    try:
        described["weight_data_types"]
        wanted = case.fixed.rules.package.measurements
        lacking = [member for member in wanted if member not in described or not described[member]]
    except RAISED as error:
        raise StopsError(f"{type(error).__name__}: {error}", path) from None
    if lacking:
        outcome.fail(rule, Violation("members are missing or empty", ", ".join(wanted), ", ".join(lacking), path))
    end = len(f"_{place.scenario}.json") if name.endswith(f"_{place.scenario}.json") else len(".json")
    _code(case, result, name[len(place.system) + 1 : -end])
    return described if len(outcome.problems) == before else None


def _power_settings(case: Case, folder: str, outcome: OfficialOutcome) -> None:
    """Object to missing files on the meter and its settings, wanted in the description's folder or above it."""
    listing = case.listing
    above = ["/".join(folder.split("/")[:depth]) for depth in range(4, 0, -1)]
    for beginning in case.fixed.own.power_settings:
        stem = beginning.removesuffix(".")
        matching = [f"{at}/{f}" for at in above for f in listing.files(at) if f.startswith(stem) and len(f) > len(stem)]
        if not matching:
            missing = Violation("a file on the power measurement is missing", f"{stem}.*", "none", folder)
            outcome.fail("single-file-power-settings", missing)
        elif not listing.size(matching[-1]):
            what = "a file on the power measurement is empty"
            outcome.fail("single-file-power-settings", Violation(what, "not empty", "empty", matching[-1]))


def _code(case: Case, result: ScenarioVerdict, implementation: str) -> None:
    listing, model = case.listing, result.place.benchmark
    where = f"code/{model}"
    if listing.size(where) is not None:
        text = read_text(case.submitter.tree, where)
        if text.crash is not None:
            raise StopsError(text.crash if text.raw else f"OSError: {text.crash}", where)
        where = os.path.normpath(f"code/{''.join(text.lines).strip()}")
    if not (where == "code" or listing.exists(where)):
        wanted = f"{where}/{implementation}".rstrip("/")
        missing = Violation("there is no code of the implementation", wanted, "no such folder", result.place.path)
        result.outcome.fail("single-file-code", missing)


def _accuracy(case: Case, result: ScenarioVerdict, facts: ResultFacts) -> bool:
    """Judge the accuracy run; return whether it will do."""
    outcome, folder, models = result.outcome, f"{result.place.path}/accuracy", case.fixed.models
    text = facts.accuracy_text or Text(f"{folder}/accuracy.txt", crash="it is no plain file")
    read = _read_accuracy(case, text, result.model)
    problems = [("single-file-accuracy", one) for one in (*read.problems, *read.absent(), *read.unhashed())]
    most = case.fixed.rules.package.limits.accuracy_log_bytes
    size = case.listing.size(f"{folder}/mlperf_log_accuracy.json") or 0
    if size > most:
        what, where = "the accuracy log is not truncated", f"{folder}/mlperf_log_accuracy.json"
        problems.append(("single-file-accuracy", Violation(what, f"at most {most:,} bytes", f"{size:,}", where)))
    try:
        log = opened(facts.accuracy)
        if has_errors(log):
            what, line = "LoadGen logged errors in the accuracy run", log.errors[0].line if log.errors else None
            found = Violation(what, "none", str(log.error_count), log.path, line)
            outcome.warn("single-file-accuracy-errors", found)
            if not all(error.has_value for error in log.errors):
                raise KeyError("value")
            raise StopsError(f"UnboundLocalError: mlperf_log: {what}", log.path)
        covered, samples = log["qsl_reported_total_count"], models.rules(models.of(result.model)).samples
        if samples is None:
            raise ValueError(f"model not known: {result.model}")
    except RAISED as error:
        raise StopsError(f"{type(error).__name__}: {error}", folder) from None
    if covered != samples:
        what = "the accuracy run does not cover the data set; the checker logs it and accepts"
        outcome.warn(
            "single-file-data-set", log.problem(what, f"{samples:,}", "qsl_reported_total_count", brief(covered))
        )
    said = json.dumps(read.values)
    for mark in '{}"':
        said = said.replace(mark, "")
    result.accuracy = said.replace(",", " ").strip()
    problems += _pictures(case, result, folder)
    if case.open and result.accuracy:
        return True  # whatever it is
    for rule, problem in problems:
        outcome.fail(rule, problem)
    return not problems


def _read_accuracy(case: Case, text: Text, model: Any) -> AccuracyText:
    """Read accuracy.txt; StopsError where a value is no number, or the text no UTF-8 as far as it is read."""
    rules = case.fixed.models.rules(model)
    if not rules.accuracy:
        raise StopsError(f"ValueError: model not known: {model}", text.path)
    read = AccuracyText(text.path, rules.accuracy, rules.accuracy_at_most)
    try:
        read.read(lines_of(text), case.fixed.rules)
    except UnicodeDecodeError:
        raise StopsError("UnicodeDecodeError: accuracy.txt is not UTF-8", text.path) from None
    except ValueError as error:
        raise StopsError(f"ValueError: {str(error)[:100]} (line {read.line})", text.path) from None
    return read


def _pictures(case: Case, result: ScenarioVerdict, folder: str) -> list[tuple[str, Violation]]:
    listing = case.listing
    found = []
    for name, wanted in case.fixed.models.rules(result.model).extra_files.items() if case.extra_files else ():
        there = {file.split(".")[0] for file in listing.files(f"{folder}/{name}")}
        if missing := [file for file in wanted if file not in there]:
            what = "pictures that show the accuracy are missing"
            expected = ", ".join(missing)
            found.append(("single-file-accuracy-files", Violation(what, expected, "no such files", f"{folder}/{name}")))
    return found


def _measured(case: Case, result: ScenarioVerdict, facts: ResultFacts, scenario: str, has_power: bool) -> None:
    """Judge the run and, where there is one, the power measurement; note the value the checker would print."""
    outcome, folder = result.outcome, f"{result.place.path}/performance/run_1"
    if not case.listing.exists(folder):
        outcome.fail("single-file-run", Violation("there is no performance run", folder, "no such folder", folder))
        return
    wanted = (*RUN_FILES, *(("spl.txt",) if has_power else ()))
    if differing := case.differing(folder, wanted, ("mlperf_log_accuracy.json",)):
        what = "the performance run's files are not those wanted"
        outcome.fail("single-file-run", Violation(what, ", ".join(wanted), differing, folder))
        return
    run = PerformanceLog(case, facts.performance, folder, result.model, scenario)
    valid = judged_run(run, "single-file-run", outcome)
    result.inferred, result.metric = run.inferred, run.metric
    efficiency = 0.0
    if has_power:
        powered = _power(case, result, facts, scenario)
        valid = valid and powered is not None
        efficiency = powered or 0.0
    if not valid:
        return
    result.measured, result.value = True, run.metric
    if has_power and run.metric is not None:
        try:
            value = f"{run.metric:f} with power_metric = {result.power:f}"
            result.value = f"{value} and power_efficiency (samples/J) = {efficiency:f}"
        except RAISED as error:
            raise StopsError(f"{type(error).__name__}: {error}", folder) from None


def _power(case: Case, result: ScenarioVerdict, facts: ResultFacts, scenario: str) -> float | None:
    """Judge the power measurement; return its efficiency, None where it will not do."""
    tree, path, outcome = case.submitter.tree, result.place.path, result.outcome
    fine = True
    try:
        ranging = f"{path}/performance/ranging/mlperf_log_detail.txt"
        log = opened(read_detail(tree, ranging))
        ranging_metric(case.fixed, log, result.model, scenario)
    except (StopsError, RefusedError, *RAISED) as error:
        cause = error.cause if isinstance(error, StopsError) else f"{type(error).__name__}: {error}"
        what = "the ranging run's result cannot be told"
        outcome.fail("single-file-power", Violation(what, "", cause, ranging))
        fine = False
    metric = result.metric if isinstance(result.metric, int | float) else None
    value = facts.performance.__getitem__ if facts.performance is not None else (lambda _: None)
    judged = judge_power(tree, path, value, metric, power_rules(case.fixed.rules.name))
    outcome.problems += judged.outcome.problems
    if judged.outcome.answer != "pass":
        outcome.answer = "fail" if outcome.answer == "pass" else outcome.answer
        return None
    result.power = judged.metric or 0
    return judged.efficiency if fine else None


def _tabled(case: Case, result: ScenarioVerdict, scenario: str, described: dict[str, Any]) -> None:
    """Stop where writing the result into the table stops the checker."""
    system, path = case.system, f"systems/{result.place.system}.json"
    try:
        notes = joined_notes(system)
        if scenario not in SCENARIOS.values():
            raise KeyError(scenario)
        if result.power > 0:
            _true(system.get("system_power_only"))
        texts = [system.get("system_type"), *(system.get(name) for name in TABLE_TEXTS), notes]
        texts += [system.get("framework", ""), system.get("operating_system", "")]
        if result.power > 0:
            texts.append(described["weight_data_types"])
        for text in texts:
            '"' + text + '"'
    except RAISED as error:
        raise StopsError(
            f"{type(error).__name__}: {error}: the result cannot be written into the table", path
        ) from None


def _true(value: Any) -> bool:
    """Return what the checker takes a member for; TypeError for what is neither text, number nor truth value."""
    if value is None or isinstance(value, bool | int):
        return bool(value)
    if isinstance(value, str):
        return value.lower() == "true"
    raise TypeError(f"Variable should be bool, string or int, got {type(value).__name__}")
