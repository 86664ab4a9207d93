"""Rules on what came before timing: outputs that agree with the reference's, and a search for Server's rate."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from functools import cache
from math import inf
from pathlib import Path

from checker.core.documents import ValidDocument
from checker.core.findings import Violation, brief
from checker.families.assay.checks import check, flaws
from checker.families.assay.inference.submission import InferenceResult
from checker.families.assay.rules.record import bound
from rules.serving import ServingRules
from rules.serving_documents import OutputsCertificate, SearchRecord, ServingRecord

flaws("result", "outputs")
flaws("result", "search")

Outputs = ValidDocument[OutputsCertificate]
Search = ValidDocument[SearchRecord]


@check("serving-outputs-bound", "result")
def outputs_bound(outputs: Outputs, first_record: ValidDocument[ServingRecord]) -> Iterator[Violation]:
    """Judge that the certificate is of this workload, framework, precision, source and data."""
    yield from bound(outputs, "outputs'", first_record, "ruleset", "workload", "framework", "source_sha256", "data")
    yield from outputs.require("the outputs' precision does not match", first_record.model.sut.precision, "precision")


@check("serving-outputs-agree", "result")
def outputs_agree(result: InferenceResult, outputs: Outputs, rules: ServingRules) -> Iterator[Violation]:
    """Judge that the outputs are the reference's, of the round's samples, as closely as the precision must be."""
    model, agreed = outputs.model, rules.outputs
    reference = result.ruleset.data("outputs", f"{rules.workload}.json")
    expected = read_reference(reference, agreed.reference_sha256) if reference is not None else []
    most = agreed.tolerance.get(model.precision)
    if model.samples != agreed.samples:
        yield outputs.problem("the outputs are of other samples", agreed.samples, model.samples, "samples")
    elif len(model.outputs) != len(model.samples):
        found = len(model.outputs)
        yield outputs.problem("not every sample has its outputs", len(model.samples), found, "outputs")
    elif most is None:
        known = ", ".join(agreed.tolerance)
        yield outputs.problem("the round knows no such precision", known, model.precision, "precision")
    else:
        for position, (given, wanted) in enumerate(zip(model.outputs, expected, strict=False)):
            if (apart := relative_difference(given, wanted)) > most:
                message = f"the outputs of sample {model.samples[position]} are not the reference's"
                yield outputs.problem(message, f"within {most:g} of them", f"{apart:.3g}", "outputs", position)


def relative_difference(found: Sequence[float], wanted: Sequence[float]) -> float:
    """Return max|found - wanted| / max|wanted|; infinity for another number of them."""
    if len(found) != len(wanted):
        return inf
    scale = max(map(abs, wanted), default=0.0) or 1.0
    return max((abs(a - b) for a, b in zip(found, wanted, strict=True)), default=0.0) / scale


@cache
def read_reference(path: Path, digest: str) -> list[list[float]]:
    """Return the rule set's outputs; ValueError, a defect of the rule set, where the file is not the one it names."""
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != digest:
        raise ValueError(f"{path}: its SHA-256 is not the one that the rules name")
    outputs: list[list[float]] = json.loads(content)["outputs"]
    return outputs


@check("serving-searched", "result")
def searched(result: InferenceResult, search: Search) -> Iterator[Violation]:
    """Judge that Server's rate was searched: a higher one was tried and not valid, or the bracket is told."""
    for name, scenario in result.scenarios.items():
        run = scenario.performance
        if scenario.rules is None or run is None or not run.its.is_bounded:
            continue
        rate = run.detail["effective_target_qps"]
        tried = [probe for probe in search.model.probes if probe.scenario == name]
        if not tried:
            yield search.problem(f"no rate was tried for {name}", "probes of it", "none", "probes")
        elif isinstance(rate, int | float) and not any(p.rate >= rate and not p.valid for p in tried):
            highest = max(probe.rate for probe in tried)
            message = f"no rate above {name}'s was tried and found too high"
            yield search.problem(message, f"an invalid probe above {brief(rate)}/s", f"{highest:g}/s", "probes")


@check("serving-left-out", "result")
def left_out(search: Search) -> Iterator[Violation]:
    """Judge that no scenario was asked for and left out."""
    for name, why in search.model.left_out.items():
        yield search.problem(f"{name} was asked for and left out", "a valid run of it", why, "left_out", name)


@check("serving-search-bound", "result")
def search_bound(search: Search, first_record: ValidDocument[ServingRecord]) -> Iterator[Violation]:
    """Judge that the search was made with this workload, framework, source and parameters."""
    yield from bound(search, "search's", first_record, "ruleset", "workload", "framework", "source_sha256", "sut")
