"""Judges of inference submissions; they live with the package that reads these."""

from __future__ import annotations

import checker.families.assay.inference.rules.accuracy
import checker.families.assay.inference.rules.layout
import checker.families.assay.inference.rules.loadgen
import checker.families.assay.inference.rules.origin
import checker.families.assay.inference.rules.outputs
import checker.families.assay.inference.rules.recomputed
import checker.families.assay.inference.rules.tests
import checker.families.assay.inference.rules.tokens  # noqa: F401
