"""The table of families. A family is a folder here with `family.py`, and one line below: the series of its rounds.

They are asked in this order what a path is; what is none of theirs is judged by the last. A family is imported when it
is asked for: to judge by one loads no other.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import import_module

from checker.core.family import Family
from rules.errors import UsageError

TABLE: dict[str, tuple[str, ...]] = {
    "mlperf_inference": ("mlperf-inference",),
    "mlperf_tiny": ("mlperf-tiny",),
    "mlperf_training": ("mlperf-training", "mlperf-hpc"),
    "assay": ("assay", "assay-inference"),
}


def families() -> Iterator[Family]:
    """Yield every family, in the order in which they are asked what a path is."""
    return map(_family, TABLE)


def family_of(round_name: str) -> Family:
    """Return the family that judges a round; UsageError for a round of none."""
    series = round_name.partition("/")[0]
    for folder, mine in TABLE.items():
        if series in mine:
            return _family(folder)
    raise UsageError(f"{round_name}: no family judges rounds of {series}", fix="add it to checker/families/__init__.py")


@cache
def _family(folder: str) -> Family:
    family = import_module(f"checker.families.{folder}.family").FAMILY
    assert isinstance(family, Family), folder
    return family
