"""What the rules of MLPerf Tiny ask and the official checker does not look at: judges on results, submitters, rounds.

Nearly every number that a result states can be computed again from the runner's log; these judges do so. A tolerance is
half of the last printed digit, for the runner prints what it measured rounded.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from checker.core.files import look
from checker.core.findings import Problem, brief
from checker.core.links import dead, followed
from checker.families.mlperf_tiny.accuracy import area_under_curve, averaged, count_wake_words, top_1
from checker.families.mlperf_tiny.checks import check
from checker.families.mlperf_tiny.facts import MODES, TinyResultFacts, TinyTestFacts
from checker.families.mlperf_tiny.logs import RunnerLog, Trial, Window
from checker.families.mlperf_tiny.official import SubmitterReview
from checker.families.mlperf_tiny.submission import TinySubmitter
from rules.tiny import TinyRules, labels, wake_words

KNOWN = ("log.txt", "results.txt", "results.json", "script.async", "trace1-timestamps.json", "EEMBC_RUNNER")


@dataclass(frozen=True)
class TinyResultCase:
    """What judges of one result are given."""

    facts: TinyResultFacts
    fixed: TinyRules
    round_name: str


@dataclass(frozen=True)
class TinySubmitterCase:
    """What judges of a submitter are given."""

    review: SubmitterReview
    fixed: TinyRules


@dataclass(frozen=True)
class LogTrace:
    """What a log leaves for the comparison with all others: `path` as the report shows it."""

    path: str
    result: str
    owner: tuple[str, str, str]  # division, submitter, benchmark
    board: tuple[str, ...]  # what the description says of its hardware
    energy: bool  # whether the result has an energy test
    digest: str  # of the lines that tell of measurements, with their times


# Files


@check("tiny-files", "result")
def files_complete(case: TinyResultCase) -> Iterator[Problem]:
    """Object to a test that lacks a file its runner writes."""
    wanted = case.fixed.runners[case.facts.runner].files
    for facts in case.facts.tests.values():
        missing = [name for name in wanted if name not in facts.files]
        if facts.test == "energy":
            missing = [name for name in missing if name != "results.json"]
        if missing:
            misnamed = [name for name in facts.files if name in ("result.txt", "result.json", "log")]
            found = f"{', '.join(misnamed)} instead" if misnamed else "no such file"
            yield Problem("files of this test are missing", ", ".join(missing), found, facts.path)


@check("tiny-energy-details", "result")
def energy_details(case: TinyResultCase) -> Iterator[Problem]:
    """Note an energy test without the samples it was computed from."""
    energy = case.facts.tests.get("energy")
    if energy is not None and case.facts.runner == "mlc" and "results.json" not in energy.files:
        yield Problem("the power samples are missing", "results.json", "no such file", energy.path)


@check("tiny-files-readable", "result")
def files_readable(case: TinyResultCase) -> Iterator[Problem]:
    """Object to a file that cannot be read, or is not what its name says."""
    for facts in case.facts.tests.values():
        yield from facts.unread


@check("tiny-system-readable", "submitter")
def system_readable(case: TinySubmitterCase) -> Iterator[Problem]:
    """Object to a system's description that is no JSON."""
    for system in case.review.systems.values():
        path = f"systems/{system.name}.json"
        state = look(case.review.submitter.tree, path, "json") if not system.document else None
        if state is not None:
            yield state.problem(path, "a JSON document")


@check("tiny-unknown-files", "result")
def unknown_files(case: TinyResultCase) -> Iterator[Problem]:
    """Note what the layout has no place for."""
    for facts in case.facts.tests.values():
        for name in facts.files:
            if name not in KNOWN and not name.endswith(".png"):
                yield Problem("this does not belong in the layout", ", ".join(KNOWN[:4]), name, facts.of(name))


# Windows


@check("tiny-window-count", "result")
def window_count(case: TinyResultCase) -> Iterator[Problem]:
    """Object to a measurement of other than five windows."""
    for facts, log in _timed(case):
        if len(log.windows) != case.fixed.run.windows:
            what = "the log holds another number of measured windows"
            yield Problem(what, f"exactly {case.fixed.run.windows}", str(len(log.windows)), facts.of("log.txt"))


@check("tiny-window-duration", "result")
def window_duration(case: TinyResultCase) -> Iterator[Problem]:
    """Object to windows that were too short."""
    least = case.fixed.run.window_s
    for facts, log in _timed(case):
        short = [w for w in log.windows if w.runtime is not None and w.runtime < least]
        if short:
            found = ", ".join(f"{window.runtime:g} s" for window in short[:10])
            what = f"{len(short)} of {len(log.windows)} windows are too short"
            yield Problem(what, f"at least {least:g} s each", found, facts.of("log.txt"), short[0].line)


@check("tiny-window-arithmetic", "result")
def window_arithmetic(case: TinyResultCase) -> Iterator[Problem]:
    """Object to a window whose throughput is not its inferences by its runtime."""
    for facts, log in _timed(case):
        for position, window in enumerate(log.windows, 1):
            if (wrong := _contradiction(window)) is not None:
                what = f"window {position} contradicts itself"
                yield Problem(what, f"{wrong} inf./sec.", f"{window.throughput:g}", facts.of("log.txt"), window.line)


@check("tiny-median", "result")
def median_is_median(case: TinyResultCase) -> Iterator[Problem]:
    """Object to a stated median that is not the median of the windows."""
    for facts, log in _timed(case):
        rates = [window.throughput for window in log.windows if window.throughput is not None]
        stated = facts.summary.number("median throughput") if facts.summary is not None else None
        if stated is None or not rates or facts.summary is None:
            continue
        median = statistics.median(rates)
        if abs(stated - median) > 0.00101 + 1e-9 * median:
            what = "the stated throughput is not the median of the windows in the log"
            line = facts.summary.line("median throughput")
            yield Problem(what, f"{median:.3f} inf./sec.", f"{stated:g}", facts.of("results.txt"), line)


@check("tiny-details", "result")
def details_agree(case: TinyResultCase) -> Iterator[Problem]:
    """Object to results.json that tells of another run than log.txt."""
    for facts, log in case.facts.with_log("accuracy", "performance"):
        if facts.details is None or (case.facts.benchmark is not None and case.facts.benchmark.streaming):
            continue
        where = facts.of("results.json")
        runs = [one for one in facts.details if isinstance(one.get("infer"), dict)]
        modes = {str(one["mode"]) for one in facts.details if "mode" in one} - {MODES[facts.test]}
        if modes:
            what = f"the run was made in another mode than {facts.test}"
            yield Problem(what, f"mode {MODES[facts.test]!r}", brief(sorted(modes)[0]), where)
        if len(runs) != len(log.windows):
            what = "results.json and log.txt tell of different numbers of windows"
            yield Problem(what, str(len(log.windows)), str(len(runs)), where)
            continue
        for position, (run, window) in enumerate(zip(runs, log.windows, strict=True), 1):
            if not _same_window(run["infer"], window):
                what = f"window {position} of results.json does not match log.txt"
                expected = f"{window.inferences:g} inferences in {window.runtime} s"
                found = f"{brief(run['infer'].get('iterations'))} in {brief(run['infer'].get('elapsed_time'))} us"
                yield Problem(what, expected, found, where)


@check("tiny-log-states", "result")
def log_states_result(case: TinyResultCase) -> Iterator[Problem]:
    """Object to results.txt that states what MLCommons' runner did not write into its log."""
    if case.facts.runner != "mlc":
        return
    for facts, log in case.facts.with_log():
        for name, (value, line) in (facts.summary.stated if facts.summary is not None else {}).items():
            said = log.stated.get(name)
            if said is None or _plain(said[0]) != _plain(value):
                what = f"results.txt states another {name} than log.txt"
                yield Problem(what, said[0] if said else f"{name} in log.txt", value, facts.of("results.txt"), line)


@check("tiny-stated-once", "result")
def stated_once(case: TinyResultCase) -> Iterator[Problem]:
    """Object to a metric that results.txt states twice, differently: the official checker takes the last."""
    for facts in case.facts.tests.values():
        for name, first, line in facts.summary.restated if facts.summary is not None else ():
            last = facts.summary.stated[name][0] if facts.summary is not None else ""
            yield Problem(f"{name} is stated twice, differently", first, last, facts.of("results.txt"), line)


# Accuracy


@check("tiny-samples", "result")
def accuracy_samples(case: TinyResultCase) -> Iterator[Problem]:
    """Object to an accuracy run on other files than the accuracy set."""
    known = _classes(case)
    for facts, log in case.facts.with_log("accuracy"):
        if known is None or not log.answers:
            continue
        strange = [file for file in log.answers if file not in known]
        missing = len(known) - (len(log.answers) - len(strange))
        if strange or missing:
            found = f"{missing:,} of them missing, {len(strange):,} others"
            found += f" (such as {strange[0]})" if strange else ""
            line = log.answers[strange[0]].line if strange else None
            what = "the accuracy run was not on the accuracy set"
            yield Problem(what, f"its {len(known):,} files", found, facts.of("log.txt"), line)


@check("tiny-accuracy", "result")
def accuracy_recomputed(case: TinyResultCase) -> Iterator[Problem]:
    """Object to an accuracy that the device's answers do not give."""
    benchmark = case.facts.benchmark
    for facts, log in case.facts.with_log("accuracy"):
        if benchmark is None or benchmark.metric == "counts" or facts.summary is None or not log.answers:
            continue
        classes = _classes(case) or {}
        if not log.answers.keys() <= classes.keys():
            classes = {**_told(facts), **classes}  # files of another set: the classes that the runner was told
        means = averaged(log.answers)
        stated = facts.summary.number(benchmark.metric)
        if stated is None or not means or not means.keys() <= classes.keys():
            continue
        computed = top_1(means, classes) if benchmark.metric == "top-1" else area_under_curve(means, classes)
        digits = len(facts.summary.stated[benchmark.metric][0].partition(".")[2])
        if computed is not None and abs(stated - computed) > 0.5 * 10.0**-digits + 1e-9:
            what = f"the device's answers give another {benchmark.metric}"
            line = facts.summary.line(benchmark.metric)
            yield Problem(what, f"{computed:.{digits + 1}f}", f"{stated:g}", facts.of("results.txt"), line)


@check("tiny-wake-words", "result")
def wake_words_recounted(case: TinyResultCase) -> Iterator[Problem]:
    """Object to counts of wake words that the logged detections do not give."""
    benchmark = case.facts.benchmark
    if benchmark is None or not benchmark.streaming or benchmark.labels is None:
        return
    spoken = wake_words(case.round_name, benchmark.labels)
    for facts, log in case.facts.with_log("energy", "performance"):
        if log.detections is None or facts.summary is None or facts.summary.counts is None:
            continue
        counted = count_wake_words(log.detections, spoken, case.fixed.wake_words)
        if counted != facts.summary.counts:
            what = "the detections in the log give other counts of hits, misses and false alarms"
            line = facts.summary.line("counts")
            yield Problem(what, _three(counted), _three(facts.summary.counts), facts.of("results.txt"), line)


@check("tiny-wake-word-limits", "result")
def wake_word_limits(case: TinyResultCase) -> Iterator[Problem]:
    """Object to counts that do not add up, or break the limits, in any of the runs."""
    if case.facts.benchmark is None or not case.facts.benchmark.streaming:
        return
    rules = case.fixed.wake_words
    for facts in case.facts.tests.values():
        if facts.summary is None or facts.summary.counts is None:
            continue
        hits, misses, false = facts.summary.counts
        where, line = facts.of("results.txt"), facts.summary.line("counts")
        if hits + misses != rules.spoken:
            what = "hits and misses do not add up to the wake words spoken"
            yield Problem(what, str(rules.spoken), f"{hits} + {misses}", where, line)
        if case.facts.submitter.closed and max(misses, false) > rules.wrong_at_most:
            most = f"at most {rules.wrong_at_most} of each"
            yield Problem("too many wake words are missed or false", most, f"{misses} and {false}", where, line)


@check("tiny-streaming", "result")
def streaming_run(case: TinyResultCase) -> Iterator[Problem]:
    """Object to a streaming run on a shorter recording, or a throughput its duty cycle does not give."""
    if case.facts.benchmark is None or not case.facts.benchmark.streaming:
        return
    least = case.fixed.run.streaming_s
    for facts, log in case.facts.with_log("energy", "performance"):
        if log.played is not None and log.played[1] < least:
            what = "the recording that was played is too short"
            yield Problem(what, f"{least:g} s", f"{log.played[0]}, {log.played[1]:g} s", facts.of("log.txt"))
    for facts in case.facts.tests.values():
        said = facts.summary
        duty, period = (said.number("duty cycle"), said.number("period")) if said is not None else (None, None)
        rate = said.number("streaming throughput") if said is not None else None
        if said is not None and duty and period and rate and abs(rate * duty * period - 1) > 0.002:
            what = "the estimated throughput is not the inverse of duty cycle times period"
            found, line = f"{rate:g} inf./sec.", said.line("streaming throughput")
            yield Problem(what, f"{1 / (duty * period):.5g} inf./sec.", found, facts.of("results.txt"), line)


# Energy


@check("tiny-energy-windows", "result")
def energy_windows(case: TinyResultCase) -> Iterator[Problem]:
    """Object to an energy measurement with another number of windows, or shorter ones."""
    energy = case.facts.tests.get("energy")
    if energy is None or energy.summary is None or case.facts.benchmark is None:
        return
    run, streaming = case.fixed.run, case.facts.benchmark.streaming
    trials, where = energy.summary.trials, energy.of("results.txt")
    wanted = run.streaming_windows if streaming else run.windows
    least = run.streaming_s if streaming else run.window_s
    if len(trials) != wanted:
        yield Problem("another number of energy measurements", f"exactly {wanted}", str(len(trials)), where)
    short = [trial for trial in trials if trial.elapsed is not None and trial.elapsed < least]
    if short:
        found = ", ".join(f"{trial.elapsed:g} s" for trial in short[:10])
        yield Problem("energy measurements are too short", f"at least {least:g} s each", found, where, short[0].line)


@check("tiny-energy-median", "result")
def energy_median(case: TinyResultCase) -> Iterator[Problem]:
    """Object to a stated energy that is not the median of the measurements."""
    energy = case.facts.tests.get("energy")
    if energy is None or energy.summary is None:
        return
    costs = [trial.energy for trial in energy.summary.trials if trial.energy is not None]
    stated = energy.summary.number("median energy")
    if stated is not None and costs and abs(stated - statistics.median(costs)) > 0.00101 + 1e-9 * stated:
        what = "the stated energy is not the median of the measurements"
        line = energy.summary.line("median energy")
        expected = f"{statistics.median(costs):.3f} uJ/inf"
        yield Problem(what, expected, f"{stated:g}", energy.of("results.txt"), line)


@check("tiny-energy-arithmetic", "result")
def energy_arithmetic(case: TinyResultCase) -> Iterator[Problem]:
    """Object to an energy measurement whose power, time and inferences give another energy."""
    energy = case.facts.tests.get("energy")
    for position, trial in enumerate(energy.summary.trials if energy and energy.summary else (), 1):
        if energy is not None and (expected := _energy_contradiction(trial)) is not None:
            what = f"energy measurement {position} contradicts itself"
            found = f"{trial.energy:g} uJ/inf"
            yield Problem(what, f"about {expected:.6g} uJ/inf", found, energy.of("results.txt"), trial.line)


# Who ran what


@check("tiny-runner-errors", "result")
def runner_errors(case: TinyResultCase) -> Iterator[Problem]:
    """Object to what the runner itself calls an error."""
    for facts in case.facts.tests.values():
        for name, log in (("results.txt", facts.summary), ("log.txt", facts.log)):
            for said, line in log.errors if log is not None else ():
                yield Problem("the runner reports an error", "none", brief(said), facts.of(name), line)


@check("tiny-runner", "result")
def runner_allowed(case: TinyResultCase) -> Iterator[Problem]:
    """Object to a host runner that the round, or the benchmark, does not allow."""
    facts = case.facts
    by_eembc = any("script.async" in test.files for test in facts.tests.values())
    runner = "eembc" if by_eembc else facts.runner
    marker = f"{facts.result.path}/{case.fixed.marker}"
    where = marker if facts.submitter.has(marker) else facts.result.path
    if runner not in case.fixed.allowed_runners:
        allowed = "MLCommons' runner"
        yield Problem("EEMBC's runner is not allowed in this round", allowed, "EEMBC's", where)
    elif facts.result.benchmark in case.fixed.runners[runner].not_for:
        yield Problem("EEMBC's runner cannot run this benchmark", "MLCommons' runner", "EEMBC's", where)
    elif by_eembc and facts.runner == "mlc":
        yield Problem("results of EEMBC's runner are not marked", f"a file {case.fixed.marker}", "none", where)


@check("tiny-model", "result")
def device_model(case: TinyResultCase) -> Iterator[Problem]:
    """Object to a log of a device that held another benchmark's model."""
    if case.facts.benchmark is None:
        return
    for facts, log in case.facts.with_log():
        wrong = [(m, line) for m, line in log.models if m not in case.facts.benchmark.models]
        if wrong:
            expected = " or ".join(case.facts.benchmark.models)
            what = "the log is of another benchmark: the device held another model"
            yield Problem(what, expected, wrong[0][0], facts.of("log.txt"), wrong[0][1])


# A submitter


@check("tiny-size", "submitter")
def size_limit(case: TinySubmitterCase) -> Iterator[Problem]:
    """Object to files above the limit that the rules have; the official checker's is ten times that."""
    for entry in case.review.submitter.tree.entries.values():
        if case.fixed.file_bytes < entry.size <= case.fixed.tool.file_bytes:
            most = f"at most {case.fixed.file_bytes:,} bytes"
            yield Problem("the file is too large", most, f"{entry.size:,}", entry.path)
    if case.review.submitter.tree.truncated is not None:
        what = "the submission cannot be listed whole; what is beyond was not judged"
        yield Problem(what, "fewer files and folders", case.review.submitter.tree.truncated, ".")


@check("tiny-links", "submitter")
def links_out(case: TinySubmitterCase) -> Iterator[Problem]:
    """Object to links to folders elsewhere, which the official checker follows wherever they lead."""
    submitter = case.review.submitter
    for entry, lead in submitter.tree.links():
        if lead.real is None and (submitter.root / entry.path).is_dir():
            yield Problem(dead(lead), "a folder", "a link", entry.path)


@check("tiny-links-followed", "submitter")
def links_followed(case: TinySubmitterCase) -> Iterator[Problem]:
    """Note links to folders of the submission."""
    for entry, lead in case.review.submitter.tree.links():
        if lead.real is not None and case.review.submitter.is_folder(entry.path):
            yield Problem(followed(lead), "a folder", "a link", entry.path)


@check("tiny-code", "submitter")
def code_present(case: TinySubmitterCase) -> Iterator[Problem]:
    """Object to results without the code they were made with."""
    submitter = case.review.submitter
    if submitter.results and not _has_code(submitter):
        yield Problem("there is no code", "code/<benchmark>/", "nothing", "code" if submitter.has("code") else ".")


def _has_code(submitter: TinySubmitter) -> bool:
    return any(entry.kind != "folder" for _, entry in submitter.tree.below("code"))


@check("tiny-code-of-benchmarks", "submitter")
def code_of_benchmarks(case: TinySubmitterCase) -> Iterator[Problem]:
    """Note benchmarks that have no folder in code/."""
    submitter = case.review.submitter
    if not _has_code(submitter):
        return
    there = set(submitter.folders("code"))
    lacking = sorted({result.benchmark for result in submitter.results} - there)
    if lacking:
        found = ", ".join(sorted(there)[:10]) or "no folder"
        yield Problem("no code of these benchmarks", ", ".join(f"code/{name}" for name in lacking), found, "code")


@check("tiny-system-members", "submitter")
def system_members(case: TinySubmitterCase) -> Iterator[Problem]:
    """Object to a system's description that lacks members of the template."""
    for system in case.review.systems.values():
        if not system.document:
            continue
        lacking = [name for name in case.fixed.system_members if name not in system.document]
        if lacking:
            what = "the description lacks members of the template"
            yield Problem(what, ", ".join(lacking), "no such members", f"systems/{system.name}.json")


@check("tiny-system-owner", "submitter")
def system_owner(case: TinySubmitterCase) -> Iterator[Problem]:
    """Note a description that names another division or submitter than the folders it lies in."""
    submitter = case.review.submitter
    for system in case.review.systems.values():
        for member, folder in (("Division", submitter.division), ("Submitter", submitter.name)):
            said = system.document.get(member)
            if said is not None and _folded(said) != _folded(folder):
                what = f"{member} does not match the folder"
                yield Problem(what, folder, brief(said), f"systems/{system.name}.json")


@check("tiny-system-unused", "submitter")
def system_unused(case: TinySubmitterCase) -> Iterator[Problem]:
    """Note descriptions of systems without results."""
    submitter = case.review.submitter
    for name in submitter.files("systems"):
        if name.endswith(".json") and name.removesuffix(".json") not in submitter.systems:
            yield Problem("a system without results", "results/<system>/", "none", f"systems/{name}")


# A round


@check("tiny-original", "round")
def logs_original(traces: Sequence[LogTrace]) -> Iterator[Problem]:
    """Object to a log whose measurements, and the times they were made at, are those of another result's."""
    for first, other in _copies(traces):
        if not _with_energy(first, other):
            what = f"the same measurements as in {first.path}"
            yield Problem(what, "measurements of its own", "a copy", other.path)


@check("tiny-energy-twin", "round")
def energy_twin(traces: Sequence[LogTrace]) -> Iterator[Problem]:
    """Ask about measurements that a submitter's result with energy shares with one without."""
    for first, other in _copies(traces):
        if _with_energy(first, other):
            what = f"the same measurements, at equal times, as in {first.path}; one board may be published twice, "
            yield Problem(f"{what}once with its energy measured", "measurements of its own", "a copy", other.path)


def _copies(traces: Sequence[LogTrace]) -> Iterator[tuple[LogTrace, LogTrace]]:
    """Yield each log of another result that has the measurements of an earlier one, after the first that has them."""
    first: dict[str, LogTrace] = {}
    for trace in traces:
        other = first.setdefault(trace.digest, trace)
        if other.result != trace.result:
            yield other, trace


def _with_energy(first: LogTrace, other: LogTrace) -> bool:
    """Whether both can be results of one board that was published twice, once with its energy measured."""
    return (first.owner, first.board) == (other.owner, other.board) and first.energy != other.energy


def traces_of(facts: TinyResultFacts, board: tuple[str, ...], shown: Callable[[str], str]) -> Iterator[LogTrace]:
    """Yield what each log of a result leaves for the comparison; logs of few measurements leave nothing."""
    owner = (facts.submitter.division, facts.submitter.name, facts.result.benchmark)
    for test, log in facts.with_log():
        if log.measured:
            result = shown(facts.result.path)
            yield LogTrace(shown(test.of("log.txt")), result, owner, board, "energy" in facts.tests, log.measured)


def _timed(case: TinyResultCase) -> Iterator[tuple[TinyTestFacts, RunnerLog]]:
    """Yield the performance test where inferences are timed in windows."""
    if case.facts.benchmark is not None and not case.facts.benchmark.streaming:
        yield from case.facts.with_log("performance")


def _contradiction(window: Window) -> str | None:
    """Return between what a window's throughput would have to lie; None where it does."""
    if window.runtime is None or window.throughput is None or window.runtime <= 0.0005:
        return None
    low, high = window.inferences / (window.runtime + 0.00051), window.inferences / (window.runtime - 0.0005)
    return None if low - 0.00051 <= window.throughput <= high + 0.00051 else f"{low:.3f} to {high:.3f}"


def _energy_contradiction(trial: Trial) -> float | None:
    """Return the energy of one inference that power, time and count give; None where the stated one is near."""
    if not (trial.power and trial.elapsed and trial.inferences and trial.energy is not None):
        return None
    expected = trial.power * 1000 * trial.elapsed / trial.inferences
    rounding = 0.5e-4 * 1000 * trial.elapsed / trial.inferences + 0.0006
    return None if abs(expected - trial.energy) <= rounding + 1e-6 * expected else expected


def _same_window(infer: Mapping[str, Any], window: Window) -> bool:
    elapsed, count = infer.get("elapsed_time"), infer.get("iterations")
    if not _is_number(elapsed) or not _is_number(count) or elapsed is None:
        return False
    return bool(
        count == window.inferences and (window.runtime is None or abs(elapsed / 1e6 - window.runtime) <= 0.00051)
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _plain(value: str) -> str:
    return " ".join(value.split())


def _folded(value: Any) -> str:
    return "".join(c for c in str(value).casefold() if c.isalnum())


def _three(counts: tuple[int, int, int]) -> str:
    return f"{counts[0]} hits, {counts[1]} misses, {counts[2]} false alarms"


def _classes(case: TinyResultCase) -> Mapping[str, int] | None:
    benchmark = case.facts.benchmark
    if benchmark is None or benchmark.labels is None or benchmark.streaming:
        return None
    return labels(case.round_name, benchmark.labels)


def _told(facts: TinyTestFacts) -> dict[str, int]:
    """Return the classes that the runner was told, as results.json has them."""
    told = {}
    for one in facts.details or ():
        file, kind = one.get("file"), str(one.get("class", "")).strip()
        if isinstance(file, str) and kind.isascii() and kind.isdecimal() and len(kind) < 5:
            told[file] = int(kind)
    return told
