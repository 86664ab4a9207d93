"""What the single-file checker of MLPerf Inference, which judged every round up to v5.1, has otherwise than the tables.

`single-file.yaml` stands whole in the folder of each round that this checker knows, for no later round has it; its
members of a model stand in for those of `models.yaml`, also where they are null.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import Field

import rules.round
from rules.errors import UsageError
from rules.inference import ModelRules, inference_rules
from rules.round import Strict, content, rulesets, validated

FILE = "single-file.yaml"


class SingleFileTool(Strict):
    """The checker: what it calls the round, and how it is called."""

    name: str
    commit: str
    version: str
    options: list[str] = Field(default_factory=list)


class SingleFileRules(Strict):
    """`single-file.yaml`."""

    tool: SingleFileTool
    file_bytes: int  # any file, at most
    at_root: list[str]  # ends of names that files beside the divisions may have
    calibration: list[str]  # one of these is wanted, in the closed and network divisions
    power_settings: list[str]  # beginnings of names of files wanted anywhere above a power result's description
    equal_issue: list[str]  # models whose run has to issue each sample equally often
    guesses: list[tuple[str, str]]  # a folder whose name holds the first is of the second
    models: dict[str, dict[str, Any]]  # model -> members that differ
    units: dict[str, dict[str, str]]  # model -> scenario -> unit of its result, where it is not the usual


def single_file_rounds() -> list[str]:
    """Return the rounds that the single-file checker knows."""
    return [name for name in rulesets() if (rules.round.ROOT / name / FILE).is_file()]


@cache
def single_file_rules(round_name: str) -> SingleFileRules:
    """Return what is particular to the checker in a round; UsageError for one that it does not know."""
    path = rules.round.ROOT / round_name / FILE
    if not path.is_file():
        known = ", ".join(single_file_rounds())
        raise UsageError(f"the single-file checker does not know {round_name}", fix=f"give one of {known}")
    return validated(SingleFileRules, f"{round_name}/{FILE}", content(path))


@cache
def single_file_models(round_name: str) -> dict[str, ModelRules]:
    """Return the models of a round as the single-file checker has them."""
    changed, known = single_file_rules(round_name).models, inference_rules(round_name).models
    return {name: ModelRules.model_validate({**m.model_dump(), **changed.get(name, {})}) for name, m in known.items()}
