"""Rules on the folder of an inference submission: MLPerf's layout, with ours beside it."""

from __future__ import annotations

from collections.abc import Iterator

from checker.core.documents import read_json
from checker.core.findings import Violation, brief
from checker.core.strict_json import JsonError
from checker.core.tree import RefusedError
from checker.families.assay.checks import check
from checker.families.assay.inference.submission import InferenceResult, ScenarioResult

MEASUREMENTS = (
    "input_data_types",
    "retraining",
    "starting_weights_filename",
    "weight_data_types",
    "weight_transformations",
)
TEXT = 1 << 16


@check("serving-scenarios", "result")
def scenarios(result: InferenceResult) -> Iterator[Violation]:
    """Judge that the result has a scenario, and that what is ours of each stands beside what is MLPerf's."""
    if not result.scenarios:
        yield Violation("the result has no scenario", "SingleStream, Server, …", "none", result.folder)
    for scenario in result.scenarios.values():
        for path in (scenario.folder, scenario.ours):
            if path not in result.tree.entries:
                yield Violation("the scenario has one half only", path, "nothing", path)


@check("serving-described", "scenario")
def described(result: InferenceResult, scenario: ScenarioResult) -> Iterator[Violation]:
    """Judge that the scenario has user.conf, README.md and a measurements.json with what MLPerf asks for."""
    for name in ("user.conf", "README.md"):
        path = f"{scenario.folder}/{name}"
        try:
            if not result.tree.read(path, TEXT).strip():
                yield Violation(f"{name} is empty", "its text", "nothing", path)
        except RefusedError as error:
            yield Violation(f"{name} {error}", "a text file", "", path)
    path = f"{scenario.folder}/measurements.json"
    try:
        _, found = read_json(result.tree, path)
    except RefusedError as error:
        yield Violation(f"measurements.json {error}", "a JSON document", "", path)
        return
    except JsonError as error:
        yield Violation(f"measurements.json is not usable: {error}", "a JSON document", "", path, error.line)
        return
    for name in MEASUREMENTS:
        if not isinstance(found, dict) or not isinstance(found.get(name), str) or not found[name].strip():
            value = found.get(name) if isinstance(found, dict) else found
            yield Violation(f"measurements.json lacks {name}", "text", brief(value), path, 1)
    record = scenario.performance.record if scenario.performance else None
    for name, wanted in (record.model.sut.model_dump() if record and isinstance(found, dict) else {}).items():
        if name in found and found[name] != wanted:
            message = f"measurements.json states another {name} than ran"
            yield Violation(message, brief(wanted), brief(found[name]), path, 1)
