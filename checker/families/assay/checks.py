"""The checks of Assay's own rounds: these modules register them."""

from __future__ import annotations

from checker.core.checks import Checks

CHECKS = Checks(
    "checker.families.assay.inference.rules.accuracy",
    "checker.families.assay.inference.rules.layout",
    "checker.families.assay.inference.rules.loadgen",
    "checker.families.assay.inference.rules.origin",
    "checker.families.assay.inference.rules.outputs",
    "checker.families.assay.inference.rules.recomputed",
    "checker.families.assay.inference.rules.tests",
    "checker.families.assay.inference.rules.tokens",
    "checker.families.assay.rules.environment",
    "checker.families.assay.rules.image",
    "checker.families.assay.rules.limits",
    "checker.families.assay.rules.log",
    "checker.families.assay.rules.manifest",
    "checker.families.assay.rules.observation",
    "checker.families.assay.rules.receipts",
    "checker.families.assay.rules.record",
    "checker.families.assay.rules.source",
    "checker.families.assay.rules.system",
    "checker.families.assay.rules.tree",
    "checker.families.assay.training.rules.comparison",
    "checker.families.assay.training.rules.configuration",
    "checker.families.assay.training.rules.distinct",
    "checker.families.assay.training.rules.idle",
    "checker.families.assay.training.rules.layout",
    "checker.families.assay.training.rules.published",
    "checker.families.assay.training.rules.record",
    "checker.families.assay.training.rules.runs",
    "checker.families.assay.training.rules.steps",
    "checker.families.assay.training.rules.system",
    "checker.families.assay.training.rules.weights",
)
check, flaws = CHECKS.check, CHECKS.flaws
