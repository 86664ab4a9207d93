"""LoadGen as it is driven: what it is told, what it is answered, what is taken from it; and the search for a rate."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rules.serving import ScenarioRules, loadgen_rules
from suite.inference.loadgen_config import may_be_late, user_conf
from tests.integration.serving.toys import RULESET, details, outcome, told, toy, toy_job

pytestmark = [pytest.mark.engine, pytest.mark.image]

SHORT = {"min_duration_ms": 300, "min_query_count": 64}
RULES = {
    "SingleStream": ScenarioRules(**SHORT, percentile=0.9),
    "MultiStream": ScenarioRules(**SHORT, percentile=0.99, samples_per_query=8),
    "Server": ScenarioRules(**SHORT, percentile=0.99, target_latency_ms=15),
    "Interactive": ScenarioRules(**SHORT, percentile=0.99, target_latency_ms=7),
    "Offline": ScenarioRules(min_duration_ms=300, min_query_count=1, samples_per_query=640),
}


def conf(scenario: str, rate: float = 1000.0) -> str:
    return user_conf(scenario, RULES[scenario], rate, tokens=False)


def whole(finished) -> dict[int, list[bytes]]:
    """Return every answer of the accuracy log, by sample."""
    found: dict[int, list[bytes]] = {}
    for entry in json.loads(finished.files["mlperf_log_accuracy.json"]):
        found.setdefault(entry["qsl_idx"], []).append(bytes.fromhex(entry["data"]))
    return found


@pytest.mark.parametrize("scenario", RULES)
def test_loadgen_does_what_the_rules_say(serve, scenario):
    code = toy()
    finished = serve(code, toy_job(code, scenario, loadgen=told(conf(scenario))))
    assert outcome(finished) == ("success", "")
    found, its = details(finished), RULES[scenario]
    assert found["result_validity"] == finished.result()["validity"]
    assert found["effective_scenario"] == ("Server" if scenario == "Interactive" else scenario)
    assert found["effective_min_duration_ms"] == 300
    if scenario == "Offline":
        assert found["effective_samples_per_query"] >= 640
    else:
        assert found["effective_min_query_count"] == 64
        assert found["effective_target_latency_percentile"] == pytest.approx(its.percentile)
    if its.target_latency_ms:
        assert found["effective_target_latency_ns"] == its.target_latency_ms * 1_000_000
    if scenario == "MultiStream":
        assert found["effective_samples_per_query"] == 8
    for name, seed in loadgen_rules(RULESET).seeds.model_dump().items():
        assert found[f"effective_{name}"] == seed


@pytest.mark.parametrize("scenario", RULES)
@pytest.mark.parametrize("workers", [1, 2])
def test_every_sample_is_answered_once_with_its_own_answer(serve, scenario, workers):
    code = toy()
    sut = {"threads": 1, "batch": 3, "precision": "float32", "workers": workers}
    finished = serve(code, toy_job(code, scenario, sut=sut, loadgen=told(conf(scenario), mode="accuracy")))
    assert outcome(finished) == ("success", "")
    assert whole(finished) == {index: [index.to_bytes(4, "little")] for index in range(64)}
    assert finished.result()["metrics"] == {"right": 1.0}


def test_queries_that_wait_are_answered_together_up_to_the_batch(serve):
    slow = (
        "    seen = []\n"
        "    def infer(self, batch):\n"
        "        self.seen.append(len(batch)); time.sleep(0.01)\n"
        "        open('/io/job/out/seen', 'w').write(str(max(self.seen))); return batch\n"
    )
    code = toy(slow)
    finished = serve(code, toy_job(code, "Server", loadgen=told(conf("Server"))))
    assert finished.files["seen"] == b"4"
    assert outcome(finished) == ("success", "")


def test_other_seeds_are_used_where_the_job_says_so_and_nowhere_else(serve):
    code, other = toy(), loadgen_rules(RULESET).alternate[0]
    finished = serve(code, toy_job(code, loadgen=told(conf("SingleStream"), test="seeds", seeds=other)))
    assert details(finished)["effective_schedule_rng_seed"] == other.schedule_rng_seed
    finished = serve(code, toy_job(code, loadgen=told(conf("SingleStream"), seeds=other)))
    assert finished.ended.status == 2
    assert any("LoadGen used qsl_rng_seed" in line for line in finished.watch.words)


def test_an_audit_config_of_the_job_is_obeyed(serve):
    code = toy()
    audit = "*.*.mode = 2\n*.*.accuracy_log_rng_seed = 720381539243781796\n*.*.accuracy_log_sampling_target = 30\n"
    finished = serve(code, toy_job(code, loadgen=told(conf("SingleStream"), test="TEST01", audit=audit)))
    assert 1 <= sum(len(answers) for answers in whole(finished).values()) <= 64
    assert finished.files["latencies.bin"]


def test_token_models_have_their_first_token_timed(serve):
    tokens = (
        "    def generate(self, batch):\n"
        "        yield batch\n"
        "        for _ in range(3): time.sleep(0.001); yield batch\n"
        "        yield np.where(batch % 2, -1, batch).astype(np.int32)\n"
    )
    code = toy(tokens, size=None)
    its = ScenarioRules(**SHORT, percentile=0.99, ttft_ms=50, tpot_ms=20)
    job = toy_job(code, "Server", tokens=True, loadgen=told(user_conf("Server", its, 50, tokens=True)))
    finished = serve(code, job)
    assert outcome(finished) == ("success", "")
    found = details(finished)
    assert (found["requested_server_ttft_latency"], found["requested_server_tpot_latency"]) == (50_000_000, 20_000_000)
    assert found["result_first_token_99.00_percentile_latency_ns"] < found["result_99.00_percentile_latency_ns"]
    job["loadgen"] = told(user_conf("Server", its, 50, tokens=True), mode="accuracy")
    lengths = {index: len(answer) // 4 for index, [answer] in whole(serve(code, job)).items()}
    assert lengths == {index: 4 if index % 2 else 5 for index in range(64)}


def test_a_run_that_is_not_valid_says_why(serve):
    code = toy("    def infer(self, batch): time.sleep(0.02); return batch\n")  # the bound is 15 ms
    result = serve(code, toy_job(code, "Server", loadgen=told(conf("Server", 200.0)))).result()
    assert result["validity"] == "INVALID"
    assert "a latency bound was missed" in result["unmet"]
    hasty = serve(toy(), toy_job(toy(), loadgen=told(conf("SingleStream")))).result()  # so fast that queries run out
    assert (hasty["validity"], hasty["unmet"]) == ("INVALID", ["it was too short"])


def test_multistreams_last_query_is_filled_with_samples_asked_before(serve):
    code = toy(task="    SAMPLES = 60\n")
    finished = serve(code, toy_job(code, "MultiStream", loadgen=told(conf("MultiStream"), mode="accuracy")))
    assert outcome(finished) == ("success", "")
    answers = whole(finished)
    assert (set(answers), sum(map(len, answers.values()))) == (set(range(60)), 64)
    assert finished.result()["metrics"] == {"right": 1.0}


def searched(
    serve, code: dict[str, bytes], scenarios: dict[str, ScenarioRules], tokens: bool = False
) -> dict[str, Any]:
    """Return what a short search of a toy finds."""
    asked = {
        "scenarios": {
            name: its.model_dump() | {"may_be_late": may_be_late(name, its, 1 << 20)} for name, its in scenarios.items()
        },
        "probe_ms": 500,
        "probes": 10,
        "late": 2,
        "budget_s": 8.0,
        "most_probes": 14,
        "factor": 1.6,
        "close": 1.05,
        "seeds": loadgen_rules(RULESET).seeds.model_dump(),
    }
    finished = serve(code, toy_job(code, "Server", mode="search", tokens=tokens, search=asked))
    assert outcome(finished) == ("success", "")
    return finished.result()


def test_the_search_finds_what_a_model_of_known_speed_bears(serve):
    code = toy("    def infer(self, batch): time.sleep(0.004); return batch\n")  # 4 at a time: 1000 a second at most
    found = searched(serve, code, {name: RULES[name] for name in ("SingleStream", "Offline", "Server")})
    # One sample in 4 ms, four together; a machine that is busy with something else makes all of it slower.
    assert found["rates"]["SingleStream"] < 250
    assert found["rates"]["SingleStream"] < found["rates"]["Offline"] <= 1010
    probes = [probe for probe in found["probes"] if probe["scenario"] == "Server"]
    valid = [probe["rate"] for probe in probes if probe["valid"]]
    assert valid
    assert found["rates"]["Server"] == max(valid) <= 1010
    invalid = [probe["rate"] for probe in probes if not probe["valid"]]
    too_high = [rate for rate in invalid if invalid.count(rate) == 2]
    assert max(valid) < min(too_high, default=float("inf"))


@pytest.mark.parametrize(
    ("bounds", "kept"),
    [
        ({"ttft_ms": 200, "tpot_ms": 100}, True),
        ({"ttft_ms": 2, "tpot_ms": 100}, False),
        ({"ttft_ms": 200, "tpot_ms": 2}, False),
    ],
)
def test_the_search_keeps_both_bounds_of_a_token_model(serve, bounds, kept):
    tokens = "    def generate(self, batch):\n        for _ in range(3): time.sleep(0.004); yield batch\n"
    its = ScenarioRules(min_duration_ms=300, min_query_count=100, percentile=0.9, **bounds)
    found = searched(serve, toy(tokens, size=None), {"Server": its}, tokens=True)
    assert any(probe["valid"] for probe in found["probes"]) == kept


@pytest.mark.parametrize(("queries", "kept"), [(100, False), (65536, True)])
def test_the_search_asks_what_early_stopping_will(serve, queries, kept):
    # One in twenty is late: of a hundred three may be (2 of 67 in a probe), of very many one in ten.
    late = """
    asked = 0
    def infer(self, batch):
        self.asked += 1
        time.sleep(0.1 if self.asked == 1 else 0.05 * (self.asked % 20 == 0))  # the first says where probing begins
        return batch
"""
    its = ScenarioRules(min_duration_ms=1, min_query_count=queries, percentile=0.9, target_latency_ms=40)
    first = searched(serve, toy(late), {"Server": its})["probes"][0]
    assert first["rate"] == pytest.approx(10, rel=0.2)
    assert (first["queries"] >= 67, first["valid"]) == (not kept, kept)
