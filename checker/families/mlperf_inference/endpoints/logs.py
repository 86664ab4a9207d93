"""The files of an endpoint's submission read as LoadGen's detail logs would be: keys of LoadGen with values from them.

A result without either LoadGen log is taken for one, in every round. What stands in result_summary.json (accuracy run:
accuracy_results.json) goes before config.yaml; a file that cannot be read is as one that is empty.
"""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from checker.core.tree import RefusedError, Tree
from checker.families.mlperf_inference.facts import JsonFile
from checker.loadgen.log import DetailLog, finite, refusal
from rules import hostile_yaml
from rules.inference import Endpoints

MOST = 1 << 17  # bytes of config.yaml, which is read slowly; published ones have a few thousand
SUMMARY = "performance/result_summary.json"
RESULTS = "accuracy/accuracy_results.json"
CONFIG = ("config.yaml", "config.yml")
SEEDS = {  # of an endpoint's files -> of LoadGen
    "dataloader_random_seed": "effective_sample_index_rng_seed",
    "scheduler_random_seed": "effective_schedule_rng_seed",
}


@dataclass(slots=True)
class EndpointFiles:
    """The three files of an endpoint's result, relative to the submitter's folder; unread ones hold {} and a cause."""

    summary: JsonFile
    accuracy: JsonFile
    config: JsonFile
    fingerprint: int = 0  # CRC-32 of the summary's bytes
    audits: dict[str, JsonFile] = field(default_factory=dict)  # test -> audit/audit_*.json


def read_files(tree: Tree, folder: str) -> EndpointFiles:
    """Read the files of the scenario folder `folder`."""
    summary, fingerprint = _json(tree, f"{folder}/{SUMMARY}")
    return EndpointFiles(summary, _json(tree, f"{folder}/{RESULTS}")[0], _config(tree, folder), fingerprint)


def as_log(files: EndpointFiles, fixed: Endpoints, accuracy: bool) -> DetailLog:
    """Return one of the two runs as LoadGen's detail log would be.

    `crash` is why the official checker stops while it reads them.
    """
    document = files.accuracy if accuracy else files.summary
    log = DetailLog(document.path, endpoints=True)
    try:
        _fill(log, document.value, files.config.value, fixed, accuracy)
    except (TypeError, AttributeError, ValueError, KeyError, ArithmeticError) as error:
        log.crash = f"{type(error).__name__}: {error}"
    return log


def endpoint_seeds(files: EndpointFiles) -> Iterator[tuple[Any, ...]]:
    """Yield the seeds, as SEEDS has them, that the performance run and then the config give."""
    for value, folder in ((files.summary.value, "run_config"), (files.config.value, "settings.runtime")):
        yield tuple(value_at(value, f"{folder}.{name}") for name in SEEDS)


def value_at(document: Any, place: str) -> Any:
    """Return the member at a dotted place; of names that hold dots the longest is taken, and "50.0" is also "50".

    None where there is none, or an empty list or object.
    """
    parts = place.split(".")
    at = 0
    while at < len(parts):
        if not isinstance(document, dict):
            return document if at and parts[at:] == ["0"] and not isinstance(document, list) else None
        end = next((end for end in range(len(parts), at, -1) if ".".join(parts[at:end]) in document), None)
        if end is None:
            return None
        document, at = document[".".join(parts[at:end])], end
    return None if isinstance(document, dict | list) and not document else document


def number_at(document: Any, place: str) -> float | None:
    """Return the number at a dotted place; None where there is none, or it is not finite."""
    return finite(value_at(document, place))


def _fill(log: DetailLog, document: Any, config: Any, fixed: Endpoints, accuracy: bool) -> None:
    values = log.values
    for key, place in fixed.keys.items():
        if (value := _value(document, config, fixed, place)) is not None:
            values.setdefault(key, value)
    if accuracy and (samples := _samples(document)) is not None:
        values["effective_accuracy_sample_count"] = samples
        values.setdefault("qsl_reported_total_count", samples)
    count = values.get("generated_query_count")
    if (total := values.get("qsl_reported_total_count")) is not None:
        values.setdefault("generated_query_count", total)  # which the rate below does not see
    duration, scenario = values.get("generated_query_duration"), values.get("effective_scenario")
    if duration and count and scenario:
        offline = scenario.lower() == "offline"
        key = "result_samples_per_second" if offline else "result_completed_samples_per_sec"
        if key not in values:
            values[key] = count / (duration / 1e9)
    if accuracy:
        for result in document.get("accuracy_scores", []):
            if (score := result.get("score")) is not None:
                values.setdefault("accuracy_score", score)
    log.lines = dict.fromkeys(values, 0)
    log.messages = len(values)


def _samples(document: Any) -> int | None:
    """Return how many samples the accuracy run asked for, over all its data sets."""
    counts = []
    for result in document.get("accuracy_scores", []):
        if not isinstance(result, dict) or result.get("dataset_type") not in (None, "accuracy"):
            continue
        if result.get("total_samples") is not None:
            counts.append(int(result["total_samples"]))
        elif (issued := result.get("response_counts", {}).get("issued")) is not None:
            counts.append(int(issued))
    return sum(counts) if counts else None


def _value(document: Any, config: Any, fixed: Endpoints, place: str) -> Any:
    """Return what stands at a place of the document, else of config.yaml; None where nothing does."""
    value = value_at(document, place)
    if value is None and place in fixed.alternatives:
        value = value_at(document, fixed.alternatives[place])
    if value is None and place in fixed.config:
        value = value_at(config, fixed.config[place])
    return value_at(config, place) if value is None else value


def _json(tree: Tree, path: str) -> tuple[JsonFile, int]:
    """Return a JSON file and the CRC-32 of its bytes; one that cannot be read is {}, as the official checker has it."""
    try:
        raw = tree.read(path, tree.limits.document_bytes)
    except RefusedError as error:
        return JsonFile(path, {}, refusal("the file", error)), 0
    try:
        twice: list[str] = []
        value = json.loads(raw.decode(), object_pairs_hook=lambda pairs: _once(pairs, twice))
        return JsonFile(path, value, twice=twice[0] if twice else None), zlib.crc32(raw)
    except (ValueError, RecursionError) as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else None
        return JsonFile(path, {}, f"{type(error).__name__}: {str(error)[:100]}", line), 0


def _once(pairs: list[tuple[str, Any]], twice: list[str]) -> dict[str, Any]:
    """Return an object as Python's JSON does, the last of equal members; note one that is given twice."""
    members = dict(pairs)
    if len(members) < len(pairs) and not twice:
        counted = Counter(name for name, _ in pairs)
        twice.append(counted.most_common(1)[0][0])
    return members


def _config(tree: Tree, folder: str) -> JsonFile:
    """Return what the first config that can be read says; the cause is the first one's."""
    causes = []
    for name in CONFIG:
        path = f"{folder}/{name}"
        try:
            return JsonFile(path, hostile_yaml.loads(tree.read(path, MOST).decode()) or {})
        except RefusedError as error:
            causes.append(refusal("the file", error))
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            causes.append(f"{type(error).__name__}: {' '.join(str(error).split())[:100]}")
    return JsonFile(f"{folder}/{CONFIG[0]}", {}, causes[0])
