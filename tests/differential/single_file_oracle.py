"""The single-file checker of MLPerf Inference, run in this process beside ours: what it lists and where it ends.

Its source is not on PyPI: `ASSAY_SINGLE_FILE_ORACLE` names a checkout of mlcommons/inference 5fbf01a1, or it stands in
`../oracle`.
"""

from __future__ import annotations

import contextlib
import csv
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

COMMIT = "5fbf01a1"
BESIDE = Path(__file__).parents[2].parent / "oracle" / f"inference-{COMMIT}"
LOGGERS = ("main", "MLPerfLog")


@dataclass
class Official:
    """What the single-file checker says: `cause` where it ends with a traceback."""

    results: dict[str, Any] = field(default_factory=dict)  # what its summary lists; None: without result
    rows: list[dict[str, str]] = field(default_factory=list)
    cause: str | None = None


@cache
def _checker() -> ModuleType:
    folder = Path(os.environ.get("ASSAY_SINGLE_FILE_ORACLE", BESIDE)) / "tools" / "submission"
    if not (folder / "submission_checker.py").is_file():
        pytest.skip(f"no checkout of mlcommons/inference {COMMIT}: name one in ASSAY_SINGLE_FILE_ORACLE")
    before = logging.root.handlers[:], logging.root.level
    spec = importlib.util.spec_from_file_location("single_file_checker", folder / "submission_checker.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(folder))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(folder))
        logging.root.handlers[:] = before[0]
        logging.root.setLevel(before[1])
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    return module


def official(root: Path, version: str, extra_files: bool = False) -> Official:
    """Ask the single-file checker about a round's folder."""
    checker, table = _checker(), io.StringIO()
    assert checker.__file__ is not None
    config = checker.Config(version, "model_mapping.json")
    here, path = Path.cwd(), sys.path[:]
    sys.path.insert(0, str(Path(checker.__file__).parent))  # it imports its power checker when it comes to need it
    os.chdir(root)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            results, _ = checker.check_results_dir(
                config, None, False, table, skip_extra_accuracy_files_check=not extra_files
            )
    except Exception as error:  # noqa: BLE001 - any exception is its answer
        return Official(cause=f"{type(error).__name__}: {error}")
    finally:
        os.chdir(here)
        sys.path[:] = path
    rows = list(csv.DictReader(io.StringIO(table.getvalue())))
    return Official({str(Path(name)): value for name, value in results.items()}, rows)
