"""Reference runs: how many samples the workload needs, from seeds no submission can have.

A closed result may not reach the target in significantly fewer samples than these (families/assay/rules/comparison.py).
"""

from __future__ import annotations

import hashlib
import json
import lzma
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from rules.documents import Outcome
from rules.errors import JudgedError, UsageError
from rules.published import add, new_file, write
from rules.ruleset import load
from rules.seeds import run_seed
from rules.workload import WorkloadRules
from suite.engines.base import Runner
from suite.host.progress import Phase
from suite.inputs import source
from suite.result.job import RunWatch
from suite.training.unmeasured import run_unmeasured

SUBMITTER = "(reference)"  # no submitter's name has parentheses, so no submission has these seeds


@dataclass(frozen=True)
class MeasuredReference:
    """One reference run: what it needed, and its log."""

    framework: str
    seed: int
    samples: int
    log: bytes


def measure(
    ruleset: str,
    limits: WorkloadRules,
    code: Mapping[str, bytes],
    runners: Mapping[str, Runner],
    count: int,
    data: Mapping[str, Path],
    runs: int,
    logs: Path,
) -> Iterator[MeasuredReference]:
    """Yield `runs` runs of `code` in each framework, as many at a time as there are CPUs (`count`), one thread each.

    Each log is kept in the folder `logs`, compressed; a run whose log is there is not made again.
    """
    cpus: SimpleQueue[int] = SimpleQueue()
    for cpu in range(count):
        cpus.put(cpu)
    salt = load(ruleset).salt
    try:
        logs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{logs}: {error.strerror}", fix="give --logs a folder this user may write to") from None

    def one(work: tuple[str, int]) -> MeasuredReference:
        framework, run = work
        seed = run_seed(salt, SUBMITTER, framework, limits.workload, "closed", run)
        path = logs / f"{limits.workload}-{framework}-{seed}.txt.xz"
        if path.is_file():
            return _kept(path, framework, seed, source.digest(code))
        cpu = cpus.get()
        try:
            found = _run(ruleset, limits, framework, runners[framework], code, data, seed, cpu)
        finally:
            cpus.put(cpu)
        scratch = path.with_suffix(".new")
        scratch.write_bytes(lzma.compress(found.log))
        scratch.replace(path)
        return found

    with ThreadPoolExecutor(count) as pool, Phase(f"reference runs of {limits.workload}") as phase:
        todo = [(framework, run) for run in range(runs) for framework in runners]
        for done, found in enumerate(pool.map(one, todo), start=1):
            phase.to(done, len(todo), f"{found.framework} {found.samples} samples")
            yield found


def _run(
    ruleset: str,
    limits: WorkloadRules,
    framework: str,
    runner: Runner,
    code: Mapping[str, bytes],
    data: Mapping[str, Path],
    seed: int,
    cpu: int,
) -> MeasuredReference:
    """Train once; raise JudgedError where the target is not reached: such a workload needs other rules."""
    submission = {"org": "reference", "platform": framework}
    finished = run_unmeasured(runner, "train", ruleset, limits, code, data, str(cpu), seed=seed, submission=submission)
    outcome, explanation = finished.judge(limits)
    if outcome is not Outcome.SUCCESS:
        raise JudgedError(f"the reference run of {framework} with seed {seed}: {explanation}")
    return MeasuredReference(framework, seed, _samples(finished.watch), finished.watch.log)


def _samples(watch: RunWatch) -> int:
    return int(watch.events("run_stop")[-1]["metadata"]["samples_count"])


def _kept(path: Path, framework: str, seed: int, source_sha256: str) -> MeasuredReference:
    """Return the run whose log is in `path`; UsageError where that is of another source, or no log."""
    watch = RunWatch(None)
    try:
        log = lzma.decompress(path.read_bytes())
        for line in log.decode().splitlines():
            watch.stdout(line, 0.0)
        if watch.value("source_sha256") == source_sha256:
            return MeasuredReference(framework, seed, _samples(watch), log)
        why = "the log of another source"
    except (OSError, ValueError, LookupError, TypeError, lzma.LZMAError) as error:
        why = f"no whole log ({type(error).__name__})"
    raise UsageError(f"{path} is {why}", fix="remove it, and repeat the command")


def publish(ruleset: str, workload: str, source_sha256: str, found: list[MeasuredReference]) -> Path:
    """Add reference runs to those that the round publishes; return their file."""
    entries = []
    for one in sorted(found, key=lambda reference: (reference.framework, reference.seed)):
        digest = hashlib.sha256(one.log).hexdigest()
        entries.append(
            {"framework": one.framework, "seed": one.seed, "samples": one.samples, "log_sha256": digest},
        )
    file = new_file(ruleset, "references", workload, source_sha256)
    path = write(ruleset, file, "[\n" + ",\n".join(json.dumps(entry) for entry in entries) + "\n]\n")
    add(ruleset, workload, source_sha256, references=file)
    return path
