"""Metrics of an accuracy run, computed again from the answers in its log and what the round has to compare them with.

What a metric can be is an interval: where the round may not pass on what people judged, it has its own reference
model's values, and those and the answers leave a metric little room.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from math import acos, cos, isfinite, pi, sqrt
from operator import mul
from pathlib import Path
from typing import Any

from checker.families.assay.inference.answers import numbers
from rules.compliance import AnswerComparison
from rules.ruleset import RuleSet
from rules.serving import Comparison, ServingRules

Vector = Sequence[float]
EMBEDDING, TOKENS = AnswerComparison(dtype="float32"), AnswerComparison(dtype="int32")


@dataclass(frozen=True)
class Possible:
    """The least and the most that a metric can be."""

    least: float
    most: float


def recomputed(ruleset: RuleSet, rules: ServingRules, answers: Mapping[int, bytes]) -> dict[str, Possible]:
    """Return the metrics of a workload that follow from its answers by sample."""
    found: dict[str, Possible] = {}
    for name, metrics in rules.compared_with.items():
        path = ruleset.data(*name.split("/"))
        if path is not None:
            found |= METRICS[metrics](_read(path), answers)
    return found


def top_1(labels: bytes, answers: Mapping[int, bytes]) -> dict[str, Possible]:
    """Return the share of answers that are the label; `labels` has a class a byte."""
    right = sum(
        0 <= sample < len(labels) and int.from_bytes(given, "little") == labels[sample]
        for sample, given in answers.items()
    )
    share = Possible(right / len(labels), right / len(labels))
    return {"top-1 accuracy": share, "accuracy": share}  # the latter is what MLCommons' checker reads


def correlations(gold: bytes, answers: Mapping[int, bytes]) -> dict[str, Possible]:
    """Return how cosines of embeddings correlate with people's judgements, of word pairs and of documents.

    Of the documents' judgements the round has only how the reference's cosines correlate with them. Centred and scaled
    to length 1, judgements, reference and answers are points of a sphere; the correlation of two is the cosine of the
    angle between them, and of three angles none exceeds the sum of the others.
    """
    known = json.loads(gold)
    pairs, lee = known["wordsim353"]["pairs"], known["lee"]
    samples = {sample for one, other, _ in pairs for sample in (one, other)}.union(lee["documents"])
    unit = {sample: _unit(answers.get(sample, b"")) for sample in samples}
    words = [_dot(unit[one], unit[other]) for one, other, _ in pairs]
    spearman = pearson(ranks(words), ranks([judged for *_, judged in pairs]))
    documents = [_dot(unit[one], unit[other]) for one, other in combinations(lee["documents"], 2)]
    angle, apart = acos(_clipped(lee["pearson"])), acos(_clipped(pearson(documents, lee["cosines"])))
    return {
        "wordsim353_spearman": Possible(spearman, spearman),
        "lee_pearson": Possible(cos(min(angle + apart, pi)), cos(max(angle - apart, 0.0))),
    }


def agreement(reference: bytes, answers: Mapping[int, bytes]) -> dict[str, Possible]:
    """Return how often the next token was the reference's where all tokens before it were."""
    same = choices = 0
    for sample, theirs in enumerate(json.loads(reference)["tokens"]):
        ours = list(numbers(answers.get(sample, b""), TOKENS) or ())
        together = next((at for at, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), None)
        alike = min(len(ours), len(theirs)) if together is None else together
        same += alike
        choices += alike + (ours != theirs)
    share = same / choices if choices else 0.0
    return {"greedy_agreement": Possible(share, share)}


Metrics = Callable[[bytes, Mapping[int, bytes]], dict[str, Possible]]
METRICS: dict[Comparison, Metrics] = {"top-1": top_1, "correlations": correlations, "agreement": agreement}


def pearson(one: Vector, other: Vector) -> float:
    """Return Pearson's correlation coefficient; 0 where there is none: all equal, or not finite."""
    left, right = _centred(one), _centred(other)
    scale = sqrt(_dot(left, left)) * sqrt(_dot(right, right))
    found = _dot(left, right) / scale if scale else 0.0
    return found if isfinite(found) else 0.0


def ranks(values: Vector) -> list[float]:
    """Return the rank of each value, from 1; equal values share the mean of their ranks."""
    places: dict[float, list[int]] = {}
    for rank, place in enumerate(sorted(range(len(values)), key=values.__getitem__), 1):
        places.setdefault(values[place], []).append(rank)
    return [sum(places[value]) / len(places[value]) for value in values]


def _centred(values: Vector) -> list[float]:
    mean = sum(values) / len(values)
    return [value - mean for value in values]


def _dot(one: Vector, other: Vector) -> float:
    return float(sum(map(mul, one, other)))


def _unit(answer: bytes) -> list[float]:
    """Return an embedding scaled to length 1, where it has one."""
    values = list(numbers(answer, EMBEDDING) or ())
    length = sqrt(_dot(values, values))
    return [value / length for value in values] if length else values


def _clipped(value: Any) -> float:
    return max(-1.0, min(1.0, float(value)))


@cache
def _read(path: Path) -> bytes:
    return path.read_bytes()
