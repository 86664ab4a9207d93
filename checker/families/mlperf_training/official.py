"""The official package check of one organisation: what each part decides, and the verdict of the whole.

Equal in its decisions to mlperf-logging's package_checker, quirks included (a failing log within the tolerated number
is tolerated whatever the reason; folders of unknown benchmarks are passed over; batch sizes that differ are a crash).
Unlike it, every part is judged even where an earlier one stops it, and nothing is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from checker.core.findings import Violation, brief
from checker.core.outcome import FOLLOWS, OfficialOutcome
from checker.families.mlperf_training.convergence import Decision, reference_set
from checker.families.mlperf_training.facts import LogFacts
from checker.families.mlperf_training.organisation import PARAMETERS, Folder, Organisation
from checker.families.mlperf_training.power import judge_power
from checker.families.mlperf_training.seeds import judge_seeds
from rules.training import TrainingPackage


def judge_folder(organisation: Organisation, folder: Folder, round_name: str) -> None:
    """Judge one results folder whose logs were read."""
    fixed, layout, system = organisation.fixed, folder.layout, organisation.described(folder)
    described = f"systems/{folder.system}.json"
    if folder.unreadable:
        layout.crash(folder.unreadable, folder.path)
    if system is None:
        missing = Violation("the system has no description", described, "no such file", f"results/{folder.system}")
        layout.warn("system-missing", missing)
        layout.crash(f"FileNotFoundError: {described}", folder.path, rule=FOLLOWS)
    elif system.unreadable:
        layout.crash(f"{described}: {system.unreadable}", folder.path, rule=FOLLOWS)
    elif not isinstance(system.document, dict) or "division" not in system.document:
        layout.crash(f"{described} states no division", folder.path, rule=FOLLOWS)
    if folder.benchmark not in fixed.benchmarks:
        what, known = "the folder is of no benchmark of this round", ", ".join(fixed.benchmarks)
        layout.warn("benchmark-unknown", Violation(what, known, folder.benchmark, folder.path))
        return
    _count(folder, fixed)
    _compliance(organisation, folder)
    if system is not None and system.division == "closed":
        folder.seeds = judge_seeds(folder.logs, folder.seed_bypass)
        folder.convergence = OfficialOutcome()
        folder.decision = _convergence(folder.convergence, folder, fixed, round_name)


def _count(folder: Folder, fixed: TrainingPackage) -> None:
    layout = folder.layout
    wanted, found = fixed.runs[folder.benchmark], len(folder.log_paths)
    weak = folder.scaling == "weak"
    if found < wanted or (found > wanted and not weak):
        expected = f"{'at least' if weak else 'exactly'} {wanted} files result_*.txt"
        layout.fail("run-count", Violation("the number of result files is wrong", expected, str(found), folder.path))
    for path in folder.others:
        if path.rpartition("/")[2] not in ("scaling.json", "power", PARAMETERS):
            what = "this does not belong in the layout"
            layout.warn("unknown-file", Violation(what, "result_*.txt", "another name", path))


def _compliance(organisation: Organisation, folder: Folder) -> None:
    outcome = folder.compliance
    for log in folder.logs:
        official = log.official
        if official is not None and official.answer != "pass":
            folder.failing.add(log.path.rpartition("/")[2].rpartition(".")[0])
        if official is not None and official.answer == "crash":
            outcome.crash(official.cause, log.path, rule="official-crash" if log.refused else FOLLOWS)
    if folder.power is not None:
        folder.failing |= judge_power(organisation, folder)
    allowed, failing = organisation.fixed.trimmed(folder.benchmark), sorted(folder.failing)
    if not failing:
        return
    names = ", ".join(f"{name}.txt" for name in failing[:10])
    if len(failing) > allowed:
        what = "too many runs do not comply"
        outcome.fail("runs-comply", Violation(what, f"at most {allowed} of {len(folder.logs)}", names, folder.path))
    else:
        what = "a run that does not comply is left out by olympic scoring"
        outcome.warn("run-dropped", Violation(what, f"at most {allowed}", names, folder.path))


def _convergence(outcome: OfficialOutcome, folder: Folder, fixed: TrainingPackage, round_name: str) -> Decision | None:
    gathered = gather_convergence(folder.logs)
    if isinstance(gathered, str):
        crashes = (log.official is not None and log.official.answer == "crash" for log in folder.logs)
        follows = any(crashes) or any(log.spoiled for log in folder.logs) or not folder.logs
        outcome.crash(gathered, folder.path, rule=FOLLOWS if follows else "official-crash")
        return None
    batch_size, benchmark, converged, failed = gathered
    points = reference_set(round_name, benchmark) if isinstance(benchmark, str) else None
    if points is None:
        cause = f"no reference convergence points for benchmark {brief(benchmark)}"
        outcome.crash(cause, folder.path, rule=FOLLOWS if benchmark is None else "official-crash")
        return None
    if batch_size == -1:
        return _refused(outcome, folder, "Could not detect global_batch_size", "global_batch_size in the logs", "none")
    allowed = fixed.trimmed(str(benchmark))
    if failed > allowed:
        expected = f"at most {allowed} runs that do not converge"
        return _refused(outcome, folder, "Insufficient convergence", expected, str(failed))
    if not isinstance(batch_size, int | float):
        outcome.crash(f"TypeError: global_batch_size is {brief(batch_size)}", folder.path)
        return None
    if not all(isinstance(at, int | float) for at in converged):
        outcome.crash("TypeError: the place of an evaluation is no number", folder.path)
        return None
    decision = points.decide(batch_size, [float(at) for at in converged], folder.rcp_bypass)
    _explain(outcome, folder, decision)
    return decision


def _refused(outcome: OfficialOutcome, folder: Folder, message: str, expected: str, found: str) -> Decision:
    outcome.fail("run-converges", Violation(message, expected, found, folder.path))
    return Decision(False, message)


def _explain(outcome: OfficialOutcome, folder: Folder, decision: Decision) -> None:
    if decision.passed and decision.message.endswith("rcp_bypass"):
        what = "the convergence test failed and was passed over by rcp-bypass; the review committee has to look"
        outcome.warn("convergence-bypassed", Violation(what, "", decision.message, folder.path))
    if decision.passed:
        return
    if decision.reference is None or decision.mean is None or decision.threshold is None:
        what = "no reference runs at this batch size or a larger one"
        outcome.fail(
            "convergence-reference", Violation(what, "reference runs, submitted by you", decision.message, folder.path)
        )
        return
    point = decision.reference
    what = (
        "the runs converge faster than the reference runs allow" if decision.mean == decision.mean else "too few runs"
    )
    source = f"{'interpolated ' if point.interpolated else ''}at batch size {point.batch_size:g}"
    expected = f"a mean of at least {decision.threshold:,.6g} (reference {point.mean:,.6g}, {source})"
    outcome.fail("convergence-reference", Violation(what, expected, f"{decision.mean:,.6g}", folder.path))


def gather_convergence(logs: Sequence[LogFacts]) -> tuple[Any, Any, list[Any], int] | str:
    """Return batch size, benchmark, where each run converged and how many did not; a text is why the tool crashes."""
    converged: list[Any] = []
    failed = 0
    for log in logs:
        if log.refused is not None:
            return f"the log {log.refused}"
        if log.converged.crash is not None:
            return log.converged.crash
        converged.append(log.converged.at)
        failed += log.converged.failed
    if not logs:
        return "KeyError: None: there is no log"
    first = logs[0].converged
    for log in logs[1:]:
        # The tool forgives a batch size or name that is missing where it lists that file first; here it never is,
        # since the order in which a file system lists its files is no property of a submission.
        other = log.converged
        for what, one, another, none in (
            ("batch size", first.batch_size, other.batch_size, -1),
            ("benchmark", first.benchmark, other.benchmark, None),
        ):
            if one != another:
                said = [
                    f"{_stated(value, none)} in {_file(path)}"
                    for value, path in ((one, logs[0].path), (another, log.path))
                ]
                return f"KeyError: None: the logs differ in {what}: {' and '.join(said)}"
    return first.batch_size, first.benchmark, converged, failed


def _stated(value: Any, none: Any) -> str:
    return "none" if value == none else brief(value)


def _file(path: str) -> str:
    return path.rpartition("/")[2]


def judge_organisation(organisation: Organisation, round_name: str) -> None:
    """Judge an organisation whose logs were read: its results folders, and its own outcome."""
    whole = organisation.outcome
    if not organisation.has_results:
        whole.crash("FileNotFoundError: results", "results")
    for path in organisation.misplaced:
        whole.crash("AssertionError: neither strong nor weak", path)
    organisation.own = list(whole.problems)
    whole.merge(system.outcome for system in organisation.systems.values() if system.outcome is not None)
    for folder in organisation.folders:
        judge_folder(organisation, folder, round_name)
    whole.merge(folder.outcome for folder in organisation.folders)
