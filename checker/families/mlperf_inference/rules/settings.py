"""Whether LoadGen was told what the submitted user.conf says; the official checker asks only that the file is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from checker.core.findings import Violation
from checker.core.tree import RefusedError
from checker.families.mlperf_inference.cases import ResultCase
from checker.families.mlperf_inference.checks import check_log
from checker.loadgen.log import DetailLog

# model.scenario.key = value, as LoadGen reads it: blanks around the sign; a model's name may hold dots
LINE = re.compile(r"\s*[^\s#=]{1,200}\.(\w+|\*)\.(\w+)\s+=\s+([0-9.e+]{1,40})\s*", re.ASCII)
LARGEST = 1 << 20  # bytes
SEEDS = ("qsl_rng_seed", "sample_index_rng_seed", "schedule_rng_seed")


@check_log("inference-user-conf-as-run")
def user_conf_as_run(case: ResultCase, log: DetailLog) -> Iterator[Violation]:
    """Judge that the settings a user.conf gives for the scenario are among those of the run."""
    path = f"{case.facts.paths.measurements_folder}/user.conf"
    stated = _stated(case, path, log)
    for name, key in log.scenario.settings.items():
        ran, values = log.number(key), stated.get(name, [])
        if name == "min_duration" and values and len(_short(case, values)) == len(values):
            continue  # `conf_in_rules` says it
        if ran is not None and values and all(abs(one[0] - ran) > 1e-3 * max(1.0, abs(ran)) for one in values):
            told = " or ".join(dict.fromkeys(f"{value:,.10g}" for value, _, _ in values[:4]))
            what = f"user.conf gives another {name} than LoadGen ran with"
            yield Violation(what, f"{log.said(key)}, as the log says", told, path, values[0][1])


@check_log("inference-conf-in-rules")
def conf_in_rules(case: ResultCase, log: DetailLog) -> Iterator[Violation]:
    """Judge that the submitted user.conf and mlperf.conf ask for no less than the rules do, and for their seeds."""
    rules = case.fixed.package
    for name in ("user.conf", "mlperf.conf"):
        path = f"{case.facts.paths.measurements_folder}/{name}"
        stated = _stated(case, path, log)
        asked, least = stated.get("min_duration", []), rules.limits.duration_ms
        short = _short(case, asked)
        # A user.conf may have a line for each model; which of them was meant only LoadGen was told.
        if short and (name == "mlperf.conf" or len(short) == len(asked)):
            what = f"{name} asks for a shorter run than the rules do"
            yield Violation(what, f"min_duration of at least {least:,} ms", short[0][2], path, short[0][1])
        wanted = {key: str(getattr(rules.seeds, f"effective_{key}")) for key in SEEDS}
        given = {key: stated[key][-1] for key in SEEDS if key in stated}
        wrong = {key: one for key, one in given.items() if one[2] != wanted[key]}
        if name == "mlperf.conf" and len(wrong) == len(SEEDS):
            continue  # the file of another round, left over: since v5.0 LoadGen has it inside
        for key, (_, line, found) in wrong.items():
            yield Violation(f"{name} gives another seed than the round's", f"{key} {wanted[key]}", found, path, line)


def _short(case: ResultCase, asked: list[tuple[float, int, str]]) -> list[tuple[float, int, str]]:
    """Return which of the least durations that a file asks for are shorter than the rules'."""
    if case.model_rules.pass_over_data:
        return []
    return [one for one in asked if one[0] < case.fixed.package.limits.duration_ms]


def _stated(case: ResultCase, path: str, log: DetailLog) -> dict[str, list[tuple[float, int, str]]]:
    """Return what a file of settings gives for a scenario, by key: as a number, its line, as written."""
    scenario = log.values.get("effective_scenario")
    if not isinstance(scenario, str) or not case.submitter.tree.is_file(path):
        return {}
    try:
        raw = case.submitter.tree.read(path, LARGEST)
    except RefusedError:
        return {}
    return _settings(raw, scenario)


@lru_cache(16)
def _settings(raw: bytes, scenario: str) -> dict[str, list[tuple[float, int, str]]]:
    """Return what `_stated` does of a file's bytes; kept, for many results bring the same file."""
    stated: dict[str, list[tuple[float, int, str]]] = {}
    for position, line in enumerate(raw.decode(errors="replace").splitlines(), 1):
        found = LINE.fullmatch(line[:500])
        if found is not None and found[1] in (scenario, "*"):
            stated.setdefault(found[2], []).append((_number(found[3]), position, found[3]))
    return stated


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return -1.0
