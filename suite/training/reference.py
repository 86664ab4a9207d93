"""Reference runs: how many samples the workload needs, from seeds no submission can have.

A closed result may not reach the target in significantly fewer samples than these (families/assay/rules/comparison.py).
"""

from __future__ import annotations

import hashlib
import json
import lzma
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from rules.documents import Outcome
from rules.errors import JudgedError, UsageError
from rules.published import ReferenceRun, add, new_file, write
from rules.ruleset import load
from rules.seeds import run_seed
from suite.engines.base import Runner
from suite.host.progress import Phase
from suite.result.job import RunWatch
from suite.training.job import judge
from suite.training.unmeasured import Unmeasured

SUBMITTER = "(reference)"  # no submitter's name has parentheses, so no submission has these seeds


def measure(
    jobs: Unmeasured, runners: Mapping[str, Runner], count: int, runs: int, logs: Path
) -> Iterator[ReferenceRun]:
    """Yield `runs` runs in each framework, as many at a time as there are CPUs (`count`), one thread each.

    Each log is kept in the folder `logs`, compressed; a run whose log is there is not made again.
    """
    workload, salt = jobs.rules.workload, load(jobs.ruleset).salt
    cpus: SimpleQueue[int] = SimpleQueue()
    for cpu in range(count):
        cpus.put(cpu)
    try:
        logs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{logs}: {error.strerror}", fix="give --logs a folder this user may write to") from None

    def one(work: tuple[str, int]) -> ReferenceRun:
        framework, run = work
        seed = run_seed(salt, SUBMITTER, framework, workload, "closed", run)
        path = logs / f"{workload}-{framework}-{seed}.txt.xz"
        if not path.is_file():
            cpu = cpus.get()
            try:
                log = _log(jobs, runners[framework], framework, seed, cpu)
            finally:
                cpus.put(cpu)
            scratch = path.with_suffix(".new")
            scratch.write_bytes(lzma.compress(log))
            scratch.replace(path)
        return _read(path, framework, seed, jobs.source_sha256)

    with ThreadPoolExecutor(count) as pool, Phase(f"reference runs of {workload}") as phase:
        todo = [(framework, run) for run in range(runs) for framework in runners]
        for done, found in enumerate(pool.map(one, todo), start=1):
            phase.to(done, len(todo), f"{found.framework} {found.samples} samples")
            yield found


def _log(jobs: Unmeasured, runner: Runner, framework: str, seed: int, cpu: int) -> bytes:
    """Train once; return the log. Raises JudgedError where the target is not reached: it needs other rules then."""
    submission = {"org": "reference", "platform": framework}
    finished = jobs.run(runner, "train", str(cpu), seed=seed, submission=submission)
    outcome, explanation = judge(finished, jobs.rules)
    if outcome is not Outcome.SUCCESS:
        raise JudgedError(f"the reference run of {framework} with seed {seed}: {explanation}")
    return finished.watch.log


def _read(path: Path, framework: str, seed: int, source_sha256: str) -> ReferenceRun:
    """Return the run whose log is in `path`; UsageError where that is of another source, or no log."""
    watch = RunWatch(None)
    try:
        log = lzma.decompress(path.read_bytes())
        for line in log.decode().splitlines():
            watch.stdout(line, 0.0)
        if watch.value("source_sha256") == source_sha256:
            samples, digest = watch.events("run_stop")[-1]["metadata"]["samples_count"], hashlib.sha256(log).hexdigest()
            return ReferenceRun(framework=framework, seed=seed, samples=int(samples), log_sha256=digest)
        why = "the log of another source"
    except (OSError, ValueError, LookupError, TypeError, lzma.LZMAError) as error:
        why = f"no whole log ({type(error).__name__})"
    raise UsageError(f"{path} is {why}", fix="remove it, and repeat the command")


def publish(jobs: Unmeasured, found: list[ReferenceRun]) -> Path:
    """Add reference runs to those that the round publishes; return their file."""
    runs = sorted(found, key=lambda one: (one.framework, one.seed))
    of = (jobs.ruleset, jobs.rules.workload, jobs.source_sha256)
    file = new_file(jobs.ruleset, "references", *of[1:])
    path = write(jobs.ruleset, file, "[\n" + ",\n".join(json.dumps(one.model_dump()) for one in runs) + "\n]\n")
    add(*of, references=file)
    return path
