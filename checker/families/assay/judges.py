"""All judges of Assay's own rounds: importing this registers them."""

from __future__ import annotations

import checker.families.assay.inference.rules.accuracy
import checker.families.assay.inference.rules.layout
import checker.families.assay.inference.rules.loadgen
import checker.families.assay.inference.rules.origin
import checker.families.assay.inference.rules.outputs
import checker.families.assay.inference.rules.recomputed
import checker.families.assay.inference.rules.tests
import checker.families.assay.inference.rules.tokens
import checker.families.assay.rules.environment
import checker.families.assay.rules.image
import checker.families.assay.rules.limits
import checker.families.assay.rules.log
import checker.families.assay.rules.manifest
import checker.families.assay.rules.observation
import checker.families.assay.rules.receipts
import checker.families.assay.rules.record
import checker.families.assay.rules.source
import checker.families.assay.rules.system
import checker.families.assay.rules.tree
import checker.families.assay.training.rules.comparison
import checker.families.assay.training.rules.configuration
import checker.families.assay.training.rules.distinct
import checker.families.assay.training.rules.idle
import checker.families.assay.training.rules.layout
import checker.families.assay.training.rules.published
import checker.families.assay.training.rules.record
import checker.families.assay.training.rules.runs
import checker.families.assay.training.rules.steps
import checker.families.assay.training.rules.system
import checker.families.assay.training.rules.weights  # noqa: F401
