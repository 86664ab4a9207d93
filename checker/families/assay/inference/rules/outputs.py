"""Rules on what came before timing: outputs that agree with the reference's, and a search for Server's rate."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from functools import cache
from math import inf
from pathlib import Path

from checker.core.findings import Problem, brief
from checker.families.assay.checks import check, flaws
from checker.families.assay.inference.submission import InferenceResult
from rules.scenarios import scenario_named
from rules.serving import ServingRules

flaws("result", "outputs")
flaws("result", "search")


@check("serving-outputs-bound", "result")
def outputs_bound(result: InferenceResult) -> Iterator[Problem]:
    """Judge that the certificate is of this workload, framework, precision, source and data."""
    certificate, record = result.outputs, next((run.record for run in result.runs if run.record), None)
    if certificate is None or record is None:
        return
    for member in ("ruleset", "workload", "framework", "source_sha256", "data"):
        wanted, found = getattr(record.model, member), getattr(certificate.model, member)
        if wanted != found:
            yield certificate.problem(f"the outputs' {member} does not match", wanted, found, member)
    if certificate.model.precision != record.model.sut.precision:
        found = certificate.model.precision
        yield certificate.problem(
            "the outputs' precision does not match", record.model.sut.precision, found, "precision"
        )


@check("serving-outputs-agree", "result")
def outputs_agree(result: InferenceResult) -> Iterator[Problem]:
    """Judge that the outputs are the reference's, of the round's samples, as closely as the precision must be."""
    if result.outputs is None or result.rules is None:
        return
    model, agreed = result.outputs.model, result.rules.outputs
    reference = _reference(result, result.rules)
    if model.samples != agreed.samples:
        yield result.outputs.problem("the outputs are of other samples", agreed.samples, model.samples, "samples")
        return
    if len(model.outputs) != len(model.samples):
        found = str(len(model.outputs))
        yield result.outputs.problem("not every sample has its outputs", str(len(model.samples)), found, "outputs")
        return
    bound = agreed.tolerance.get(model.precision)
    if bound is None:
        known = ", ".join(agreed.tolerance)
        yield result.outputs.problem("the round knows no such precision", known, model.precision, "precision")
        return
    for position, (given, wanted) in enumerate(zip(model.outputs, reference or (), strict=False)):
        difference = relative_difference(given, wanted)
        if difference > bound:
            message = f"the outputs of sample {model.samples[position]} are not the reference's"
            expected = f"within {bound:g} of them"
            yield result.outputs.problem(message, expected, f"{difference:.3g}", "outputs", position)


def relative_difference(found: Sequence[float], wanted: Sequence[float]) -> float:
    """Return max|found - wanted| / max|wanted|; infinity for another number of them."""
    if len(found) != len(wanted):
        return inf
    scale = max(map(abs, wanted), default=0.0) or 1.0
    return max((abs(a - b) for a, b in zip(found, wanted, strict=True)), default=0.0) / scale


def _reference(result: InferenceResult, rules: ServingRules) -> list[list[float]] | None:
    path = result.ruleset.data("outputs", f"{rules.workload}.json")
    return None if path is None else read_reference(path, rules.outputs.reference_sha256)


@cache
def read_reference(path: Path, digest: str) -> list[list[float]]:
    """Return the rule set's outputs; ValueError, a defect of the rule set, where the file is not the one it names."""
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != digest:
        raise ValueError(f"{path}: its SHA-256 is not the one that the rules name")
    outputs: list[list[float]] = json.loads(content)["outputs"]
    return outputs


@check("serving-searched", "result")
def searched(result: InferenceResult) -> Iterator[Problem]:
    """Judge that Server's rate was searched: a higher one was tried and not valid, or the bracket is told."""
    if result.search is None:
        return
    for name, scenario in result.scenarios.items():
        if scenario.rules is None or not scenario_named(name).is_bounded or scenario.performance is None:
            continue
        rate = scenario.performance.detail["effective_target_qps"]
        tried = [probe for probe in result.search.model.probes if probe.scenario == name]
        if not tried:
            yield result.search.problem(f"no rate was tried for {name}", "probes of it", "none", "probes")
        elif isinstance(rate, int | float) and not any(p.rate >= rate and not p.valid for p in tried):
            highest = max(probe.rate for probe in tried)
            message = f"no rate above {name}'s was tried and found too high"
            yield result.search.problem(message, f"an invalid probe above {brief(rate)}/s", f"{highest:g}/s", "probes")


@check("serving-left-out", "result")
def left_out(result: InferenceResult) -> Iterator[Problem]:
    """Judge that no scenario was asked for and left out."""
    if result.search is None:
        return
    for name, why in result.search.model.left_out.items():
        yield result.search.problem(f"{name} was asked for and left out", "a valid run of it", why, "left_out", name)


@check("serving-search-bound", "result")
def search_bound(result: InferenceResult) -> Iterator[Problem]:
    """Judge that the search was made with this workload, framework, source and parameters."""
    search, record = result.search, next((run.record for run in result.runs if run.record), None)
    if search is None or record is None:
        return
    for member in ("ruleset", "workload", "framework", "source_sha256", "sut"):
        wanted, found = getattr(record.model, member), getattr(search.model, member)
        if wanted != found:
            yield search.problem(f"the search's {member} does not match", str(wanted), str(found), member)
