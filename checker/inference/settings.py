"""Whether LoadGen was told what the submitted user.conf says; the official checker asks only that the file is there."""

from __future__ import annotations

import re
from collections.abc import Iterator

from checker.findings import Problem
from checker.inference.cases import ResultCase, number, said
from checker.judges.registry import judge
from checker.tree import RefusedError

# model.scenario.key = value, as LoadGen reads it: blanks around the sign; a model's name may hold dots
LINE = re.compile(r"\s*[^\s#=]{1,200}\.(\w+|\*)\.(\w+)\s+=\s+([0-9.e+]{1,40})\s*", re.ASCII)
COMPARED = {  # key of user.conf -> of the log, by scenario; others follow from these or say little
    "Server": {"target_qps": "effective_target_qps", "min_duration": "effective_min_duration_ms"},
    "Offline": {"min_duration": "effective_min_duration_ms"},
    "SingleStream": {"min_duration": "effective_min_duration_ms"},
    "MultiStream": {"min_duration": "effective_min_duration_ms"},
}
LARGEST = 1 << 20  # bytes


@judge("inference-user-conf-as-run", "inference-result")
def user_conf_as_run(case: ResultCase) -> Iterator[Problem]:
    """Judge that the settings a user.conf gives for the scenario are among those of the run."""
    log, path = case.log, f"{case.facts.paths.measurements_folder}/user.conf"
    scenario = log.values.get("effective_scenario") if log is not None else None
    if log is None or not isinstance(scenario, str) or not case.submitter.tree.is_file(path):
        return
    try:
        lines = case.submitter.tree.read(path, LARGEST).decode(errors="replace").splitlines()
    except RefusedError:
        return
    stated: dict[str, list[tuple[float, int]]] = {}
    for position, line in enumerate(lines, 1):
        found = LINE.fullmatch(line[:500])
        if found is not None and found[1] in (scenario, "*"):
            stated.setdefault(found[2], []).append((_number(found[3]), position))
    for name, key in COMPARED.get(scenario, {}).items():
        ran, values = number(log, key), stated.get(name, [])
        if ran is not None and values and not any(abs(value - ran) <= 1e-3 * max(1.0, abs(ran)) for value, _ in values):
            told = " or ".join(dict.fromkeys(f"{value:,.10g}" for value, _ in values[:4]))
            what = f"user.conf gives another {name} than LoadGen ran with"
            yield Problem(what, f"{said(log, key)}, as the log says", told, path, values[0][1])


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return -1.0
