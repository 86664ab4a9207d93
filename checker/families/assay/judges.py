"""The checks of Assay's own rounds: importing a module registers its."""

from __future__ import annotations

import checker.families.assay.inference.judges
import checker.families.assay.rules.comparison
import checker.families.assay.rules.configuration
import checker.families.assay.rules.distinct
import checker.families.assay.rules.image
import checker.families.assay.rules.limits
import checker.families.assay.rules.log
import checker.families.assay.rules.manifest
import checker.families.assay.rules.observation
import checker.families.assay.rules.origin
import checker.families.assay.rules.published
import checker.families.assay.rules.receipts
import checker.families.assay.rules.record
import checker.families.assay.rules.runs
import checker.families.assay.rules.steps
import checker.families.assay.rules.system
import checker.families.assay.rules.tree
import checker.families.assay.rules.weights  # noqa: F401
