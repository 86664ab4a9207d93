"""The row that the single-file checker's table has of a result; private identifiers left out.

Its column `errors` counts what it met before in the order of the file system, and is left out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from checker.core.findings import Score
from checker.families.mlperf_inference.cases import ResultCase
from checker.families.mlperf_inference.models import SCENARIOS
from checker.families.mlperf_inference.modular.case import ResultReview
from checker.families.mlperf_inference.single_file.case import ScenarioVerdict
from checker.families.mlperf_inference.table import measured, row, unit_of
from rules.scenarios import scenario_named
from rules.single_file import single_file_rules
from rules.text import printable

NOT_ITS_OWN = ("total_accelerators", "errors", "design_power_watts", "Power", "PowerUnits", "PowerEfficiency")


def score(case: ResultCase, review: ResultReview, result: ScenarioVerdict, base: Score) -> Score:
    """Return the modular checker's `base` with the row of the single-file checker."""
    return replace(base, official=_row(case, review, result) if result.rows else None)


def _row(case: ResultCase, review: ResultReview, result: ScenarioVerdict) -> dict[str, Any]:
    scenario = SCENARIOS.get(result.place.scenario, result.place.scenario)
    units = single_file_rules(case.fixed.name).units.get(str(result.model), {})
    rest = row(case, review, measured(case, review))
    official = {name: value for name, value in rest.items() if name not in NOT_ITS_OWN} | {
        "MlperfModel": printable(str(result.model), 200),
        "Scenario": scenario,
        "Result": result.metric,
        "Accuracy": printable(result.accuracy, 500),
        "Location": f"{result.place.division}/{result.place.submitter}/{result.place.path}",
        "compliance": 1,
        "inferred": int(result.inferred),
        "has_power": result.power > 0,
        "Units": units.get(scenario, unit_of(scenario)),
    }
    if result.power > 0:
        power_units = "millijoules" if scenario_named(scenario).is_latency else "Watts"
        official |= {"Power": result.power, "PowerUnits": power_units}
    return official
