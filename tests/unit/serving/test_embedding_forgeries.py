"""Forgeries of a real submission of sentence-embedding whose digests all agree: each is named."""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.serving.test_forgeries import forged
from tests.unit.serving.trees import Measured, sha

Make = Callable[..., Measured]
STATED = "{scenario}/accuracy/accuracy.txt"


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
