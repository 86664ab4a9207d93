"""A training run in its image: the log of docs/architecture.md, the same twice, and honest about a bad end."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from tests.integration.workloads.conftest import QUALITY

pytestmark = [pytest.mark.engine, pytest.mark.image, pytest.mark.together]

FRAMEWORKS = ("pytorch", "tensorflow", "jax")
ORDER = [
    "submission_benchmark",
    "submission_division",
    "submission_org",
    "submission_platform",
    "cache_clear",
    "init_start",
    "ruleset",
    "framework",
    "threads",
    "seed",
    "global_batch_size",
    "gradient_accumulation_steps",
    "opt_name",
    "opt_base_learning_rate",
    "opt_momentum",
    "opt_weight_decay",
    "opt_learning_rate_warmup_steps",
    "opt_learning_rate_training_steps",
    "train_samples",
    "eval_samples",
    *["data_sha256"] * 4,
    "source_sha256",
    "initial_weights_sha256",
    "warmup_start",
    "warmup_stop",
    "init_stop",
    "run_start",
]
BLOCK = ["block_start", "block_stop", "train_loss", "eval_start", "eval_accuracy", "eval_stop"]


def value(ran: Any, key: str) -> Any:
    (found,) = [event["value"] for event in ran.events if event["key"] == key]
    return found


@pytest.fixture(scope="module")
def runs() -> dict[str, Any]:
    """The one short run of each framework, by its name."""
    return {}


@pytest.fixture(params=FRAMEWORKS)
def of(request: pytest.FixtureRequest) -> str:
    """Each framework in turn."""
    return request.param


@pytest.fixture
def ran(of: str, run_job: Any, runs: dict[str, Any]) -> Any:
    """One short run of each framework, made once whatever the order of tests."""
    if of not in runs:
        runs[of] = run_job(of)
    return runs[of]


def test_a_run_twice_has_the_same_losses_and_weights_to_the_bit(run_job: Any, of: str, ran: Any) -> None:
    one, two = ran, run_job(of)
    assert one.status == two.status == 0, one.stderr
    assert len(one.result["losses"]) == 12
    assert one.result["losses"] == two.result["losses"]
    assert one.result["evaluations"] == two.result["evaluations"]
    assert one.out["weights.safetensors"] == two.out["weights.safetensors"]
    assert value(one, "final_weights_sha256") == hashlib.sha256(one.out["weights.safetensors"]).hexdigest()
    assert one.result["losses"] != run_job(of, seed=12).result["losses"]


def test_the_log_has_the_events_in_their_order(ran: Any) -> None:
    keys = [event["key"] for event in ran.events]
    assert sorted(keys[: len(ORDER)]) == sorted(ORDER)
    assert [k for k in keys[: len(ORDER)] if "sha256" not in k] == [k for k in ORDER if "sha256" not in k]
    assert keys[len(ORDER) :] == [*BLOCK * 3, "run_stop", "final_weights_sha256"]
    times = [event["time_ms"] for event in ran.events]
    assert times == sorted(times)
    stop = next(event for event in ran.events if event["key"] == "run_stop")
    assert (stop["metadata"]["status"], stop["metadata"]["samples_count"]) == ("aborted", 12 * 128)
    accuracies = [event for event in ran.events if event["key"] == "eval_accuracy"]
    assert [event["metadata"]["samples_count"] // 128 for event in accuracies] == [8, 11, 12]


def test_warmup_leaves_the_initial_weights(ran: Any) -> None:
    stop = next(event for event in ran.events if event["key"] == "warmup_stop")
    assert stop["value"] >= 4
    assert stop["metadata"]["weights_sha256"] == value(ran, "initial_weights_sha256")


def test_the_clock_stops_at_the_evaluation_that_reaches_the_target(run_job: Any) -> None:
    ran = run_job("jax", quality=QUALITY | {"target": 0.01})
    stop = next(event for event in ran.events if event["key"] == "run_stop")
    assert (stop["metadata"]["status"], stop["metadata"]["samples_count"]) == ("success", 8 * 128)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_loss_that_is_not_finite_aborts_the_run(run_job: Any, framework: str) -> None:
    ran = run_job(framework, {"opt_base_learning_rate": 1e30})
    assert ran.status == 3
    stop = next(event for event in ran.events if event["key"] == "run_stop")
    assert stop["metadata"]["status"] == "aborted"
    assert [event["key"] for event in ran.events][-1] == "final_weights_sha256"


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_profile_says_where_the_time_goes(run_job: Any, framework: str) -> None:
    ran = run_job(framework, mode="profile")
    assert ran.status == 0, ran.stderr
    found = json.loads(ran.out["profile.json"])
    assert found["operations"]
    assert 0 < sum(one["share"] for one in found["operations"]) <= 1.0001


@pytest.mark.parametrize("members", [{"framework": "theano"}, {"workload": "chess"}])
def test_an_unknown_name_is_a_sentence(run_job: Any, members: dict[str, str]) -> None:
    ran = run_job(**{"framework": "jax"} | members)
    assert ran.status == 2
    assert any(name in line for name in members.values() for line in ran.stderr)
