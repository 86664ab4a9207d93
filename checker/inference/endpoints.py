"""The files of an endpoint's submission read as LoadGen's detail logs would be: keys of LoadGen with values from them.

A result without either LoadGen log is taken for one, in every round. What stands in result_summary.json (accuracy run:
accuracy_results.json) goes before config.yaml; a file that cannot be read is as one that is empty.
"""

from __future__ import annotations

import json
from typing import Any

import yaml

from checker.inference.loadgen import DetailLog
from checker.tree import RefusedError, Tree
from rules.inference import Endpoints

MOST = 1 << 20  # bytes of config.yaml, which is read slowly


def read_endpoints(tree: Tree, folder: str, fixed: Endpoints, accuracy: bool) -> DetailLog:
    """Return one of the two logs of the scenario folder `folder`.

    `crash` is why the official checker stops while it reads them.
    """
    path = f"{folder}/accuracy/accuracy_results.json" if accuracy else f"{folder}/performance/result_summary.json"
    log = DetailLog(path, endpoints=True)
    document, config = _json(tree, path), _config(tree, folder)
    try:
        _fill(log, document, config, fixed, accuracy)
    except (TypeError, AttributeError, ValueError, KeyError, ArithmeticError) as error:
        log.crash = f"{type(error).__name__}: {error}"
    return log


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
    value = _at(document, place)
    if value is None and place in fixed.alternatives:
        value = _at(document, fixed.alternatives[place])
    if value is None and place in fixed.config:
        value = _at(config, fixed.config[place])
    return _at(config, place) if value is None else value


def _at(value: Any, place: str) -> Any:
    """Return the member at a dotted place; of names that hold dots the longest is taken, and "50.0" is also "50"."""
    parts = place.split(".")
    at = 0
    while at < len(parts):
        if not isinstance(value, dict):
            return value if at and parts[at:] == ["0"] and not isinstance(value, list) else None
        end = next((end for end in range(len(parts), at, -1) if ".".join(parts[at:end]) in value), None)
        if end is None:
            return None
        value, at = value[".".join(parts[at:end])], end
    return None if isinstance(value, dict | list) and not value else value


def _json(tree: Tree, path: str) -> Any:
    try:
        return json.loads(tree.read(path, tree.limits.document_bytes).decode())
    except (RefusedError, ValueError, RecursionError):
        return {}


def _config(tree: Tree, folder: str) -> Any:
    for name in ("config.yaml", "config.yml"):
        try:
            return yaml.safe_load(tree.read(f"{folder}/{name}", MOST).decode()) or {}
        except (RefusedError, yaml.YAMLError, ValueError, TypeError, AttributeError, KeyError, RecursionError):
            continue
    return {}
