"""The whole path of inference: image, data, plan, outputs, search, LoadGen runs, submission, verdict."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import checker
from checker.report.render import text as render_text
from rules.errors import MachineError, Stopped, UsageError, unknown
from rules.serving import ServingRules, serving_rules, shipped
from rules.serving_documents import SearchRecord, ServingRecord, ServingSystem
from rules.systems import system_name
from suite import data, machine, source
from suite.engines import table
from suite.engines.base import RunEnvironment
from suite.images.matrix import Cell, cell, select, target
from suite.inference import compliance
from suite.inference.context import Bench
from suite.inference.plan import ServingPlan, parameters, scenarios
from suite.inference.run import execute
from suite.inference.staging import ServingWork, clash, shared_files
from suite.inference.tree import complete
from suite.progress import Phase, say
from suite.result.job import job_files
from suite.result.page import show_page
from suite.result.plan import last_cpus
from suite.result.staging import prepare
from suite.settings import settings
from suite.training.produce import Request
from suite.turn import turn

RULESET = "assay-inference/1.0"
RDI = "rdi"  # how MLPerf Inference writes "Research, Development, or Internal (RDI)"
# What a finished result and a new plan must share for the result to be the one asked for.
SAME = ("sut", "source_sha256", "data", "image")


@dataclass(frozen=True)
class ServingRequest(Request):
    """What the user asked for, with the scenario: one, or `all`."""

    scenario: str

    def arguments(self, framework: str) -> list[str]:
        """Return the command line that measures this again, one framework at a time."""
        return [*super().arguments(framework), "--scenario", self.scenario]


def produce(request: ServingRequest, show: Callable[[str], None]) -> bool:
    """Measure what `request` asks for, write it below `request.output`, judge it; return whether it all passed.

    Raises UsageError for what cannot be run, MachineError for a machine that cannot run it, JudgedError for a run
    that came to nothing; all that can be known beforehand is refused before anything is made.
    """
    request.require_name()
    if request.runs is not None:
        raise UsageError("--runs belongs to training", fix="leave it out: LoadGen repeats queries, not runs")
    rules = serving_rules(RULESET, request.workload)
    tuned = settings(request.workload).serving
    kind = target(request.target)
    if request.framework not in (*tuned, "all"):
        raise unknown("framework", request.framework, [*tuned, "all"])
    if request.framework == "all":
        there = {one.framework for one in select(target=request.target, suite="inference")}
        chosen = [framework for framework in tuned if framework in there]
    else:
        chosen = [cell(request.framework, request.target, suite="inference").framework]
    scenarios(rules, request.division, request.scenario, request.settings)
    for framework in chosen:
        parameters(rules, tuned[framework], request.threads, request.settings)
    person = machine.personal(request.system_file)
    if request.power_log:
        request.power_log.require()
    prepare(request.output)
    engine = table.engine()
    mode = engine.mode(request.target, kind)
    if mode.emulation:
        raise MachineError(
            f"inference on {request.target} is measured on {kind.machine}; under emulation LoadGen has nothing to time",
            fix="point DOCKER_HOST at one (DOCKER_HOST=ssh://user@machine), or leave the scenario out for a functional "
            "run of training",
        )
    say(mode.sentence)
    machine.require_capacity(engine.host, request.threads, request.memory_mib)
    with ExitStack() as held:
        take = cache(lambda: held.enter_context(turn(request.words(), engine, wait=request.wait)))
        if not request.there("inference", chosen):
            take()
        environment = partial(engine.environment, mode=mode)
        return _measured(request, rules, take, environment, person, chosen, show)


def _measured(
    request: ServingRequest,
    rules: ServingRules,
    take: Callable[[], None],
    environment: Callable[[Cell], RunEnvironment],
    person: machine.Personal,
    chosen: list[str],
    show: Callable[[str], None],
) -> bool:
    """Measure the `chosen` frameworks and judge what came of it; return whether it all passed.

    `take` takes the machine's turn; once is enough.
    """
    with Phase("data") as phase:
        files = _data(request, rules, phase.to)
    results = {_result(request, rules, take, environment, person, framework, files) for framework in chosen}
    top = request.output / "inference" / request.division / request.submitter
    # All a submitter has is judged as one submission; else each result by itself.
    whole = results == set(top.glob("results/*/*"))
    passed = True
    for path in [top] if whole else sorted(results):
        report = checker.check(path, RULESET)
        show(render_text.render(report, colour=sys.stdout.isatty()))
        passed &= report.passed
    show_page(top, RULESET, report if whole else None)
    return passed


def _data(request: ServingRequest, rules: ServingRules, progress: data.Progress) -> dict[str, Path]:
    """Return every data file: weights that the rule set holds itself, the rest as in training."""
    held = {name: path for name in rules.data if (path := shipped(RULESET, name)) is not None}
    rest = rules.model_copy(update={"data": {name: d for name, d in rules.data.items() if name not in held}})
    return held | data.obtain(request.workload, rest, request.data, progress)


def _result(
    request: ServingRequest,
    rules: ServingRules,
    take: Callable[[], None],
    environment: Callable[[Cell], RunEnvironment],
    person: machine.Personal,
    framework: str,
    files: dict[str, Path],
) -> Path:
    """Measure one framework; return the finished result's folder."""
    there = environment(cell(framework, request.target, suite="inference"))
    code = source.serving_files(request.workload)
    plan = _plan(request, rules, framework, there, source.digest(code))
    work = ServingWork(request.output, plan)
    with work.held():
        if request.discard:
            work.discard()
        if work.final.exists() and not work.unfinished() and not request.replace:
            _same(work)
            say(f"{work.final} is there already and only judged again (to measure again: --replace, REPLACE=1)")
            return work.final
        take()
        shared = shared_files(plan, _described(request, there, person, plan), code)
        if other := clash(request.output, plan, shared):
            raise UsageError(
                f"{other[1]} is not what it was when {other[0]} was measured, and both results would share it",
                fix="use another --submitter or --output, or measure that one anew elsewhere first",
            )
        work.begin(resume=request.resume)
        try:
            given, arguments = job_files(code, files), request.arguments(framework)
            with there.runner.taken():
                execute(Bench(there.runner, work, rules, given, arguments, request.power_log))
        except Stopped as stopped:
            raise Stopped(
                f"{stopped.message}; {work.progress()} are kept in {work.folder}",
                fix="go on with --resume (make run RESUME=1)",
            ) from None
        return work.publish(complete(work, rules, there.runner.bill), shared)


def _described(
    request: ServingRequest,
    there: RunEnvironment,
    person: machine.Personal,
    plan: ServingPlan,
) -> ServingSystem:
    """Put the system description into MLPerf Inference's form."""
    described = machine.describe(
        there.machine,
        there.host,
        person,
        submitter=request.submitter,
        division=request.division,
        system=plan.system,
        versions=plan.image.versions,
        framework=f"{plan.framework} {there.runner.version}",
        emulated=plan.emulated,
        target=there.target,
        accelerators=target(plan.target).accelerators,
    )
    status = RDI if "rdi" in described.status.lower() else described.status
    return ServingSystem.model_validate(
        described.model_dump(by_alias=True)
        | {
            "status": status,
            "system_type": "datacenter,edge",
            "system_type_detail": "N/A",
            "host_network_card_count": machine.NOT_STATED,
            "accelerators_per_node": str(described.accelerators_per_node),
        }
    )


def _same(work: ServingWork) -> None:
    """Raise UsageError where the finished result is not the one asked for now."""
    plan = work.plan
    there = {path.name for path in work.final.iterdir() if path.is_dir()}
    with suppress(OSError, ValueError):  # the checker says what is wrong with it
        there |= set(SearchRecord.model_validate_json((work.top / plan.ours / "search.json").read_bytes()).left_out)
    changed = ["scenarios"] if there != set(plan.scenarios) else []
    for path in sorted((work.top / plan.ours).glob("*/performance/record.json")):
        try:
            measured = ServingRecord.model_validate_json(path.read_bytes())
        except (OSError, ValueError):
            continue  # the checker says what is wrong with it
        changed += [name for name in SAME if getattr(measured, name) != getattr(plan, name)]
    if changed:
        raise UsageError(
            f"{work.final} is there already, measured with other {', '.join(dict.fromkeys(changed))}",
            fix="measure again with --replace (make run REPLACE=1; the old result is kept), or use another --output",
        )


def _plan(
    request: ServingRequest,
    rules: ServingRules,
    framework: str,
    there: RunEnvironment,
    source_sha256: str,
) -> ServingPlan:
    tuned = settings(request.workload).serving[framework]
    sut = parameters(rules, tuned, request.threads, request.settings)
    facts = there.machine
    assert there.runner.image is not None  # inference is measured in containers alone
    last_cpus(sut.threads, facts["cpus"])  # refuses more threads than there are
    return ServingPlan(
        ruleset=RULESET,
        workload=request.workload,
        framework=framework,
        target=request.target,
        division=request.division,
        submitter=request.submitter,
        system=system_name(machine.processor(facts), facts["architecture"], facts["cpus"], request.target, framework),
        scenarios=scenarios(rules, request.division, request.scenario, request.settings),
        tests=compliance.tests(RULESET, request.workload) if request.division == "closed" else [],
        sut=sut,
        memory_bytes=(request.memory_mib or tuned.memory_mib) << 20,
        # A core beside the model's, where there is one: LoadGen issues queries while the model computes.
        cpuset=last_cpus(min(sut.threads + 1, facts["cpus"]), facts["cpus"]),
        environment=there.runner.environment,
        source_sha256=source_sha256,
        data=rules.data,
        image=there.runner.image,
        emulated=False,
        access=there.access,
    )
