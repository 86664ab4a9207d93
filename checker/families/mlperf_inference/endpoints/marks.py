"""What tells an endpoint's runs from every other, so that one run submitted twice is seen across a round."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence

from checker.core.findings import Violation
from checker.families.mlperf_inference.cases import ResultTrace
from checker.families.mlperf_inference.checks import check
from checker.families.mlperf_inference.endpoints.case import EndpointCase
from checker.families.mlperf_inference.endpoints.files import CACHING
from checker.families.mlperf_inference.endpoints.logs import number_at
from checker.families.mlperf_inference.rules.copies import may_share, shares_accuracy

MEASURED = ("duration_ns", "latency.total", "latency.min", "latency.max")  # to the nanosecond


def run_mark(case: EndpointCase) -> tuple[float | str, ...]:
    """Return what no two performance runs have in common; empty where the summary does not say."""
    measured = [case.number(place) for place in MEASURED]
    if None not in measured:
        return ("endpoint", *(value for value in measured if value is not None))
    return ("endpoint", float(case.files.fingerprint)) if case.files.fingerprint else ()


def accuracy_mark(case: EndpointCase) -> int:
    """Return what no two accuracy runs have in common: how long they took and the tokens in all; 0 where unsaid."""
    marks = [
        (number_at(entry, "duration_s"), number_at(entry, "output_sequence_lengths.total")) for _, entry in case.entries
    ]
    if not marks or any(None in mark for mark in marks):
        return 0
    return zlib.crc32(json.dumps(marks).encode())


def audit_marks(case: EndpointCase) -> Iterator[tuple[str, int, str]]:
    """Yield the test, a fingerprint and the path of an audit that gives the rates it measured."""
    test, *rates = CACHING
    document = case.files.audits.get(test)
    measured = [number_at(document.value, rate) for rate in rates] if document is not None else [None]
    if document is not None and None not in measured:
        yield test, zlib.crc32(json.dumps(measured).encode()), document.path


@check("inference-endpoint-accuracy-shared", "round")
def accuracy_shared(traces: Sequence[ResultTrace]) -> Iterator[Violation]:
    """Judge that results of one endpoint do not share an accuracy run."""
    for first, other in shares_accuracy(traces):
        if first.endpoint and other.endpoint and may_share(first, other):
            what = f"the accuracy results are those of {first.accuracy_path}, whose performance run is another"
            found = "equal time, tokens and data sets"
            yield Violation(what, "an accuracy run for each performance run", found, other.accuracy_path)
