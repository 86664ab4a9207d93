"""What the checks need of one result, read from its files in one go; nothing here judges.

Reading is the dear part and is done by several processes, so all of it can be handed from one to another. Texts and
JSON are read as the official checker's Python reads them: universal line ends, NaN, the last of two equal members.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import Any

from checker.core.files import HEAD, FileState, state_of, state_of_json
from checker.core.tree import RefusedError, Tree
from checker.families.mlperf_inference.walk import Listing, ResultFolder
from checker.loadgen.detail_log import read_detail
from checker.loadgen.log import DetailLog, refusal

TIMED = ("TEST01", "TEST04")  # tests whose run the official checkers read
DETAIL = "mlperf_log_detail.txt"
SUMMARY = "mlperf_log_summary.txt"
TEXT = 16 << 20  # bytes of accuracy.txt or a verify_*.txt


@dataclass
class Text:
    """A text file's lines with their ends; `crash` is why the official checker stops reading it."""

    path: str
    lines: list[str] = field(default_factory=list)
    crash: str | None = None
    raw: bytes = b""  # kept where it is no UTF-8: how far it is read then depends on the reader
    state: FileState | None = None  # what the file is where it is no text


@dataclass
class JsonFile:
    """A JSON file's value; `crash` is why the official checker stops reading it."""

    path: str
    value: Any = None
    crash: str | None = None
    crash_line: int | None = None
    state: FileState | None = None  # what the file is where it is no JSON
    twice: str | None = None  # a member that it gives twice, where that was looked for


@dataclass
class TestFacts:
    """A compliance test's folder: `{compliance}/{test}`. What is not there is None."""

    name: str
    path: str
    log: DetailLog | None = None  # performance/run_1
    accuracy: Text | None = None  # verify_accuracy.txt; TEST09: verify_output_len.txt
    performance: Text | None = None  # verify_performance.txt
    baseline: Text | None = None  # accuracy/baseline_accuracy.txt
    compliance: Text | None = None  # accuracy/compliance_accuracy.txt

    @property
    def official_log(self) -> DetailLog | None:
        """The log, if the official checker reads it."""
        return self.log if self.name in TIMED else None


@dataclass
class Paths:
    """Where a result's files are, relative to the submitter's folder; it depends on the round."""

    measurements: str  # the description of the implementation, which may not be there
    measurements_folder: str
    tests: dict[str, str]  # compliance test -> its folder


@dataclass
class ResultFacts:
    """All that was read of one result. What is not there is None."""

    place: ResultFolder
    paths: Paths
    performance: DetailLog | None = None  # performance/run_1/mlperf_log_detail.txt
    accuracy: DetailLog | None = None  # accuracy/mlperf_log_detail.txt
    accuracy_text: Text | None = None  # accuracy/accuracy.txt
    performance_summary: Text | None = None  # mlperf_log_summary.txt, which the official checker never reads
    accuracy_summary: Text | None = None
    measurements: JsonFile | None = None
    tests: dict[str, TestFacts] = field(default_factory=dict)


def read_result(listing: Listing, place: ResultFolder, paths: Paths) -> ResultFacts:
    """Read a result's files."""
    tree, exists = listing.tree, listing.exists
    run, accuracy = f"{place.path}/performance/run_1", f"{place.path}/accuracy"

    def log(folder: str) -> DetailLog | None:
        return read_detail(tree, f"{folder}/{DETAIL}") if exists(f"{folder}/{DETAIL}") else None

    def text(path: str) -> Text | None:
        return read_text(tree, path) if exists(path) else None

    facts = ResultFacts(place, paths, log(run), log(accuracy), text(f"{accuracy}/accuracy.txt"))
    facts.performance_summary, facts.accuracy_summary = text(f"{run}/{SUMMARY}"), text(f"{accuracy}/{SUMMARY}")
    facts.measurements = read_document(tree, paths.measurements) if exists(paths.measurements) else None
    for name, folder in paths.tests.items():
        if exists(folder):
            facts.tests[name] = test = TestFacts(name, folder, log(f"{folder}/performance/run_1"))
            test.accuracy = text(f"{folder}/{'verify_output_len.txt' if name == 'TEST09' else 'verify_accuracy.txt'}")
            if name in TIMED:
                test.performance = text(f"{folder}/verify_performance.txt")
                test.baseline = text(f"{folder}/accuracy/baseline_accuracy.txt")
                test.compliance = text(f"{folder}/accuracy/compliance_accuracy.txt")
    return facts


def read_text(tree: Tree, path: str, most: int = TEXT) -> Text:
    """Read a text file's lines, line ends made one as Python's text files do."""
    try:
        raw = tree.read(path, most)
    except RefusedError as error:
        return Text(path, crash=refusal("the file", error))
    state = state_of(raw[:HEAD], len(raw))
    try:
        return Text(path, io.StringIO(raw.decode(), newline=None).readlines(), state=state)
    except UnicodeDecodeError as error:
        lines = raw.decode(errors="replace").splitlines(keepends=True)
        return Text(path, lines, f"UnicodeDecodeError: byte {error.start + 1} is not UTF-8", raw, state)


def read_document(tree: Tree, path: str, most: int | None = None) -> JsonFile:
    """Read a JSON file as Python's `json.load` does; nothing is refused that it accepts."""
    try:
        raw = tree.read(path, tree.limits.document_bytes if most is None else most)
    except RefusedError as error:
        return JsonFile(path, crash=refusal("the file", error))
    try:
        return JsonFile(path, json.loads(raw.decode()))
    except UnicodeDecodeError as error:
        line, state = raw.count(b"\n", 0, error.start) + 1, state_of_json(raw)
        return JsonFile(path, None, f"UnicodeDecodeError: byte {error.start + 1} is not UTF-8", line, state)
    except json.JSONDecodeError as error:
        return JsonFile(path, None, f"JSONDecodeError: {error.msg}", error.lineno, state_of_json(raw))
    except (ValueError, RecursionError) as error:
        return JsonFile(path, None, f"{type(error).__name__}: {str(error)[:100]}")
