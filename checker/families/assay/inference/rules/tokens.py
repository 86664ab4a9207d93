"""Rules that compute a token model's rates again: from its latencies, and the answers of the accuracy run.

LoadGen traces when a sample's first token and its last one came, not how many there were. The accuracy run's answer to
the same sample says that, but for the share of answers that TEST06 lets differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from checker.core.findings import Violation
from checker.families.assay.checks import check
from checker.families.assay.inference.answers import numbers
from checker.families.assay.inference.latencies import PERCENTILES, percentile
from checker.families.assay.inference.rules.loadgen import PRINTED
from checker.families.assay.inference.submission import PERFORMANCE, InferenceResult, LoadGenRun, ScenarioResult
from rules.compliance import AnswerComparison


@dataclass(frozen=True)
class TokenTimes:
    """What follows of a run: all tokens, and by sample, sorted, nanoseconds per token after the first (Server)."""

    tokens: int
    seconds: float  # that the run took
    each_ns: list[int]


def told(run: LoadGenRun, counts: Mapping[int, int]) -> TokenTimes | None:
    """Compute a run's tokens; None where its latencies, or the number of tokens of a sample, are not known.

    LoadGen divides the time from a sample's first token to its last by the tokens after the first, and cuts it off.
    """
    latencies = run.latencies
    if latencies is None or any(sample not in counts for sample in set(latencies.sample)):
        return None
    each: list[int] = []
    if run.its.is_bounded:
        whole = zip(latencies.sample, latencies.latency, latencies.first_token, strict=True)
        each = sorted(
            (latency - first) // (counts[sample] - 1) for sample, latency, first in whole if counts[sample] > 1
        )
    return TokenTimes(sum(counts[sample] for sample in latencies.sample), latencies.last_done_s, each)


def token_counts(scenario: ScenarioResult, kind: AnswerComparison) -> dict[int, int]:
    """Return how many tokens the accuracy run answered each sample with."""
    run = scenario.accuracy
    found: dict[int, int] = {}
    for answer in (run.answers if run else None) or ():
        try:
            found.setdefault(answer.qsl_idx, len(numbers(answer.bytes, kind) or ()))
        except ValueError:
            continue
    return found


@check("serving-tokens", "scenario")
def tokens(result: InferenceResult, scenario: ScenarioResult) -> Iterator[Violation]:
    """Judge that tokens a second and times per token follow from the latencies and the accuracy run's answers."""
    workload = result.compliance.workloads.get(result.workload)
    if result.rules is None or not result.rules.tokens or workload is None or scenario.accuracy is None:
        return
    counts, share = token_counts(scenario, workload.answers), workload.answers.differing
    for name, run in scenario.runs.items():
        found = told(run, counts) if name in PERFORMANCE and run.whole is not None else None
        if found is None:
            continue
        yield from _rate(run, found, share)
        if found.each_ns:
            yield from _percentiles(run, found.each_ns, share)
            if name == "performance":
                yield from _bound(scenario, run, found.each_ns, share)


def _rate(run: LoadGenRun, found: TokenTimes, share: float) -> Iterator[Violation]:
    if (key := run.its.tokens_score) is None or not found.seconds:
        return
    wanted, stated = found.tokens / found.seconds, run.detail[key]
    if not isinstance(stated, int | float) or not abs(stated - wanted) <= (share + PRINTED) * wanted:
        yield run.said(key, f"{key} does not follow from the latencies and the answers", f"{wanted:.6g}")


def _percentiles(run: LoadGenRun, each_ns: list[int], share: float) -> Iterator[Violation]:
    for name in PERCENTILES:
        key, at = f"result_time_per_output_token_{name}_percentile_ns", float(name) / 100
        least = percentile(each_ns, max(at - share, 0.0))
        most = percentile(each_ns, at + share) if at + share < 1 else None
        stated = run.detail[key]
        if not isinstance(stated, int) or stated < least or (most is not None and stated > most):
            message = f"the {name} percentile of the time per token does not match the latencies and the answers"
            wanted = f"{least} ns or more" if most is None else f"{least} to {most} ns"
            yield run.said(key, message, wanted)


def _bound(scenario: ScenarioResult, run: LoadGenRun, each_ns: list[int], share: float) -> Iterator[Violation]:
    """Object where a token takes too long whichever answers the round lets differ."""
    if scenario.rules is None or scenario.rules.tpot_ms is None:
        return
    p, most_ms = scenario.rules.percentile or 0.99, scenario.rules.tpot_ms
    least = percentile(each_ns, max(p - share, 0.0))
    if least > most_ms * 1e6:
        message = "a token takes too long, by the latencies and the answers"
        yield run.with_latencies(message, f"at most {most_ms:g} ms", f"{least / 1e6:.3f} ms")
