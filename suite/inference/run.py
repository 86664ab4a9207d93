"""The containers of a result: outputs first, then the search, then each LoadGen run; each recorded whatever its end."""

from __future__ import annotations

from typing import Any

from rules.documents import FileDigest
from rules.errors import JudgedError
from rules.scenarios import Scenario, scenario_named
from rules.serving import loadgen_rules
from rules.serving_documents import RunName, ServingOutcome, ServingRecord
from rules.text import printable
from rules.thresholds import inference_thresholds
from suite.host.progress import say
from suite.inference import compliance
from suite.inference import loadgen_config as told
from suite.inference.context import InferenceContext
from suite.inference.reference_check import agree
from suite.inference.retry import retakes, taken_back, undone
from suite.inference.search import leave_out, next_rate, search_rates
from suite.result.context import Ran
from suite.result.staging import sha256

TRIES = 10  # of a performance run that LoadGen calls invalid, told another rate


class NoValidRateError(JudgedError):
    """A scenario cannot be measured: LoadGen calls it invalid at every rate that was tried."""


def execute(context: InferenceContext) -> None:
    """Make what is left of the result's containers.

    Raises JudgedError where a run came to nothing for its own reasons, outputs differ from the reference or no rate is
    valid; MachineError where the machine failed it.
    """
    agree(context)
    search_rates(context)
    undone(context)
    plan, work, place = context.plan, context.work, 0
    while place < len(runs := work.runs()):
        scenario, run = runs[place]
        if work.record(scenario, run) is None:
            title = f"{plan.workload} {plan.framework} {scenario} {run} ({place + 1} of {len(runs)})"
            try:
                _loadgen(context, scenario, run, title)
            except NoValidRateError as error:
                if len({one for one, _ in runs}) == 1 or retakes(context, scenario):
                    raise
                leave_out(context, scenario, error.message)
                continue
        again = taken_back(context, scenario, run)
        place = place + 1 if again is None else runs.index((scenario, again))


def _loadgen(context: InferenceContext, scenario: Scenario, run: RunName, title: str) -> None:
    """Make one LoadGen run; a performance run that LoadGen calls invalid is made again, at another rate."""
    rate = tried = context.search.rates[scenario]
    limit_s, queries = context.rules.time_limit_s, context.plan.scenarios[scenario].min_query_count
    for number in range(1, TRIES + 1):
        if queries / rate > limit_s:
            break
        conf, audit, seeds = _told(context, scenario, run, rate)
        job = told.run_job_of(context.plan, context.rules, scenario, run, conf, audit, seeds)
        ran = context.run(f"{scenario}-{run}", title, job, limit_s)
        result = ran.finished.result()
        if run != "performance" or result.get("validity") == "VALID":
            _keep(context, scenario, run, ran, conf, audit)
            return
        tried = rate
        unmet = result.get("unmet")
        why = f": {printable('; '.join(map(str, unmet)), 200)}" if unmet and isinstance(unmet, list) else ""
        said = f"LoadGen says {printable(str(result.get('validity')), 40)} at {tried:.4g} a second{why}"
        context.work.note(f"{scenario}-{run}", ServingOutcome.INVALID, said)
        say(f"  {scenario} {run}: {said}")
        rate = next_rate(context, scenario, rate, number, result)
    raise NoValidRateError(
        f"{title}: no run was valid, in {TRIES} tries or as many as end within {limit_s:g} s; "
        f"the last at {tried:.4g} a second",
        fix="see that nothing else runs on the machine; then --resume",
    )


def _told(context: InferenceContext, scenario: Scenario, run: RunName, rate: float) -> tuple[str, str | None, Any]:
    """Return user.conf, audit.config and seeds of a run; those that test the performance run are told what it was."""
    plan = context.plan
    if run != "performance" and (first := context.work.record(scenario, "performance")):
        conf = first.user_conf
    else:
        more = inference_thresholds(plan.ruleset).search.expected
        expected = rate if scenario_named(scenario).is_bounded else rate * more
        conf = told.user_conf(scenario, plan.scenarios[scenario], expected, context.rules.tokens)
    if run == "performance" or run == "accuracy":
        return conf, None, loadgen_rules(plan.ruleset).seeds
    return conf, *compliance.told(plan.ruleset, run, scenario)


def _keep(context: InferenceContext, scenario: Scenario, run: RunName, ran: Ran, conf: str, audit: str | None) -> None:
    """Record a LoadGen run; note and raise one of which no record can be made."""
    work, ours, result = context.work, f"{context.plan.ours}/{scenario}/{run}", ran.finished.result()
    files, seen = work.places(scenario, run, ran.finished.files), f"{ours}/observation.json"

    def record() -> ServingRecord:
        if run == "accuracy":
            work.keep_metrics(scenario, {str(name): float(value) for name, value in result["metrics"].items()})
        return ServingRecord(
            schema="assay/serving-record/1",
            **context.facts(ran, f"{ours}/log.txt", seen),
            scenario=scenario,
            run=run,
            files=[FileDigest(path=name, sha256=sha256(content)) for name, content in sorted(files.items())],
            sut=context.plan.sut,
            loadgen=str(result["loadgen"]),
            user_conf=conf,
            audit_config=audit,
            load_s=result["load_s"],
            warm_up_s=result["warmup_s"],
            loading_s=result.get("loading_s"),
        )

    made = context.recorded(f"{scenario}-{run}", f"{scenario} {run}", record)
    work.finish(scenario, run, {**files, seen: ran.seen.content}, ran.finished.watch.log, made)
