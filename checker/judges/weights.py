"""Rules on what ran and what came out: the source's digest and the final weights'."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from checker.findings import Problem, brief
from checker.judges.registry import judge
from checker.submission import Result, Run
from checker.tree import RefusedError


@judge("source-digest", "result")
def source_digest(result: Result) -> Iterator[Problem]:
    """Judge that the source in the submission is the one that each run executed.

    The digest is SHA-256 over lines `<sha256>  <relative path>`, sorted by path.
    """
    if not result.framework:
        return
    lines = []
    files = result.tree.files(result.implementation)
    if not files:
        yield Problem("the source that ran is not in the submission", "its files", "none", result.implementation)
        return
    for entry in sorted(files, key=lambda e: e.path):
        try:
            lines.append(f"{result.sha256(entry.path)}  {entry.path.removeprefix(f'{result.implementation}/')}\n")
        except RefusedError as error:
            yield Problem(f"the source file {error}", "a plain file", "", entry.path)
            return
    found = hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
    for run in result.runs:
        if run.record is not None and run.record.model.source_sha256 != found:
            stated = run.record.model.source_sha256
            message = f"the source in {result.implementation} is not what this run executed"
            yield run.record.problem(message, stated, found, "source_sha256")


@judge("final-weights", "run")
def final_weights(result: Result, run: Run) -> Iterator[Problem]:
    """Judge that the final weights are kept, and are those that log and record name."""
    if run.record is None:
        return
    stated = run.record.model.final_weights
    if stated is None:
        yield run.record.problem("the record has no final weights", "path and digest", "null", "final_weights")
        return
    if stated.path != run.weights_path:
        message = "the record names other final weights"
        yield run.record.problem(message, run.weights_path, stated.path, "final_weights", "path")
    try:
        found = result.sha256(run.weights_path)
    except RefusedError as error:
        yield Problem(f"the weights {error}", stated.sha256, "", run.weights_path)
        return
    if found != stated.sha256:
        line = run.record.line("final_weights", "sha256")
        wanted = f"{stated.sha256} ({run.record_path.rpartition('/')[2]} line {line})"
        yield Problem("the weights are not those the run ended with", wanted, found, run.weights_path)
    logged = run.log.first("final_weights_sha256") if run.log else None
    if logged is not None and logged.value != stated.sha256:
        message = "the log names other final weights than the record"
        yield Problem(message, stated.sha256, brief(logged.value), run.log_path, logged.number)
