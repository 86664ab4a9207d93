"""Whether the distributions in an endpoint's files are possible ones, and fit each other."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import accumulate, pairwise
from typing import Any

from checker.core.findings import Violation
from checker.families.mlperf_inference.checks import check
from checker.families.mlperf_inference.endpoints.case import SERIES, EndpointCase
from checker.families.mlperf_inference.endpoints.logs import number_at, value_at
from checker.families.mlperf_inference.facts import JsonFile
from checker.loadgen.log import finite

LENGTHS = "output_sequence_lengths"
MOST = 1000  # percentiles or buckets of one distribution that are looked at
TIGHT = 1e-4  # share by which two statements of one number may differ: published means have eight digits or more


class Distribution:
    """One distribution, of `samples`, at least and at most, where that is known. Numbers that are none are left out."""

    def __init__(self, file: JsonFile, place: str, value: Any, samples: tuple[float, float] | None) -> None:
        self.path, self.place, self.value, self.samples = file.path, place, value, samples
        self.percentiles = self._by_share("percentiles")
        self.estimates = self._by_share("early_stopping_percentiles")
        self.least, self.most, self.mean = (self.number(name) for name in ("min", "max", "avg"))

    def number(self, name: str) -> float | None:
        """Return a member that is a finite number."""
        return number_at(self.value, name)

    def problem(self, what: str, expected: str, found: str) -> Violation:
        """Return a problem of this distribution."""
        return Violation(f"{self.place}: {what}", expected, found, self.path)

    def of_other_samples(self, what: str, count: float) -> Iterator[Violation]:
        """Yield that so many samples are not those that the run counted."""
        if self.samples is not None and not self.samples[0] * (1 - TIGHT) <= count <= self.samples[1] * (1 + TIGHT):
            yield self.problem(f"{what} other samples than were counted", f"{self.samples[1]:,.0f}", f"{count:,.1f}")

    def _by_share(self, name: str) -> list[tuple[float, float]]:
        """Return (percent, value), rising by percent."""
        stated = value_at(self.value, name)
        found = []
        for key in list(stated)[:MOST] if isinstance(stated, dict) else ():
            try:
                share = float(key)
            except (TypeError, ValueError):
                continue
            value = finite(stated[key])
            if 0 <= share <= 100 and value is not None:
                found.append((share, value))
        return sorted(found)

    def buckets(self) -> tuple[list[float], list[float]] | None:
        """Return the edges, rising, and the counts of the histogram; None where there is none that can be read."""
        edges, counts = value_at(self.value, "histogram.buckets"), value_at(self.value, "histogram.counts")
        if not isinstance(edges, list) or not isinstance(counts, list) or not 0 < len(edges) == len(counts) <= MOST:
            return None
        pairs = [pair for pair in edges if isinstance(pair, list) and len(pair) == 2]
        if len(pairs) < len(edges):
            return None
        ends = [finite(end) for end in (*(low for low, _ in pairs), pairs[-1][1])]
        numbers = [finite(count) for count in counts]
        if None in ends or None in numbers:
            return None
        return [end for end in ends if end is not None], [count for count in numbers if count is not None]


def spreads(case: EndpointCase) -> Iterator[Distribution]:
    """Yield the distributions of a result: of the performance run, and of each data set of the accuracy run.

    An answer of one piece has no time per output token, and an empty one neither a first token nor a length.
    """
    done, none = case.number("n_samples_completed"), case.reviewed.empty_answers
    without = {"latency": 0.0, "tpot": case.reviewed.untimed}
    for name in SERIES:
        if isinstance(value := value_at(case.summary, name), dict):
            samples = None if done is None else (done * (1 - without.get(name, none)), done)
            yield Distribution(case.files.summary, name, value, samples)
    for position, entry in case.entries:
        if isinstance(value := entry.get(LENGTHS), dict):
            total = number_at(entry, "total_samples")
            lost = sum(number_at(entry, f"response_counts.{name}") or 0.0 for name in ("empty", "missing"))
            samples = None if total is None else (total - lost, total)
            yield Distribution(case.files.accuracy, f"accuracy_scores.{position}.{LENGTHS}", value, samples)


@check("inference-endpoint-percentiles", "endpoint")
def percentiles(case: EndpointCase) -> Iterator[Violation]:
    """Judge that percentiles rise from the least to the greatest, and an estimate is at or above its percentile."""
    for one in spreads(case):
        if one.least is not None and one.least < 0:
            yield one.problem("a value is negative", "0 or more", f"{one.least:,.10g}")
        ends = ([("min", one.least)], [("max", one.most)])
        stated = [*ends[0], *((f"percentile {share:g}", value) for share, value in one.percentiles), *ends[1]]
        for (lower, low), (upper, high) in pairwise([(name, at) for name, at in stated if at is not None]):
            if low > high:
                yield one.problem(f"{lower} is above {upper}", f"at most {high:,.10g}", f"{low:,.10g}")
        known = dict(one.percentiles)
        for share, value in one.estimates:
            least, most = known.get(share, one.least), one.most
            if (least is not None and value < least) or (most is not None and value > most):
                what = f"the early-stopping estimate of percentile {share:g} is none of the values at or above it"
                bounds = " to ".join("?" if end is None else f"{end:,.10g}" for end in (least, most))
                yield one.problem(what, bounds, f"{value:,.10g}")


@check("inference-endpoint-means", "endpoint")
def means(case: EndpointCase) -> Iterator[Violation]:
    """Judge that mean, median, total and deviation can be those of one distribution, over the samples counted."""
    for one in spreads(case):
        least, most, mean = one.least, one.most, one.mean
        median, middle = one.number("median"), dict(one.percentiles).get(50.0)
        if None not in (median, middle) and not _alike(median, middle):
            yield one.problem("the median is not the 50th percentile", f"{middle:,.10g}", f"{median:,.10g}")
        if mean is None or least is None or most is None:
            continue
        if not least * (1 - TIGHT) <= mean <= most * (1 + TIGHT):
            yield one.problem("the mean lies outside the values", f"{least:,.10g} to {most:,.10g}", f"{mean:,.10g}")
            continue
        deviation, widest = one.number("std_dev"), max(0.0, (most - mean) * (mean - least)) ** 0.5
        if deviation is not None and not 0 <= deviation <= widest * (1 + case.result.reviewed.slack) + TIGHT * mean:
            what = "the deviation is larger than these values can have"
            yield one.problem(what, f"at most {widest:,.6g}", f"{deviation:,.6g}")
        yield from _flat(one, least, most, mean, deviation)
        yield from _elsewhere(one, least, most, mean, case.result.reviewed.slack)
        total = one.number("total")
        if total is not None and mean > 0:
            yield from one.of_other_samples("total and mean are of", total / mean)


def _flat(one: Distribution, least: float, most: float, mean: float, deviation: float | None) -> Iterator[Violation]:
    """Yield a deviation that is smaller than even the least and the greatest value alone give it."""
    if deviation is None or one.samples is None or one.samples[1] < 1:
        return
    narrowest = (most - least) / (2 * one.samples[1]) ** 0.5
    if deviation < narrowest * (1 - TIGHT) - TIGHT * mean:
        yield one.problem(
            "the deviation is smaller than these values have", f"at least {narrowest:,.6g}", f"{deviation:,.6g}"
        )


def _elsewhere(one: Distribution, least: float, most: float, mean: float, slack: float) -> Iterator[Violation]:
    """Yield a mean that no values with these percentiles have: between two percentiles lie as many as their shares."""
    if not one.percentiles or one.samples is None or one.samples[1] < 1:
        return
    steps = [(0.0, least), *one.percentiles, (100.0, most)]
    shares = [(high - low) / 100 for (low, _), (high, _) in pairwise(steps)]
    values = [value for _, value in steps]
    ranks = (most - least) * len(steps) / one.samples[1]  # a percentile is the value of a rank or of the one beside it
    low = sum(share * value for share, value in zip(shares, values[:-1], strict=True)) * (1 - slack) - ranks
    high = sum(share * value for share, value in zip(shares, values[1:], strict=True)) * (1 + slack) + ranks
    if not low <= mean <= high:
        what = "the mean is none that values with these percentiles have"
        yield one.problem(what, f"{low:,.6g} to {high:,.6g}", f"{mean:,.6g}")


def _alike(a: float | None, b: float | None) -> bool:
    return a is None or b is None or abs(a - b) <= TIGHT * max(abs(a), abs(b))


@check("inference-endpoint-histograms", "endpoint")
def histograms(case: EndpointCase) -> Iterator[Violation]:
    """Judge that a histogram counts every sample once and has the percentiles in their buckets."""
    for one in spreads(case):
        if (histogram := one.buckets()) is None:
            continue
        edges, counts = histogram
        if any(count < 0 for count in counts) or any(low > high for low, high in pairwise(edges)):
            found = "a negative count" if min(counts) < 0 else "an edge below the one before it"
            yield one.problem("the histogram is impossible", "rising edges, counts of 0 and more", found)
            continue
        yield from one.of_other_samples("the histogram counts", sum(counts))
        yield from _misplaced(one, edges, counts)


def _misplaced(one: Distribution, edges: list[float], counts: list[float]) -> Iterator[Violation]:
    """Yield the first percentile that is more than a bucket away from where the counts have it."""
    below = list(accumulate(counts))
    if not below or below[-1] <= 0:
        return
    for share, value in one.percentiles:
        rank = share / 100 * below[-1]
        first, last = bisect_left(below, rank - 1), min(bisect_right(below, rank + 1), len(counts) - 1)
        low, high = edges[max(0, first - 1)], edges[min(len(edges) - 1, last + 2)]
        if not low * (1 - TIGHT) <= value <= high * (1 + TIGHT):
            what = f"percentile {share:g} is not where the histogram has it"
            yield one.problem(what, f"{low:,.6g} to {high:,.6g}", f"{value:,.6g}")
            return


@check("inference-endpoint-latencies-fit", "endpoint")
def latencies_fit(case: EndpointCase) -> Iterator[Violation]:
    """Judge that first token, time per token, length and latency are those of the same answers."""
    spread = {one.place: one for one in spreads(case)}
    if not {"ttft", "tpot", "latency", "output_sequence_lengths"} <= spread.keys():
        return
    first, each, whole, length = (spread[name] for name in SERIES)
    for name in ("min", "median", "avg", "max"):
        low, high = first.number(name), whole.number(name)
        if low is not None and high is not None and low > high * (1 + TIGHT):
            what = f"'{name}' of the time to the first token is above that of the whole answer"
            yield first.problem(what, f"at most {high:,.10g}", f"{low:,.10g}")
    means = (first.mean, whole.mean, length.mean, each.least, each.most)
    if None in means:
        return
    start, mean, tokens, fast, slow = (number or 0.0 for number in means)
    slack = case.reviewed.token_slack
    shortest, longest = start + fast * (tokens - 1) * (1 - slack), start + slow * tokens * (1 + slack)
    if not shortest * (1 - slack) <= mean <= longest * (1 + slack):
        what = "the mean latency is not what first token, time per token and length come to"
        yield whole.problem(what, f"{shortest:,.6g} to {longest:,.6g}", f"{mean:,.6g}")
