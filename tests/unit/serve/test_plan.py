"""What will be measured: scenarios, LoadGen's settings, declared parameters; what cannot be is refused first."""

from __future__ import annotations

import pytest

from rules.errors import UsageError
from rules.serving import ScenarioRules, serving_rules
from suite.inference.loadgen_config import user_conf
from suite.inference.plan import parameters, scenarios
from suite.inputs.settings import settings

RULES = serving_rules("assay-inference/1.0", "image-classification")
TUNED = settings("image-classification").serving["jax"]


def test_all_stands_for_every_scenario_of_the_rules_in_the_fields_order():
    found = scenarios(RULES, "closed", "all", [])
    assert list(found) == ["SingleStream", "MultiStream", "Server", "Interactive", "Offline"]
    assert found == RULES.scenarios
    assert list(scenarios(RULES, "closed", "Server", [])) == ["Server"]


def test_loadgens_settings_are_fixed_in_the_closed_division_only():
    with pytest.raises(UsageError, match="min_duration_ms is fixed in the closed division"):
        scenarios(RULES, "closed", "all", ["min_duration_ms=5"])
    found = scenarios(RULES, "open", "all", ["min_duration_ms=5", "samples_per_query=3"])
    assert {its.min_duration_ms for its in found.values()} == {5}
    assert {name: its.samples_per_query for name, its in found.items() if its.samples_per_query} == {
        "MultiStream": 3,
        "Offline": 3,
    }


def test_declared_parameters_are_free_in_both_divisions():
    found = parameters(RULES, TUNED, 2, ["batch=8", "workers=3", "precision=bfloat16"])
    assert (found.threads, found.batch, found.workers, found.precision) == (2, 8, 3, "bfloat16")
    assert parameters(RULES, TUNED, None, []).model_dump() == {
        name: getattr(TUNED, name) for name in ("threads", "batch", "precision", "workers")
    }


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("batch=0", "not a whole number"),
        ("workers=1e9", "not a whole number"),
        ("batch", "no value"),
        ("precision=int3", "unknown precision"),
        ("min_duration_ms=-1", "not a whole number"),
        ("min_duration_ms=99999999999", "not a whole number"),
        ("opt_momentum=0.5", "unknown setting"),
        ("batch=\x1b[2J", "not a whole number"),
    ],
)
def test_a_setting_that_cannot_be_used_is_a_sentence(setting, words):
    def planned():
        return scenarios(RULES, "open", "all", [setting]), parameters(RULES, TUNED, None, [setting])

    with pytest.raises(UsageError, match=words) as refused:
        planned()
    assert "\x1b" not in refused.value.message


def test_an_unknown_scenario_is_told_with_the_nearest():
    with pytest.raises(UsageError, match="unknown scenario") as refused:
        scenarios(RULES, "closed", "offline", [])
    assert "Offline" in refused.value.fix


def test_user_conf_has_a_blank_on_either_side_of_every_equals_sign():
    for scenario, its in RULES.scenarios.items():
        for line in user_conf(scenario, its, 1234.5678, tokens=False).splitlines():
            key, equals, value = line.split(" ")
            assert equals == "="
            assert key.startswith(f"*.{'Server' if scenario == 'Interactive' else scenario}.")
            assert float(value) >= 0
            assert "e" not in value


def test_user_conf_of_server_names_bound_and_rate():
    conf = user_conf("Interactive", RULES.scenarios["Interactive"], 250.0, tokens=False)
    assert "*.Server.target_latency = 5\n" in conf
    assert "*.Server.target_qps = 250\n" in conf
    assert "*.Server.target_latency_percentile = 99\n" in conf


def test_user_conf_of_a_token_model_bounds_first_and_later_tokens():
    its = ScenarioRules(min_duration_ms=1, min_query_count=1, percentile=0.9, ttft_ms=500, tpot_ms=60)
    conf = user_conf("Server", its, 1.0, tokens=True)
    for line in ("use_token_latencies = 1", "ttft_latency = 500", "tpot_latency = 60", "target_latency = 0"):
        assert f"*.Server.{line}\n" in conf
