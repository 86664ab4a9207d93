"""The rules as written, applied to a round: every card with a check on results, submitters or the round is asked.

What the judges are given is made here from what was read for the official verdict; each review asks for its problems.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from checker.core.findings import Violation, brief
from checker.families.mlperf_inference.cases import ResultCase, ResultTrace, SubmitterCase, mark_of, when
from checker.families.mlperf_inference.checks import CHECKS
from checker.families.mlperf_inference.endpoints.accuracy import scores
from checker.families.mlperf_inference.endpoints.case import endpoint_case
from checker.families.mlperf_inference.endpoints.logs import RESULTS, SUMMARY
from checker.families.mlperf_inference.endpoints.marks import accuracy_mark, audit_marks, run_mark
from checker.families.mlperf_inference.facts import DETAIL
from checker.families.mlperf_inference.models import NOTHING
from checker.families.mlperf_inference.modular.case import ResultReview, SubmitterFacts
from checker.families.mlperf_inference.power.check import has_power
from rules.inference_review import review_rules
from rules.ruleset import load


def result_case(facts: SubmitterFacts, review: ResultReview) -> ResultCase:
    """Return what judges of a result are given."""
    model = review.model if isinstance(review.model, str) and review.model in facts.rules.models else None
    case = ResultCase(
        facts=review.facts,
        submitter=facts.submitter,
        model=model,
        model_rules=facts.rules.models[model] if model is not None else NOTHING,
        fixed=facts.rules,
        reviewed=review_rules(facts.rules.name),
        system=review.system.description,
        accuracy=_numbers(review.accuracies),
        endpoint=review.endpoint,
        metric_key=review.metric_key,
    )
    endpoint = endpoint_case(case)
    return case if endpoint is None else replace(case, accuracy=scores(endpoint))


def _numbers(stated: Any) -> dict[str, float]:
    if not isinstance(stated, dict):
        return {}
    found = {}
    for metric, value in stated.items():
        try:
            found[str(metric)] = float(value)
        except (TypeError, ValueError):
            continue
    return found


def result_problems(case: ResultCase) -> Iterator[tuple[str, Violation]]:
    """Yield what the round's rules object to in a result, beyond what the official checker does."""
    yield from CHECKS.problems(load(case.fixed.name), "result", case)
    if (endpoint := endpoint_case(case)) is not None:
        yield from CHECKS.problems(load(case.fixed.name), "endpoint", endpoint)


def submitter_problems(facts: SubmitterFacts, results: list[ResultCase]) -> Iterator[tuple[str, Violation]]:
    """Yield what the round's rules object to in a submitter's folder."""
    case = SubmitterCase(facts.submitter, results, facts.rules, review_rules(facts.rules.name))
    return CHECKS.problems(load(facts.rules.name), "submitter", case)


def trace(case: ResultCase, shown: Callable[[str], str]) -> ResultTrace:
    """Return what a result leaves for the round; `shown` turns a path below the submitter into one of the round."""
    place, log, accuracy, endpoint = case.facts.place, case.log, case.accuracy_log, endpoint_case(case)
    names = (f"performance/run_1/{DETAIL}", f"accuracy/{DETAIL}") if endpoint is None else (SUMMARY, RESULTS)
    model = _target_free(case.model or place.benchmark, case.reviewed.targets)
    path, accuracy_path = (shown(f"{place.path}/{name}") for name in names)
    found = ResultTrace(path, accuracy_path, place.division, place.submitter, place.system, model)
    if endpoint is not None:  # whose files give no time of day
        tests = tuple((name, mark, shown(path)) for name, mark, path in audit_marks(endpoint))
        return replace(found, run=run_mark(endpoint), accuracy=accuracy_mark(endpoint), endpoint=True, tests=tests)
    return replace(
        found,
        scenario=place.scenario.lower(),
        power=has_power(case.submitter.tree, place.path),
        machine=tuple(brief(case.system.get(member)) for member in case.reviewed.machine_members),
        run=mark_of(log) if log is not None else (),
        accuracy=accuracy.fingerprint if accuracy is not None else 0,
        began=when(log, "power_begin") if log is not None else None,
        ended=when(log, "power_end") if log is not None else None,
        tests=tuple(
            (name, test.log.fingerprint, shown(test.log.path))
            for name, test in case.facts.tests.items()
            if test.log is not None and test.log.whole
        ),
    )


def _target_free(model: str, ends: list[str]) -> str:
    """Return a model's name without its target of accuracy: one run may stand for each."""
    return next((model.removesuffix(end) for end in ends if model.endswith(end)), model)
