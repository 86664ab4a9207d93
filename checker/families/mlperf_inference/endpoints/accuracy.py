"""What an endpoint's accuracy run says of itself, and whether it and the performance run are of one model.

The official checker compares the score of one model with its target, and the number of samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from checker.core.findings import Violation, brief
from checker.families.mlperf_inference.checks import check
from checker.families.mlperf_inference.endpoints.case import EndpointCase
from checker.families.mlperf_inference.endpoints.logs import number_at, value_at
from checker.loadgen.log import finite

COUNTS = "response_counts"
LENGTHS = "output_sequence_lengths"
MARKS = ("total", "min", "max", "avg", "std_dev")  # which no two runs have all in common
ROUNDED = 1e-6  # share by which a score may differ from what it is computed from
SUBSETS = 0.01  # by which subset scores, in percent to two decimals, are rounded


@check("inference-endpoint-accuracy-stated", "endpoint")
def accuracy_stated(case: EndpointCase) -> Iterator[Violation]:
    """Judge that the accuracy results say of each data set what the other rules need."""
    for position, entry in case.entries:
        lacking = [place for place in case.reviewed.accuracy_stated if value_at(entry, place) is None]
        if lacking:
            what = "the accuracy results do not say whether every answer was scored"
            yield _problem(case, position, what, ", ".join(case.reviewed.accuracy_stated), f"no {', '.join(lacking)}")


def _problem(case: EndpointCase, position: int, what: str, expected: str, found: str) -> Violation:
    return Violation(f"accuracy_scores.{position}: {what}", expected, found, case.files.accuracy.path)


@check("inference-endpoint-accuracy-complete", "endpoint")
def accuracy_complete(case: EndpointCase) -> Iterator[Violation]:
    """Judge that an accuracy run came to its end and every answer of it was scored."""
    for position, entry in case.entries:
        for place in ("complete", "breakdown.complete"):
            said = value_at(entry, place)
            if said is not None and said is not True:
                what = "the accuracy run was not completed"
                yield _problem(case, position, what, f"{place} true", brief(said))
        yield from _uncounted(case, position, entry)


def _uncounted(case: EndpointCase, position: int, entry: dict[str, Any]) -> Iterator[Violation]:
    """Yield answers of a data set that are missing, empty beyond what may be, or not accounted for."""
    counted = (number_at(entry, f"{COUNTS}.{name}") for name in ("issued", "scored", "empty", "missing"))
    issued, scored, empty, missing = counted
    if missing:
        yield _problem(case, position, "answers are missing", "none", f"{missing:,.0f}")
    if empty and issued and empty > issued * case.reviewed.empty_answers:
        what = "answers of the accuracy run are empty"
        most = f"at most {case.reviewed.empty_answers:.1%}"
        yield _problem(case, position, what, most, f"{empty:,.0f} of {issued:,.0f}")
    if issued is None or scored is None:
        return
    if issued not in (scored, scored + (empty or 0) + (missing or 0)):  # empty ones may be scored as wrong
        what = "the answers counted are not those that were asked for"
        yield _problem(case, position, what, f"{issued:,.0f}, as were issued", f"{scored:,.0f} scored")


@check("inference-endpoint-empty-answers", "endpoint")
def empty_answers(case: EndpointCase) -> Iterator[Violation]:
    """Judge that no answer of an accuracy run is empty, be they few."""
    for position, entry in case.entries:
        issued, empty = (number_at(entry, f"{COUNTS}.{name}") for name in ("issued", "empty"))
        if empty and issued and empty <= issued * case.reviewed.empty_answers:
            yield _problem(case, position, "some answers are empty", "none", f"{empty:,.0f} of {issued:,.0f}")


@check("inference-endpoint-data-set", "endpoint")
def data_set(case: EndpointCase) -> Iterator[Violation]:
    """Judge that the accuracy run asked for the whole data set, each sample as often as it says."""
    counts: list[float | None] = []
    for position, entry in case.entries:
        total, issued = number_at(entry, "total_samples"), number_at(entry, f"{COUNTS}.issued")
        unit, repeats = number_at(entry, "unit_samples"), number_at(entry, "num_repeats")
        counts.append(total if total is not None else issued)
        if total is not None and unit is not None and repeats is not None and unit * repeats != total:
            what = "the samples are not those of the data set, by the repeats"
            yield _problem(case, position, what, f"{unit * repeats:,.0f}", f"total_samples {total:,.0f}")
        if total is not None and issued is not None and total != issued:
            what = "other samples were issued than the accuracy is said to be of"
            yield _problem(case, position, what, f"{total:,.0f}, as total_samples says", f"{issued:,.0f} issued")
    wanted, found = case.result.accuracy_samples(case.asked), sum(count for count in counts if count is not None)
    if wanted is not None and None not in counts and found != wanted:
        what = "the accuracy run does not cover the data set"
        yield Violation(what, f"{wanted:,} samples", f"{found:,.0f}", case.files.accuracy.path)


@check("inference-endpoint-accuracy", "endpoint")
def accuracy(case: EndpointCase) -> Iterator[Violation]:
    """Judge that the scores reach the model's targets, and its answers are as long as the rules ask."""
    result, least = case.result, case.result.targets(case.asked)
    entries = list(case.entries)
    if not result.strict or case.asked is None or not least or not entries:
        return
    most = result.model_rules.accuracy_at_most
    for metric, target in least.items():
        reached = _together(entries, metric, least, case)
        if reached is not None and reached < target * (1 - ROUNDED):
            what, expected = f"the accuracy does not reach the target of {result.model}", f"at least {target:,.10g}"
            yield Violation(what, f"{metric} of {expected}", f"{reached:,.10g}", case.files.accuracy.path)
    length = mean_length(entries)
    bounds = (least.get(case.reviewed.mean_length, 0.0), most.get(case.reviewed.mean_length))
    if length is not None and (length < bounds[0] or (bounds[1] is not None and length > bounds[1])):
        what = "answers of the accuracy run are not as long as the rules ask"
        expected = f"{bounds[0]:,.1f} to {bounds[1]:,.1f}" if bounds[1] is not None else f"at least {bounds[0]:,.1f}"
        yield Violation(what, f"{expected} tokens", f"a mean of {length:,.1f}", case.files.accuracy.path)


def _together(
    entries: list[tuple[int, dict[str, Any]]], metric: str, targets: dict[str, float], case: EndpointCase
) -> float | None:
    """Return the mean score of the data sets, by samples or by data sets, whichever is more; None where none has one.

    A target is of all data sets together; which of the two means that is the rules do not say.
    """
    pairs = [(score_of(entry, metric, targets, case), number_at(entry, "total_samples")) for _, entry in entries]
    known = [(score, max(0.0, count or 0.0)) for score, count in pairs if score is not None]
    if not known:
        return None
    plain, samples = sum(score for score, _ in known) / len(known), sum(count for _, count in known)
    return max(plain, sum(score * count for score, count in known) / samples) if samples >= 1 else plain


def score_of(entry: dict[str, Any], metric: str, targets: dict[str, float], case: EndpointCase) -> float | None:
    """Return a data set's score by a metric, on the target's scale; None where it gives none by that name."""
    score = entry.get("score")
    scored = [name for name in targets if name not in case.reviewed.lengths]
    if isinstance(score, dict):
        named = next((name for name in score if isinstance(name, str) and name.lower() == metric.lower()), None)
        value = finite(score[named]) if named is not None else None
    else:
        value = number_at(entry, "score") if scored == [metric] else None
    if value is None or metric in case.reviewed.lengths:
        return None
    return value * 100 if 0 <= value <= 1 < targets[metric] else value


def scores(case: EndpointCase) -> dict[str, float]:
    """Return the scores by metric, where there is one data set and its metric is known; the mean length beside them."""
    entries, targets = list(case.entries), case.result.targets(case.asked)
    if not targets:
        return {}
    found = {} if len(entries) != 1 else {metric: score_of(entries[0][1], metric, targets, case) for metric in targets}
    lengths = {*targets, *case.result.model_rules.accuracy_at_most} & {case.reviewed.mean_length}
    found |= {metric: mean_length(entries) for metric in lengths}
    return {metric: value for metric, value in found.items() if value is not None}


def mean_length(entries: list[tuple[int, dict[str, Any]]]) -> float | None:
    """Return how many tokens an answer of the accuracy run has, over its data sets; None where one does not say."""
    pairs = [(number_at(one, f"{LENGTHS}.avg"), number_at(one, "total_samples")) for _, one in entries]
    if not pairs or any(mean is None or not count or count < 0 for mean, count in pairs):
        return None
    return sum((mean or 0) * (count or 0) for mean, count in pairs) / sum(count or 0 for _, count in pairs)


@check("inference-endpoint-score-agrees", "endpoint")
def score_agrees(case: EndpointCase) -> Iterator[Violation]:
    """Judge that a score lies among those of its subsets, and the average among the scores."""
    scores = []
    for position, entry in case.entries:
        score, subsets = number_at(entry, "score"), value_at(entry, "breakdown.subset_scores")
        scores.append(score)
        values = [finite(one) for one in subsets.values()] if isinstance(subsets, dict) else []
        known = [value for value in values if value is not None]
        if score is None or len(known) < len(values) or not known:
            continue
        if not any(min(known) - SUBSETS <= one <= max(known) + SUBSETS for one in (score, score * 100)):
            what = "the score lies outside those of its subsets"
            yield _problem(case, position, what, f"{min(known):g} to {max(known):g}", f"{score:,.10g}")
    average = number_at(case.files.accuracy.value, "average_accuracy")
    known = [score for score in scores if score is not None]
    if average is not None and known and len(known) == len(scores):
        slack = ROUNDED * max(1.0, abs(average))
        if not min(known) - slack <= average <= max(known) + slack:
            what = "the average accuracy lies outside the scores"
            expected = f"{min(known):,.10g} to {max(known):,.10g}"
            yield Violation(what, expected, f"average_accuracy {average:,.10g}", case.files.accuracy.path)


@check("inference-endpoint-tokens-agree", "endpoint")
def tokens_agree(case: EndpointCase) -> Iterator[Violation]:
    """Judge that an answer has as many tokens in the performance run as in the accuracy run."""
    told, ran, slack = mean_length(list(case.entries)), case.number(f"{LENGTHS}.avg"), case.result.reviewed.tokens_slack
    if not told or ran is None or case.result.model in case.result.reviewed.other_lengths:
        return
    if abs(ran / told - 1) > slack:
        what = "answers of the performance run have another number of tokens than those of the accuracy run"
        expected = f"{told:,.1f} within {slack:.0%}"
        yield case.problem(what, expected, f"{LENGTHS}.avg", f"{ran:,.1f}")


@check("inference-endpoint-accuracy-run", "endpoint")
def accuracy_run(case: EndpointCase) -> Iterator[Violation]:
    """Judge that the accuracy results are of a run of their own, not the performance run's."""
    ran = [case.number(f"{LENGTHS}.{name}") for name in MARKS]
    for position, entry in case.entries:
        total = ran[0]
        if total and ran == [number_at(entry, f"{LENGTHS}.{name}") for name in MARKS]:
            what = "the accuracy results are of the performance run"
            yield _problem(case, position, what, "a run of its own", f"equal lengths, {total:,.0f} tokens in all")
