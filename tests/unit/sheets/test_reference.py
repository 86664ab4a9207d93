"""The reference of the newest MLPerf rounds in docs/ is what the rule files say."""

from __future__ import annotations

from pathlib import Path

import pytest

from rules.log_requirements import log_requirements
from rules.ruleset import load
from tests.unit.by_table import explained, reference

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize("name", ["mlperf-training/6.1", "mlperf-hpc/3.0", "mlperf-inference/6.1"])
def test_the_reference_is_the_generated_one(name: str) -> None:
    file = f"rules-{name.replace('/', '-')}.md"
    command = f"assay rules show {name} --markdown > docs/{file}"
    assert (DOCS / file).read_text() == reference(load(name)), f"run `{command}`"


@pytest.mark.parametrize(
    "name", ["mlperf-training/4.0", "mlperf-training/5.1", "mlperf-training/6.1", "mlperf-hpc/3.0"]
)
def test_every_key_of_every_sheet_is_explained_by_some_card(name: str) -> None:
    ruleset = load(name)
    said = "\n".join(explained(ruleset, card) for card in ruleset.cards.values() if card.sheets)
    missing = [
        f"{requirements}: {key}"
        for requirements, one in log_requirements(name).items()
        for key, demand in one.keys.items()
        if demand != type(demand)() and f"{requirements}: {key}: " not in said and key not in one.strict
    ]
    assert [one for one in missing if not one.endswith(("staging_start", "submission_division"))] == []
