"""The containers of a result: outputs first, then the search, then each LoadGen run; each recorded whatever its end."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from pydantic import ValidationError

import rules.workload
from rules.compliance import compliance_rules
from rules.documents import FileDigest
from rules.errors import AssayError, JudgedError, MachineError, UsageError
from rules.serving import Scenario, ServingRules, loadgen_rules, loadgen_scenario
from rules.serving_documents import (
    REPEATED,
    OutputsCertificate,
    Probe,
    RunName,
    SearchRecord,
    ServingAttempt,
    ServingOutcome,
    ServingRecord,
)
from rules.text import printable
from suite.box import Limits, Place
from suite.engine import EngineLostError
from suite.inference import compliance, told
from suite.inference.plan import ServingPlan
from suite.inference.work import ServingWork
from suite.job import Files, Finished, run_job
from suite.observed import Observed, watching
from suite.power_log import PowerLog
from suite.progress import Phase, say
from suite.work import DiskError, sha256

TRIES = 10  # of a performance run that LoadGen calls invalid, told another rate
# The next try: Server offers less, elsewhere LoadGen draws more queries. Server's first try, too, offers less than was
# borne in short tests: a run five times as long, and four that test it, meet more of a machine's bad moments.
SLOWER, FASTER = 0.9, 1.5
EXPECTED = 1.15  # LoadGen draws so many more queries than were expected, or a fast run ends before its time
UNEXPLAINED = 2  # exit code of a job that the harness refuses
FRAME = re.compile(r'File "[^"]*/(suite/workloads/[^"]+)", line (\d+) in (\S+)')
FIX = {
    ServingOutcome.OUT_OF_MEMORY: "free memory there and --resume, or start anew with --discard --memory MIB",
    ServingOutcome.DISK_FULL: "free space on the engine's disk (`docker system df`); then --resume",
    ServingOutcome.TIMEOUT: "find out what slowed the machine down; then --resume",
    ServingOutcome.CRASHED: "read the lines above; once the cause is gone, --resume",
}
BROKEN = "correct the system under test (docs/inference.md says what it promises), then start anew with --discard"


class NoValidRateError(JudgedError):
    """A scenario cannot be measured: LoadGen calls it invalid at every rate that was tried."""


@dataclass(frozen=True)
class Bench:
    """What every container of a result shares."""

    place: Place
    work: ServingWork
    rules: ServingRules
    files: Files  # source and data of the job
    arguments: list[str]  # of the command line that measures this again
    power_log: PowerLog | None = None  # of a meter outside

    @property
    def plan(self) -> ServingPlan:
        """The frozen plan."""
        return self.work.plan


def execute(bench: Bench) -> None:
    """Make what is left of the result's containers.

    Raises JudgedError where a run came to nothing for its own reasons, outputs differ from the reference or no rate is
    valid; MachineError where the machine failed it.
    """
    _outputs(bench)
    _search(bench)
    _undone(bench)
    plan, work, place = bench.plan, bench.work, 0
    while place < len(runs := work.runs()):
        scenario, run = runs[place]
        if work.record(scenario, run) is None:
            title = f"{plan.workload} {plan.framework} {scenario} {run} ({place + 1} of {len(runs)})"
            try:
                _loadgen(bench, scenario, run, title)
            except NoValidRateError as error:
                if len({one for one, _ in runs}) == 1 or _retakes(bench, scenario):
                    raise
                _leave_out(bench, scenario, error.message)
                continue
        again = _taken_back(bench, scenario, run)
        place = place + 1 if again is None else runs.index((scenario, again))


def _run(
    bench: Bench,
    name: str,
    title: str,
    job: Mapping[str, object],
    watched: AbstractContextManager[object] | None = None,
) -> tuple[Finished, list[ServingAttempt]]:
    """Run one container that ended well, with what watches the machine meanwhile; note and raise one that did not."""
    if other := bench.place.busy():
        raise MachineError(
            f"the engine is measuring already: {other}; two at a time would measure each other",
            fix="wait for it to end; then --resume",
        )
    work, plan, limit_s = bench.work, bench.plan, bench.rules.time_limit_s
    attempts = work.begin_run(name)
    limits = Limits(cpuset=plan.cpuset, memory_bytes=plan.memory_bytes, access=plan.access)
    with Phase(title) as phase:
        try:
            with watched or nullcontext():
                finished = run_job(
                    bench.place,
                    job,
                    bench.files,
                    limits,
                    limit_s,
                    phase,
                    kind="run",
                    module="suite.serve",
                )
        except MachineError as error:
            lost = ServingOutcome.ENGINE_LOST if isinstance(error, EngineLostError) else ServingOutcome.CRASHED
            outcome = ServingOutcome.DISK_FULL if isinstance(error, DiskError) else lost
            work.note(name, ServingAttempt(outcome=outcome, explanation=error.message))
            raise
        outcome, explanation = judge(finished, limit_s)
        if outcome is not ServingOutcome.SUCCESS:
            _refuse(bench, name, title, finished, outcome, explanation)
    return finished, attempts


def judge(finished: Finished, limit_s: float) -> tuple[ServingOutcome, str]:
    """Return how a container of inference ended, and a sentence about it (empty on success)."""
    if finished.ended.status == 0 and finished.result():
        return ServingOutcome.SUCCESS, ""
    said = _failure(finished.files.get("failure.json", b""))
    if said is not None:
        return said
    if hang := finished.files.get("hang.txt", b"").decode(errors="replace"):
        return ServingOutcome.HUNG, f"the system under test gave no answer within its limit{_hung_at(hang)}"
    outcome, explanation = finished.failure(limit_s)
    return ServingOutcome(outcome.value), explanation


def _failure(content: bytes) -> tuple[ServingOutcome, str] | None:
    """Read what the harness said of a failure; None where it said nothing that can be read."""
    try:
        said = json.loads(content)
        outcome, explanation = ServingOutcome(said["outcome"]), printable(str(said["explanation"]), 500)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return None if outcome in (ServingOutcome.SUCCESS, *REPEATED) else (outcome, explanation)


def _hung_at(stacks: str) -> str:
    """Return where in the workload's code a thread stood."""
    found = FRAME.search(stacks)
    return printable(f"; it stood in {found[3]} ({found[1]}:{found[2]})", 300) if found else ""


def _refuse(bench: Bench, name: str, title: str, finished: Finished, outcome: ServingOutcome, explanation: str) -> None:
    """Note why a container gave no result, and raise it."""
    bench.work.note(name, ServingAttempt(outcome=outcome, explanation=explanation))
    for line in finished.watch.words[-20:]:
        say(f"  | {printable(line)}")
    if finished.ended.status == UNEXPLAINED:
        raise UsageError(f"{title}: {explanation}", fix="correct what the harness says is wrong")
    error: type[AssayError] = MachineError if outcome is ServingOutcome.DISK_FULL else JudgedError
    raise error(f"{title}: {outcome.value}: {explanation}", fix=FIX.get(outcome, BROKEN))


def _outputs(bench: Bench) -> None:
    """See that the framework gives what the reference gives, before anything is timed."""
    plan, agreed = bench.plan, bench.rules.outputs
    certificate = bench.work.outputs()
    if certificate is None:
        title = f"{plan.workload} {plan.framework} outputs"
        finished, _ = _run(bench, "outputs", title, told.outputs_job(plan, bench.rules))
        certificate = OutputsCertificate(
            schema="assay/outputs/1",
            ruleset=plan.ruleset,
            workload=plan.workload,
            framework=plan.framework,
            precision=plan.sut.precision,
            source_sha256=plan.source_sha256,
            data=plan.data,
            samples=agreed.samples,
            outputs=finished.result()["outputs"],
        )
    reference = reference_outputs(plan.ruleset, bench.rules)
    bound, largest, sample = agreed.tolerance[plan.sut.precision], 0.0, -1
    for number, found, wanted in zip(agreed.samples, certificate.outputs, reference, strict=True):
        difference = relative_difference(found, wanted)
        if difference > largest:
            largest, sample = difference, number
    if largest > bound:
        raise JudgedError(
            f"{plan.workload} in {plan.framework}: the outputs of sample {sample} differ from the reference by "
            f"{largest:.2g}, and {plan.sut.precision} may differ by {bound:g}: this is another model, and is not timed",
            fix="compare the model with the workload's description, layer by layer",
        )
    say(f"  outputs differ from the reference by {largest:.2g} at most, {bound:g} is allowed")
    bench.work.keep("outputs.json", certificate)


def reference_outputs(ruleset: str, rules_: ServingRules) -> list[list[float]]:
    """Return the rule set's float64 outputs of its few samples; UsageError where the file is not the one it names."""
    path = rules.workload.ROOT / ruleset / "outputs" / f"{rules_.workload}.json"
    try:
        content = path.read_bytes()
        found = json.loads(content)
        if hashlib.sha256(content).hexdigest() == rules_.outputs.reference_sha256:
            outputs: list[list[float]] = found["outputs"]
            return outputs
        why = "its SHA-256 is not the one the rules name"
    except (OSError, ValueError, KeyError, TypeError) as error:
        why = str(error)
    raise UsageError(f"{path}: {why}", fix="restore the rule set's file")


def relative_difference(found: list[float], wanted: list[float]) -> float:
    """Return max|found - wanted| / max|wanted|; infinity where they differ in length."""
    if len(found) != len(wanted):
        return float("inf")
    scale = max(map(abs, wanted)) or 1.0
    return max(abs(a - b) for a, b in zip(found, wanted, strict=True)) / scale


def _search(bench: Bench) -> None:
    """Find out what to expect of each scenario."""
    if bench.work.search() is not None:
        return
    plan = bench.plan
    job = told.search_job(plan, bench.rules, loadgen_rules(plan.ruleset))
    finished, _ = _run(bench, "search", f"{plan.workload} {plan.framework} search", job)
    found = finished.result()
    rates = {
        scenario: rate * (SLOWER if loadgen_scenario(scenario) == "Server" else 1.0)
        for scenario, rate in found["rates"].items()
    }
    probes = [Probe.model_validate(probe) for probe in found["probes"]]
    left_out = {name: why for name in plan.scenarios if (why := _never_valid(name, probes))}
    if len(left_out) == len(plan.scenarios):
        left_out = {}  # nothing would be left to measure
    _keep_search(bench, probes, rates, left_out)
    for scenario, rate in rates.items():
        unit = "samples" if scenario == "Offline" else "queries"
        found_rate = f"{rate:.4g} {unit} a second by short tests"
        say(f"  {scenario}: {f'left out: {left_out[scenario]}' if scenario in left_out else found_rate}")


def _never_valid(scenario: Scenario, probes: Sequence[Probe]) -> str:
    """Say that Server was valid at no rate that was tried; nothing where it was, or none was."""
    its = [probe for probe in probes if probe.scenario == scenario]
    if loadgen_scenario(scenario) != "Server" or not its or any(probe.valid for probe in its):
        return ""
    rates = [probe.rate for probe in its]
    return f"no rate from {max(rates):.4g} down to {min(rates):.4g} a second was valid"


def _leave_out(bench: Bench, scenario: Scenario, why: str) -> None:
    """Go on without a scenario that was asked for beside others and that this system cannot do."""
    search = bench.work.search()
    assert search is not None
    why = printable(why)
    _keep_search(bench, search.probes, search.rates, search.left_out | {scenario: why})
    say(f"  {scenario} is left out: {why}")


def _keep_search(
    bench: Bench, probes: list[Probe], rates: Mapping[Scenario, float], left_out: Mapping[Scenario, str]
) -> None:
    plan = bench.plan
    record = SearchRecord(
        schema="assay/search/1",
        ruleset=plan.ruleset,
        workload=plan.workload,
        framework=plan.framework,
        source_sha256=plan.source_sha256,
        sut=plan.sut,
        probes=probes,
        rates=dict(rates),
        left_out=dict(left_out),
    )
    bench.work.keep("search.json", record)


def _loadgen(bench: Bench, scenario: Scenario, run: RunName, title: str) -> None:
    """Make one LoadGen run; where LoadGen calls it invalid it is made again, a performance run at another rate."""
    search = bench.work.search()
    assert search is not None
    rate = tried = search.rates[scenario]
    tries = TRIES if run == "performance" else _tries(bench, scenario)
    for number in range(1, tries + 1):
        conf, audit, seeds = _told(bench, scenario, run, rate)
        job = told.run_job_of(bench.plan, bench.rules, scenario, run, conf, audit, seeds)
        watched = watching(bench.place, bench.plan, bench.power_log)
        finished, attempts = _run(bench, f"{scenario}-{run}", title, job, watched)
        result = finished.result()
        valid = run == "accuracy" or result.get("validity") == "VALID"
        if valid or (run != "performance" and spent(attempts) + 1 >= tries):
            _keep(bench, scenario, run, finished, attempts, conf, audit, watched.observed())
            return
        tried = rate
        said = f"LoadGen says {printable(str(result.get('validity')), 40)} at {tried:.4g} a second"
        bench.work.note(f"{scenario}-{run}", ServingAttempt(outcome=ServingOutcome.INVALID, explanation=said))
        say(f"  {scenario} {run}: {said}")
        if run == "performance":
            search = _next_rate(bench, search, scenario, rate, number, result)
            rate = search.rates[scenario]
    raise NoValidRateError(
        f"{title}: LoadGen found no valid run in {TRIES} tries, the last at {tried:.4g} a second",
        fix="see that nothing else runs on the machine; then --resume",
    )


def spent(attempts: Sequence[ServingAttempt]) -> int:
    """Return how many tries of a compliance run are spent."""
    return sum(attempt.outcome in REPEATED for attempt in attempts)


def _retakes(bench: Bench, scenario: Scenario) -> int:
    """Return how often the performance run was made anew because of its tests."""
    attempts = bench.work.attempts(f"{scenario}-performance")
    return sum(attempt.outcome is ServingOutcome.OFF_PACE for attempt in attempts)


def _tries(bench: Bench, scenario: Scenario) -> int:
    """Return how often a compliance run may be made in all: as often again for each performance run."""
    return compliance_rules(bench.plan.ruleset).tries * (1 + _retakes(bench, scenario))


def _together(bench: Bench) -> list[RunName]:
    """Return what is made again with a performance run, which comes last: all the others are told what it was."""
    return [*bench.plan.tests, "accuracy", "performance"]


def _undone(bench: Bench) -> None:
    """Finish what a kill cut short: a performance run that was noted to be made again does not count any more."""
    for scenario in bench.plan.scenarios:
        record = bench.work.record(scenario, "performance")
        if record is not None and len(record.earlier_attempts) < len(bench.work.attempts(f"{scenario}-performance")):
            bench.work.take_back(scenario, _together(bench))


def _taken_back(bench: Bench, scenario: Scenario, run: RunName) -> RunName | None:
    """Take back a compliance run that failed by its pace alone, where the round allows another; return what to make.

    Once its tries are spent the performance run is taken back, with all its tests. Everything is noted first: a kill in
    between costs a try, and hides none.
    """
    plan, work = bench.plan, bench.work
    if run not in plan.tests or work.record(scenario, run) is None:
        return None
    why = compliance.off_pace(work.tree, plan.ruleset, plan.results, scenario, run)
    last = spent(work.attempts(f"{scenario}-{run}")) + 1 >= _tries(bench, scenario)
    if not why or (last and _retakes(bench, scenario) >= compliance_rules(plan.ruleset).retakes):
        return None
    back = _together(bench) if last else [run]
    if last and loadgen_scenario(scenario) == "Server":
        _offer_less(bench, scenario)
    for name in back:
        if work.record(scenario, name) is not None:
            said = why if name == run else f"made anew with the others, for {run} fails however often it is made: {why}"
            work.note(f"{scenario}-{name}", ServingAttempt(outcome=ServingOutcome.OFF_PACE, explanation=said))
    work.take_back(scenario, back)
    say(f"  {scenario} {run}: {why}; {'performance run and tests are' if last else 'it is'} made again")
    return back[-1]


def _offer_less(bench: Bench, scenario: Scenario) -> None:
    """Lower a rate whose tests could not bear it, by two steps: a small one would leave them near their bound again."""
    search = bench.work.search()
    assert search is not None
    rates = {**search.rates, scenario: search.rates[scenario] * SLOWER**2}
    _keep_search(bench, search.probes, rates, search.left_out)


def _told(bench: Bench, scenario: Scenario, run: RunName, rate: float) -> tuple[str, str | None, Any]:
    """Return user.conf, audit.config and seeds of a run; those that test the performance run are told what it was."""
    plan = bench.plan
    first = bench.work.record(scenario, "performance") if run != "performance" else None
    expected = rate if loadgen_scenario(scenario) == "Server" else rate * EXPECTED
    conf = (
        first.user_conf if first else told.user_conf(scenario, plan.scenarios[scenario], expected, bench.rules.tokens)
    )
    if run == "performance" or run == "accuracy":
        return conf, None, loadgen_rules(plan.ruleset).seeds
    of_test = compliance.told(plan.ruleset, run, scenario)
    return conf, of_test.audit_config, of_test.seeds


def _next_rate(
    bench: Bench, search: SearchRecord, scenario: Scenario, rate: float, number: int, result: Mapping[str, Any]
) -> SearchRecord:
    """Put the invalid run, the `number`-th, among the probes, and a rate to try next in place of its own."""
    # Server is tried twice at a rate, for the first may have met a bad moment of the machine; then in ever larger
    # steps: what small ones do not cure is a machine that is busy with something else.
    factor = SLOWER ** (number // 2 if number % 2 == 0 else 0) if loadgen_scenario(scenario) == "Server" else FASTER
    probe = Probe(
        scenario=scenario,
        rate=rate,
        valid=False,
        seconds=result["run_s"],
        queries=None,
        mean_ns=None,
        p99_ns=None,
        throughput=None,
    )
    _keep_search(bench, [*search.probes, probe], {**search.rates, scenario: rate * factor}, search.left_out)
    found = bench.work.search()
    assert found is not None
    return found


def observation_path(plan: ServingPlan, scenario: Scenario, run: RunName) -> str:
    """Return where what was seen of the machine during a run stands, below the submitter's folder."""
    return f"{plan.ours}/{scenario}/{run}/observation.json"


def _keep(
    bench: Bench,
    scenario: Scenario,
    run: RunName,
    finished: Finished,
    attempts: list[ServingAttempt],
    conf: str,
    audit: str | None,
    observed: Observed,
) -> None:
    """Record a LoadGen run; note and raise one of which no record can be made."""
    work, plan, result = bench.work, bench.plan, finished.result()
    files = work.places(scenario, run, finished.files)
    try:
        record = ServingRecord(
            schema="assay/serving-record/1",
            ruleset=plan.ruleset,
            submitter=plan.submitter,
            system=plan.system,
            workload=plan.workload,
            division=plan.division,
            framework=plan.framework,
            target=plan.target,
            emulated=plan.emulated,
            scenario=scenario,
            run=run,
            outcome=ServingOutcome.SUCCESS,
            explanation="",
            earlier_attempts=attempts,
            log=FileDigest(path=f"{plan.ours}/{scenario}/{run}/log.txt", sha256=sha256(finished.watch.log)),
            receipts=finished.watch.receipts,
            files=[FileDigest(path=name, sha256=sha256(content)) for name, content in sorted(files.items())],
            image=plan.image,
            source_sha256=plan.source_sha256,
            data=plan.data,
            sut=plan.sut,
            loadgen=str(result["loadgen"]),
            user_conf=conf,
            audit_config=audit,
            load_s=result["load_s"],
            warm_up_s=result["warmup_s"],
            loading_s=result.get("loading_s"),
            arguments=bench.arguments,
            environment=plan.environment,
            container=finished.container,
            memory=finished.memory(),
            observation=FileDigest(path=observation_path(plan, scenario, run), sha256=sha256(observed.content))
            if observed.content
            else None,
            unobserved=observed.why_not,
            assay=version("assay"),
        )
        if run == "accuracy":
            work.keep_metrics(scenario, {str(name): float(value) for name, value in result["metrics"].items()})
    except (ValidationError, KeyError, TypeError, ValueError, AttributeError) as error:
        why = f"what the harness left cannot be recorded: {printable(str(error), 300)}"
        work.note(f"{scenario}-{run}", ServingAttempt(outcome=ServingOutcome.CRASHED, explanation=why))
        raise JudgedError(f"{scenario} {run}: {why}", fix=FIX[ServingOutcome.CRASHED]) from None
    seen = observation_path(plan, scenario, run)
    if observed.content is None:
        (work.tree / seen).unlink(missing_ok=True)  # of an attempt that was cut short
    kept = files | ({seen: observed.content} if observed.content else {})
    work.finish(scenario, run, kept, finished.watch.log, record)
