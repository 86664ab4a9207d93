"""Every framework computes the model it says, in the image it is measured in; a small fault in one does not pass."""

from __future__ import annotations

import json
from typing import Any

import pytest

from checker.families.assay.inference.rules.outputs import relative_difference
from rules.serving import loadgen_rules, serving_rules
from suite.inference.reference_check import reference_outputs
from suite.result.job import Finished
from suite.workloads.text_generation.serve.task import NEW_TOKENS
from tests.integration.language.conftest import RULESET, Serve

pytestmark = [pytest.mark.engine, pytest.mark.image]

MODELS = [
    ("sentence-embedding", "pytorch"),
    ("sentence-embedding", "onnxruntime"),
    ("sentence-embedding", "jax"),
    ("text-generation", "pytorch"),
    ("text-generation", "jax"),
]
TASK = "suite/workloads/sentence_embedding/serve/task.py"
EMBEDDING = "suite/workloads/sentence_embedding/serve/pytorch.py"
GENERATION = "suite/workloads/text_generation/serve/pytorch.py"
SEEDS = loadgen_rules(RULESET).seeds.model_dump()
COLD = {"sut": {"threads": 1, "batch": 4, "precision": "float32", "workers": 1}}
TRIED = ("EPSILON = 1e-6", "its.heads :] * 1.0001\n")  # one of each workload; the others are for make test-long
FAULTS = [
    ("sentence-embedding", TASK, "EPSILON = 1e-12", "EPSILON = 1e-6"),
    ("sentence-embedding", EMBEDDING, 'dense"](x))', "dense\"](x), approximate='tanh')"),
    ("sentence-embedding", EMBEDDING, "kept.sum(1), dim=1)", "kept.sum(1) + 1e-4, dim=1)"),
    ("text-generation", GENERATION, "self._config.epsilon)", "1e-6)"),
    ("text-generation", GENERATION, "enable_gqa=True", "enable_gqa=True, scale=0.1251"),
    ("text-generation", GENERATION, "its.heads :]\n", "its.heads :] * 1.0001\n"),
]


def difference(finished: Finished, workload: str) -> float:
    """The largest difference from the reference outputs, as the rules measure it."""
    assert finished.ended.status == 0, finished.watch.words
    reference = reference_outputs(RULESET, serving_rules(RULESET, workload))
    return max(map(relative_difference, finished.result()["outputs"], reference))


@pytest.mark.parametrize(("workload", "framework"), MODELS)
def test_outputs_are_the_references(serve: Serve, workload: str, framework: str) -> None:
    tolerance = serving_rules(RULESET, workload).outputs.tolerance["float32"]
    assert difference(serve(workload, framework, "outputs"), workload) <= tolerance


@pytest.mark.parametrize(
    ("precision", "workload"),
    [
        ("bfloat16", "sentence-embedding"),
        ("bfloat16", "text-generation"),
        ("float64", "sentence-embedding"),
        pytest.param("float64", "text-generation", marks=pytest.mark.long),
    ],
)
def test_other_precisions_are_as_near_as_they_can_be(serve: Serve, workload: str, precision: str) -> None:
    sut = COLD["sut"] | {"precision": precision}
    tolerance = serving_rules(RULESET, workload).outputs.tolerance
    found = difference(serve(workload, "pytorch", "outputs", sut=sut), workload)
    assert found <= tolerance[precision]
    assert (found > tolerance["float32"]) == (precision == "bfloat16")


@pytest.mark.parametrize(
    ("workload", "path", "old", "new"),
    [fault if fault[3] in TRIED else pytest.param(*fault, marks=pytest.mark.long) for fault in FAULTS],
)
def test_a_small_fault_is_seen(serve: Serve, workload: str, path: str, old: str, new: str) -> None:
    tolerance = serving_rules(RULESET, workload).outputs.tolerance["float32"]
    assert difference(serve(workload, "pytorch", "outputs", (path, old, new)), workload) > tolerance


def told(mode: str, scenario: str, **conf: int) -> dict[str, object]:
    """What LoadGen is told of a run."""
    lines = "".join(f"*.{scenario}.{key} = {value}\n" for key, value in conf.items())
    return {"mode": mode, "test": None, "user_conf": lines, "audit_config": None, "seeds": SEEDS}


@pytest.mark.parametrize(
    ("workload", "framework"),
    [
        ("sentence-embedding", "onnxruntime"),
        pytest.param("text-generation", "pytorch", marks=pytest.mark.long),
    ],
)
def test_an_accuracy_run_under_loadgen_meets_the_rules(serve: Serve, workload: str, framework: str) -> None:
    # LoadGen asks every sample once, whatever it is told.
    finished = serve(workload, framework, "loadgen", loadgen=told("accuracy", "Offline", target_qps=1))
    assert finished.ended.status == 0, finished.watch.words
    metrics = serving_rules(RULESET, workload).metrics
    found = finished.result()["metrics"]
    assert found.keys() == metrics.keys()
    for name, value in found.items():
        assert metrics[name].met(value)
        assert value == pytest.approx(metrics[name].reference, rel=1e-4)


@pytest.mark.parametrize("framework", ["pytorch", "jax"])
def test_loadgen_times_the_first_token_and_those_after_it(serve: Serve, framework: str) -> None:
    queries = 3
    conf = told(
        "performance",
        "SingleStream",
        min_query_count=queries,
        min_duration=1,
        target_latency=2000,
        use_token_latencies=1,
    )
    sut = COLD["sut"] | {"batch": 1}
    finished = serve("text-generation", framework, "loadgen", loadgen=conf, scenario="SingleStream", sut=sut)
    assert finished.ended.status == 0, finished.watch.words
    said = details(finished.files["mlperf_log_detail.txt"])
    assert said["result_query_count"] >= queries
    first, later = said["result_first_token_mean_latency_ns"], said["result_time_to_output_token_mean"]
    whole = said["result_mean_latency_ns"]
    assert 0 < later < first < whole
    assert whole == pytest.approx(first + (NEW_TOKENS - 1) * later, rel=0.02)


def details(log: bytes) -> dict[str, Any]:
    """LoadGen's detail log, by key."""
    lines = (line.removeprefix(":::MLLOG ") for line in log.decode().splitlines() if line.startswith(":::MLLOG "))
    return {record["key"]: record["value"] for record in map(json.loads, lines)}


def test_a_precision_that_a_model_does_not_offer_is_refused(serve: Serve) -> None:
    finished = serve("sentence-embedding", "onnxruntime", "outputs", sut=COLD["sut"] | {"precision": "int4"})
    assert finished.ended.status != 0
    assert any("precision 'int4' is not offered, only float32" in line for line in finished.watch.words)
