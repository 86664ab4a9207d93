"""The official result table: one row a system, olympic scores with their scaling, convergence beside them.

As mlperf-logging's result_summarizer makes it after the package checker has been over the submission, whose scaling
factors it uses. Where that summariser stops with a traceback there is no row, and the cause is said.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from checker.core.tree import RefusedError
from checker.families.mlperf_training.convergence import mean_of
from checker.families.mlperf_training.facts import LogFacts
from checker.families.mlperf_training.official import gather_convergence
from checker.families.mlperf_training.organisation import Folder, Organisation
from checker.families.mlperf_training.power import PowerError, energy_of
from checker.families.mlperf_training.systems import SystemFile
from rules.training import TrainingPackage

MINUTE = 60 * 1000.0  # ms


@dataclass
class Row:
    """A system's row. `columns` has the official names, only where there is a value; `weak` those of weak scaling."""

    system: str
    columns: dict[str, Any] = field(default_factory=dict)
    weak: dict[str, Any] = field(default_factory=dict)
    minutes: dict[str, float | None] = field(default_factory=dict)  # results folder -> score
    crash: str = ""  # why the official summariser makes no row


def minutes_of(log: LogFacts) -> float | None:
    """Return a complying run's time in minutes, by the official rule; None where it has none."""
    if log.verdict is not None and log.verdict.answer != "pass":
        return None
    if log.started is None or log.stopped is None:
        return None
    return (log.stopped - log.started) / 60 / 1000


def olympic_score(minutes: Sequence[float], dropped: int, trimmed: int) -> float | None:
    """Return the mean without the fastest `trimmed` and the slowest, of which `dropped` are already gone."""
    if dropped > trimmed:
        return None
    counted = sorted(minutes)[trimmed : len(minutes) - (trimmed - dropped)]
    return sum(counted) / len(counted) if counted else None


def rows(organisation: Organisation) -> list[Row]:
    """Return the rows of one organisation, one for each folder of results/, by name."""
    if not organisation.has_results:
        return [Row("", crash="FileNotFoundError: results")]
    by_system: dict[str, list[Folder]] = {}
    for name, entry in organisation.tree.inside("results").items():
        if entry.kind == "folder":
            by_system[name] = []
    for folder in organisation.folders:
        by_system[folder.system].append(folder)
    return [_row(organisation, name, folders) for name, folders in sorted(by_system.items())]


def _row(organisation: Organisation, name: str, folders: list[Folder]) -> Row:
    row = Row(name)
    system = organisation.systems.get(name)
    if system is None:
        row.crash = f"systems/{name}.json is missing: the summariser makes no row"
        return row
    try:
        row.columns = dict(_described(system, organisation.fixed))
        for folder in folders:
            if folder.scaling == "weak":
                _weak(row, folder, organisation.fixed)
            else:
                _strong(row, organisation, folder, system)
    except StoppedError as stopped:
        row.crash = str(stopped)
    return row


class StoppedError(Exception):
    """The official summariser stops here with a traceback."""


def _described(system: SystemFile, fixed: TrainingPackage) -> Mapping[str, Any]:
    document = system.document
    if system.unreadable or not isinstance(document, dict):
        raise StoppedError(f"{system.path}: {system.unreadable or 'not an object'}")
    wanted = (
        *("division", "status", "submitter", "system_name", "host_processor_model_name", "number_of_nodes"),
        *("host_processor_core_count", "host_processors_per_node", "accelerator_model_name", "accelerators_per_node"),
        *("framework", "hw_notes", "sw_notes"),
    )
    for member in wanted:
        if member not in document:
            raise StoppedError(f"{system.path}: {member} is missing")
    try:
        nodes = int(document["number_of_nodes"])
        processors = int(document["host_processors_per_node"]) * nodes
        accelerators = int(document["accelerators_per_node"]) * nodes
        framework, name, model = document["framework"], document["system_name"], document["accelerator_model_name"]
        if "TensorFlow" in framework:
            framework = re.sub(r" commit hash = .*", "", framework)
        notes = ";".join(s for s in (document["hw_notes"], document["sw_notes"]) if s)
        if name == "tpu-v3":
            name = f"TPUv3.{int(document['accelerators_per_node']) * 2}"
    except (ValueError, TypeError, OverflowError) as error:
        raise StoppedError(f"{system.path}: {type(error).__name__}: {error}") from None
    url = f"https://github.com/mlcommons/{fixed.tool.usage}_results_v{fixed.tool.ruleset[:3]}"
    columns = {
        "division": document["division"],
        "availability": document["status"],
        "submitter": document["submitter"],
        "system": name,
        "number_of_nodes": document["number_of_nodes"],
        "host_processor_model_name": document["host_processor_model_name"],
        "host_processors_count": processors,
        "accelerator_model_name": "TPUv3" if model == "tpu-v3" else model,
        "accelerators_count": accelerators,
        "framework": framework,
        "notes": notes,
        "details_url": f"{url}/blob/main/{document['submitter']}/systems/{system.name}.json",
        "code_url": f"{url}/blob/master/{document['submitter']}/benchmarks",
    }
    return {column: value for column, value in columns.items() if value not in ("", None)}


def _strong(row: Row, organisation: Organisation, folder: Folder, system: SystemFile) -> None:
    fixed = organisation.fixed
    benchmark = fixed.columns.get(folder.benchmark, folder.benchmark)
    if benchmark not in fixed.benchmarks:
        raise StoppedError(f"AssertionError: {folder.path}: no column for this benchmark")
    minutes, energies, dropped = [], [], 0
    power = organisation.tree.at(f"{folder.path}/power")
    has_power = power is not None and power.kind == "folder"
    for log in folder.logs:
        _stop_at(log)
        time = minutes_of(log)
        if time is None:
            dropped += 1
            continue
        minutes.append(time)
        if has_power:
            name = log.path.rpartition("/")[2].split(".")[0]
            try:
                energies.append(energy_of(organisation, folder, name, time * MINUTE))
            except PowerError as error:
                raise StoppedError(str(error)) from None
    trimmed = fixed.trimmed(benchmark)
    factor = scaling_of(organisation, folder)
    score = olympic_score(minutes, dropped, trimmed)
    row.columns[f"{benchmark}:rcp_scaling_factor"] = factor
    row.minutes[folder.path] = None if score is None else score * factor
    if score is not None:
        row.columns[f"{benchmark}:time_to_train"] = score * factor
    if energies and dropped <= trimmed:
        by_time = [energies[i] for i in sorted(range(len(minutes)), key=minutes.__getitem__)]
        counted = by_time[trimmed : len(by_time) - (trimmed - dropped)]
        if counted:
            row.columns[f"{benchmark}:Energy"] = sum(counted) / len(counted) * factor
    if system.division == "closed":
        _convergence(row.columns, benchmark, folder, fixed)


def _stop_at(log: LogFacts) -> None:
    if log.official is not None and log.official.answer == "crash":
        raise StoppedError(f"{log.path}: {log.refused or log.official.cause}")


def _convergence(columns: dict[str, Any], benchmark: str, folder: Folder, fixed: TrainingPackage) -> None:
    decision = folder.decision
    gathered = gather_convergence(folder.logs)
    if decision is None or isinstance(gathered, str):
        return  # the summariser notes that the convergence check stopped, and leaves these columns empty
    message = decision.message
    if decision.passed and not message.endswith("rcp_bypass"):
        word = "Pass"
    else:
        words = {"RCP found": "Fail", "RCP Interpolation": "Interp. Fail", "Cannot find any RCPs": "No RCP"}
        message = message.removesuffix(" passed using rcp_bypass")
        word = "Missing" if "Missing" in message else words.get(message, "Unknown state")
    columns[f"{benchmark}:RCP"] = word
    columns[f"{benchmark}:GBS"] = float(gathered[0])
    if gathered[3] <= fixed.trimmed(str(gathered[1])) and len(gathered[2]) >= 3:
        # One run at each end, whatever the benchmark: the summariser knows no other number here.
        columns[f"{benchmark}:samples_to_converge"] = mean_of(sorted(gathered[2])[1:-1])


LARGEST_FACTOR = 1e6  # by which times are scaled; a submission's scaling.json can hold anything
NEVER_S = 1e12  # seconds; 30,000 years, beyond any run


def scaling_of(organisation: Organisation, folder: Folder) -> float:
    """Return the factor in scaling.json after the package checker ran: its own, else the published."""
    decision = folder.decision
    if decision is not None and decision.mean is not None:
        return 1.0 if decision.scaling is None else decision.scaling
    published = published_scaling(organisation, folder)
    return 1.0 if published is None else published


def published_scaling(organisation: Organisation, folder: Folder) -> float | None:
    """Return the factor in the submission's own scaling.json; None where there is no such file."""
    tree, path = organisation.tree, f"{folder.path}/scaling.json"
    if not tree.is_file(path):
        return None
    try:
        return float(json.loads(tree.read(path, tree.limits.document_bytes).decode("utf-8"))["scaling_factor"])
    except (RefusedError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise StoppedError(f"{path}: {type(error).__name__}: {error}") from None


def _weak(row: Row, folder: Folder, fixed: TrainingPackage) -> None:
    """Weak scaling: all models trained side by side, from the first start to the last stop."""
    benchmark = folder.benchmark
    start, stop, models, scale = math.inf, -math.inf, 0, None
    for log in folder.logs:
        _stop_at(log)
        if minutes_of(log) is None or log.started is None or log.stopped is None:
            continue
        start, stop, models = min(start, log.started), max(stop, log.stopped), models + 1
        try:
            mine = int(log.value("number_of_nodes")) * max(int(log.value("accelerators_per_node")), 1)
        except (TypeError, ValueError) as error:
            raise StoppedError(f"{log.path}: {type(error).__name__}: {error}") from None
        if scale is not None and mine != scale:
            raise StoppedError(f"AssertionError: {log.path} was run on another number of accelerators")
        scale = mine
    if models >= fixed.runs.get(benchmark, models + 1):
        row.weak[f"{benchmark}:time_to_train_all"] = (stop - start) / 60 / 1000
        row.weak[f"{benchmark}:number_of_models"] = models
        row.weak[f"{benchmark}:instance_scale"] = scale
