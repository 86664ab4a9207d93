"""Whether an endpoint's files say one thing: each member once, one config, numbers where numbers belong.

A rule cannot judge what is no number; so what stands where one belongs is one, or is not there.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from checker.core.findings import Violation, brief
from checker.families.mlperf_inference.checks import check
from checker.families.mlperf_inference.endpoints.case import SERIES, EndpointCase
from checker.families.mlperf_inference.endpoints.logs import CONFIG, number_at, value_at
from checker.families.mlperf_inference.facts import JsonFile
from checker.loadgen.log import finite

COUNTS = ("n_samples_issued", "n_samples_completed", "n_samples_failed")
TIMES = ("duration_ns", "legacy_loadgen_window_duration_ns", "qps", "tps")
COUNTED = ("unit_samples", "num_repeats", "total_samples")
LEAVES = 5000  # values of one distribution that are looked at
FULL = 100.0  # percent: beyond which no share of right answers lies


@check("inference-endpoint-one-record", "endpoint")
def one_record(case: EndpointCase) -> Iterator[Violation]:
    """Judge that no member of the files is given twice, and that there is one config."""
    files = case.files
    for file in (files.summary, files.accuracy, *files.audits.values()):
        if file.twice is not None:
            what = f"the file gives {brief(file.twice)} twice, of which programs take the last"
            yield Violation(what, "each member once", brief(file.twice), file.path)
    configs = [name for name in CONFIG if case.result.submitter.tree.is_file(f"{case.result.path}/{name}")]
    if len(configs) > 1:
        what = "there are two configs, of which the official checker takes the first that it can read"
        yield Violation(what, "one", " and ".join(configs), case.result.path)


@check("inference-endpoint-numbers", "endpoint")
def numbers(case: EndpointCase) -> Iterator[Violation]:
    """Judge that the files hold finite numbers where numbers belong, and possible ones."""
    for place in (*COUNTS, *TIMES, *SERIES):
        yield from _numbers(case.files.summary, place, place, value_at(case.summary, place), place in COUNTS)
    for position, entry in case.entries:
        at = f"accuracy_scores.{position}"
        for place in (*COUNTED, "duration_s", "response_counts", "output_sequence_lengths"):
            whole = place in COUNTED or place == "response_counts"
            yield from _numbers(case.files.accuracy, f"{at}.{place}", place, value_at(entry, place), whole)
        score = number_at(entry, "score")
        if score is not None and not 0 <= score <= FULL:
            what = f"{at}.score is none that answers can have"
            yield Violation(what, f"0 to {FULL:g}", f"{score:,.10g}", case.files.accuracy.path)


def _numbers(file: JsonFile, place: str, name: str, value: Any, whole: bool) -> Iterator[Violation]:
    """Yield the first value at or below a place that is no number of 0 or more, or no whole one."""
    for leaf in islice(_leaves(value), LEAVES):
        number = finite(leaf)
        if leaf is None or (number is not None and number >= 0 and (not whole or number.is_integer())):
            continue
        wanted = "a whole number" if whole else "a finite number"
        yield Violation(f"{place} holds what is no {name} of a run", f"{wanted} of 0 or more", brief(leaf), file.path)
        return


def _leaves(value: Any) -> Iterator[Any]:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict | list):
            waiting.extend(islice(one.values() if isinstance(one, dict) else one, LEAVES))
        else:
            yield one
