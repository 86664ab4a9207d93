"""Forgeries of real submissions of the two language workloads whose digests all agree: each is named."""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Callable
from typing import Any

import pytest

from checker.serving.latencies import PERCENTILES
from tests.unit.serving.test_forgeries import forged
from tests.unit.serving.trees import Measured, sha

Make = Callable[..., Measured]
STATED = "{scenario}/accuracy/accuracy.txt"
SERVER = "{result}/Server/performance/run_1/mlperf_log_detail.txt"
OFFLINE = "{result}/Offline/performance/run_1/mlperf_log_detail.txt"


def state(submission: Measured, metric: str, value: float) -> None:
    path = submission.path(STATED)
    text, times = re.subn(rf"^{metric}=.*$", f"{metric}={value!r}", path.read_text(), flags=re.MULTILINE)
    assert times == 1
    path.write_text(text)


def put_answers(submission: Measured, scenario: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> str:
    """Change the answers of a scenario's accuracy run, with the hash and the short form; return the log's name."""
    whole = f"{{ours}}/{scenario}/accuracy/mlperf_log_accuracy.json"
    raw = json.dumps([change(answer) for answer in json.loads(submission.path(whole).read_bytes())]).encode()
    submission.write(whole, raw)
    short = raw if len(raw) <= 8192 else raw[:4096] + b"\n\n...\n\n" + raw[-4096:]
    submission.write(f"{{result}}/{scenario}/accuracy/mlperf_log_accuracy.json", short)
    path = submission.path(f"{{result}}/{scenario}/accuracy/accuracy.txt")
    path.write_text(re.sub("hash=.*", f"hash={sha(raw)}", path.read_text()))
    return whole


@pytest.mark.parametrize(("metric", "value"), [("lee_pearson", 0.66), ("wordsim353_spearman", 0.7295)])
def test_a_correlation_that_the_embeddings_do_not_have(measured: Make, metric: str, value: float) -> None:
    submission = measured("sentence-embedding")
    state(submission, metric, value)
    assert "accuracy-recomputed" in forged(submission)


@pytest.mark.parametrize("samples", [range(50), range(343, 780)], ids=["documents", "words"])
def test_embeddings_of_nothing_with_the_metrics_of_good_ones(measured: Make, samples: range) -> None:
    submission = measured("sentence-embedding")

    def empty(answer: dict[str, Any]) -> dict[str, Any]:
        at = answer["qsl_idx"]
        row = array("f", [float((at * 7919 + n * 104729) % 101) for n in range(384)]).tobytes().hex()
        return answer | ({"data": row} if at in samples else {})

    assert "accuracy-recomputed" in forged(submission, put_answers(submission, "SingleStream", empty))


def test_answers_that_are_not_hexadecimal(measured: Make) -> None:
    submission = measured("sentence-embedding")
    name = put_answers(submission, "SingleStream", lambda answer: answer | {"data": "zz" * 1536})
    assert "answers" in forged(submission, name)


def test_an_agreement_that_the_tokens_do_not_have(measured: Make) -> None:
    submission = measured("text-generation")
    name = put_answers(submission, "Server", lambda answer: answer | {"data": "01000000" + answer["data"][8:]})
    assert {"accuracy-recomputed", "test06"} <= forged(submission, name)


def test_more_tokens_a_second_than_there_were(measured: Make) -> None:
    submission = measured("text-generation")
    submission.say(OFFLINE, result_tokens_per_second=2 * submission.value(OFFLINE, "result_tokens_per_second"))
    key = "result_completed_tokens_per_second"
    submission.say(SERVER, **{key: 2 * submission.value(SERVER, key)})
    assert "tokens" in forged(submission, OFFLINE, SERVER)


@pytest.mark.parametrize("name", PERCENTILES)
def test_a_time_per_token_that_is_a_lie(measured: Make, name: str) -> None:
    submission = measured("text-generation")
    key = f"result_time_per_output_token_{name}_percentile_ns"
    submission.say(SERVER, **{key: submission.value(SERVER, key) // 2})
    assert "tokens" in forged(submission, SERVER)


def test_times_per_token_above_the_bound_that_loadgen_is_said_not_to_have_seen(measured: Make) -> None:
    submission = measured("text-generation")
    name = "{ours}/Server/performance/latencies.bin"
    submission.put_latencies(name, submission.latencies(name), times=100)
    assert "tokens" in forged(submission, name)


def test_what_is_computed_of_an_honest_token_model_is_loadgens(measured: Make) -> None:
    """To the nanosecond: the share that may differ is not needed."""
    from checker.serving.answers import read_answers
    from checker.tree import Tree
    from rules.ruleset import load
    from tests.unit.serving.trees import ROUND

    submission = measured("text-generation")
    known = submission.latencies("{ours}/Server/performance/latencies.bin")
    tree = Tree(submission.root, load(ROUND).limits)
    whole = submission.path("{ours}/Server/accuracy/mlperf_log_accuracy.json").relative_to(submission.root)
    counts = {a.qsl_idx: len(a.bytes) // 4 for a in read_answers(tree, whole.as_posix())}
    columns = zip(known.sample, known.latency, known.first_token, strict=True)
    each = sorted((latency - first) // (counts[sample] - 1) for sample, latency, first in columns)
    for name in PERCENTILES:
        stated = submission.value(SERVER, f"result_time_per_output_token_{name}_percentile_ns")
        assert each[int(len(each) * float(name) / 100)] == stated
