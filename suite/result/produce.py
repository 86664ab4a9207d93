"""The one way to a result: image, data, plan, runs, submission, verdict, page. What `make run` does."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from rules.errors import Stopped, UsageError
from rules.serving import shipped
from rules.systems import system_name
from suite.engines import table
from suite.engines.base import Engine, RunEnvironment
from suite.host.progress import Phase, Progress, say
from suite.images.matrix import cell, target
from suite.inputs import data, source
from suite.result import machine, verdict
from suite.result.context import RunContext
from suite.result.job import job_files
from suite.result.procedure import Judge, Procedure, Show
from suite.result.request import Request
from suite.result.staging import prepare
from suite.result.turn import turn
from suite.targets.data import ExecutionMode


@dataclass(frozen=True)
class Means:
    """How a request is carried out on this machine."""

    procedure: Procedure
    engine: Engine
    mode: ExecutionMode
    judge: Judge | None = None  # of what is no submission


def produce(kind: type[Procedure], request: Request, show: Show) -> bool:
    """Measure what `request` asks for, write it below `request.output`, judge it; return whether it all passed.

    Raises UsageError for what cannot be run, MachineError for a machine that cannot run it, JudgedError for a run
    that came to nothing; all that can be known beforehand is refused before anything is made.
    """
    request.require_usable()
    if request.uncontained:
        if request.memory_mib is not None:
            raise UsageError("--memory limits a container; an uncontained run has none", fix="leave it out")
        request = request.beside(verdict.UNCONTAINED)
    procedure = kind(request)
    target(request.target)  # refuses one that there is not
    chosen = procedure.frameworks()
    person = machine.personal(request.system_file)
    prepare(request.output)
    means = _means(procedure)
    request = means.procedure.request
    with ExitStack() as held:
        take = cache(lambda: held.enter_context(turn(request.words(), means.engine, wait=request.wait)))
        if not request.there(kind.PLAN.SUITE, chosen):
            take()
        means.engine.prepare(target(request.target), means.mode)
        return _measured(means, person, chosen, take, show)


def _means(procedure: Procedure) -> Means:
    """Return how the request is carried out: uncontained, in containers, or as a smoke run under emulation."""
    request = procedure.request
    engine = table.chosen(request.uncontained, request.output)
    mode = engine.mode(request.target, target(request.target))
    judge: Judge | None = verdict.judge_uncontained if request.uncontained else None
    if mode.emulation:
        if request.idle_s:
            raise UsageError("--idle-baseline: under emulation nothing is measured", fix="leave it out")
        procedure, judge = procedure.smoke(mode.emulation)
    say(mode.sentence)
    machine.require_capacity(engine.host, request.threads, request.memory_mib)
    return Means(procedure, engine, mode, judge)


def _measured(means: Means, person: machine.Personal, chosen: list[str], take: Callable[[], None], show: Show) -> bool:
    """Measure the `chosen` frameworks and judge what came of it; return whether it all passed.

    `take` takes the machine's turn; once is enough.
    """
    procedure = means.procedure
    request, ruleset = procedure.request, procedure.ruleset
    with Phase("data") as phase:
        files = _data(procedure, phase.to)
    results = {_result(means, person, framework, files, take) for framework in chosen}
    if means.judge:
        return False not in [means.judge(path, show) for path in sorted(results)]
    top = request.output / procedure.PLAN.SUITE / request.division / request.submitter
    # All a submitter has is judged as one submission, with one score table; else each result by itself.
    whole = results == set(top.glob("results/*/*"))
    reports = [verdict.judge(path, ruleset, show) for path in ([top] if whole else sorted(results))]
    verdict.show_page(top, ruleset, reports[0] if whole else None)
    return all(report.passed for report in reports)


def _data(procedure: Procedure, progress: Progress) -> dict[str, Path]:
    """Return every data file: those that the rule set holds itself (trained weights), and the rest."""
    rules, request = procedure.rules, procedure.request
    held = {name: path for name in rules.data if (path := shipped(procedure.ruleset, name)) is not None}
    rest = rules.model_copy(update={"data": {name: d for name, d in rules.data.items() if name not in held}})
    return held | data.obtain(request.workload, rest, request.data, progress)


def _result(
    means: Means, person: machine.Personal, framework: str, files: dict[str, Path], take: Callable[[], None]
) -> Path:
    """Measure one framework; return the finished result's folder."""
    procedure, request = means.procedure, means.procedure.request
    there = means.engine.environment(cell(framework, request.target, suite=procedure.IMAGES), means.mode)
    code = procedure.source()
    plan = procedure.plan(_common(procedure, framework, there, source.digests(code)), there)
    work = procedure.WORK(request.output, plan)
    with work.held():
        if request.discard:
            work.discard()
        if work.final.exists() and not work.unfinished() and not request.replace:
            if changed := procedure.changed(work):
                raise UsageError(
                    f"{work.final} already exists, measured {' and '.join(changed)}",
                    fix="measure again with --replace (make run REPLACE=1; the old result is kept), or use another "
                    "--output",
                )
            say(f"{work.final} already exists; checking it again (to measure again: --replace, REPLACE=1)")
            return work.final
        take()
        shared = work.shared_files(procedure.described(machine.describe(there, person, plan)), code)
        if other := work.clash(shared):
            raise UsageError(
                f"{other[1]} is not what it was when {other[0]} was measured, and both results would share it",
                fix="use another --submitter or --output, or measure that one again elsewhere first",
            )
        beside = {f"{plan.ours}/{name}": c for name, c in {**there.runner.bill, **procedure.evidence(plan)}.items()}
        work.begin(resume=request.resume)
        given, arguments = job_files(code, files), request.arguments(framework)
        context = procedure.CONTEXT(there.runner, work, procedure.rules, given, arguments, request.power_log)
        _execute(procedure, context)
        staged = work.stage(beside)
        procedure.complete(work, staged)
        return work.publish(staged, shared)


def _execute(procedure: Procedure, context: RunContext) -> None:
    """Make the runs; one who stops them is told what is kept."""
    try:
        with context.runner.taken():
            context.idle()
            procedure.execute(context)
    except Stopped as stopped:
        raise Stopped(
            f"{stopped.message}; {context.work.progress()} are kept in {context.work.folder}",
            fix="go on with --resume (make run RESUME=1)",
        ) from None


def _common(procedure: Procedure, framework: str, there: RunEnvironment, digests: dict[str, str]) -> dict[str, Any]:
    """Return what every plan says."""
    request, facts = procedure.request, there.machine
    memory_mib = request.memory_mib or procedure.tuned[framework].memory_mib
    return {
        "ruleset": procedure.ruleset,
        "workload": request.workload,
        "framework": framework,
        "target": request.target,
        "division": request.division,
        "submitter": request.submitter,
        "system": system_name(
            machine.processor(facts), facts["architecture"], facts["cpus"], request.target, framework
        ),
        "memory_bytes": memory_mib << 20 if there.runner.image else 0,
        "environment": there.runner.environment,
        "data": procedure.rules.data,
        "image": there.runner.image,
        "interpreter": there.runner.interpreter,
        "emulated": there.emulation is not None,
        "access": there.access,
        "idle_s": request.idle_s or 0,
        **digests,
    }
