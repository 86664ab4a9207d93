"""Drive LoadGen against the system under test: one test, its settings, its logs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import mlperf_loadgen as loadgen

from suite.harness.job import JobError
from suite.serve.answer import Answer, answering, answering_tokens
from suite.serve.guard import Watch, fail
from suite.serve.job import Job
from suite.serve.protocol import Model, Task
from suite.serve.queue import Issue, direct, queued

MARK = ":::MLLOG "
SCENARIOS = {
    "SingleStream": loadgen.TestScenario.SingleStream,
    "MultiStream": loadgen.TestScenario.MultiStream,
    "Server": loadgen.TestScenario.Server,
    "Interactive": loadgen.TestScenario.Server,  # with tighter bounds
    "Offline": loadgen.TestScenario.Offline,
}
QUEUED = ("Server", "Interactive")


@dataclass(frozen=True)
class Served:
    """What is under test: the workload's two sides, and the cores this container may use."""

    job: Job
    task: Task
    model: Model
    cores: set[int]

    def answer(self, scenario: str) -> Answer:
        """Return a function that answers up to `sut.batch` samples, for one thread."""
        if self.job.tokens:
            return answering_tokens(loadgen, self.task, self.model, first=scenario != "Offline")  # type: ignore[arg-type]
        return answering(loadgen, self.task, self.model, self.job.sut.batch)

    @contextmanager
    def issue(self, scenario: str, watch: Watch) -> Iterator[Issue]:
        """Give the callback LoadGen hands queries to."""
        sut, out = self.job.sut, self.job.out
        if scenario in QUEUED or (scenario == "Offline" and sut.workers > 1):
            answers = [self.answer(scenario) for _ in range(sut.workers)]
            with queued(answers, sut.batch, scenario in QUEUED, watch, out, self.cores) as issue:
                yield issue
        else:
            yield direct(self.answer(scenario), sut.batch, watch, out)


def configured(job: Job, folder: Path) -> Any:
    """Return LoadGen's settings from its embedded configuration and the job's user.conf: once per process.

    The working directory becomes `folder`, new and empty but for what the job says, since LoadGen obeys files it finds
    there. Raises JobError where LoadGen cannot read the configuration.
    """
    folder.mkdir()
    os.chdir(folder)
    (folder / "user.conf").write_text(job.loadgen["user_conf"])
    if job.loadgen["audit_config"] is not None:
        (folder / "audit.config").write_text(job.loadgen["audit_config"])
    settings = loadgen.TestSettings()
    scenario = "Server" if job.scenario == "Interactive" else job.scenario
    if settings.FromConfig(str(folder / "user.conf"), job.workload, scenario, 1):
        raise JobError("LoadGen refuses its configuration (user.conf)")
    settings.scenario = SCENARIOS[job.scenario]
    modes = {"performance": loadgen.TestMode.PerformanceOnly, "accuracy": loadgen.TestMode.AccuracyOnly}
    settings.mode = modes[job.loadgen["mode"]]
    if job.loadgen["test"] == "seeds":
        # Only the embedded configuration may set them, so that this test alone sets them here.
        for name, value in job.loadgen["seeds"].items():
            setattr(settings, name, value)
    return settings


def test(served: Served, scenario: str, settings: Any, logs: Path, watch: Watch, trace: bool) -> None:
    """Run one LoadGen test and leave its logs in `logs`."""
    out, task = served.job.out, served.task

    def safely(call: Callable[[list[int]], None], indices: list[int]) -> None:
        try:
            call(indices)
        except BaseException as error:  # noqa: BLE001
            fail(out, error)

    log_settings = loadgen.LogSettings()
    log_settings.log_output.outdir = str(logs)
    log_settings.enable_trace = trace
    with served.issue(scenario, watch) as issue:
        sut = loadgen.ConstructFastSUT(issue, lambda: None)
        library = loadgen.ConstructQSL(
            task.SAMPLES, task.PERFORMANCE_SAMPLES, partial(safely, task.load), partial(safely, task.unload)
        )
        watch.start()
        loadgen.StartTestWithLogSettings(sut, library, settings, log_settings, "audit.config")
        watch.stop()
        loadgen.DestroyQSL(library)
        loadgen.DestroyFastSUT(sut)


def details(logs: Path) -> dict[str, Any]:
    """Return the values of LoadGen's detail log by key, the first of each."""
    found: dict[str, Any] = {}
    for line in (logs / "mlperf_log_detail.txt").read_text().splitlines():
        if line.startswith(MARK):
            record = json.loads(line[len(MARK) :])
            found.setdefault(record["key"], record["value"])
    return found
