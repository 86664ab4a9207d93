"""What happens to honest submitters: a clock is set, an engine stalls, a run fails. None of it is an error."""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Callable
from statistics import fmean

import pytest

from checker.core.findings import Report
from checker.core.statistics import fastest_mean
from rules.published import references
from rules.ruleset import load
from tests.unit.checker.submissions import WORKLOAD, Built, at, errors, said, sha
from tests.unit.checker.test_forgeries import Body, Records, first, rewrite, runs

STARTS = ("block_start", "block_stop")


def judged(submission: Built) -> Report:
    submission.seal()
    report = submission.check()
    assert report.passed, said(report)
    return report


def warned(report: Report) -> set[str]:
    return {finding.rule for finding in report.findings}


@pytest.mark.parametrize("key", ["run_start", "block_start", "eval_start", "run_stop"])
def test_a_wall_clock_set_back_by_five_milliseconds(key: str, built: Callable[..., Built]) -> None:
    """Both clocks are one on a local engine; the steps' clock is not set."""
    submission = built()

    def change(records: Records, body: Body) -> None:
        for position in range(first(records, key), len(records)):
            records[position]["time_ms"] -= 5
            body["receipts"][position] -= 0.005

    rewrite(submission, 1, change)
    assert warned(judged(submission)) == set()


def test_a_block_of_steps_shorter_than_the_log_counts(built: Callable[..., Built]) -> None:
    """The log counts milliseconds: quick steps start and end within one."""
    submission = built()

    def change(records: Records, body: Body) -> None:
        for position, record in enumerate(records):
            if record["key"] == "block_stop":
                moved = record["time_ms"] - records[position - 1]["time_ms"]
                for later in records[position:]:
                    later["time_ms"] -= moved
                for later in range(position, len(records)):
                    body["receipts"][later] -= moved / 1000
        body["steps"]["seconds"] = [1e-6] * len(body["steps"]["seconds"])

    for run in runs(submission):
        rewrite(submission, run, change)
    submission.seal()
    assert "assay-step-times" not in warned(submission.check())


@pytest.mark.parametrize("key", ["submission_benchmark", "seed", "warmup_stop", "block_start", "eval_stop"])
def test_an_engine_that_stalls_once_is_a_warning(key: str, built: Callable[..., Built]) -> None:
    """Lines written during the stall arrive together at its end; run_stop is not among them, run_start may be."""
    submission = built()

    def change(records: Records, body: Body) -> None:
        begin = first(records, key)
        end = body["receipts"][begin] + 2.5
        for position in range(begin, len(records)):
            body["receipts"][position] = max(end, body["receipts"][position])

    rewrite(submission, 1, change)
    assert warned(judged(submission)) == {"assay-receipts-delay"}


@pytest.mark.parametrize("rate", [1e-4, -1e-4])
def test_an_engine_on_a_machine_whose_clock_is_an_hour_ahead_and_drifts(
    rate: float, built: Callable[..., Built]
) -> None:
    submission = built()
    began: list[float] = []

    def change(_: Records, body: Body) -> None:
        began.append(body["receipts"][0])
        body["receipts"] = [r - 3600 + rate * (r - began[0]) for r in body["receipts"]]

    for run in runs(submission):
        rewrite(submission, run, change)
    assert warned(judged(submission)) == set()


def diverging(submission: Built, run: int, block: int, weights: bytes) -> None:
    """Let a loss of a run stop being finite, in the fifth step of a block (from 0), and end it as the harness does."""

    def change(records: Records, body: Body) -> None:
        start, cut = ([n for n, r in enumerate(records) if r["key"] == key][block] for key in STARTS)
        stop, before = first(records, "run_stop"), at(block - 1) // 128 if block else 0
        seen = before + 5
        records[cut]["metadata"] |= {"samples_count": seen * 128, "epoch_count": (seen - before) / 468}
        records[stop]["metadata"] |= {"status": "aborted", "samples_count": seen * 128}
        records[stop + 1]["value"] = body["final_weights"]["sha256"] = sha(weights)
        took = (records[cut]["time_ms"] - records[start]["time_ms"]) / 1000
        body["steps"]["seconds"] = [*body["steps"]["seconds"][:before], *[0.99 * took / 5] * 5]
        del records[cut + 1 : stop], body["receipts"][cut + 1 : stop]
        for record in records[cut + 1 :]:
            record["time_ms"] = records[cut]["time_ms"]
        body["receipts"] = [*body["receipts"][: cut + 1], *(body["receipts"][cut] for _ in records[cut + 1 :])]
        body |= {"outcome": "diverged", "explanation": "the loss stopped being finite"}

    submission.write(f"{{result}}/result_{run}.safetensors", weights)
    rewrite(submission, run, change)


@pytest.mark.parametrize("block", [0, 1])
def test_a_run_that_diverges_and_four_typical_ones(block: int, built: Callable[..., Built]) -> None:
    submission = built(samples=[at(2), at(3), at(2), at(3), at(2)])
    kept = submission.path("{result}/result_4.safetensors").read_bytes()
    not_a_number = array("f", [math.nan]).tobytes()
    diverging(submission, 4, block, kept[:-4] + not_a_number)
    assert warned(judged(submission)) == {"assay-run-short"}
    diverging(submission, 3, block, submission.path("{result}/result_3.safetensors").read_bytes())
    submission.seal()
    assert {"assay-runs-converged", "assay-diverged-weights"} <= warned(submission.check())


def test_steps_that_run_several_to_a_call(built: Callable[..., Built]) -> None:
    submission = built()

    def change(_: Records, body: Body) -> None:
        seconds = body["steps"]["seconds"]
        calls = [seconds[n : n + 26] for n in range(0, len(seconds), 26)]
        body["steps"] = {"steps_per_call": 26, "seconds": [fmean(call) for call in calls for _ in call]}

    for run in runs(submission):
        rewrite(submission, run, change)
    assert warned(judged(submission)) == set()


def test_a_run_that_crashed_and_was_resumed_is_a_warning(built: Callable[..., Built]) -> None:
    submission = built()
    attempt = {"outcome": "engine-lost", "explanation": "the engine stopped answering"}
    rewrite(submission, 3, lambda _, body: body.update(earlier_attempts=[attempt]))
    assert warned(judged(submission)) == {"assay-attempts-made"}


def test_of_results_like_the_reference_one_in_a_hundred_is_refused_at_most() -> None:
    """Also where one run of five, the slowest, ends short of the target and is left out."""
    round_ = load("assay/1.0")
    reference = [float(run.samples) for run in references(round_.name, WORKLOAD, "") or ()]
    draw = random.Random(1)
    trials = 20_000
    for runs_, kept in ((5, 5), (5, 4), (4, 4)):
        bound = fastest_mean(reference, kept, round_.significance)
        drawn = (sorted(draw.choice(reference) for _ in range(runs_))[:kept] for _ in range(trials))
        assert sum(fmean(samples) < bound for samples in drawn) / trials < 0.01


def test_a_result_a_little_fast_is_a_doubt_and_no_error(built: Callable[..., Built]) -> None:
    report = built(samples=[at(1)] * 4 + [at(2)]).check()
    assert errors(report) == [], said(report)
    assert warned(report) == {"assay-convergence-doubt"}
