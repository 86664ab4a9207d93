"""The official checker's habits, one by one: what it does with a log is known from its source, and proven in
tests/differential against the tool itself. Here each has a name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from checker.families.mlperf_training.log_requirements.official import RequirementsVerdict, official_rules
from checker.families.mlperf_training.reading import read
from tests.differential import sheet_logs

ROUND = "mlperf-training/5.1"
Lines = list[dict[str, Any]]


def lines(benchmark: str = "llama2_70b_lora", round_name: str = ROUND) -> Lines:
    return sheet_logs.log(round_name, "closed", benchmark)


def judged(log: Lines | bytes, round_name: str = ROUND) -> RequirementsVerdict:
    data = log if isinstance(log, bytes) else b"".join(b":::MLLOG " + json.dumps(x).encode() + b"\n" for x in log)
    return official_rules(round_name).judge(read(data))


def kinds(verdict: RequirementsVerdict) -> set[tuple[str, str]]:
    return {message.identity for message in verdict.messages}


def at(log: Lines, key: str) -> dict[str, Any]:
    return next(line for line in log if line["key"] == key)


def test_a_log_made_from_the_sheets_passes() -> None:
    assert judged(lines()).answer == "pass"


@pytest.mark.parametrize("value", [16.0, 16])
def test_a_whole_number_may_be_written_either_way(value: float) -> None:
    log = lines()
    at(log, "lora_rank")["value"] = value
    assert judged(log).answer == "pass"


def test_true_counts_as_one() -> None:
    log = lines()
    at(log, "gradient_accumulation_steps")["value"] = True
    assert judged(log).answer == "pass"


def test_text_where_a_number_is_compared_cannot_be_executed() -> None:
    log = lines("llama31_8b")
    at(log, "gradient_accumulation_steps")["value"] = "1"
    assert kinds(judged(log)) == {("executing", "gradient_accumulation_steps")}


def test_a_key_twice_with_the_same_value_only_warns() -> None:
    log = lines()
    log.insert(5, dict(at(log, "lora_rank")))
    verdict = judged(log)
    assert verdict.answer == "pass"
    assert [message.identity for message in verdict.warnings] == [("exactly_one", "lora_rank")]


def test_a_key_twice_with_other_values_fails() -> None:
    log = lines()
    log.insert(5, {**at(log, "lora_alpha"), "value": 64})
    assert kinds(judged(log)) == {("exactly_one", "lora_alpha")}


def test_the_target_may_be_reached_after_run_stop() -> None:
    log = lines()
    late = [line for line in log if line["key"] == "eval_accuracy"]
    assert judged([line for line in log if line not in late] + late).answer == "pass"


def test_a_metric_that_cannot_be_compared_crashes() -> None:
    log = lines()
    at(log, "eval_accuracy")["value"] = None
    verdict = judged(log)
    assert (verdict.answer, verdict.messages) == ("crash", [])
    assert "eval_accuracy" in verdict.cause


def test_an_unknown_benchmark_crashes_for_want_of_its_rule_file() -> None:
    log = lines()
    at(log, "submission_benchmark")["value"] = "resnet"
    assert "closed_resnet" in judged(log).cause


def test_a_benchmark_named_common_leads_back_to_itself() -> None:
    log = lines()
    at(log, "submission_benchmark")["value"] = "common"
    assert "never ends" in judged(log).cause


def test_a_rule_file_that_exists_but_is_not_allowed_is_still_laid() -> None:
    log = lines()
    at(log, "submission_benchmark")["value"] = "bert"
    verdict = judged(log)
    assert verdict.answer == "fail"
    assert "closed_bert" in verdict.laid


def test_initialisation_is_over_time_where_the_division_comes_later() -> None:
    log = lines()
    division = at(log, "submission_division")
    log.remove(division)
    log.append(division)
    assert ("check", "init_stop") in kinds(judged(log))


@pytest.mark.parametrize(("late", "answer"), [(1_799_999, "pass"), (1_800_000, "fail")])
def test_thirty_minutes_of_initialisation_are_too_long(late: int, answer: str) -> None:
    log = lines()
    at(log, "init_stop")["time_ms"] = at(log, "init_start")["time_ms"] + late
    assert judged(log).answer == answer


def test_a_benchmark_s_rule_replaces_the_general_one() -> None:
    log = lines()  # gradient_accumulation_steps > 0 is closed_common's; llama2_70b_lora takes any value
    at(log, "gradient_accumulation_steps")["value"] = -1
    assert judged(log).answer == "pass"


def test_only_the_first_line_of_a_submission_key_is_looked_at() -> None:
    log = lines()
    log.append({**at(log, "submission_benchmark"), "value": "nonsense"})
    assert kinds(judged(log)) == {("exactly_one", "submission_benchmark")}


def test_metadata_that_is_text_holding_the_word_will_do() -> None:
    log = lines()
    at(log, "run_stop")["metadata"] = "status unknown"
    assert judged(log).answer == "pass"


def test_a_line_of_null_is_a_parse_error_and_a_list_a_crash() -> None:
    good = b"".join(b":::MLLOG " + json.dumps(line).encode() + b"\n" for line in lines())
    assert kinds(judged(good + b":::MLLOG null\n")) == {("parse", "")}
    assert judged(good + b":::MLLOG []\n").answer == "crash"


def test_a_negative_batch_size_makes_a_learning_rate_that_cannot_be_printed() -> None:
    log = lines("qwen35_397b_grpo", "mlperf-training/6.1")
    at(log, "global_batch_size")["value"] = -1
    assert judged(log, "mlperf-training/6.1").answer == "crash"


def test_an_empty_log_fails_with_every_missing_key() -> None:
    verdict = judged(b"")
    assert verdict.answer == "fail"
    assert {("empty", ""), ("exactly_one", "run_stop")} <= kinds(verdict)
