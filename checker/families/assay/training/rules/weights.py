"""Rules on what came out: the final weights' digest and form."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress

from checker.core.documents import ValidDocument
from checker.core.findings import Violation, brief
from checker.core.safetensors import FormError, TensorEntry, differences, header, numbers
from checker.core.tree import RefusedError
from checker.families.assay.checks import check
from checker.families.assay.training.submission import TrainingResult, TrainingRun
from rules.documents import Outcome, RunRecord


@check("final-weights", "run")
def final_weights(result: TrainingResult, run: TrainingRun, record: ValidDocument[RunRecord]) -> Iterator[Violation]:
    """Judge that the final weights are kept, and are those that log and record name."""
    stated = record.model.final_weights
    if stated is None:
        yield record.problem("the record has no final weights", "path and digest", "null", "final_weights")
        return
    yield from record.require("the record names other final weights", run.weights_path, "final_weights", "path")
    try:
        found = result.sha256(run.weights_path)
    except RefusedError as error:
        yield Violation(f"the weights {error}", stated.sha256, "", run.weights_path)
        return
    if found != stated.sha256:
        wanted = f"{stated.sha256} ({record.cited('final_weights', 'sha256')})"
        yield Violation("the weights are not those the run ended with", wanted, found, run.weights_path)
    yield from run.require("the log names other final weights than the record", stated.sha256, "final_weights_sha256")


@check("weights-form", "run")
def weights_form(result: TrainingResult, run: TrainingRun) -> Iterator[Violation]:
    """Judge that the final weights are a safetensors file of numbers that training changed.

    In the closed division tensors and shapes are the workload's. What a diverged run ended with need not be finite.
    """
    path = run.weights_path
    model = run.record.model if run.record else None
    if model is not None and model.final_weights and model.final_weights.sha256 == model.initial_weights_sha256:
        yield Violation("the final weights are the initial ones", "trained weights", model.final_weights.sha256, path)
    entry = result.tree.entries.get(path)
    if entry is None or entry.kind != "file":
        return
    found: list[Violation] = []
    try:
        with result.tree.open(path) as file:
            tensors = header(file, entry.size)
            shapes = result.rules.weights if result.rules and result.division == "closed" else None
            for name, wanted, given in differences(tensors, shapes) if shapes else ():
                yield Violation(f"the weights' tensor {brief(name)} is not the model's", wanted, given, path)
            for tensor in tensors:
                seen = _Seen()
                numbers(file, tensor, seen.see)
                found += _values(tensor, seen, path)
    except FormError as error:
        yield Violation(f"the weights are not a valid safetensors file: {error}", "safetensors", "", path)
    except RefusedError:
        return  # named by the rule on their digest
    if model is None or model.outcome is not Outcome.DIVERGED:
        yield from found


@check("weights-diverged", "run")
def weights_diverged(result: TrainingResult, run: TrainingRun, record: ValidDocument[RunRecord]) -> Iterator[Violation]:
    """Point at a run that is said to have diverged though all its final weights are finite.

    The step whose loss is not finite also moves the weights, by gradients that are not finite either.
    """
    entry = result.tree.entries.get(run.weights_path)
    if record.model.outcome is not Outcome.DIVERGED or entry is None or entry.kind != "file":
        return
    with suppress(FormError, RefusedError), result.tree.open(run.weights_path) as file:
        for tensor in header(file, entry.size):
            seen = _Seen()
            numbers(file, tensor, seen.see)
            if not math.isfinite(seen.sum):
                return
        message = "the run is said to have diverged, and its final weights are finite"
        yield Violation(message, "weights that are not finite", "finite weights", run.weights_path)


class _Seen:
    """What is kept of a tensor's numbers: their sum, finite only where all of them are, least and largest."""

    def __init__(self) -> None:
        self.sum = 0.0
        self.least = math.inf
        self.most = -math.inf

    def see(self, values: Sequence[float]) -> None:
        self.sum += sum(values)
        self.least, self.most = min(self.least, min(values)), max(self.most, max(values))


def _values(tensor: TensorEntry, seen: _Seen, path: str) -> Iterator[Violation]:
    if not math.isfinite(seen.sum):
        yield Violation(f"the weights' tensor {brief(tensor.name)} is not finite", "finite numbers", "others", path)
    elif tensor.name.endswith("running_var") and (seen.least < 0 or seen.most <= 0):
        # A channel that is always 0 has variance 0; no tensor is made of such channels alone.
        found = f"{seen.least:g} to {seen.most:g}"
        yield Violation(f"the weights' tensor {brief(tensor.name)} holds no variances", "0 or above", found, path)
