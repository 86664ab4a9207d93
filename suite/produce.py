"""The whole path: image, data, plan, runs, submission, verdict. What `make run` does."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker

import checker
from checker.render import text as render_text
from rules.errors import StoppedError, UsageError, unknown
from rules.ruleset import load
from rules.workload import Division, WorkloadRules, workload_rules
from suite import data, machine, parity, source
from suite.engine import connect
from suite.images.build import BuiltImage, build
from suite.images.matrix import cell, select
from suite.plan import Plan, hyperparameters, last_cpus, number_of_runs, result_folder
from suite.progress import Phase, say
from suite.run import execute
from suite.sandbox import JOB
from suite.settings import settings
from suite.submission import Work, clash, document, set_aside

RULESET = "assay/1.0"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class Request:
    """What the user asked for, as on the command line of `assay run`."""

    workload: str
    framework: str
    target: str
    division: Division
    submitter: str
    runs: int | None
    settings: list[str]
    threads: int | None
    memory_mib: int | None
    data: Path | None
    system_file: Path | None
    output: Path
    resume: bool
    discard: bool
    replace: bool

    def arguments(self, framework: str) -> list[str]:
        """Return the command line that measures this again, one framework at a time."""
        words = f"assay run {self.workload} --framework {framework} --target {self.target} --division {self.division}"
        words += f" --submitter {self.submitter}"
        for flag, value in (("--runs", self.runs), ("--threads", self.threads), ("--memory", self.memory_mib)):
            words += f" {flag} {value}" if value is not None else ""
        return shlex.split(words) + [word for setting in self.settings for word in ("--set", setting)]


def produce(request: Request, show: Callable[[str], None]) -> bool:
    """Measure what `request` asks for, write it below `request.output`, judge it; return whether it all passed."""
    if not NAME.fullmatch(request.submitter):
        raise UsageError(
            f"submitter {request.submitter!r} cannot be a folder name",
            fix="letters, digits, '.', '_' and '-', beginning with a letter or digit",
        )
    rules = workload_rules(RULESET, request.workload)
    known = [one.framework for one in select(target=request.target)]
    if request.framework not in (*known, "all"):
        raise unknown("framework", request.framework, [*known, "all"])
    chosen = known if request.framework == "all" else [request.framework]
    number_of_runs(rules, request.division, request.runs)
    hyperparameters(rules, request.division, request.settings)
    person = machine.personal(request.system_file)
    client = connect()
    with Phase("data") as phase:
        files = data.obtain(request.workload, rules, request.data, phase.to)
    results = {_result(client, request, rules, person, framework, files) for framework in chosen}
    top = request.output / "training" / request.division / request.submitter
    # All a submitter has is judged as one submission, with one score table; else each result by itself.
    whole = results == set(top.glob("results/*/*"))
    passed = True
    for path in [top] if whole else sorted(results):
        report = checker.check(path)
        show(render_text.render(report, colour=sys.stdout.isatty()))
        passed &= report.passed
    return passed


def _result(
    client: docker.DockerClient,
    request: Request,
    rules: WorkloadRules,
    person: machine.Personal,
    framework: str,
    files: dict[str, Path],
) -> Path:
    """Measure one framework; return the finished result's folder."""
    chosen = cell(framework, request.target)
    with Phase(f"image {framework} {request.target}") as phase:
        image = build(client, chosen, lambda what, done, total: phase.to(done, total, what))
    code = source.files(request.workload)
    facts = machine.probe(client, image.image_id, code)
    plan = _plan(request, rules, person, framework, image, facts, source.digest(code))
    final = result_folder(request.output, plan)
    if final.exists() and not request.replace:
        say(f"{final} is there already and only judged again (to measure again: --replace, make run REPLACE=1)")
        return final
    if other := clash(request.output, plan, code):
        raise UsageError(
            f"the source of {framework} changed since {other} was measured, and both would share it",
            fix="measure that one again too, or use another --submitter or --output",
        )
    certificate = parity.certificate(plan) if request.division == "closed" else None
    described = machine.describe(
        client,
        facts,
        person,
        submitter=request.submitter,
        division=request.division,
        system=plan.system,
        versions=plan.image.versions,
        framework=f"{framework} {chosen.requirements[0].partition('==')[2]}",
        emulated=plan.emulated,
    )
    work = Work(request.output, plan)
    with work.held():
        if request.discard:
            work.discard()
        work.begin(resume=request.resume)
        job: list[tuple[str, bytes | Path]] = [(f"source/{name}", content) for name, content in code.items()]
        job += [(f"data/{name}", path) for name, path in files.items()]
        try:
            execute(client, work, image, rules, job, request.arguments(framework))
        except StoppedError as stopped:
            raise StoppedError(
                f"{stopped.message}; {len(work.finished())} of {plan.runs} runs are kept in {work.folder}",
                fix="go on with --resume (make run RESUME=1)",
            ) from None
        beside = {"sbom.cdx.json": image.sbom}
        if certificate:
            beside["parity.json"] = document(certificate)
        if final.exists():
            say(f"the earlier result is kept in {set_aside(request.output, plan)}")
        return work.publish(described, code, beside)


def _plan(
    request: Request,
    rules: WorkloadRules,
    person: machine.Personal,
    framework: str,
    image: BuiltImage,
    facts: dict[str, Any],
    source_sha256: str,
) -> Plan:
    tuned = settings(request.workload).frameworks[framework]
    threads = request.threads or tuned.threads
    memory = (request.memory_mib or tuned.memory_mib) << 20
    name = person.system_name or machine.machine_name(facts)
    return Plan(
        ruleset=RULESET,
        salt=load(RULESET).salt,
        workload=request.workload,
        framework=framework,
        target=request.target,
        division=request.division,
        submitter=request.submitter,
        system=f"{name}_{request.target}_{framework}",
        runs=number_of_runs(rules, request.division, request.runs),
        threads=threads,
        memory_bytes=memory,
        cpuset=last_cpus(threads, facts["cpus"]),
        time_limit_s=rules.time_limit_s,
        hyperparameters=hyperparameters(rules, request.division, request.settings),
        environment=image.environment | {"PYTHONPATH": f"{JOB}/source"},
        source_sha256=source_sha256,
        data=rules.data,
        image=image.identity,
        emulated=False,
    )
