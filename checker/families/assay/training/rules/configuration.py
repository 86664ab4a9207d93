"""Rules on what was asked for: arguments, environment and hyperparameters, and that the log names nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from checker.core.documents import ValidDocument
from checker.core.findings import Problem, brief
from checker.families.assay.checks import check
from checker.families.assay.metric import of_workload
from checker.families.assay.rules.recorded import judge_record
from checker.families.assay.training.submission import TrainingResult, TrainingRun
from rules.documents import RunRecord
from rules.ruleset import RuleSet
from rules.workload import WorkloadRules

NEEDED = ("--framework", "--target", "--division", "--submitter")
ONCE = (
    *NEEDED, "--runs", "--threads", "--memory", "--data", "--system-file", "--power-log", "--power-log-ahead",
    "--uncontained", "--idle-baseline",
)  # fmt: skip
PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,49}")


class _ArgumentError(Exception):
    """A command line that `assay run` would not have written."""


def _parsed(words: list[str]) -> tuple[str, dict[str, str], list[str]]:
    """Return workload, the value of each option, and the settings of a recorded command line."""
    if words[:2] != ["assay", "run"] or len(words) < 3:
        raise _ArgumentError("they are not those of `assay run WORKLOAD`")
    given: dict[str, str] = {}
    settings: list[str] = []
    rest = iter(words[3:])
    for flag in rest:
        value = next(rest, None)
        if value is None or flag not in (*ONCE, "--set"):
            raise _ArgumentError(f"{brief(flag)} is no option of `assay run` that is recorded, or has no value")
        if flag == "--set":
            settings.append(value)
        elif flag in given:
            raise _ArgumentError(f"{flag} is given twice")
        else:
            given[flag] = value
    for flag in NEEDED:
        if flag not in given:
            raise _ArgumentError(f"{flag} is missing")
    return words[2], given, settings


@judge_record("arguments")
def arguments(result: TrainingResult, _run: TrainingRun, record: ValidDocument[RunRecord]) -> Iterator[Problem]:
    """Judge that the recorded command line is one of `assay run`, and asks for what the record says was run."""
    model = record.model
    try:
        workload, given, settings = _parsed(model.arguments)
    except _ArgumentError as error:
        yield record.problem(f"the arguments do not measure this again: {error}", "assay run …", "other", "arguments")
        return
    wanted = {
        "the workload": (workload, model.workload),
        "--framework": (given["--framework"], model.framework),
        "--target": (given["--target"], model.target),
        "--division": (given["--division"], model.division),
        "--submitter": (given["--submitter"], model.submitter),
    }
    if "--threads" in given:
        wanted["--threads"] = (given["--threads"], str(model.threads))
    if "--memory" in given:
        wanted["--memory"] = (given["--memory"], f"{model.container.memory_bytes >> 20}")
    if "--runs" in given and result.manifest is not None:
        wanted["--runs"] = (given["--runs"], str(result.manifest.model.runs))
    if ("--uncontained" in given) == model.contained:
        found = "contained" if model.contained else "uncontained"
        yield record.problem("--uncontained of the arguments is not what ran", found, "the other", "arguments")
    if ("--idle-baseline" in given) == (model.idle is None):
        found = "no baseline" if model.idle is None else "a baseline"
        yield record.problem(
            "--idle-baseline of the arguments is not what was sampled", found, "the other", "arguments"
        )
    for name, (asked, ran) in wanted.items():
        if asked != ran:
            yield record.problem(f"{name} of the arguments is not what ran", ran, brief(asked), "arguments")
    if result.rules is not None:
        yield from _settings(record, result.rules, settings)


def _settings(record: ValidDocument[RunRecord], rules: WorkloadRules, settings: list[str]) -> Iterator[Problem]:
    """Judge that the round's hyperparameters, with the settings put in, are the record's."""
    if settings and record.model.division == "closed":
        message = "the arguments set hyperparameters, which the closed division fixes"
        yield record.problem(message, "no --set", brief(settings[0]), "arguments")
        return
    asked: dict[str, Any] = dict(rules.hyperparameters)
    for setting in settings:
        name, _, text = setting.partition("=")
        try:
            asked[name] = type(asked[name])(text)
        except (KeyError, ValueError):
            yield record.problem(
                "the arguments set something that is not a hyperparameter", "name=value", setting, "arguments"
            )
            return
    for name, value in asked.items():
        ran = record.model.hyperparameters.get(name)
        if ran is not None and ran != value:
            message = f"the arguments ask for another {name} than ran"
            yield record.problem(message, brief(value), brief(ran), "hyperparameters", name)


@check("hyperparameter-form", "run")
def hyperparameter_form(result: TrainingResult, run: TrainingRun) -> Iterator[Problem]:
    """Judge the types of hyperparameters in log and record (128 is not 128.0), and what each must be to another."""
    if result.rules is None:
        return
    for name, usual in result.rules.hyperparameters.items():
        logged = run.log.first(name) if run.log else None
        if logged is not None and not _like(logged.value, usual):
            wanted = _kind(usual)
            yield Problem(f"{name} is not of its kind", wanted, brief(logged.value), run.log_path, logged.number)
        if run.record is not None and name in run.record.model.hyperparameters:
            recorded = run.record.model.hyperparameters[name]
            if not _like(recorded, usual):
                place = ("hyperparameters", name)
                yield run.record.problem(f"{name} is not of its kind", _kind(usual), brief(recorded), *place)
    for small, large in (
        ("opt_learning_rate_warmup_steps", "opt_learning_rate_training_steps"),
        ("gradient_accumulation_steps", "global_batch_size"),
    ):
        one, other = (run.log.first(key) if run.log else None for key in (small, large))
        if one is None or other is None or type(one.value) is not int or type(other.value) is not int:
            continue
        if one.value > other.value:
            message = f"{small} is above {large}"
            yield Problem(message, f"at most {other.value}", brief(one.value), run.log_path, one.number)


def _like(value: Any, usual: Any) -> bool:
    """Whether `value` has the JSON type of `usual`; text is a plain name."""
    return type(value) is type(usual) and (not isinstance(value, str) or PLAIN.fullmatch(value) is not None)


def _kind(usual: Any) -> str:
    kinds = {bool: "true or false", int: "an integer", float: "a number with a decimal point or exponent"}
    return kinds.get(type(usual), "letters, digits, '_', '.', '+', '-', at most 50")


@check("known-events", "run")
def known_events(result: TrainingResult, run: TrainingRun) -> Iterator[Problem]:
    """Judge that a log holds only events that the round's rules speak of."""
    if run.log is None or result.rules is None:
        return
    named = named_events(result.ruleset, result.rules)  # also hyperparameters of optimisers that this workload has not
    known = {*(key for key in named if not key.startswith("opt_")), *result.rules.hyperparameters}
    seen: set[str] = set()
    for line in run.log.records:
        if line.key not in known and line.key not in seen:
            seen.add(line.key)
            message = "no rule covers an event of the log"
            yield Problem(message, "the events of a run", brief(line.key), run.log_path, line.number)


def named_events(round_: RuleSet, rules: WorkloadRules) -> set[str]:
    """Return the keys that the round's constraints on logs of the workload name."""
    cards = (of_workload(card, rules) for card in round_.cards.values())
    constraints = [constraint for card in cards for constraint in card.log or ()]
    return {key for one in constraints if isinstance(one.keys, list) for key in one.keys}
