"""Power measurements beside a result, where there are any: complete, and the energy they amount to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

from checker.core.findings import Violation
from checker.core.tree import RefusedError
from checker.families.mlperf_training.convergence import total
from checker.families.mlperf_training.organisation import Folder, Organisation
from checker.families.mlperf_training.reading import LogReading, ReadRecord, read


def judge_power(organisation: Organisation, folder: Folder) -> set[str]:
    """Judge power/ as the official check does; return the runs whose data do not comply."""
    tree, outcome, failing = organisation.tree, folder.compliance, set[str]()
    nodes, switches = list[int](), list[int]()
    names = [PurePosixPath(path).stem for path in folder.log_paths]
    for name in names:
        path = f"{folder.path}/power/{name}"
        entry = tree.at(path)
        if entry is None:
            failing.add(name)
            outcome.warn("power-complete", Violation("the run has no power data", path, "no such folder", folder.path))
            continue
        if entry.kind != "folder":
            outcome.crash(f"NotADirectoryError: {path}", path)
            continue
        files = list(tree.inside(path))
        for kind, counts in (("node", nodes), ("sw", switches)):
            mine = [file for file in files if file.startswith(kind)]
            try:
                numbers = [int(PurePosixPath(file).stem.split("_")[-1]) for file in mine]
            except ValueError as error:
                outcome.crash(f"ValueError: {error}", path)
                continue
            if any(not 0 <= number < len(mine) for number in numbers):
                failing.add(name)
                expected = f"{kind}_0.txt to {kind}_{len(mine) - 1}.txt"
                outcome.warn(
                    "power-complete", Violation("power files are misnumbered", expected, ", ".join(mine[:8]), path)
                )
            counts.append(len(mine))
    for kind, counts in (("node", nodes), ("switch", switches)):
        if not counts:
            outcome.crash("ValueError: max() of an empty sequence: power/ holds no run's data", f"{folder.path}/power")
            break
        usual = Counter(counts).most_common(1)[0][0]
        for position, count in enumerate(counts):
            if count != usual:
                # The official tool counts only runs that have data, and names by position among all runs.
                failing.add(names[position])
                what = f"the number of {kind} files differs from the other runs"
                outcome.warn("power-complete", Violation(what, str(usual), str(count), f"{folder.path}/power"))
    return failing


class PowerError(Exception):
    """Power data from which no energy can be computed; where the official summariser stops with a traceback."""


def energy_of(organisation: Organisation, folder: Folder, name: str, run_ms: float) -> float:
    """Return the energy of run `name` in joules (of watts and ms), scaled to its time; PowerError where it has none."""
    data = f"{folder.path}/power/{name}"
    files = [file for file in organisation.tree.inside(data) if file.endswith(".txt")]
    nodes = [f"{data}/{file}" for file in files if file.startswith("node_")]
    switches = [f"{data}/{file}" for file in files if file.startswith("sw_")]
    if not nodes:
        raise PowerError(f"no node's data in {data}")
    readings = [(_read(organisation, path), path) for path in (*nodes, *switches)]
    parts = [_node(reading.records, path, run_ms) for reading, path in readings[: len(nodes)]]
    parts += [_switch(reading.records, run_ms) for reading, _ in readings[len(nodes) :]]
    return total(parts) if len(parts) < 8 else sum(parts)


def _read(organisation: Organisation, path: str) -> LogReading:
    try:
        return read(organisation.tree.read(path, organisation.tree.limits.log_bytes))
    except RefusedError as error:
        raise PowerError(f"{path} {error}") from None


def _number(value: object, path: str) -> float:
    if isinstance(value, int | float):
        return value
    raise PowerError(f"{path}: a reading is no number")


def _node(records: Sequence[ReadRecord], path: str, run_ms: float) -> float:
    """Sum reading x time since the last, over the measured interval, as a mean power times the run's time."""
    started: float | None = None
    before = stop = last = 0.0
    stopped, energy, efficiency = False, 0.0, 1.0
    for record in sorted(records, key=lambda record: float(record.time_ms)):
        now = float(record.time_ms)
        if record.key == "power_measurement_start":
            started = before = now
        elif record.key == "power_reading" and started is not None and not stopped:
            energy += _number(record.value, path) * (now - before)
            before, last = now, max(last, now)
        elif record.key == "power_measurement_stop":
            stop, stopped = now, True
        elif record.key == "conversion_eff":
            efficiency = _number(record.value, path)
    if started is None:
        raise PowerError(f"{path} has no power_measurement_start")
    span = (stop if stopped else last) - started
    if span == 0:
        raise PowerError(f"{path} measures over no time")
    return efficiency * energy * run_ms / span / 1000


def _switch(records: Sequence[ReadRecord], run_ms: float) -> float:
    estimate, efficiency = 0.0, 1.0
    for record in records:
        if record.key == "conversion_eff":
            efficiency = _number(record.value, "switch")
        elif record.key == "interconnect_power_est":
            estimate = _number(record.value, "switch")
            break
    return efficiency * estimate * run_ms / 1000
