"""The official single-log checker, asked thousands of times: rule files parsed once, messages as (kind, key)."""

from __future__ import annotations

import functools
import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from mlperf_logging.compliance_checker import mlp_compliance

from checker.families.mlperf_training.log_requirements.official import RequirementsVerdict, official_rules
from checker.families.mlperf_training.reading import read
from tests.differential import oracle

KINDS = (("CHECK for '", "check"), ("Failed executing CHECK", "executing"), ("Failed executing code", "code"))


@dataclass(frozen=True)
class Answer:
    """An answer in the form both checkers are brought to."""

    answer: str
    messages: tuple[tuple[str, str], ...]
    warnings: tuple[tuple[str, str], ...]


@functools.cache
def _rule_file(text: str) -> Any:
    return yaml.load(text, yaml.BaseLoader)


class _Yaml:
    """Stands in for the module yaml inside the official checker: the same rule file gives the same object."""

    BaseLoader = yaml.BaseLoader

    @staticmethod
    def load(file: Any, Loader: Any) -> Any:  # noqa: N803 - the name is PyYAML's
        return _rule_file(file.read())


class _Queue(list[str]):
    """The official checker's queue of rule files, which a benchmark called `common` keeps full for ever."""

    popped = 0

    def pop(self, index: Any = -1) -> str:
        self.popped += 1
        if self.popped > 2000:
            raise RecursionError("it never ends")
        return super().pop(index)


def official(log: bytes, round_name: str) -> Answer:
    """Return the official answer on a log."""
    suite, _, version = round_name.removeprefix("mlperf-").partition("/")
    mlp_compliance.yaml = _Yaml
    queue, mlp_compliance.enqueued_configs = mlp_compliance.enqueued_configs, _Queue()
    checker = mlp_compliance.make_checker(suite, f"{version}.0", quiet=False, werror=False)
    with tempfile.NamedTemporaryFile(suffix=".txt") as file, oracle._quiet():
        Path(file.name).write_bytes(log)
        try:
            checker.check_file(file.name, f"{suite}_{version}.0/common.yaml")
        except Exception:  # noqa: BLE001 - any exception is its answer
            return Answer("crash", (), ())
        finally:
            mlp_compliance.yaml, mlp_compliance.enqueued_configs = yaml, queue
    messages = [_identity(text, key) for key, text in checker.overwritable.items()]
    messages += [_identity(text, "") for text in checker.not_overwritable]
    warnings = tuple(sorted(_identity(text, key) for key, text in checker.warnings.items()))
    return Answer("fail" if messages else "pass", tuple(sorted(set(messages))), warnings)


def _identity(message: str, key: str) -> tuple[str, str]:
    kind = next((kind for start, kind in KINDS if message.startswith(start)), None)
    if kind is not None:
        return kind, key
    verdict = oracle.Verdict("fail", [message])
    return oracle.keys(verdict)[0]


def ours(log: bytes, round_name: str) -> Answer:
    """Return Assay's official answer on a log, in the same form."""
    verdict: RequirementsVerdict = official_rules(round_name).judge(read(log))
    messages = tuple(sorted({message.identity for message in verdict.messages}))
    return Answer(verdict.answer, messages, tuple(sorted(message.identity for message in verdict.warnings)))


def text(lines: list[dict[str, Any]]) -> bytes:
    """Return records as a log."""
    return b"".join(b":::MLLOG " + json.dumps(line).encode() + b"\n" for line in lines)


def tame(log: bytes) -> bool:
    """Whether the official parser, quadratic in a line's length, answers on this log before the day ends."""
    return all(len(line) < 20_000 for line in re.split(rb"[\r\n]", log))
