"""Rules on what was asked for: arguments, environment and hyperparameters, and that the log names nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from checker.core.documents import ValidDocument
from checker.core.findings import Violation, brief
from checker.core.mllog import ParsedLog
from checker.families.assay.checks import check
from checker.families.assay.metric import of_workload
from checker.families.assay.training.submission import TrainingResult, TrainingRun
from rules.documents import RunRecord
from rules.ruleset import RuleSet
from rules.workload import WorkloadRules

NEEDED = ("--framework", "--target", "--division", "--submitter")
ONCE = (
    *NEEDED, "--runs", "--threads", "--memory", "--data", "--system-file", "--power-log", "--power-log-ahead",
    "--uncontained", "--idle-baseline", "--round",
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


@check("arguments", "run")
def arguments(result: TrainingResult, record: ValidDocument[RunRecord]) -> Iterator[Violation]:
    """Judge that the recorded command line is one of `assay run`, and asks for what the record says was run."""
    model = record.model
    try:
        workload, given, settings = _parsed(model.arguments)
    except _ArgumentError as error:
        yield record.problem(f"the arguments do not measure this again: {error}", "assay run …", "other", "arguments")
        return
    ran = {
        "the workload": model.workload,
        "--framework": model.framework,
        "--target": model.target,
        "--division": model.division,
        "--submitter": model.submitter,
        "--threads": str(model.threads),
        "--round": model.ruleset,
        "--memory": f"{model.container.memory_bytes >> 20}",
        "--runs": str(result.manifest.model.runs) if result.manifest is not None else given.get("--runs", ""),
    }
    if ("--uncontained" in given) == model.contained:
        found = "contained" if model.contained else "uncontained"
        yield record.problem("--uncontained of the arguments is not what ran", found, "the other", "arguments")
    if ("--idle-baseline" in given) == (model.idle is None):
        message, found = (
            "--idle-baseline of the arguments is not what was sampled",
            "a baseline" if model.idle else "no baseline",
        )
        yield record.problem(message, found, "the other", "arguments")
    given["the workload"] = workload
    for name, wanted in ran.items():
        if given.get(name, wanted) != wanted:
            yield record.problem(f"{name} of the arguments is not what ran", wanted, brief(given[name]), "arguments")
    if result.rules is not None:
        yield from _settings(record, result.rules, settings)


def _settings(record: ValidDocument[RunRecord], rules: WorkloadRules, settings: list[str]) -> Iterator[Violation]:
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
            message = "the arguments set something that is not a hyperparameter"
            yield record.problem(message, "name=value", setting, "arguments")
            return
    for name, value in asked.items():
        ran = record.model.hyperparameters.get(name)
        if ran is not None and ran != value:
            message = f"the arguments ask for another {name} than ran"
            yield record.problem(message, brief(value), brief(ran), "hyperparameters", name)


@check("hyperparameter-form", "run")
def hyperparameter_form(run: TrainingRun, rules: WorkloadRules) -> Iterator[Violation]:
    """Judge the types of hyperparameters in log and record (128 is not 128.0), and what each must be to another."""
    recorded = run.record.model.hyperparameters if run.record else {}
    for name, usual in rules.hyperparameters.items():
        logged, message = run.first(name), f"{name} is not of its kind"
        if logged is not None and not _like(logged.value, usual):
            yield run.problem(message, _kind(usual), brief(logged.value), logged)
        if run.record is not None and name in recorded and not _like(recorded[name], usual):
            yield run.record.problem(message, _kind(usual), brief(recorded[name]), "hyperparameters", name)
    for small, large in (
        ("opt_learning_rate_warmup_steps", "opt_learning_rate_training_steps"),
        ("gradient_accumulation_steps", "global_batch_size"),
    ):
        one, other = run.value(small), run.value(large)
        if type(one) is int and type(other) is int and one > other:
            yield run.problem(f"{small} is above {large}", f"at most {other}", brief(one), run.first(small))


def _like(value: Any, usual: Any) -> bool:
    """Whether `value` has the JSON type of `usual`; text is a plain name."""
    return type(value) is type(usual) and (not isinstance(value, str) or PLAIN.fullmatch(value) is not None)


def _kind(usual: Any) -> str:
    kinds = {bool: "true or false", int: "an integer", float: "a number with a decimal point or exponent"}
    return kinds.get(type(usual), "letters, digits, '_', '.', '+', '-', at most 50")


@check("known-events", "run")
def known_events(result: TrainingResult, run: TrainingRun, log: ParsedLog, rules: WorkloadRules) -> Iterator[Violation]:
    """Judge that a log holds only events that the round's rules speak of."""
    named = named_events(result.ruleset, rules)  # also hyperparameters of optimisers that this workload has not
    known = {*(key for key in named if not key.startswith("opt_")), *rules.hyperparameters}
    for line in log.records:
        if line.key not in known:
            known.add(line.key)
            yield run.problem("no rule covers an event of the log", "the events of a run", brief(line.key), line)


def named_events(round_: RuleSet, rules: WorkloadRules) -> set[str]:
    """Return the keys that the round's constraints on logs of the workload name."""
    cards = (of_workload(card, rules) for card in round_.cards.values())
    constraints = [constraint for card in cards for constraint in card.log or ()]
    return {key for one in constraints if isinstance(one.keys, list) for key in one.keys}
