"""What the files of one result say: for each test its summary, its log, and the runner's details."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from checker.core.files import HEAD, STATES, look, state_of
from checker.core.findings import Violation
from checker.core.strict_json import JsonError, loads
from checker.core.tree import RefusedError
from checker.families.mlperf_tiny.logs import RunnerLog, read_log
from checker.families.mlperf_tiny.submission import TinyResult, TinySubmitter
from rules.tiny import Benchmark, Runner, Test, TinyRules

TESTS: tuple[Test, ...] = ("accuracy", "performance", "energy")
SAVED = re.compile(rb"session: Saved this run to session ID \S+$")  # EEMBC's last line, alone without an end
MODES: dict[Test, str] = {"accuracy": "a", "performance": "p", "energy": "e"}  # as results.json calls them


@dataclass
class TinyTestFacts:
    """One of the folders accuracy, performance and energy; what is missing or unreadable is None."""

    test: Test
    path: str
    files: list[str]
    summary: RunnerLog | None = None  # results.txt
    log: RunnerLog | None = None
    details: list[dict[str, Any]] | None = None  # results.json
    unread: list[Violation] = field(default_factory=list)

    def of(self, name: str) -> str:
        """Return the path of a file of this test."""
        return f"{self.path}/{name}"


@dataclass
class TinyResultFacts:
    """One benchmark folder, read."""

    submitter: TinySubmitter
    result: TinyResult
    benchmark: Benchmark | None  # None: the round has none of this name
    runner: Runner
    tests: dict[Test, TinyTestFacts]

    @property
    def streaming(self) -> bool:
        """Whether the benchmark listens to a recording instead of answering to files."""
        return self.benchmark is not None and self.benchmark.streaming

    def with_log(self, *tests: Test) -> Iterator[tuple[TinyTestFacts, RunnerLog]]:
        """Yield the tests that have a log."""
        for facts in self.tests.values():
            if facts.log is not None and (not tests or facts.test in tests):
                yield facts, facts.log

    def summaries(self, *tests: Test) -> Iterator[RunnerLog]:
        """Yield what the tests' results.txt say."""
        for facts in self.tests.values():
            if facts.summary is not None and (not tests or facts.test in tests):
                yield facts.summary


def read_result(submitter: TinySubmitter, result: TinyResult, fixed: TinyRules) -> TinyResultFacts:
    """Read one result's files; nothing is raised, whatever they hold."""
    tests = {
        test: _test(submitter, test, f"{result.path}/{test}")
        for test in TESTS
        if submitter.is_folder(f"{result.path}/{test}")
    }
    marked = submitter.has(f"{result.path}/{fixed.marker}")
    benchmark = fixed.benchmarks.get(result.benchmark)
    return TinyResultFacts(submitter, result, benchmark, "eembc" if marked else "mlc", tests)


def _test(submitter: TinySubmitter, test: Test, path: str) -> TinyTestFacts:
    facts = TinyTestFacts(test, path, submitter.files(path))
    facts.summary = _log(submitter, facts, "results.txt")
    facts.log = _log(submitter, facts, "log.txt")
    if "results.json" in facts.files and test != "energy":  # of energy it holds a million samples and no result
        try:
            raw = submitter.tree.read(facts.of("results.json"), submitter.tree.limits.document_bytes)
            document = loads(raw)
            if not isinstance(document, list) or not all(isinstance(one, dict) for one in document):
                raise JsonError("it is no list of objects")
            facts.details = document
        except (RefusedError, JsonError) as error:
            path = facts.of("results.json")
            state = look(submitter.tree, path, "json")
            facts.unread.append(state.problem(path, "a JSON document") if state is not None else _unread(path, error))
    return facts


def _log(submitter: TinySubmitter, facts: TinyTestFacts, name: str) -> RunnerLog | None:
    if name not in facts.files:
        return None
    try:
        raw = submitter.tree.read(facts.of(name), submitter.tree.limits.log_bytes)
    except RefusedError as error:
        facts.unread.append(_unread(facts.of(name), error))
        return None
    state = state_of(raw[:HEAD], len(raw))
    if state is None and name == "log.txt" and not raw.endswith((b"\n", b"\r")) and SAVED.search(raw[-200:]) is None:
        state = STATES["cut"]
    if state is not None and state.name != "byte-order mark":  # which the official program reads over
        facts.unread.append(state.problem(facts.of(name), "the runner's text"))
        return None
    return read_log(raw, facts.of(name))


def _unread(path: str, why: Exception) -> Violation:
    return Violation(f"the file cannot be read: it {why}", path=path)
