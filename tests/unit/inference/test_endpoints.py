"""Endpoints' results: honest ones pass, each violation is found by its rule, nothing hostile ends a check."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from checker.core.findings import DEFECT
from checker.families.mlperf_inference.cases import ResultCase
from checker.families.mlperf_inference.detect import detect_round
from checker.families.mlperf_inference.endpoints.logs import EndpointFiles
from checker.families.mlperf_inference.facts import JsonFile, read_result
from checker.families.mlperf_inference.modular.official import Options, SubmitterFacts, judge_result
from checker.families.mlperf_inference.rules.integrity import result_case, result_problems, trace
from checker.families.mlperf_inference.walk import read_submitter
from checker.report.page.measured_results import grouped
from checker.report.render.json import render
from rules.cards import Card
from rules.inference import inference_rules
from rules.ruleset import load
from tests.unit.by_table import checks_of
from tests.unit.inference import endpoint_trees as trees
from tests.unit.inference.endpoint_trees import MODEL, RESULT, ROUND, change, errors_of, judged, put

CARDS = [card for card in load(ROUND).cards.values() if card.id.startswith("endpoint-")]
SUMMARY, RESULTS, CONFIG = "performance/result_summary.json", "accuracy/accuracy_results.json", "config.yaml"
SNAPSHOT, REPORT = "metrics/final_snapshot.json", "report.txt"


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trees.submission(tmp_path_factory.mktemp("honest"), MODEL, "Offline", "Server")


@pytest.fixture
def base(honest: Path, tmp_path: Path) -> Path:
    return trees.copy_of(honest, tmp_path)


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trees.submission(tmp_path_factory.mktemp("tokens"), "deepseek-r1")


# Honest results


@pytest.mark.parametrize("model", list(trees.SCORES))
def test_an_honest_result_passes_both_verdicts_in_every_scenario(model: str, tmp_path: Path) -> None:
    trees.submission(tmp_path, model)
    report = judged(tmp_path)
    assert errors_of(report, "error", "warning") == {}
    assert {item.verdict for item in report.items} == {item.official_verdict for item in report.items} == {"pass"}


PUBLISHED = {  # deepseek-r1, Server, of mlcommons/inference_results_v6.1; times in ns
    "n_samples_issued": 600_000,
    "n_samples_completed": 600_000,
    "duration_ns": 2318929756903,
    "legacy_loadgen_window_duration_ns": 1934954861194,
    "qps": 310.0842360889801,
    "tps": 1175890.2208168241,
}
SERIES = {
    "ttft": (127216224663182, 101079232, 3580104964, 212027041.10530335, 205515887.0, 303546985.0, 304652135.0),
    "tpot": (23215724478106.223, 11184951.376, 51854868.234, 38692874.13017704, 41105023.545, 48215361.4, 48224073.2),
    "latency": (
        88152496582129070,
        2297489847,
        916647870064,
        146920827636.88,
        80039804859.0,
        784837620760,
        788341844995,
    ),
    "output_sequence_lengths": (2275294499, 118, 20044, 3792.1574983333335, 2114.0, 20000.0, 20000.0),
}


def test_published_figures_with_two_windows_pass(tokens: Path, tmp_path: Path) -> None:
    result = trees.copy_of(tokens, tmp_path) / "results/box/deepseek-r1/Server"

    def published(said: Any) -> None:
        said |= PUBLISHED
        for name, (total, least, most, mean, median, late, estimate) in SERIES.items():
            said[name] = {"total": total, "min": least, "max": most, "avg": mean, "median": median}
            said[name]["percentiles"] = {"99.0": late, "50.0": median}
            said[name]["early_stopping_percentiles"] = {"99.0": estimate}
        said["run_config"]["load_pattern"]["target_qps"] = 325.0

    change(result / SUMMARY, published)
    runtime = {"min_duration_ms": 1_800_000, "max_duration_ms": 3_600_000, "n_samples_to_issue": 600_000}
    change(result / CONFIG, lambda said: said["settings"]["runtime"].update(runtime))
    change(result / CONFIG, at(f"{TOLD}.target_qps", "3.25e2"))  # so YAML 1.1 reads a number without a sign
    shutil.rmtree((result / SNAPSHOT).parent)
    (result / REPORT).unlink()
    report = judged(tmp_path)
    assert errors_of(report, "error", "warning") == {}
    shown = next(score.inference for score in report.scores if score.path.endswith("Server"))
    assert shown is not None
    assert (shown.metric, shown.unit) == (PUBLISHED["tps"], "Tokens/s")


def test_a_run_may_end_at_its_samples_before_its_least_duration(base: Path) -> None:
    config = base / RESULT / CONFIG
    runtime = {"min_duration_ms": 5_400_000, "n_samples_to_issue": 900_000}
    change(config, lambda said: said["settings"]["runtime"].update(runtime))
    assert errors_of(judged(base.parents[1])) == {}


def test_an_offline_run_takes_as_long_as_its_samples(base: Path) -> None:
    config = base / f"results/box/{MODEL}/Offline" / CONFIG
    change(config, at("settings.runtime.min_duration_ms", 1_200_000))
    assert errors_of(judged(base.parents[1])) == {}


def test_an_answer_of_one_piece_has_no_time_per_token(base: Path) -> None:
    def fewer(said: Any) -> None:
        said["tpot"]["total"] -= 12 * said["tpot"]["avg"]
        said["tpot"]["histogram"]["counts"][5] -= 12

    change(base / RESULT / SUMMARY, fewer)
    shutil.rmtree((base / RESULT / SNAPSHOT).parent)
    assert errors_of(judged(base.parents[1])) == {}


def test_files_that_the_tool_writes_and_nobody_asks_for_may_be_left_out(base: Path) -> None:
    shutil.rmtree((base / RESULT / SNAPSHOT).parent)
    (base / RESULT / REPORT).unlink()
    assert errors_of(judged(base.parents[1]), "error", "warning") == {}


def test_a_result_of_loadgen_whose_logs_are_missing_is_no_endpoints(base: Path) -> None:
    for name in (SUMMARY, RESULTS, CONFIG):
        (base / RESULT / name).unlink()
    assert not [rule for rule in errors_of(judged(base.parents[1])) if rule.startswith("endpoint-")]


# Cards


def asked(card: Card) -> str:
    return checks_of(ROUND)[str(card.check)].unit


def test_every_rule_on_endpoints_is_asked_of_endpoints() -> None:
    assert len(CARDS) > 25
    assert {asked(card) for card in CARDS} == {"endpoint", "round"}
    assert {card.id for card in load(ROUND).cards.values() if card.check and asked(card) == "endpoint"} <= {
        card.id for card in CARDS
    }


@pytest.mark.parametrize("card", [card for card in CARDS if card.fails.edit], ids=lambda card: card.id)
def test_a_rule_finds_its_failing_example(card: Card, base: Path) -> None:
    for edit in card.fails.edit or ():
        trees.apply(base, edit)
    report = judged(base.parents[1])
    mine = [finding for finding in report.findings if finding.rule == card.id]
    assert {finding.severity for finding in mine} == {card.severity.value}
    assert card.passes.edit == []
    if card.severity == "error":
        assert "fail" in {item.verdict for item in report.items}


# Violations, each with the rule that has to find it: file, rule, change

Act = Callable[[Any], object]


def at(place: str, value: Any) -> Act:
    return lambda document: put(document, place, value)


def times(place: str, by: float) -> Act:
    def act(document: Any) -> None:
        parts = place.split("/" if "/" in place else ".")
        held = document
        for part in parts[:-1]:
            held = held[int(part) if isinstance(held, list) else part]
        held[parts[-1]] *= by

    return act


def all_of(*acts: Act) -> Act:
    return lambda document: [act(document) for act in acts]


def gone(place: str) -> Act:
    return at(place, None)


LOAD, TOLD = "run_config.load_pattern", "settings.load_pattern"
ONE, LENGTHS = "accuracy_scores.0", "accuracy_scores.0.output_sequence_lengths"
SEED = "dataloader_random_seed"


def _faster(said: Any) -> None:
    """Make all but the slowest hundredth of answers as fast as the fastest, as far as percentiles say."""
    whole = said["latency"]
    del whole["histogram"]
    whole["percentiles"] = dict.fromkeys(whole["percentiles"], whole["min"])
    whole["early_stopping_percentiles"], whole["median"] = {}, whole["min"]


VIOLATIONS: dict[str, tuple[str, str, Act]] = {
    "aborted": (SUMMARY, "endpoint-complete", at("state", "aborted")),
    "interrupted, tasks pending": (SUMMARY, "endpoint-complete", at("complete", False)),
    "complete in words": (SUMMARY, "endpoint-complete", at("complete", "true")),
    "the state is not said": (SUMMARY, "endpoint-complete", gone("state")),
    "failed requests": (SUMMARY, "endpoint-failures", at("n_samples_failed", 9000)),
    "a failed request": (SUMMARY, "endpoint-failures", at("n_samples_failed", 1)),
    "lost requests": (SUMMARY, "endpoint-counted", at("n_samples_issued", 910_000)),
    "no request answered": (SUMMARY, "endpoint-counted", at("n_samples_completed", 0)),
    "counts left out": (SUMMARY, "endpoint-stated", gone("n_samples_failed")),
    "a duration that is no number": (SUMMARY, "endpoint-stated", at("duration_ns", float("nan"))),
    "a rate beyond any": (SUMMARY, "endpoint-numbers", at("tps", 1e308)),
    "a rate in words": (SUMMARY, "endpoint-numbers", at("tps", "12")),
    "a window in words": (SUMMARY, "endpoint-numbers", at("legacy_loadgen_window_duration_ns", "600 s")),
    "a part of a request failed": (SUMMARY, "endpoint-numbers", at("n_samples_failed", 0.4)),
    "a percentile in words": (SUMMARY, "endpoint-numbers", at("latency/percentiles/99.0", "fast")),
    "a time of accuracy below 0": (RESULTS, "endpoint-numbers", at("accuracy_scores.0.duration_s", -5)),
    "a score beyond all": (RESULTS, "endpoint-numbers", at("accuracy_scores.0.score", 250.0)),
    "no deviation between different values": (SUMMARY, "endpoint-means", at("latency.std_dev", 0.0)),
    "percentiles that the mean contradicts": (SUMMARY, "endpoint-means", _faster),
    "half the duration": (SUMMARY, "endpoint-duration", at("duration_ns", 300 * 10**9)),
    "a short window": (SUMMARY, "endpoint-duration", at("legacy_loadgen_window_duration_ns", 200 * 10**9)),
    "broken off by its config": (CONFIG, "endpoint-duration-asked", at("settings.runtime.min_duration_ms", 900_000)),
    "asked for too short a run": (CONFIG, "endpoint-duration-asked", at("settings.runtime.min_duration_ms", 1000)),
    "more samples than asked": (CONFIG, "endpoint-duration-asked", at("settings.runtime.n_samples_to_issue", 500)),
    "a window beyond the run": (SUMMARY, "endpoint-windows", times("legacy_loadgen_window_duration_ns", 1.1)),
    "an answer longer than the run": (SUMMARY, "endpoint-windows", at("latency.max", 9e14)),
    "tokens per second raised": (SUMMARY, "endpoint-throughput", times("tps", 1.05)),
    "requests per second raised": (SUMMARY, "endpoint-throughput", times("qps", 1.05)),
    "requests per second lowered": (SUMMARY, "endpoint-throughput", times("qps", 0.9)),
    "a rate above what was sent": (CONFIG, "endpoint-load-kept", times(f"{TOLD}.target_qps", 0.8)),
    "another schedule": (SUMMARY, "endpoint-seeds", at("run_config.scheduler_random_seed", 1)),
    "another order": (SUMMARY, "endpoint-seeds", at(f"run_config.{SEED}", 2)),
    "a seed as a real number": (SUMMARY, "endpoint-seeds", times(f"run_config.{SEED}", 1.0)),
    "no seeds of the run": (SUMMARY, "endpoint-seeds", gone(f"run_config.{SEED}")),
    "the config's seed": (CONFIG, "endpoint-seeds", at(f"settings.runtime.{SEED}", 42)),
    "an accuracy run of other seeds": (RESULTS, "endpoint-seeds", at("run_config", {SEED: 42})),
    "all at once in Server": (SUMMARY, "endpoint-scenario", at(f"{LOAD}.type", "max_throughput")),
    "a config of concurrency": (CONFIG, "endpoint-scenario", at(f"{TOLD}.type", "concurrency")),
    "prompts seen before": (CONFIG, "endpoint-warm-up", at("settings.warmup.salt", False)),
    "percentiles that fall": (SUMMARY, "endpoint-percentiles", at("latency/percentiles/99.0", 1.0)),
    "an estimate below its percentile": (
        SUMMARY,
        "endpoint-percentiles",
        at("ttft/early_stopping_percentiles/99.0", 1.0),
    ),
    "a negative time": (SUMMARY, "endpoint-percentiles", at("ttft.min", -5)),
    "a mean above the greatest": (SUMMARY, "endpoint-means", at("tpot.avg", 9e9)),
    "a median of its own": (SUMMARY, "endpoint-means", times("latency.median", 1.01)),
    "a total of fewer samples": (SUMMARY, "endpoint-means", times("latency.total", 0.9)),
    "an impossible deviation": (SUMMARY, "endpoint-means", times("latency.std_dev", 10)),
    "a histogram of fewer samples": (SUMMARY, "endpoint-histograms", at("latency/histogram/counts/9", 0)),
    "a negative bucket": (SUMMARY, "endpoint-histograms", at("latency/histogram/counts/9", -1)),
    "a percentile moved": (
        SUMMARY,
        "endpoint-histograms",
        all_of(at("ttft/percentiles/90.0", 2.1e7), *(at(f"ttft/percentiles/{p}", 2.1e7) for p in ("80.0", "75.0"))),
    ),
    "first tokens after the answer": (SUMMARY, "endpoint-latencies-fit", times("ttft.max", 100)),
    "answers faster than their tokens": (
        SUMMARY,
        "endpoint-latencies-fit",
        all_of(times("latency.avg", 0.2), times("latency.total", 0.2), times("latency.min", 0.1)),
    ),
    "accuracy broken off": (RESULTS, "endpoint-accuracy-complete", at(f"{ONE}.complete", False)),
    "a subset broken off": (RESULTS, "endpoint-accuracy-complete", at(f"{ONE}.breakdown.complete", False)),
    "a third of the answers empty": (
        RESULTS,
        "endpoint-accuracy-complete",
        all_of(at(f"{ONE}.response_counts.empty", 16000), at(f"{ONE}.response_counts.scored", 32289)),
    ),
    "answers missing": (RESULTS, "endpoint-accuracy-complete", at(f"{ONE}.response_counts.missing", 3)),
    "answers not scored": (RESULTS, "endpoint-accuracy-complete", at(f"{ONE}.response_counts.scored", 40000)),
    "no counts": (RESULTS, "endpoint-accuracy-stated", gone(f"{ONE}.response_counts")),
    "an empty answer": (RESULTS, "endpoint-empty-answers", at(f"{ONE}.response_counts.empty", 1)),
    "half the data set": (RESULTS, "endpoint-data-set", at(f"{ONE}.total_samples", 24000)),
    "repeats that do not multiply": (RESULTS, "endpoint-data-set", at(f"{ONE}.num_repeats", 2)),
    "an average of its own": (RESULTS, "endpoint-score-agrees", at("average_accuracy", 0.9)),
    "a score above its subsets": (RESULTS, "endpoint-score-agrees", at(f"{ONE}.score", 5.5)),
    "short answers in performance": (RESULTS, "endpoint-tokens-agree", times(f"{LENGTHS}.avg", 1.3)),
    "another rate than the config": (SUMMARY, "endpoint-config-as-run", times(f"{LOAD}.target_qps", 3)),
    "another warm-up than the config": (CONFIG, "endpoint-config-as-run", at("settings.warmup.n_requests", 7)),
    "another round's config": (CONFIG, "endpoint-round", at("submission_ref.ruleset", "mlperf-inference-v5.1")),
    "another model's config": (CONFIG, "endpoint-round", at("submission_ref.model", "deepseek-r1")),
    "requests to another model": (CONFIG, "endpoint-model-name", at("model_params.name", "openai/gpt-oss-120b")),
    "a snapshot before the end": (SNAPSHOT, "endpoint-snapshot-agrees", at("state", "interrupted")),
    "a snapshot of another run": (SNAPSHOT, "endpoint-snapshot-agrees", at("metrics/1/value", 899_999)),
    "an array for a summary": (SUMMARY, "endpoint-readable", lambda document: document.clear()),
}


@pytest.mark.parametrize("name", VIOLATIONS)
def test_a_violation_is_found_by_its_rule(name: str, base: Path) -> None:
    file, rule, act = VIOLATIONS[name]
    change(base / RESULT / file, act)
    if name == "an array for a summary":
        (base / RESULT / file).write_text("[]")
    report = judged(base.parents[1])
    assert rule in {finding.rule for finding in report.findings}, report.findings
    server = next(item for item in report.items if item.path.endswith(RESULT))
    assert server.verdict == "fail" or load(ROUND).cards[rule].severity != "error"


def test_failures_hidden_behind_a_member_given_twice_are_found(base: Path) -> None:
    path = base / RESULT / SUMMARY
    path.write_text(
        path.read_text().replace('"n_samples_failed": 0', '"n_samples_failed": 9000, "n_samples_failed": 0')
    )
    assert "endpoint-one-record" in errors_of(judged(base.parents[1]))


def test_a_second_config_is_found(base: Path) -> None:
    shutil.copy(base / RESULT / CONFIG, base / RESULT / "config.yml")
    assert "endpoint-one-record" in errors_of(judged(base.parents[1]))


def test_a_summary_cut_off_is_said_to_be_unreadable(base: Path) -> None:
    path = base / RESULT / SUMMARY
    path.write_text(path.read_text()[:-5])
    assert errors_of(judged(base.parents[1])) == {"mlperf-file-readable": 1}


def test_a_report_of_another_run_is_found_with_its_line(base: Path) -> None:
    path = base / RESULT / REPORT
    path.write_text(path.read_text().replace("Total samples failed: 0", "Total samples failed: 12"))
    found = [finding for finding in judged(base.parents[1]).findings if finding.rule == "endpoint-report-agrees"]
    assert [(finding.line, finding.found) for finding in found] == [(4, "12")]


def test_a_window_of_its_own_does_not_raise_the_rate_of_offline(base: Path) -> None:
    def shorter(said: Any) -> None:
        said["legacy_loadgen_window_duration_ns"] = 610 * 10**9
        said["qps"], said["tps"] = (said[name] * 800 / 610 for name in ("qps", "tps"))

    shutil.rmtree((base / f"results/box/{MODEL}/Offline" / SNAPSHOT).parent)
    (base / f"results/box/{MODEL}/Offline" / REPORT).unlink()
    change(base / f"results/box/{MODEL}/Offline" / SUMMARY, shorter)
    assert errors_of(judged(base.parents[1]))["endpoint-throughput"] == 2


def test_a_few_empty_answers_have_no_length(base: Path) -> None:
    def fewer(said: Any) -> None:
        one = said["accuracy_scores"][0]
        one["response_counts"] |= {"empty": 9, "scored": 48280}
        one["output_sequence_lengths"]["total"] -= 9 * one["output_sequence_lengths"]["avg"]

    change(base / RESULT / RESULTS, fewer)
    assert errors_of(judged(base.parents[1]), "error", "warning") == {"endpoint-empty-answers": 1}


def test_a_short_offline_run_has_too_few_samples(base: Path) -> None:
    change(base / f"results/box/{MODEL}/Offline" / SUMMARY, at("n_samples_issued", 100))
    assert errors_of(judged(base.parents[1]))["endpoint-enough-samples"] == 1


def test_requests_under_way_at_once_are_not_single_stream(tmp_path: Path) -> None:
    base = trees.submission(tmp_path, "wan-2.2-t2v-a14b", "Offline", "SingleStream")
    result = base / "results/box/wan-2.2-t2v-a14b/SingleStream"
    change(result / SUMMARY, times("duration_ns", 0.5))
    assert errors_of(judged(tmp_path))["endpoint-load-kept"] >= 1
    for name, place in ((CONFIG, TOLD), (SUMMARY, LOAD)):
        change(result / name, at(f"{place}.target_concurrency", 8))
    assert errors_of(judged(tmp_path))["endpoint-scenario"] == 2


# Models of tokens


def test_accuracy_below_the_target_is_seen_though_the_official_checker_does_not_look(
    tokens: Path, tmp_path: Path
) -> None:
    base = trees.copy_of(tokens, tmp_path)
    result = base / "results/box/deepseek-r1/Server"
    change(
        result / RESULTS, all_of(at(f"{ONE}.score", 71.0), at(f"{ONE}.breakdown", None), at("average_accuracy", 71.0))
    )
    report = judged(tmp_path)
    assert errors_of(report) == {"endpoint-accuracy": 1}
    assert {item.official_verdict for item in report.items} == {"pass"}


def test_a_target_is_of_all_data_sets_together(tokens: Path, tmp_path: Path) -> None:
    base = trees.copy_of(tokens, tmp_path)

    def part(said: Any) -> None:
        easy, hard = said["accuracy_scores"] * 2
        halves = [({**easy, "score": 90.0}, 1388), ({**hard, "score": 60.0}, 3000)]
        said["accuracy_scores"] = []
        for entry, count in halves:
            counts = {"issued": count, "scored": count}
            more = {"total_samples": count, "unit_samples": count, "response_counts": counts, "breakdown": None}
            said["accuracy_scores"].append(entry | more)

    change(base / "results/box/deepseek-r1/Server" / RESULTS, part)
    assert errors_of(judged(tmp_path))["endpoint-accuracy"] == 1


def test_results_without_a_data_set_of_accuracy_cover_none(base: Path) -> None:
    change(base / RESULT / RESULTS, at(f"{ONE}.dataset_type", "performance"))
    assert errors_of(judged(base.parents[1]))["endpoint-data-set"] == 1


def test_answers_of_the_accuracy_run_have_the_length_that_the_rules_ask(tokens: Path, tmp_path: Path) -> None:
    base = trees.copy_of(tokens, tmp_path)
    change(base / "results/box/deepseek-r1/Server" / RESULTS, at(f"{LENGTHS}.avg", 3300.0))
    assert errors_of(judged(tmp_path))["endpoint-accuracy"] == 1


def test_answers_that_are_not_streamed_have_no_first_token(tokens: Path, tmp_path: Path) -> None:
    base = trees.copy_of(tokens, tmp_path)
    for said in ("off", False):
        change(base / "results/box/deepseek-r1/Interactive" / CONFIG, at("model_params.streaming", said))
        assert errors_of(judged(tmp_path))["endpoint-streaming"] == 1


def test_the_unit_is_that_of_the_number_and_the_official_row_stays(tokens: Path) -> None:
    report = judged(tokens.parents[1])
    scores = {score.path.rpartition("/")[2]: score for score in report.scores}
    shown = {
        name: (one.inference and one.inference.unit, one.official and one.official["Units"])
        for name, one in scores.items()
    }
    assert shown == {
        "Offline": ("Samples/s", "Tokens/s"),
        "Interactive": ("Queries/s", "Tokens/s"),
        "Server": ("Tokens/s", "Tokens/s"),
    }
    offline = scores["Offline"]
    assert offline.inference is not None
    assert offline.official is not None
    assert offline.inference.metric == offline.official["Result"] == pytest.approx(900_000 / 800)
    notes = [finding for finding in report.findings if finding.rule == "endpoint-unit"]
    assert sorted(Path(finding.path).parts[-3] for finding in notes) == ["Interactive", "Offline"]
    assert all("Tokens/s" in finding.expected and finding.severity == "note" for finding in notes)


def test_results_in_different_units_stand_in_different_tables(tokens: Path) -> None:
    offline = next(score for score in judged(tokens.parents[1]).scores if score.path.endswith("Offline"))
    assert offline.inference is not None
    loadgen = replace(offline, inference=replace(offline.inference, metric=5e6, unit="Tokens/s"))
    groups = grouped([offline, loadgen])
    assert [[one.inference and one.inference.unit for one in group.scores] for group in groups] == [
        ["Samples/s"],
        ["Tokens/s"],
    ]


def test_a_model_of_no_tokens_shows_the_latency_that_is_bounded(honest: Path) -> None:
    shown = next(score.inference for score in judged(honest.parents[1]).scores if score.path.endswith("Server"))
    assert shown is not None
    assert shown.latency_ms["99"] > 0
    assert shown.first_token_ms == shown.output_token_ms == {}


def test_a_result_between_tables_and_rules_is_noted(tokens: Path, tmp_path: Path) -> None:
    base = trees.copy_of(tokens, tmp_path)
    change(
        base / "results/box/deepseek-r1/Server" / RESULTS,
        all_of(at(f"{ONE}.score", 80.9), at("average_accuracy", 80.9)),
    )
    assert errors_of(judged(tmp_path), "note")["between-tables-and-rules"] == 1


def test_latencies_and_accuracy_are_shown(tokens: Path) -> None:
    scores = {score.path.rpartition("/")[2]: score.inference for score in judged(tokens.parents[1]).scores}
    server, offline = scores["Server"], scores["Offline"]
    assert server is not None
    assert offline is not None
    said = json.loads((tokens / "results/box/deepseek-r1/Server" / SUMMARY).read_text())
    assert list(server.latency_ms) == ["min", "50", "90", "95", "97", "99", "99.9", "max"]
    assert server.latency_ms["99"] == said["latency"]["percentiles"]["99.0"] / 1e6
    assert server.first_token_ms["max"] == said["ttft"]["max"] / 1e6
    assert server.output_token_ms["50"] == said["tpot"]["percentiles"]["50.0"] / 1e6
    assert server.accuracy["exact_match"] == pytest.approx(81.4, rel=1e-3)
    assert offline.first_token_ms == {}
    assert offline.latency_ms["max"] > 0


# Audits and runs beside each other


def test_an_audit_whose_rates_show_a_cache_does_not_pass_by_its_word(tmp_path: Path) -> None:
    base = trees.submission(tmp_path, "wan-2.2-t2v-a14b", "Offline", "SingleStream")
    path = base / "results/box/wan-2.2-t2v-a14b/Offline/audit/audit_output_caching_test.json"
    single = path.parents[2] / "SingleStream/audit" / path.name
    change(single, lambda said: said.update(audit_qps=said["ref_qps"] * 1.15, threshold=0.2))  # what the tool allows
    change(path, all_of(at("audit_qps", 9.0), at("threshold", 10.0)))
    report = judged(tmp_path)
    assert errors_of(report) == {"endpoint-audit-performs": 1}
    assert {item.official_verdict for item in report.items} == {"pass"}
    change(path, all_of(at("audit_qps", 1.5), at("audit_completed", 20)))
    assert errors_of(judged(tmp_path)) == {"endpoint-audit-performs": 1}


def test_an_audit_of_another_result_is_found(tmp_path: Path) -> None:
    base = trees.submission(tmp_path, "wan-2.2-t2v-a14b", "Offline", "SingleStream")
    name = "audit/audit_output_caching_test.json"
    shutil.copy(*(base / "results/box/wan-2.2-t2v-a14b" / one / name for one in ("Offline", "SingleStream")))
    assert errors_of(judged(tmp_path)) == {"tests-original": 1}


def test_a_run_of_another_submitter_is_found(honest: Path, tmp_path: Path) -> None:
    trees.copy_of(honest, tmp_path)
    other = tmp_path / "closed/Other"
    shutil.copytree(honest, other)
    change(other / "systems/box.json", at("submitter", "Other"))
    assert errors_of(judged(tmp_path)) == {"runs-original": 2}


def test_a_run_of_another_system_is_found(base: Path) -> None:
    shutil.copytree(base / "results/box", base / "results/twin")
    shutil.copy(base / "systems/box.json", base / "systems/twin.json")
    assert errors_of(judged(base.parents[1]), "warning")["run-of-one-system"] == 1


def test_an_accuracy_run_of_another_scenario_is_asked_about(base: Path) -> None:
    shutil.copy(base / f"results/box/{MODEL}/Offline" / RESULTS, base / RESULT / RESULTS)
    report = judged(base.parents[1])
    assert errors_of(report, "error", "warning") == {"endpoint-accuracy-shared": 1}


def test_an_accuracy_run_of_another_submitter_is_an_error(honest: Path, tmp_path: Path) -> None:
    trees.copy_of(honest, tmp_path)
    other = trees.submission(tmp_path, MODEL, "Server", "Offline", submitter="Other")
    shutil.copy(honest / RESULT / RESULTS, other / RESULT / RESULTS)
    assert errors_of(judged(tmp_path))["accuracy-of-its-own"] == 1


def test_accuracy_results_with_the_performance_runs_answers_are_found(base: Path) -> None:
    ran = json.loads((base / RESULT / SUMMARY).read_text())["output_sequence_lengths"]
    change(base / RESULT / RESULTS, at(LENGTHS, ran))
    assert "endpoint-accuracy-run" in errors_of(judged(base.parents[1]))


# Which round


def test_the_round_is_recognised_by_the_seeds_in_either_file(base: Path) -> None:
    seen = detect_round(base.parents[1])
    assert seen is not None
    assert seen.only() == ROUND
    for result in (base / "results/box" / MODEL).iterdir():
        change(result / SUMMARY, at("run_config", None))
    assert detect_round(base.parents[1]) == seen
    for result in (base / "results/box" / MODEL).iterdir():
        change(result / CONFIG, at("settings.runtime.scheduler_random_seed", 1))
    unknown = detect_round(base.parents[1])
    assert unknown is not None
    assert unknown.rounds == ("mlperf-inference",)  # the family, and no round


# Hostile files

SCALARS = (
    some.none()
    | some.booleans()
    | some.integers()
    | some.floats()
    | some.sampled_from(
        [10**400, -(10**400), "1", "nan", "\x1b[31m", [], {}, [[[[1]]]], {"a": {"b": []}}, 1e308, 2**70]
    )
    | some.text(max_size=8)
)
VALUES = some.recursive(
    SCALARS, lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=6), inner, max_size=3)
)


ODD = {
    "counts below nothing": {"n_samples_completed": -5, "n_samples_issued": -5},
    "a time beyond division": {"duration_ns": 1e-320, "legacy_loadgen_window_duration_ns": 5e-324},
    "the largest": dict.fromkeys(("duration_ns", "n_samples_completed", "qps", "tps"), 9.9e299),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_numbers_are_no_defect(name: str, case: ResultCase) -> None:
    assert case.endpoint is not None
    files = replace(
        case.endpoint, summary=replace(case.endpoint.summary, value=case.endpoint.summary.value | ODD[name])
    )
    assert list(result_problems(replace(case, endpoint=files)))


def leaves(document: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return where something stands, members of lists beyond the second left out."""
    found = [place] if place else []
    items = (
        document.items()
        if isinstance(document, dict)
        else enumerate(document[:2] if isinstance(document, list) else ())
    )
    for name, value in items:
        found += leaves(value, (*place, name))
    return found


@pytest.fixture(scope="module")
def case(honest: Path) -> ResultCase:
    facts = SubmitterFacts(read_submitter("closed", honest, load(ROUND).limits), inference_rules(ROUND))
    place = next(one for one in facts.submitter.places if one.scenario == "Server")
    paths = facts.paths(place)
    read = read_result(facts.submitter.listing, place, paths)
    return result_case(facts, judge_result(facts, read, Options()))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=some.data())
def test_no_value_whatever_ends_a_rule(case: ResultCase, data: some.DataObject) -> None:
    assert case.endpoint is not None
    files = [deepcopy(file.value) for file in (case.endpoint.summary, case.endpoint.accuracy, case.endpoint.config)]
    for document in files:
        places = leaves(document)
        for _ in range(data.draw(some.integers(0, 3))):
            spoil(document, data.draw(some.sampled_from(places)), data.draw(VALUES))
    whole = data.draw(some.sampled_from([None, None, None, [], 7, "text", {}]))
    documents = [JsonFile(name, value if whole is None else whole) for name, value in zip("sac", files, strict=True)]
    audits = {"TEST04": JsonFile("audit", data.draw(VALUES))}
    spoiled = replace(case, endpoint=EndpointFiles(*documents, audits=audits))
    assert all(isinstance(problem.found, str) for _, problem in result_problems(spoiled))
    assert trace(spoiled, lambda path: path).endpoint


def spoil(document: Any, place: tuple[Any, ...], value: Any) -> None:
    """Put a value where something stood, unless an earlier one took its place away."""
    for part in place[:-1]:
        try:
            document = document[part]
        except (KeyError, IndexError, TypeError):
            return
    last = place[-1]
    if isinstance(document, dict) or (isinstance(document, list) and isinstance(last, int) and last < len(document)):
        document[last] = value


HOSTILE = {
    "a number too large for any": '{"duration_ns": 1e400, "qps": -1e400}',
    "an integer of five thousand digits": f'{{"duration_ns": {"9" * 5000}}}',
    "a name twice": '{"state": "aborted", "state": "complete"}',
    "depth": "[" * 100_000,
    "NaN": '{"latency": {"avg": NaN, "max": Infinity, "percentiles": {"nan": 1, "1e999": 2, "-5": 3}}}',
    "dots": json.dumps({"latency": {"percentiles": {"." * 200: 1, "50.0.0.0": [1]}}}),
    "escapes": json.dumps({"state": "\x1b]0;owned\x07", "run_config": {"load_pattern": {"type": "\x1b[2J"}}}),
    "no UTF-8": "\udcff",
    "mappings that merge each other": "a0: &a0 {x: 1, y: 2}\n"
    + "".join(f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}\n" for i in range(1, 12)),
    "a tag on nothing": 'a: !!int ""',
    "sums that have no text": json.dumps(
        {"accuracy_scores": [{"total_samples": 0}, {"total_samples": 0}], "x": "samples"}
    ).replace('"total_samples": 0', f'"total_samples": {"9" * 4300}'),
    "nothing": "",
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("file", [SUMMARY, RESULTS, CONFIG, SNAPSHOT, REPORT])
def test_a_hostile_file_gives_findings(name: str, file: str, base: Path) -> None:
    (base / RESULT / file).write_bytes(HOSTILE[name].encode(errors="surrogateescape"))
    report = judged(base.parents[1])
    assert DEFECT not in {finding.rule for finding in report.findings}
    assert "\x1b" not in json.loads(render(report))["path"] + str([finding.found for finding in report.findings])


def test_a_config_that_holds_itself_gives_findings(base: Path) -> None:
    (base / RESULT / CONFIG).write_text(
        "settings: &a\n  load_pattern: *a\n  warmup: *a\n  runtime: {min_duration_ms: *a}\n"
    )
    report = judged(base.parents[1])
    assert DEFECT not in {finding.rule for finding in report.findings}
    assert report.verdict == "fail"
