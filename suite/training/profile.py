"""Where a step's time goes, by the framework's own profiler. Nothing it says is a result."""

from __future__ import annotations

import json
from pathlib import Path

from rules.errors import JudgedError, unknown
from rules.ruleset import newest
from rules.text import printable
from rules.workload import workload_rules
from suite.engines import table
from suite.host.cpus import last_cpus
from suite.host.progress import Phase
from suite.images.matrix import cell
from suite.inputs.settings import settings
from suite.result.turn import turn
from suite.training.job import judge
from suite.training.unmeasured import Unmeasured


def profile(workload: str, framework: str, target: str, own: Path | None, *, wait: bool) -> None:
    """Profile some steps and print each phase's seconds and each operation's share; `own` is the user's data."""
    ruleset = newest("assay")
    workload_rules(ruleset, workload)  # refuses one that the round has not
    chosen, frameworks = cell(framework, target), settings(workload).frameworks
    if framework not in frameworks:
        raise unknown("framework", framework, frameworks)
    threads = frameworks[framework].threads
    engine = table.engine()
    jobs = Unmeasured.of(ruleset, workload, own, profile=True)
    runner, cpus = engine.runner(chosen), last_cpus(threads, range(engine.host.cpus))
    with turn(f"assay profile {workload}", engine, wait=wait), Phase(f"profile {chosen.name}") as phase:
        finished = jobs.run(runner, "profile", cpus, phase, seed=0, threads=threads)
    if "profile.json" not in finished.files:
        raise JudgedError(f"no profile was made: {judge(finished, jobs.rules)[1]}")
    found = json.loads(finished.files["profile.json"])
    for phase_name, seconds in found["phases"].items():
        print(f"{seconds:9.3f} s   {printable(phase_name, 60)}")
    print("\n ms a step   share  operation")
    for row in found["operations"]:
        print(f"{row['seconds_per_step'] * 1e3:10.3f} {row['share']:7.1%}  {printable(row['name'], 80)}")
