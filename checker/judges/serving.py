"""Judges of inference submissions; they live with the package that reads these."""

from __future__ import annotations

import checker.serving.judging.accuracy
import checker.serving.judging.layout
import checker.serving.judging.loadgen
import checker.serving.judging.origin
import checker.serving.judging.outputs
import checker.serving.judging.recomputed
import checker.serving.judging.tests
import checker.serving.judging.tokens  # noqa: F401
