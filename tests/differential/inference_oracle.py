"""MLCommons' modular checker itself, asked in this process, result by result; how it ends is one of its answers.

Its source is not on PyPI: ASSAY_INFERENCE_ORACLE names a checkout of mlcommons/inference b66003e1, else the folder
`oracle/inference-b66003e1` beside this project is looked at. Test-only.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BESIDE = Path(__file__).parents[2].parent / "oracle" / "inference-b66003e1"
PHASES = ("performance", "accuracy", "system", "measurements", "power", "compliance")


@dataclass
class Judged:
    """What the official checker says of one result."""

    phases: dict[str, bool]
    failed: list[str]  # phase.check
    metric: Any
    accuracies: Any
    power_metric: Any = None


@dataclass
class Said:
    """All it says of a tree: results by path, in its order, and how it ends where that is a traceback."""

    results: dict[str, Judged] = field(default_factory=dict)
    crash: str | None = None
    written: bool = True  # it ends before it writes the last result into its table


@cache
def modules() -> dict[str, ModuleType]:
    """Return the checker's modules; skip the test where its source is not on this machine."""
    root = Path(os.environ.get("ASSAY_INFERENCE_ORACLE", BESIDE)) / "tools" / "submission"
    if not (root / "submission_checker" / "main.py").is_file():
        pytest.skip("the source of mlcommons/inference b66003e1 is not beside this checkout (ASSAY_INFERENCE_ORACLE)")
    before = logging.root.handlers[:], logging.root.level
    sys.path.insert(0, str(root))
    try:
        names = ["loader", "results", "configuration.configuration", "checks.base", "constants"]
        names += [f"checks.{name}_check" for name in ("performance", "accuracy", "system", "compliance", "power")]
        names += ["checks.measurements_checks"]
        found = {name: importlib.import_module(f"submission_checker.{name}") for name in names}
    finally:
        sys.path.remove(str(root))
        logging.root.handlers[:], logging.root.level = before
    found["checks.base"].BaseCheck.execute = _execute
    return found


def _execute(self: Any, check: Any) -> Any:
    """Run a check as the official base class does, and remember that it failed."""
    if not hasattr(self, "failed"):
        self.failed = []
    try:
        passed = check()
    except BaseException:
        self.failed.append(check.__name__)
        raise
    if not passed:
        self.failed.append(check.__name__)
    return passed


def ask(root: Path, version: str, submission_exceptions: bool = False, extra_files: bool = False) -> Said:
    """Return what the official checker says of the tree at `root`, called as for the recorded verdicts."""
    found = modules()
    config = found["configuration.configuration"].Config(
        version,
        "model_mapping.json",
        ignore_uncommited=submission_exceptions,
        skip_extra_accuracy_files_check=not extra_files,
    )
    said = Said()
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            _walk(said, found, config, root, version)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        said.crash = f"{type(error).__name__}: {error}"
    finally:
        logging.disable(logging.NOTSET)
    return said


def _walk(said: Said, found: dict[str, ModuleType], config: Any, root: Path, version: str) -> None:
    """Do what its `main` does, result by result."""
    log = logging.getLogger("main")
    exporter = found["results"].ResultExporter(os.devnull, config)
    for logs in found["loader"].Loader(str(root), version, config).load():
        data = logs.loader_data
        checks = {
            name: getattr(found[f"checks.{module}"], f"{name.title()}Check")(log, data[path], config, logs)
            for name, module, path in (
                ("performance", "performance_check", "perf_path"),
                ("accuracy", "accuracy_check", "acc_path"),
                ("system", "system_check", "system_path"),
                ("measurements", "measurements_checks", "measurements_path"),
                ("power", "power_check", "power_dir_path"),
                ("compliance", "compliance_check", "compliance_path"),
            )
        }
        phases = {name: bool(check()) for name, check in checks.items()}
        failed = [f"{name}.{one}" for name, check in checks.items() for one in getattr(check, "failed", [])]
        place = Path(data["perf_path"]).relative_to(root).parents[2].as_posix()
        judged = Judged(phases, failed, data.get("performance_metric"), data.get("accuracy_metrics"))
        judged.power_metric = data.get("power_metric")
        said.results[place] = judged
        if all(phases.values()):
            said.written = False
            exporter.add_result(logs)
            said.written = True


def versions() -> Iterator[str]:
    """Yield the rounds it knows."""
    yield from modules()["constants"].MODEL_CONFIG
