"""The whole path: image, data, plan, runs, submission, verdict. What `make run` does."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path

import checker
from checker.report.render import text as render_text
from rules.documents import RunRecord
from rules.errors import Stopped, UsageError
from rules.ruleset import load
from rules.systems import system_name
from rules.text import printable
from rules.workload import Division, WorkloadRules, workload_rules
from suite import data, machine, source
from suite.engines import table
from suite.engines.base import RunEnvironment
from suite.images.matrix import Cell, cell, select, target
from suite.meters.power_log import PowerLog
from suite.progress import Phase, say
from suite.result import uncontained
from suite.result.job import job_files
from suite.result.page import show_page
from suite.result.plan import Plan, hyperparameters, last_of, number_of_runs
from suite.result.staging import document, prepare
from suite.settings import settings
from suite.targets import functional
from suite.training import parity
from suite.training.run import execute
from suite.training.tree import Work, clash, shared_files
from suite.turn import turn

RULESET = "assay/1.0"
Judge = Callable[[Path, Callable[[str], None]], bool]
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
# What a finished result and a new plan must share for the result to be the one asked for.
SAME = ("threads", "hyperparameters", "source_sha256", "data", "image", "interpreter")


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
    power_log: PowerLog | None = field(default=None, kw_only=True)
    idle_s: float | None = field(default=None, kw_only=True)  # of an idle baseline before the runs
    uncontained: Path | None = field(default=None, kw_only=True)  # an interpreter, instead of an engine's image
    wait: bool = field(default=False, kw_only=True)  # for another command that is measuring on the machine

    def arguments(self, framework: str) -> list[str]:
        """Return the command line that measures this again, one framework at a time."""
        words = ["assay", "run", self.workload, "--framework", framework, "--target", self.target]
        words += ["--division", self.division, "--submitter", self.submitter]
        optional = {
            "--runs": self.runs,
            "--threads": self.threads,
            "--memory": self.memory_mib,
            "--data": self.data,
            "--system-file": self.system_file,
            "--power-log": self.power_log and self.power_log.path,
            "--power-log-ahead": (self.power_log and self.power_log.ahead_s) or None,
            "--idle-baseline": self.idle_s and f"{self.idle_s:g}",
            "--uncontained": self.uncontained,
        }
        words += [word for flag, value in optional.items() if value is not None for word in (flag, str(value))]
        return words + [word for setting in self.settings for word in ("--set", setting)]

    def words(self) -> str:
        """Return the command in short, for who waits for its end."""
        return " ".join(self.arguments(self.framework))

    def there(self, suite: str, frameworks: Iterable[str]) -> bool:
        """Whether each framework seems to have its result already, so that nothing but judging is left to do."""
        results = self.output / suite / self.division / self.submitter / "results"
        named = (f"*_{self.target}_{framework}/{self.workload}" for framework in frameworks)
        return not self.replace and all(any(results.glob(name)) for name in named)

    def require_name(self) -> None:
        """Raise UsageError where the submitter cannot be a folder's name."""
        if not NAME.fullmatch(self.submitter):
            raise UsageError(
                f"submitter {printable(self.submitter)!r} cannot be a folder name",
                fix="letters, digits, '.', '_' and '-', beginning with a letter or digit",
            )

    def require_idle(self) -> None:
        """Raise UsageError where an idle baseline is shorter than the round wants it."""
        least = load(RULESET).idle
        if self.idle_s is not None and least is not None and self.idle_s < least.seconds:
            raise UsageError(f"--idle-baseline {self.idle_s:g}: too short", fix=f"give {least.seconds:g} s or more")

    def apart(self) -> Request:
        """Return what is run without an engine: the same in the open division, beside the submissions."""
        if self.memory_mib is not None:
            raise UsageError("--memory limits a container, and uncontained there is none", fix="leave it out")
        return replace(self, division="open", output=self.output / uncontained.FOLDER)

    def functional(self) -> Request:
        """Return what is run where no machine of the target is in reach: once, anew, beside the submissions."""
        output = self.output / functional.FOLDER
        return replace(self, division="open", runs=None, settings=[], output=output, discard=True, replace=True)


def produce(request: Request, show: Callable[[str], None]) -> bool:
    """Measure what `request` asks for, write it below `request.output`, judge it; return whether it all passed.

    Raises UsageError for what cannot be run, MachineError for a machine that cannot run it, JudgedError for a run
    that came to nothing; all that can be known beforehand is refused before anything is made.
    """
    request.require_name()
    if request.uncontained:
        request = request.apart()
    rules = workload_rules(RULESET, request.workload)
    kind = target(request.target)
    known = [one.framework for one in select(target=request.target)]
    chosen = known if request.framework == "all" else [cell(request.framework, request.target).framework]
    number_of_runs(rules, request.division, request.runs)
    hyperparameters(rules, request.division, request.settings)
    person = machine.personal(request.system_file)
    if request.power_log:
        request.power_log.require()
    request.require_idle()
    prepare(request.output)
    judge: Judge | None = uncontained.judge if request.uncontained else None  # of what is no submission
    engine = table.chosen(request.uncontained, request.output)
    mode = engine.mode(request.target, kind)
    say(mode.sentence)
    rules = mode.shorten(rules)
    if mode.emulation:
        if request.idle_s:
            raise UsageError("--idle-baseline: under emulation nothing is measured", fix="leave it out")
        request, judge = request.functional(), functional.judge
    machine.require_capacity(engine.host, request.threads, request.memory_mib)
    with ExitStack() as held:
        take = cache(lambda: held.enter_context(turn(request.words(), engine, wait=request.wait)))
        if not request.there("training", chosen):
            take()
        engine.prepare(kind, mode)
        environment = partial(engine.environment, mode=mode)
        return _measured(request, rules, take, environment, person, chosen, judge, show)


def _measured(
    request: Request,
    rules: WorkloadRules,
    take: Callable[[], None],
    environment: Callable[[Cell], RunEnvironment],
    person: machine.Personal,
    chosen: list[str],
    judge: Judge | None,
    show: Callable[[str], None],
) -> bool:
    """Measure the `chosen` frameworks and judge what came of it; return whether it all passed.

    `take` takes the machine's turn; once is enough.
    """
    with Phase("data") as phase:
        files = data.obtain(request.workload, rules, request.data, phase.to)
    results = {_result(request, rules, take, environment, person, framework, files) for framework in chosen}
    if judge:
        return False not in [judge(path, show) for path in sorted(results)]
    top = request.output / "training" / request.division / request.submitter
    # All a submitter has is judged as one submission, with one score table; else each result by itself.
    whole = results == set(top.glob("results/*/*"))
    passed = True
    for path in [top] if whole else sorted(results):
        report = checker.check(path)
        show(render_text.render(report, colour=sys.stdout.isatty()))
        passed &= report.passed
    show_page(top, RULESET, report if whole else None)
    return passed


def _result(
    request: Request,
    rules: WorkloadRules,
    take: Callable[[], None],
    environment: Callable[[Cell], RunEnvironment],
    person: machine.Personal,
    framework: str,
    files: dict[str, Path],
) -> Path:
    """Measure one framework on the environment there is for its cell; return the finished result's folder."""
    there = environment(cell(framework, request.target))
    code = source.files(request.workload)
    plan = _plan(request, rules, framework, there, source.digest(code))
    work = Work(request.output, plan)
    with work.held():
        if request.discard:
            work.discard()
        if work.final.exists() and not work.unfinished() and not request.replace:
            _same(work)
            say(f"{work.final} is there already and only judged again (to measure again: --replace, REPLACE=1)")
            return work.final
        take()
        described = machine.describe(
            there.machine,
            there.host,
            person,
            submitter=request.submitter,
            division=request.division,
            system=plan.system,
            versions=there.runner.versions,
            framework=f"{framework} {there.runner.version}",
            emulated=plan.emulated,
            target=there.target,
            accelerators=0 if plan.emulated else target(plan.target).accelerators,
        )
        shared = shared_files(plan, described, code)
        if other := clash(request.output, plan, shared):
            raise UsageError(
                f"{other[1]} is not what it was when {other[0]} was measured, and both results would share it",
                fix="use another --submitter or --output, or measure that one anew elsewhere first",
            )
        beside = dict(there.runner.bill)
        if request.division == "closed":
            beside["parity.json"] = document(parity.certificate(plan))
        work.begin(resume=request.resume)
        try:
            arguments, given = request.arguments(framework), job_files(code, files)
            with there.runner.taken():
                execute(there.runner, work, rules, given, arguments, request.power_log)
        except Stopped as stopped:
            raise Stopped(
                f"{stopped.message}; {len(work.finished())} of {plan.runs} runs are kept in {work.folder}",
                fix="go on with --resume (make run RESUME=1)",
            ) from None
        return work.publish(shared, beside)


def _same(work: Work) -> None:
    """Raise UsageError where the finished result is not the one asked for now."""
    record = work.final / "result_0.json"
    try:
        measured = RunRecord.model_validate_json(record.read_bytes())
    except (OSError, ValueError):
        return  # the checker says what is wrong with it
    changed = [name for name in SAME if getattr(measured, name) != getattr(work.plan, name)]
    if len(list(work.final.glob("result_*.json"))) != work.plan.runs:
        changed.append("runs")
    how = [f"with other {', '.join(changed)}"] if changed else []
    if work.plan.idle_s and measured.idle is None:
        how.append("without an idle baseline")
    if how:
        raise UsageError(
            f"{work.final} is there already, measured {' and '.join(how)}",
            fix="measure again with --replace (make run REPLACE=1; the old result is kept), or use another --output",
        )


def _plan(request: Request, rules: WorkloadRules, framework: str, there: RunEnvironment, source_sha256: str) -> Plan:
    tuned = settings(request.workload).frameworks[framework]
    threads, facts = request.threads or tuned.threads, there.machine
    memory = (request.memory_mib or tuned.memory_mib) << 20
    return Plan(
        ruleset=RULESET,
        salt=load(RULESET).salt,
        workload=request.workload,
        framework=framework,
        target=request.target,
        division=request.division,
        submitter=request.submitter,
        system=system_name(machine.processor(facts), facts["architecture"], facts["cpus"], request.target, framework),
        runs=number_of_runs(rules, request.division, request.runs),
        threads=threads,
        memory_bytes=memory if there.runner.image else 0,
        cpuset=last_of(threads, there.cpus),
        time_limit_s=rules.time_limit_s,
        hyperparameters=hyperparameters(rules, request.division, request.settings),
        environment=there.runner.environment,
        source_sha256=source_sha256,
        data=rules.data,
        image=there.runner.image,
        interpreter=there.runner.interpreter,
        emulated=there.emulation is not None,
        access=there.access,
        idle_s=request.idle_s or 0,
        first_samples=there.emulation.samples if there.emulation else 0,
    )
