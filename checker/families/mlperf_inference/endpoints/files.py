"""Whether the files beside an endpoint's result are of its run: the config, the snapshot, the report, the audits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from checker.core.findings import Violation, brief
from checker.families.mlperf_inference.checks import check
from checker.families.mlperf_inference.endpoints.case import CONFIGURED, LOAD, EndpointCase
from checker.families.mlperf_inference.endpoints.logs import number_at, value_at
from checker.families.mlperf_inference.facts import read_document, read_text
from checker.families.mlperf_inference.rules.audits import allowed_share
from checker.loadgen.log import finite

BOTH = ((LOAD, CONFIGURED), ("run_config.warmup", "settings.warmup"))  # of the summary, of the config
COUNTED = {  # counter of the snapshot -> place in the summary
    "tracked_samples_issued": "n_samples_issued",
    "tracked_samples_completed": "n_samples_completed",
    "tracked_samples_failed": "n_samples_failed",
    "tracked_duration_ns": "duration_ns",
    "legacy_loadgen_window_duration_ns": "legacy_loadgen_window_duration_ns",
}
MEASURED = {  # series of the snapshot -> distribution of the summary
    "sample_latency_ns": "latency",
    "ttft_ns": "ttft",
    "tpot_ns": "tpot",
    "osl": "output_sequence_lengths",
}
REPORTED = {  # line of the report -> place in the summary, what of it makes one of the line
    "Total samples issued": ("n_samples_issued", 1.0),
    "Total samples completed": ("n_samples_completed", 1.0),
    "Total samples failed": ("n_samples_failed", 1.0),
    "Duration": ("duration_ns", 1e9),
    "QPS": ("qps", 1.0),
    "TPS": ("tps", 1.0),
}
LINE = re.compile(r"([A-Za-z ]{3,30}): (-?[0-9.]{1,40})(?: seconds)?\s*", re.ASCII)
ROUNDED = 0.006  # a report prints two decimals
EXACT = 1e-9  # share by which two writings of one number may differ
LINES = 200
SHARE = 10  # characters of a percentile's name
SNAPSHOT, REPORT = "metrics/final_snapshot.json", "report.txt"
CACHING = ("TEST04", "ref_qps", "audit_qps")
WRITTEN = re.compile(r"[+-]?(?:\d{1,40}\.?\d{0,40}|\.\d{1,40})(?:e[+-]?\d{1,3})?", re.ASCII | re.IGNORECASE)  # a number
VERSION = re.compile(r"\d+\.\d+", re.ASCII)
WORDS = re.compile(r"[^a-z0-9]+")


@check("inference-endpoint-config-as-run", "endpoint")
def config_as_run(case: EndpointCase) -> Iterator[Violation]:
    """Judge that the run had the load pattern and the warm-up that the submitted config has."""
    for ran_at, told_at in BOTH:
        ran, told = value_at(case.summary, ran_at), value_at(case.config, told_at)
        if not isinstance(ran, dict) or not isinstance(told, dict):
            continue
        for name in list(told)[:LINES]:
            if name in ran and None not in (ran[name], told[name]) and not _same(ran[name], told[name]):
                what = "the run had another setting than the config"
                expected = f"{told_at}.{brief(name)} {brief(told[name])}, as the config has it"
                yield Violation(what, expected, brief(ran[name]), case.files.summary.path)


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, dict | list) or isinstance(b, dict | list):
        return True  # settings are plain values; these may hold themselves
    first, second = _plain_number(a), _plain_number(b)
    if first is None or second is None:
        return type(a) is type(b) and a == b
    return abs(first - second) <= EXACT * max(abs(first), abs(second))


def _plain_number(value: Any) -> float | None:
    """Return a setting that is a number; YAML 1.1 reads 1e3 as a text, which the tool takes for the number."""
    if isinstance(value, str) and WRITTEN.fullmatch(value):
        value = float(value)
    return finite(value)


@check("inference-endpoint-round", "endpoint")
def of_the_round(case: EndpointCase) -> Iterator[Violation]:
    """Judge that a config which names its model and round names those of the result."""
    version = case.result.fixed.name.rpartition("/")[2]
    model, ruleset = (value_at(case.config, f"submission_ref.{name}") for name in ("model", "ruleset"))
    mine = case.result.model if case.result.strict else None  # an open result may be of another model
    if isinstance(model, str) and mine is not None and _word(model) != _word(mine):
        what = "the config is of another model"
        yield Violation(what, mine, f"submission_ref.model {brief(model)}", case.files.config.path)
    named = VERSION.search(ruleset[:100]) if isinstance(ruleset, str) else None
    if named is not None and named[0] != version:
        what = "the config is of another round"
        yield Violation(what, version, f"submission_ref.ruleset {brief(ruleset)}", case.files.config.path)


@check("inference-endpoint-model-name", "endpoint")
def model_name(case: EndpointCase) -> Iterator[Violation]:
    """Judge that the model whose name was sent with every request is not another model of the round."""
    said, mine = value_at(case.config, "model_params.name"), case.result.model
    if not isinstance(said, str) or mine is None or not case.result.strict:
        return
    stem, word = case.reviewed.same_weights.get(mine, mine), _word(said[-500:])
    others = {one for one in case.result.fixed.models if _word(one) in word} - {mine, stem}
    if others and _word(stem) not in word:
        what = "the requests name another model of the round"
        yield Violation(what, mine, f"model_params.name {brief(said)}", case.files.config.path)


def _word(name: str) -> str:
    return WORDS.sub("", name.lower())


@check("inference-endpoint-snapshot-agrees", "endpoint")
def snapshot_agrees(case: EndpointCase) -> Iterator[Violation]:
    """Judge that the last snapshot of the metrics, where it is there, is that of the summary's run."""
    path, tree = f"{case.result.path}/{SNAPSHOT}", case.result.submitter.tree
    if not tree.is_file(path):
        return
    snapshot = read_document(tree, path)
    if snapshot.crash is not None:
        yield Violation("the snapshot cannot be read", "a JSON object", snapshot.crash, path)
        return
    state, ran = value_at(snapshot.value, "state"), value_at(case.summary, "state")
    if isinstance(state, str) and isinstance(ran, str) and state != ran:
        yield Violation("snapshot and summary disagree about 'state'", brief(ran), brief(state), path)
    metrics = value_at(snapshot.value, "metrics")
    for metric in metrics[:LINES] if isinstance(metrics, list) else ():
        if isinstance(metric, dict):
            yield from _disagreeing(case, path, metric)


def _disagreeing(case: EndpointCase, path: str, metric: dict[str, Any]) -> Iterator[Violation]:
    name = metric.get("name")
    if not isinstance(name, str):
        return
    pairs = []
    if name in COUNTED:
        pairs = [(COUNTED[name], number_at(metric, "value"))]
    elif name in MEASURED and number_at(metric, "count"):
        pairs = [(f"{MEASURED[name]}.{member}", number_at(metric, member)) for member in ("min", "max", "total")]
        shares = metric.get("percentiles")
        for share in list(shares)[:LINES] if isinstance(shares, dict) else ():
            if isinstance(share, str) and len(share) < SHARE:
                pairs.append((f"{MEASURED[name]}.percentiles.{share}", number_at(metric, f"percentiles.{share}")))
    for place, value in pairs:
        stated = case.number(place)
        if stated is not None and value is not None and not _same(stated, value):
            what = f"snapshot and summary disagree about '{place[:80]}'"
            yield Violation(what, f"{stated:,.10g}", f"{value:,.10g}", path)


@check("inference-endpoint-report-agrees", "endpoint")
def report_agrees(case: EndpointCase) -> Iterator[Violation]:
    """Judge that the report, where it is there, prints the summary's numbers."""
    path, tree = f"{case.result.path}/{REPORT}", case.result.submitter.tree
    report = read_text(tree, path) if tree.is_file(path) else None
    for position, line in enumerate(report.lines[:LINES] if report is not None else (), 1):
        found = LINE.fullmatch(line[:200])
        if found is None or found[1] not in REPORTED:
            continue
        place, scale = REPORTED[found[1]]
        stated = case.number(place)
        try:
            printed = float(found[2])
        except ValueError:
            continue
        if stated is not None and abs(printed - stated / scale) > max(ROUNDED, abs(printed) * EXACT):
            what = f"report and summary disagree about '{place}'"
            yield Violation(what, f"{stated / scale:,.10g}", found[2], path, position)


@check("inference-endpoint-audit-performs", "endpoint")
def audit_performs(case: EndpointCase) -> Iterator[Violation]:
    """Judge from an audit's own rates that answers did not come from a cache."""
    test, reference, rate = CACHING
    document = case.files.audits.get(test)
    if document is None or not isinstance(document.value, dict):
        return
    before, after = number_at(document.value, reference), number_at(document.value, rate)
    slack = allowed_share(case.result, test, case.asked or "", before or 0.0)
    if before and after is not None and after >= before * (1 + slack):
        what = "one sample repeated was answered faster than different ones"
        yield Violation(what, f"less than {slack:.0%} above {before:,.6g}", f"{rate} {after:,.6g}", document.path)
    for name in ("ref", "audit"):
        done, asked = (number_at(document.value, f"{name}_{what}") for what in ("completed", "requested"))
        if done is not None and asked is not None and done < asked * (1 - slack):
            what = "a run of the audit was not completed"
            yield Violation(what, f"{asked:,.0f} requests", f"{name}_completed {done:,.0f}", document.path)
