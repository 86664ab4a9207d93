"""Mistakes in what a round of Assay's own fixes beside its cards: workloads, LoadGen's runs, and cards on logs."""

from __future__ import annotations

from collections.abc import Iterator

from checker.core.log_rules import RuleError
from checker.families.assay.discovery import FAMILIES
from checker.families.assay.review import program
from rules.compliance import compliance_rules
from rules.errors import AssayError
from rules.published import evidence
from rules.ruleset import RuleSet
from rules.serving import loadgen_rules, serving_rules
from rules.thresholds import inference_thresholds, training_thresholds


def mistakes(round_: RuleSet) -> Iterator[str]:
    """Yield each mistake, with its place."""
    for name in round_.workloads():
        try:
            evidence(round_.name, name)
            if round_.series == FAMILIES["training"]:
                training_thresholds(round_.name)
        except AssayError as error:
            yield error.message
    serving = round_.series == FAMILIES["inference"]
    yield from _serving(round_) if serving else ()
    for workload in (None, *(() if serving else round_.workloads())):
        for division in ("closed", "open"):
            try:
                program(round_.name, workload, division)
            except (RuleError, AssayError) as error:
                yield f"{workload or 'no workload'}, {division}: {error}"


def _serving(round_: RuleSet) -> Iterator[str]:
    """Yield mistakes in what a round of inference fixes: files that cannot be read, a workload without its tests."""
    try:
        loadgen_rules(round_.name)
        inference_thresholds(round_.name)
        tested = compliance_rules(round_.name).workloads
        for name in round_.workloads():
            compared = serving_rules(round_.name, name).compared_with
            lost = [file for file in compared if round_.data(*file.split("/")) is None]
            yield from (f"workloads/{name}.yaml: compared_with {file}, which is missing" for file in lost)
            if name not in tested:
                yield f"compliance.yaml: no tests of {name}"
    except AssayError as error:
        yield error.message
