"""The official checker of MLPerf Tiny, run in this process beside ours: what it lists, what it drops, where it dies.

Its source is not on PyPI: `ASSAY_TINY_ORACLE` names a checkout of mlcommons/tiny, or it stands in `../oracle`.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import os
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

COMMIT = "1afd2c98"
BESIDE = Path(__file__).parents[2].parent / "oracle" / f"tiny-{COMMIT}"
SCRIPT = "tools/submission/submission_checker.py"


class _At:
    """Assignment to a row by its number."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self._rows = rows

    def __setitem__(self, at: int, row: dict[str, Any]) -> None:
        assert at == len(self._rows)
        self._rows.append(row)


class Table:
    """Stands in for the data frame that the checker only appends rows to; no decision of it needs one."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.columns: list[str] = []
        self.loc = _At(self.rows)

    def insert(self, at: int, name: str, value: Any) -> None:
        """Add a column."""
        self.columns.insert(at, name)

    def __len__(self) -> int:
        return len(self.rows)


@dataclass
class Official:
    """What the official checker says: `cause` where it ends with a traceback."""

    results: dict[str, Any] = field(default_factory=dict)  # what its summary lists; None: without result
    rows: list[dict[str, Any]] = field(default_factory=list)
    cause: str | None = None


@cache
def _checker() -> ModuleType:
    script = Path(os.environ.get("ASSAY_TINY_ORACLE", BESIDE)) / SCRIPT
    if not script.is_file():
        pytest.skip(f"no checkout of mlcommons/tiny {COMMIT}: name one in ASSAY_TINY_ORACLE")
    spec = importlib.util.spec_from_file_location("tiny_submission_checker", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get("pandas")
    sys.modules["pandas"] = ModuleType("pandas")
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules["pandas"]
        if before is not None:
            sys.modules["pandas"] = before
    logging.getLogger("main").setLevel(logging.CRITICAL)
    return module


def official(root: Path, version: str) -> Official:
    """Ask the official checker about a round's folder."""
    checker, table = _checker(), Table()
    config = checker.Config(version, "model_mapping.json")
    here = Path.cwd()
    os.chdir(root)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            results, _ = checker.check_results_dir(config, None, True, table)
    except Exception as error:  # noqa: BLE001 - any exception is its answer
        return Official(rows=table.rows, cause=f"{type(error).__name__}: {error}")
    finally:
        os.chdir(here)
    return Official({str(Path(name)): value for name, value in results.items()}, table.rows)
