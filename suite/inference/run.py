"""The containers of a result: outputs first, then the search, then each LoadGen run; each recorded whatever its end."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from pydantic import ValidationError

from rules.documents import FileDigest
from rules.errors import JudgedError
from rules.serving import Scenario, loadgen_rules, loadgen_scenario
from rules.serving_documents import RunName, ServingAttempt, ServingOutcome, ServingRecord
from rules.text import printable
from suite.inference import compliance
from suite.inference import loadgen_config as told
from suite.inference.context import FIX, Bench, run_container
from suite.inference.plan import ServingPlan
from suite.inference.reference_check import agree
from suite.inference.retry import retakes, taken_back, undone
from suite.inference.search import leave_out, next_rate, search_rates
from suite.meters.sampler import Observed, watching
from suite.progress import say
from suite.result.job import Finished
from suite.result.staging import sha256

TRIES = 10  # of a performance run that LoadGen calls invalid, told another rate
EXPECTED = 1.15  # LoadGen draws so many more queries than were expected, or a fast run ends before its time


class NoValidRateError(JudgedError):
    """A scenario cannot be measured: LoadGen calls it invalid at every rate that was tried."""


def execute(bench: Bench) -> None:
    """Make what is left of the result's containers.

    Raises JudgedError where a run came to nothing for its own reasons, outputs differ from the reference or no rate is
    valid; MachineError where the machine failed it.
    """
    agree(bench)
    search_rates(bench)
    undone(bench)
    plan, work, place = bench.plan, bench.work, 0
    while place < len(runs := work.runs()):
        scenario, run = runs[place]
        if work.record(scenario, run) is None:
            title = f"{plan.workload} {plan.framework} {scenario} {run} ({place + 1} of {len(runs)})"
            try:
                _loadgen(bench, scenario, run, title)
            except NoValidRateError as error:
                if len({one for one, _ in runs}) == 1 or retakes(bench, scenario):
                    raise
                leave_out(bench, scenario, error.message)
                continue
        again = taken_back(bench, scenario, run)
        place = place + 1 if again is None else runs.index((scenario, again))


def _loadgen(bench: Bench, scenario: Scenario, run: RunName, title: str) -> None:
    """Make one LoadGen run; a performance run that LoadGen calls invalid is made again, at another rate."""
    search = bench.work.search()
    assert search is not None
    rate = tried = search.rates[scenario]
    limit_s, queries = bench.rules.time_limit_s, bench.plan.scenarios[scenario].min_query_count
    for number in range(1, TRIES + 1):
        if queries / rate > limit_s:
            break
        conf, audit, seeds = _told(bench, scenario, run, rate)
        job = told.run_job_of(bench.plan, bench.rules, scenario, run, conf, audit, seeds)
        watched = watching(bench.runner, bench.plan, bench.power_log)
        finished, attempts = run_container(bench, f"{scenario}-{run}", title, job, watched)
        result = finished.result()
        if run != "performance" or result.get("validity") == "VALID":
            _keep(bench, scenario, run, finished, attempts, conf, audit, watched.observed())
            return
        tried = rate
        unmet = result.get("unmet")
        why = f": {printable('; '.join(map(str, unmet)), 200)}" if unmet and isinstance(unmet, list) else ""
        said = f"LoadGen says {printable(str(result.get('validity')), 40)} at {tried:.4g} a second{why}"
        bench.work.note(f"{scenario}-{run}", ServingAttempt(outcome=ServingOutcome.INVALID, explanation=said))
        say(f"  {scenario} {run}: {said}")
        search = next_rate(bench, search, scenario, rate, number, result)
        rate = search.rates[scenario]
    raise NoValidRateError(
        f"{title}: no run was valid, in {TRIES} tries or as many as end within {limit_s:g} s; "
        f"the last at {tried:.4g} a second",
        fix="see that nothing else runs on the machine; then --resume",
    )


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
