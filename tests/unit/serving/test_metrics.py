"""Metrics follow from the answers: the checker's, without numpy, are the harness's, with it."""

from __future__ import annotations

import json
import math
import random
from array import array
from pathlib import Path

import numpy as np
import pytest

import rules.round
from checker.families.assay.inference.metrics import agreement, correlations, pearson, ranks, recomputed, top_1
from rules.ruleset import load
from rules.serving import serving_rules
from suite.workloads.sentence_embedding.serve import task as embedding
from suite.workloads.text_generation.serve import task as generation
from tests.unit.serving.trees import ROUND

ROUNDED = 1e-7  # a cosine near 1 tells an angle no better
LABELS = Path(__file__).parents[3] / "rules" / ROUND / "labels/sentence-embedding.json"


def embedded(seed: int, noise: float = 0.0, of: dict[int, list[float]] | None = None) -> dict[int, list[float]]:
    """Vectors of 780 samples: drawn, or those of `of` with some noise."""
    draw = random.Random(seed)
    known = of or {sample: [draw.gauss(0.1, 1) for _ in range(embedding.WIDTH)] for sample in range(780)}
    return {sample: [x + draw.gauss(0, noise) for x in row] for sample, row in known.items()}


def answers(vectors: dict[int, list[float]]) -> dict[int, bytes]:
    return {sample: array("f", row).tobytes() for sample, row in vectors.items()}


def gold(vectors: dict[int, list[float]], judged: np.ndarray) -> tuple[bytes, np.ndarray]:
    """The round's labels as they would be had the reference these vectors, and the pairs of documents."""
    known = json.loads(LABELS.read_bytes())
    rows = np.array([vectors[sample] for sample in known["lee"]["documents"]])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = (rows @ rows.T)[np.triu_indices(len(rows), 1)]
    known["lee"] |= {"cosines": cosines.tolist(), "pearson": embedding.pearson(cosines, judged)}
    return json.dumps(known).encode(), judged


def true_lee(given: dict[int, bytes], judged: np.ndarray) -> float:
    """What the harness computes, with the judgements."""
    rows = np.array(
        [np.frombuffer(given[n], "<f4") for n in json.loads(LABELS.read_bytes())["lee"]["documents"]], float
    )
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return embedding.pearson((rows @ rows.T)[np.triu_indices(len(rows), 1)], judged)


def test_ranks_and_pearson_are_the_harnesss() -> None:
    values = [3.0, 1.0, 2.0, 2.0, 9.0, 2.0]
    assert ranks(values) == embedding.ranks(np.array(values)).tolist()
    other = [1.0, 5.0, 2.0, 2.5, 0.0, 7.0]
    assert pearson(values, other) == pytest.approx(embedding.pearson(np.array(values), np.array(other)), abs=1e-14)
    assert pearson(values, [4.0] * 6) == 0
    assert pearson(values, [math.nan] * 6) == 0


def test_the_rank_correlation_of_words_is_the_harnesss() -> None:
    given = answers(embedded(1))
    pairs = json.loads(LABELS.read_bytes())["wordsim353"]["pairs"]
    rows = {n: np.frombuffer(data, "<f4").astype(float) for n, data in given.items()}
    rows = {n: row / np.linalg.norm(row) for n, row in rows.items()}
    cosines = np.array([rows[one] @ rows[other] for one, other, _ in pairs])
    wanted = embedding.pearson(embedding.ranks(cosines), embedding.ranks(np.array([judged for *_, judged in pairs])))
    found = correlations(LABELS.read_bytes(), given)["wordsim353_spearman"]
    assert found.least == found.most == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("noise", [0.0, 1e-6, 1e-2, 1.0, 30.0])
def test_what_documents_correlation_can_be_holds_what_it_is(noise: float) -> None:
    """Whatever the answers and the judgements, which the round has not."""
    judged = np.random.default_rng(3).random(1225)
    reference = embedded(5)
    known, _ = gold(reference, judged)
    given = answers(embedded(6, noise, reference))
    found = correlations(known, given)["lee_pearson"]
    assert found.least - ROUNDED <= true_lee(given, judged) <= found.most + ROUNDED
    if noise <= 1e-6:
        assert found.most - found.least < 1e-5


def test_answers_that_are_no_numbers_have_no_correlation() -> None:
    given = answers(embedded(1)) | {700: array("f", [math.nan] * embedding.WIDTH).tobytes()}
    found = correlations(LABELS.read_bytes(), given)["wordsim353_spearman"]
    assert math.isfinite(found.least)
    assert correlations(LABELS.read_bytes(), {}) is not None


def test_agreement_is_the_harnesss() -> None:
    reference = [[5, 6, 7, 2], [8, 9, 2], [1, 2]]
    chosen = [[5, 6, 9, 2], [8, 9, 2], [1]]
    given = {sample: array("i", row).tobytes() for sample, row in enumerate(chosen)}
    found = agreement(json.dumps({"tokens": reference}).encode(), given)["greedy_agreement"]
    assert found.least == found.most == generation.agreement(chosen, reference)


def test_accuracy_is_the_share_of_labels() -> None:
    found = top_1(bytes([1, 2, 3, 4]), {0: b"\1\0\0\0", 1: b"\2\0\0\0", 2: b"\0\0\0\0", 3: b"", 9: b"\1\0\0\0"})
    assert found["top-1 accuracy"].least == found["accuracy"].most == 0.5


@pytest.mark.parametrize("workload", ["image-classification", "sentence-embedding", "text-generation"])
def test_the_round_has_what_every_workload_is_compared_with(workload: str) -> None:
    metrics = recomputed(load(ROUND), serving_rules(ROUND, workload), {})
    assert set(metrics) & set(serving_rules(ROUND, workload).metrics)


def test_the_reference_itself_meets_its_target() -> None:
    known = json.loads(LABELS.read_bytes())
    metric = serving_rules(ROUND, "sentence-embedding").metrics["lee_pearson"]
    assert metric.reference == pytest.approx(known["lee"]["pearson"], abs=5e-6)
    assert len(known["lee"]["cosines"]) == 1225
    assert len(known["wordsim353"]["pairs"]) == 353
    assert rules.round.ROOT.is_dir()
