"""What is remembered of rounds, for tests that change the folder they stand in."""

from __future__ import annotations

from checker.families.assay.review import program
from rules.compliance import compliance_rules
from rules.ruleset import load, rulesets_in
from rules.serving import loadgen_rules, serving_rules
from rules.workload import workload_rules


def forget() -> None:
    """Have all rounds read anew."""
    for cached in (load, rulesets_in, workload_rules, program, serving_rules, loadgen_rules, compliance_rules):
        cached.cache_clear()
