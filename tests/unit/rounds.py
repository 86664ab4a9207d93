"""What is remembered of rounds, for tests that change the folder they stand in."""

from __future__ import annotations

from checker.families.assay.review import program
from rules import published
from rules.compliance import compliance_rules
from rules.images import _read as images_read
from rules.round import _chain, rulesets_in
from rules.ruleset import load
from rules.serving import loadgen_rules, serving_rules
from rules.thresholds import inference_thresholds, training_thresholds
from rules.workload import workload_rules


def forget() -> None:
    """Have all rounds read anew."""
    for cached in (
        load,
        rulesets_in,
        _chain,
        images_read,
        workload_rules,
        program,
        serving_rules,
        loadgen_rules,
        compliance_rules,
    ):
        cached.cache_clear()
    published.forget()
    training_thresholds.cache_clear()
    inference_thresholds.cache_clear()
