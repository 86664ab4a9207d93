"""The live oracle of the power phase: MLCommons' power checker, beside this checkout, asked in this process."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

SOURCE = Path(__file__).parents[2].parent / "oracle" / "inference-b66003e1" / "tools" / "submission"
RULES = {
    "Check client sources checksum": "client sources",
    "Check server sources checksum": "server sources",
    "Check PTD commands and replies": "power-meter",
    "Check UUID": "power-identifiers",
    "Check session name": "power-session-name",
    "Check time difference": "power-phases",
    "Check client server messages": "power-messages",
    "Check results checksum": "power-checksums",
    "Check errors and warnings from PTD logs": "power-daemon-log",
    "Check PTD configuration": "power-device",
    "Check debug is disabled on server-side": "power-debug",
}


def checker() -> ModuleType:
    """Return the official power checker's module; skip the test where its source is not on this machine."""
    if not SOURCE.is_dir():
        pytest.skip("MLCommons' inference checker is not beside this checkout, and not on PyPI")
    if str(SOURCE) not in sys.path:
        sys.path.insert(0, str(SOURCE))
    from submission_checker.checks.power import power_checker

    return power_checker  # type: ignore[no-any-return]


def session_answers(folder: Path) -> dict[str, str]:
    """Return pass, warn or fail for each check on `folder` (performance/); {"power-session": "fail"} where it stops."""
    module = checker()
    answers: dict[str, str] = {}

    def note(name: str, check: Callable[[], None]) -> tuple[bool, bool]:
        try:
            check()
        except module.CheckerWarning:
            answers[RULES[name]] = "warn"
        except Exception:  # noqa: BLE001  whatever stops a check fails it
            answers[RULES[name]] = "fail"
        else:
            answers[RULES[name]] = "pass"
        return answers[RULES[name]] != "fail", answers[RULES[name]] == "warn"

    before = module.check_with_logging
    module.check_with_logging = note
    logging.disable(logging.CRITICAL)
    try:
        module.check(str(folder))
    except Exception:  # noqa: BLE001  and whatever stops the tool fails the session
        return {"power-session": "fail"}
    finally:
        module.check_with_logging = before
        logging.disable(logging.NOTSET)
    return answers


def phase_answer(scenario_folder: Path, log: Any, performance: float | None) -> tuple[bool, float | None]:
    """Return the whole phase's answer and metric, `log` as the official parser gives it."""
    checker()
    from submission_checker.checks.power_check import PowerCheck

    data: dict[str, Any] = {
        "scenario": scenario_folder.name,
        "power_dir_path": str(scenario_folder / "performance" / "power"),
        "perf_path": str(scenario_folder / "performance" / "run_1" / "mlperf_log_detail.txt"),
    }
    if performance is not None:
        data["performance_metric"] = performance
    logs = SimpleNamespace(performance_log=log, loader_data=data)
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            passed = PowerCheck(logging.getLogger("power"), "", SimpleNamespace(skip_power_check=False), logs)()
    finally:
        logging.disable(logging.NOTSET)
    return passed, data.get("power_metric")
