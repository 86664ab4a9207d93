"""Rules on the folder of an inference submission: MLPerf's layout, with ours beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from checker.core.documents import read_json
from checker.core.findings import Problem, brief
from checker.core.strict_json import JsonError
from checker.core.tree import RefusedError
from checker.families.assay.checks import check
from checker.families.assay.inference.submission import ScenarioResult, ServingResult, ServingSubmission
from checker.families.assay.rules.tree import entries, without_result

TOP = ("systems", "src", "results", "assay")
LOGS = r"mlperf_log_(detail|summary)\.txt"
FORMS = tuple(
    re.compile(form)
    for form in (
        r"systems/[^/]+\.json",
        r"src/[^/]+/[^/]+/.+",
        r"results/[^/]+/[^/]+/[^/]+/(measurements\.json|user\.conf|README\.md)",
        rf"results/[^/]+/[^/]+/[^/]+/(TEST\d\d/)?performance/run_1/{LOGS}",
        rf"results/[^/]+/[^/]+/[^/]+/accuracy/(accuracy\.txt|mlperf_log_accuracy\.json|{LOGS})",
        r"results/[^/]+/[^/]+/[^/]+/TEST\d\d/(verify_(accuracy|performance)\.txt|accuracy/mlperf_log_accuracy\.json)",
        r"assay/[^/]+/[^/]+/(manifest|outputs|search|sbom\.cdx)\.json",
        r"assay/[^/]+/[^/]+/[^/]+/[^/]+/(record\.json|log\.txt|latencies\.bin|observation\.json)",
        r"assay/[^/]+/[^/]+/[^/]+/accuracy/mlperf_log_accuracy\.json",
        rf"assay/[^/]+/[^/]+/[^/]+/seeds/{LOGS}",
    )
)
MEASUREMENTS = (
    "input_data_types",
    "retraining",
    "starting_weights_filename",
    "weight_data_types",
    "weight_transformations",
)
TEXT = 1 << 16


@check("serving-layout", "submitter")
def layout(submission: ServingSubmission) -> Iterator[Problem]:
    """Judge that every file stands where the layout has a place for it."""
    for entry in entries(submission):
        top = entry.path.partition("/")[0]
        known = top in TOP if entry.kind == "folder" else any(form.fullmatch(entry.path) for form in FORMS)
        if not known:
            yield Problem("the layout has no place for this", ", ".join(TOP), entry.path, entry.path)


@check("serving-results-there", "submitter")
def results_there(submission: ServingSubmission) -> Iterator[Problem]:
    """Judge that the submitter has a result, and each system's folder too."""
    yield from without_result(submission)


@check("serving-unused", "results")
def unused(results: list[ServingResult]) -> Iterator[Problem]:
    """Judge that each system, source and folder of ours is that of a result; only where all results were asked for."""
    if not results or results[0].scope or not all(result.framework for result in results):
        return
    used = {f"systems/{result.system}.json" for result in results}
    used |= {folder for result in results for folder in (result.implementation, result.ours)}
    tree = results[0].tree
    there = {entry.path: None for entry in tree.files("systems")}
    there |= {"/".join(entry.path.split("/")[:3]): None for top in ("src", "assay") for entry in tree.files(top)}
    for path in there:
        if path not in used:
            yield Problem("no result uses this", "only what the results need", path, path)


@check("serving-scenarios", "result")
def scenarios(result: ServingResult) -> Iterator[Problem]:
    """Judge that the result has a scenario, and that what is ours of each stands beside what is MLPerf's."""
    if not result.scenarios:
        yield Problem("the result has no scenario", "SingleStream, Server, …", "none", result.folder)
    for scenario in result.scenarios.values():
        for path in (scenario.folder, scenario.ours):
            if path not in result.tree.entries:
                yield Problem("the scenario has one half only", path, "nothing", path)


@check("serving-described", "scenario")
def described(result: ServingResult, scenario: ScenarioResult) -> Iterator[Problem]:
    """Judge that the scenario has user.conf, README.md and a measurements.json with what MLPerf asks for."""
    for name in ("user.conf", "README.md"):
        path = f"{scenario.folder}/{name}"
        try:
            if not result.tree.read(path, TEXT).strip():
                yield Problem(f"{name} is empty", "its text", "nothing", path)
        except RefusedError as error:
            yield Problem(f"{name} {error}", "a text file", "", path)
    path = f"{scenario.folder}/measurements.json"
    try:
        _, found = read_json(result.tree, path)
    except RefusedError as error:
        yield Problem(f"measurements.json {error}", "a JSON document", "", path)
        return
    except JsonError as error:
        yield Problem(f"measurements.json is not usable: {error}", "a JSON document", "", path, error.line)
        return
    for name in MEASUREMENTS:
        if not isinstance(found, dict) or not isinstance(found.get(name), str) or not found[name].strip():
            value = found.get(name) if isinstance(found, dict) else found
            yield Problem(f"measurements.json lacks {name}", "text", brief(value), path, 1)
    record = scenario.performance.record if scenario.performance else None
    for name, wanted in (record.model.sut.model_dump() if record and isinstance(found, dict) else {}).items():
        if name in found and found[name] != wanted:
            message = f"measurements.json states another {name} than ran"
            yield Problem(message, brief(wanted), brief(found[name]), path, 1)
