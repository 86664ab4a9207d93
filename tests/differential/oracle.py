"""The live oracle: mlperf-logging itself, asked in this process; a crash is one of its answers.

Test-only. Importing this module needs mlperf-logging 4.1.68 with its pandas and scipy; tests that use it
`pytest.importorskip("mlperf_logging")` first.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from mlperf_logging.compliance_checker import mlp_compliance
from mlperf_logging.package_checker import package_checker
from mlperf_logging.rcp_checker import rcp_checker
from mlperf_logging.result_summarizer import result_summarizer
from mlperf_logging.system_desc_checker import system_desc_checker

Answer = Literal["pass", "fail", "crash"]


@dataclass
class Verdict:
    """What the official tool says: its answer, the messages behind it, and for a crash its cause."""

    answer: Answer
    messages: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    cause: str = ""


@dataclass
class Package:
    """The package checker's answers on one organisation, folders relative to it."""

    answer: Answer
    cause: str
    errors: list[str]
    systems: dict[str, Answer]
    seeds: dict[str, bool]
    convergence: dict[str, tuple[bool, str, float]]  # folder -> passed, message, normalisation
    scaling: dict[str, float]  # folder -> what it wrote to scaling.json


@dataclass
class Table:
    """The summariser's rows on one organisation; None where it crashed."""

    rows: list[dict[str, Any]] | None
    weak_rows: list[dict[str, Any]]
    cause: str


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@contextlib.contextmanager
def _quiet() -> Iterator[list[str]]:
    """Keep the tool's error lines, silence the rest, and undo what a crash leaves in its module globals."""
    root, kept = logging.getLogger(), _Kept()
    level, handlers = root.level, root.handlers[:]
    root.handlers[:] = [kept]
    root.setLevel(logging.ERROR)
    mlp_compliance.enqueued_configs.clear()
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield kept.lines
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        mlp_compliance.enqueued_configs.clear()


def _cause(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:300]


def log(path: Path, usage: str, ruleset: str) -> Verdict:
    """Judge one log as the single-log checker does; `ruleset` in three parts, e.g. 5.1.0."""
    checker = mlp_compliance.make_checker(usage, ruleset, quiet=False, werror=False)
    with _quiet():
        try:
            valid = checker.check_file(str(path), f"{usage}_{ruleset}/common.yaml")
        except Exception as error:  # noqa: BLE001 - whatever stops the tool
            return Verdict("crash", cause=_cause(error))
    messages = [*checker.overwritable.values(), *checker.not_overwritable]
    return Verdict("pass" if valid else "fail", messages, list(checker.warnings.values()))


def keys(verdict: Verdict) -> list[tuple[str, str]]:
    """Return a log verdict's messages as sorted (kind, key), the vocabulary of the recorded verdicts."""
    found = []
    for message in verdict.messages:
        if match := re.match(r"Required EXACTLY_ONE occurrence of '(.*?)'", message):
            found.append(("exactly_one", match[1]))
        elif match := re.match(r"Required AT_LEAST_ONE occurrence of '(.*?)' but", message):
            found.append(("at_least_one", match[1]))
        elif match := re.match(r"Required AT_LEAST\((\d+)\) occurrence of '(.*?)'", message):
            found.append(("at_least", match[2]))
        elif match := re.match(r"Required AT_LEAST_ONE occurrence of (.*)", message):
            found.append(("at_least_one_of", ",".join(sorted(re.findall(r"'(.*?)'", match[1])))))
        elif match := re.match(r"Failed checks for (.*?) :", message):
            found.append(("at_least_one_check", match[1]))
        elif match := re.match(r"CHECK for '(.*?)' failed", message):
            found.append(("check", match[1]))
        elif message == "Log lines had parsing errors.":
            found.append(("parse", ""))
        elif message == "No log lines detected":
            found.append(("empty", ""))
        else:
            found.append(("other", ""))
    return sorted(found)


def system(path: Path, usage: str, ruleset: str) -> Verdict:
    """Judge one system description."""
    with _quiet() as errors:
        try:
            valid = system_desc_checker.check_system_desc(str(path), usage, ruleset)[0]
        except Exception as error:  # noqa: BLE001 - whatever stops the tool
            return Verdict("crash", cause=_cause(error))
    return Verdict("pass" if valid else "fail", list(errors))


def convergence(folder: Path, usage: str, ruleset: str, bypass: bool = False) -> tuple[bool, str, float] | Verdict:
    """Judge one results folder against the reference convergence points; a Verdict only where it crashes."""
    with _quiet():
        try:
            return rcp_checker.check_directory(
                str(folder), usage, ruleset, False, False, rcp_pass="pruned_rcps", rcp_bypass=bypass
            )
        except Exception as error:  # noqa: BLE001 - whatever stops the tool
            return Verdict("crash", cause=_cause(error))


@contextlib.contextmanager
def copied(organisation: Path) -> Iterator[Path]:
    """Yield a throw-away copy: the official tool writes into what it checks."""
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / organisation.name
        shutil.copytree(organisation, copy, symlinks=True)
        yield copy


def package(organisation: Path, usage: str, ruleset: str) -> Package:
    """Run the package checker over a copy of one organisation, noting each part's own answer."""
    seeds: dict[str, bool] = {}
    converged: dict[str, tuple[bool, str, float]] = {}
    systems: dict[str, Answer] = {}
    answer: list[bool] = []
    with copied(organisation) as root, _quiet() as errors:

        def inside(path: str) -> str:
            return os.path.relpath(path, root)

        def check_seeds(self: Any, files: list[str], bypass: bool = False) -> bool:
            passed = original_seeds(self, files, bypass)
            if files:
                seeds[inside(str(Path(files[0]).parent))] = passed
            return bool(passed)

        def check_directory(folder: str, *given: Any, **named: Any) -> Any:
            outcome = original_rcp(folder, *given, **named)
            converged[inside(folder)] = (bool(outcome[0]), outcome[1], float(outcome[2]))
            return outcome

        def check_system(file: str, *given: Any) -> Any:
            systems[inside(file)] = "crash"
            outcome = original_system(file, *given)
            systems[inside(file)] = "pass" if outcome[0] else "fail"
            return outcome

        def check_results(*given: Any) -> bool:
            answer.append(original_results(*given))
            return answer[-1]

        original_seeds = package_checker.SeedChecker.check_seeds
        original_rcp = rcp_checker.check_directory
        original_system = system_desc_checker.check_system_desc
        original_results = package_checker.check_training_result_files
        package_checker.SeedChecker.check_seeds = check_seeds
        rcp_checker.check_directory = check_directory
        system_desc_checker.check_system_desc = check_system
        package_checker.check_training_result_files = check_results
        cause = ""
        try:
            package_checker.check_training_package(
                str(root), usage, ruleset, False, False, False, False, False, "package_checker.log"
            )
        except Exception as error:  # noqa: BLE001 - whatever stops the tool
            cause = _cause(error)
        finally:
            package_checker.SeedChecker.check_seeds = original_seeds
            rcp_checker.check_directory = original_rcp
            system_desc_checker.check_system_desc = original_system
            package_checker.check_training_result_files = original_results
        scaling = {
            inside(str(f.parent)): factor for f in root.rglob("scaling.json") if (factor := _factor(f)) is not None
        }
    if cause:
        overall: Answer = "crash"
    else:
        overall = "pass" if answer[0] and "fail" not in systems.values() else "fail"
    return Package(overall, cause, list(errors), systems, seeds, converged, scaling)


def _factor(file: Path) -> float | None:
    try:
        return float(json.loads(file.read_text())["scaling_factor"])
    except (ValueError, KeyError, TypeError):
        return None


def table(organisation: Path, usage: str, ruleset: str) -> Table:
    """Run the summariser on a copy that the package checker has been over, as the workflow does."""
    with copied(organisation) as root, _quiet():
        try:
            package_checker.check_training_package(str(root), usage, ruleset, False, False, False, False, False, "")
        except Exception:  # noqa: BLE001 - the summariser is run all the same
            mlp_compliance.enqueued_configs.clear()
        try:
            with contextlib.redirect_stderr(io.StringIO()):
                _, weak, detailed, _ = result_summarizer.summarize_results(str(root), usage, ruleset)
        except Exception as error:  # noqa: BLE001 - whatever stops the tool
            return Table(None, [], _cause(error))
    rows = [] if len(detailed) == 0 else _rows(detailed)
    return Table(rows, [] if len(weak) == 0 else _rows(weak), "")


def _rows(frame: Any) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in row.items() if value is not None and value == value and value != ""}
        for row in frame.to_dict("records")
    ]
