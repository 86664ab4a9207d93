"""What a result's files are where they are not what their names say: one finding each, said before all else.

The official checker's answer on such a file is a consequence, and so is whatever our own rules would miss in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain

from checker.core.files import FileState, look
from checker.core.findings import Violation
from checker.families.mlperf_inference.accuracy_text import HASH, patterns
from checker.families.mlperf_inference.cases import ResultCase
from checker.families.mlperf_inference.checks import check
from checker.families.mlperf_inference.facts import JsonFile, Text
from checker.families.mlperf_inference.modular.compliance import audits_folder
from checker.families.mlperf_inference.power.check import SESSION_FILES, has_power
from checker.families.mlperf_inference.power.session import RANGING, TESTING
from checker.loadgen.detail_log import read_detail
from checker.loadgen.log import DetailLog

LOG, TEXT, DOCUMENT = "the log that LoadGen wrote", "UTF-8 text", "a JSON document"
COMPUTED = ("spl.txt", "ptd_logs.txt", "client.json", "server.json")  # of a power session: what cannot be empty
MARK = "byte-order mark"
PASSES = re.compile(r"\s*(TEST PASS|[\w ]+ check pass: \w+)\s*$")  # what a test's report says on a line of its own
Seen = Iterator[tuple[str, FileState, str]]  # path, what is there, what should be


@check("inference-file-readable", "result")
def file_readable(case: ResultCase) -> Iterator[Violation]:
    """Judge that what decides about a result is what it should be."""
    harmless = {text.path for text in _marked(case) if not _spoilt(case, text)}
    for path, state, wanted in chain(_read(case), _described(case), _endpoints(case), _power(case)):
        if path not in harmless:
            yield state.problem(path, wanted)


@check("inference-side-file-readable", "result")
def side_file_readable(case: ResultCase) -> Iterator[Violation]:
    """Judge that a result's other files, by which nobody decides, are what they should be."""
    facts = case.facts
    for path, state, wanted in _states([facts.performance_summary, facts.accuracy_summary]):
        if state.name != MARK:
            yield state.problem(path, wanted)
    for path, state, wanted in _looked_at(case, [f"{case.path}/accuracy/mlperf_log_accuracy.json"], TEXT):
        yield state.problem(path, wanted)


@check("inference-byte-order-mark", "result")
def byte_order_mark(case: ResultCase) -> Iterator[Violation]:
    """Note texts that begin with a byte-order mark, where it does no harm."""
    for text in _marked(case):
        if text.state is not None and not _spoilt(case, text):
            yield text.state.problem(text.path, TEXT)


def _marked(case: ResultCase) -> Iterator[Text]:
    """Yield the texts that decide about a result and begin with a byte-order mark."""
    tests = case.facts.tests.values()
    texts = [case.facts.accuracy_text, *(text for t in tests for text in (t.accuracy, t.performance, t.baseline))]
    for text in (*texts, *(test.compliance for test in tests)):
        if text is not None and text.state is not None and text.state.name == MARK:
            yield text


def _spoilt(case: ResultCase, text: Text) -> bool:
    """Whether the mark hides a first line that the official checker looks for."""
    first = text.lines[0] if text.lines else ""
    wanted = [*patterns(case.fixed, case.fixed.package.metrics).values(), HASH, PASSES]
    return any(one.match(first[1:]) is not None and one.match(first) is None for one in wanted)


def _states(files: list[DetailLog | Text | JsonFile | None]) -> Seen:
    for file in files:
        if file is not None and file.state is not None:
            wanted = LOG if isinstance(file, DetailLog) else TEXT if isinstance(file, Text) else DOCUMENT
            yield file.path, file.state, wanted


def _read(case: ResultCase) -> Seen:
    facts = case.facts
    files: list[DetailLog | Text | JsonFile | None] = [facts.performance, facts.accuracy, facts.accuracy_text]
    for test in facts.tests.values():
        files += (test.log, test.accuracy, test.performance, test.baseline, test.compliance)
    yield from _states([*files, facts.measurements])


def _looked_at(case: ResultCase, paths: list[str], wanted: str) -> Seen:
    tree, listing = case.submitter.tree, case.submitter.listing
    for path in paths:
        if listing.size(path) is None:
            continue
        state = look(tree, path, "json" if wanted == DOCUMENT else "lines" if path.endswith("spl.txt") else "text")
        if state is not None:
            yield path, state, wanted


def _described(case: ResultCase) -> Seen:
    if not case.system:
        yield from _looked_at(case, [f"systems/{case.facts.place.system}.json"], DOCUMENT)


def _endpoints(case: ResultCase) -> Seen:
    """Yield the states of an endpoint's files, which stand for LoadGen's logs where there are none."""
    if case.facts.performance is not None or case.facts.accuracy is not None:
        return
    folder, audits = case.path, audits_folder(case.facts.paths.tests)
    documents = [f"{folder}/performance/result_summary.json", f"{folder}/accuracy/accuracy_results.json"]
    documents += [f"{audits}/audit_{name}.json" for name in case.fixed.package.endpoints.audits.values()]
    yield from _looked_at(case, documents, DOCUMENT)
    yield from _looked_at(case, [f"{folder}/config.yaml", f"{folder}/config.yml"], TEXT)


def _power(case: ResultCase) -> Seen:
    if not has_power(case.submitter.tree, case.path):
        return
    folder = f"{case.path}/performance"
    names = [*(f"power/{name}" for name in SESSION_FILES), f"{RANGING}/spl.txt", f"{TESTING}/spl.txt"]
    for name in names:
        for path, state, wanted in _looked_at(case, [f"{folder}/{name}"], DOCUMENT if name.endswith("json") else TEXT):
            if state.name not in (MARK, "empty") or name.rpartition("/")[2] in COMPUTED:
                yield path, state, wanted
    if case.submitter.listing.size(ranging := f"{folder}/{RANGING}/mlperf_log_detail.txt") is not None:
        yield from _states([read_detail(case.submitter.tree, ranging)])
