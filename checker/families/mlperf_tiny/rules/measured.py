"""What a result states, computed again from the runner's log: windows, accuracy, wake words, energy.

A tolerance is half of the last printed digit, for the runner prints what it measured rounded.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from checker.core.findings import Violation, brief
from checker.families.mlperf_tiny.accuracy import area_under_curve, averaged, count_wake_words, top_1
from checker.families.mlperf_tiny.cases import TinyResultCase
from checker.families.mlperf_tiny.checks import check
from checker.families.mlperf_tiny.facts import MODES, TinyTestFacts
from checker.families.mlperf_tiny.logs import RunnerLog, Trial, Window
from rules.tiny import labels, wake_words

# Windows


def _timed(case: TinyResultCase) -> Iterator[tuple[TinyTestFacts, RunnerLog]]:
    """Yield the performance test where inferences are timed in windows."""
    if case.facts.benchmark is not None and not case.facts.streaming:
        yield from case.facts.with_log("performance")


def _short(log: RunnerLog, what: str, lasted: Sequence[tuple[float | None, int]], least: float) -> Iterator[Violation]:
    """Yield one problem of all measurements that were too short: seconds, line."""
    short = [(seconds, line) for seconds, line in lasted if seconds is not None and seconds < least]
    if short:
        found = ", ".join(f"{seconds:g} s" for seconds, _ in short[:10])
        yield log.problem(what.format(len(short)), f"at least {least:g} s each", found, short[0][1])


def _not_median(log: RunnerLog, metric: str, values: Sequence[float], of: str, unit: str) -> Iterator[Violation]:
    """Yield that a metric is not the median of the values it is said to be of."""
    stated = log.number(metric)
    if stated is not None and values and abs(stated - (median := statistics.median(values))) > 0.00101 + 1e-9 * median:
        what = f"the stated {metric.removeprefix('median ')} is not the median of the {of}"
        yield log.problem(what, f"{median:.3f} {unit}", f"{stated:g}", metric)


@check("tiny-window-count", "result")
def window_count(case: TinyResultCase) -> Iterator[Violation]:
    """Object to a measurement of other than five windows."""
    wanted = case.fixed.run.windows
    for _, log in _timed(case):
        if (count := len(log.windows)) != wanted:
            yield log.problem("the log holds another number of measured windows", f"exactly {wanted}", str(count))


@check("tiny-window-duration", "result")
def window_duration(case: TinyResultCase) -> Iterator[Violation]:
    """Object to windows that were too short."""
    for _, log in _timed(case):
        what = f"{{}} of {len(log.windows)} windows are too short"
        yield from _short(log, what, [(one.runtime, one.line) for one in log.windows], case.fixed.run.window_s)


@check("tiny-window-arithmetic", "result")
def window_arithmetic(case: TinyResultCase) -> Iterator[Violation]:
    """Object to a window whose throughput is not its inferences by its runtime."""
    for _, log in _timed(case):
        for position, window in enumerate(log.windows, 1):
            if (wrong := _contradiction(window)) is not None:
                what = f"window {position} contradicts itself"
                yield log.problem(what, f"{wrong} inf./sec.", f"{window.throughput:g}", window.line)


def _contradiction(window: Window) -> str | None:
    """Return between what a window's throughput would have to lie; None where it does."""
    if window.runtime is None or window.throughput is None or window.runtime <= 0.0005:
        return None
    low, high = window.inferences / (window.runtime + 0.00051), window.inferences / (window.runtime - 0.0005)
    return None if low - 0.00051 <= window.throughput <= high + 0.00051 else f"{low:.3f} to {high:.3f}"


@check("tiny-median", "result")
def median_is_median(case: TinyResultCase) -> Iterator[Violation]:
    """Object to a stated median that is not the median of the windows."""
    for facts, log in _timed(case):
        rates = [window.throughput for window in log.windows if window.throughput is not None]
        if facts.summary is not None:
            yield from _not_median(facts.summary, "median throughput", rates, "windows in the log", "inf./sec.")


@check("tiny-details", "result")
def details_agree(case: TinyResultCase) -> Iterator[Violation]:
    """Object to results.json that tells of another run than log.txt."""
    for facts, log in case.facts.with_log("accuracy", "performance"):
        if facts.details is None or case.facts.streaming:
            continue
        where = facts.of("results.json")
        runs = [one for one in facts.details if isinstance(one.get("infer"), dict)]
        modes = {str(one["mode"]) for one in facts.details if "mode" in one} - {MODES[facts.test]}
        if modes:
            what = f"the run was made in another mode than {facts.test}"
            yield Violation(what, f"mode {MODES[facts.test]!r}", brief(sorted(modes)[0]), where)
        if len(runs) != len(log.windows):
            what = "results.json and log.txt tell of different numbers of windows"
            yield Violation(what, str(len(log.windows)), str(len(runs)), where)
            continue
        for position, (run, window) in enumerate(zip(runs, log.windows, strict=True), 1):
            if not _same_window(run["infer"], window):
                what = f"window {position} of results.json does not match log.txt"
                expected = f"{window.inferences:g} inferences in {window.runtime} s"
                found = f"{brief(run['infer'].get('iterations'))} in {brief(run['infer'].get('elapsed_time'))} us"
                yield Violation(what, expected, found, where)


def _same_window(infer: Mapping[str, Any], window: Window) -> bool:
    elapsed, count = infer.get("elapsed_time"), infer.get("iterations")
    if any(isinstance(one, bool) or not isinstance(one, int | float) for one in (elapsed, count)) or elapsed is None:
        return False
    close = window.runtime is None or abs(elapsed / 1e6 - window.runtime) <= 0.00051
    return bool(count == window.inferences and close)


@check("tiny-log-states", "result")
def log_states_result(case: TinyResultCase) -> Iterator[Violation]:
    """Object to results.txt that states what MLCommons' runner did not write into its log."""
    for facts, log in case.facts.with_log() if case.facts.runner == "mlc" else ():
        for name, (value, line) in (facts.summary.stated if facts.summary is not None else {}).items():
            said = log.stated.get(name)
            if facts.summary is not None and (said is None or said[0].split() != value.split()):
                what = f"results.txt states another {name} than log.txt"
                yield facts.summary.problem(what, said[0] if said else f"{name} in log.txt", value, line)


@check("tiny-stated-once", "result")
def stated_once(case: TinyResultCase) -> Iterator[Violation]:
    """Object to a metric that results.txt states twice, differently: the official checker takes the last."""
    for summary in case.facts.summaries():
        for name, first, line in summary.restated:
            yield summary.problem(f"{name} is stated twice, differently", first, summary.stated[name][0], line)


# Accuracy


@check("tiny-samples", "result")
def accuracy_samples(case: TinyResultCase) -> Iterator[Violation]:
    """Object to an accuracy run on other files than the accuracy set."""
    known = _classes(case)
    for _, log in case.facts.with_log("accuracy"):
        if known is None or not log.answers:
            continue
        strange = [file for file in log.answers if file not in known]
        missing = len(known) - (len(log.answers) - len(strange))
        if strange or missing:
            found = f"{missing:,} of them missing, {len(strange):,} others"
            found += f" (such as {strange[0]})" if strange else ""
            line = log.answers[strange[0]].line if strange else None
            yield log.problem("the accuracy run was not on the accuracy set", f"its {len(known):,} files", found, line)


@check("tiny-accuracy", "result")
def accuracy_recomputed(case: TinyResultCase) -> Iterator[Violation]:
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
            yield facts.summary.problem(what, f"{computed:.{digits + 1}f}", f"{stated:g}", benchmark.metric)


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


@check("tiny-wake-words", "result")
def wake_words_recounted(case: TinyResultCase) -> Iterator[Violation]:
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
            yield facts.summary.problem(what, _three(counted), _three(facts.summary.counts), "counts")


def _three(counts: tuple[int, int, int]) -> str:
    return f"{counts[0]} hits, {counts[1]} misses, {counts[2]} false alarms"


@check("tiny-wake-word-limits", "result")
def wake_word_limits(case: TinyResultCase) -> Iterator[Violation]:
    """Object to counts that do not add up, or break the limits, in any of the runs."""
    rules = case.fixed.wake_words
    for summary in case.facts.summaries() if case.facts.streaming else ():
        if summary.counts is None:
            continue
        hits, misses, false = summary.counts
        if hits + misses != rules.spoken:
            what = "hits and misses do not add up to the wake words spoken"
            yield summary.problem(what, str(rules.spoken), f"{hits} + {misses}", "counts")
        if case.facts.submitter.closed and max(misses, false) > rules.wrong_at_most:
            most, what = f"at most {rules.wrong_at_most} of each", "too many wake words are missed or false"
            yield summary.problem(what, most, f"{misses} and {false}", "counts")


@check("tiny-streaming", "result")
def streaming_run(case: TinyResultCase) -> Iterator[Violation]:
    """Object to a streaming run on a shorter recording, or a throughput its duty cycle does not give."""
    if not case.facts.streaming:
        return
    least = case.fixed.run.streaming_s
    for _, log in case.facts.with_log("energy", "performance"):
        if log.played is not None and log.played[1] < least:
            what = "the recording that was played is too short"
            yield log.problem(what, f"{least:g} s", f"{log.played[0]}, {log.played[1]:g} s")
    for summary in case.facts.summaries():
        duty, period, rate = (summary.number(name) for name in ("duty cycle", "period", "streaming throughput"))
        if duty and period and rate and abs(rate * duty * period - 1) > 0.002:
            what = "the estimated throughput is not the inverse of duty cycle times period"
            expected = f"{1 / (duty * period):.5g} inf./sec."
            yield summary.problem(what, expected, f"{rate:g} inf./sec.", "streaming throughput")


# Energy


@check("tiny-energy-windows", "result")
def energy_windows(case: TinyResultCase) -> Iterator[Violation]:
    """Object to an energy measurement with another number of windows, or shorter ones."""
    run = case.fixed.run
    wanted, least = (run.streaming_windows, run.streaming_s) if case.facts.streaming else (run.windows, run.window_s)
    for summary in case.facts.summaries("energy") if case.facts.benchmark is not None else ():
        if (count := len(summary.trials)) != wanted:
            yield summary.problem("another number of energy measurements", f"exactly {wanted}", str(count))
        lasted = [(trial.elapsed, trial.line) for trial in summary.trials]
        yield from _short(summary, "energy measurements are too short", lasted, least)


@check("tiny-energy-median", "result")
def energy_median(case: TinyResultCase) -> Iterator[Violation]:
    """Object to a stated energy that is not the median of the measurements."""
    for summary in case.facts.summaries("energy"):
        costs = [trial.energy for trial in summary.trials if trial.energy is not None]
        yield from _not_median(summary, "median energy", costs, "measurements", "uJ/inf")


@check("tiny-energy-arithmetic", "result")
def energy_arithmetic(case: TinyResultCase) -> Iterator[Violation]:
    """Object to an energy measurement whose power, time and inferences give another energy."""
    for summary in case.facts.summaries("energy"):
        for position, trial in enumerate(summary.trials, 1):
            if (expected := _energy_contradiction(trial)) is not None:
                what, found = f"energy measurement {position} contradicts itself", f"{trial.energy:g} uJ/inf"
                yield summary.problem(what, f"about {expected:.6g} uJ/inf", found, trial.line)


def _energy_contradiction(trial: Trial) -> float | None:
    """Return the energy of one inference that power, time and count give; None where the stated one is near."""
    if not (trial.power and trial.elapsed and trial.inferences and trial.energy is not None):
        return None
    expected = trial.power * 1000 * trial.elapsed / trial.inferences
    rounding = 0.5e-4 * 1000 * trial.elapsed / trial.inferences + 0.0006
    return None if abs(expected - trial.energy) <= rounding + 1e-6 * expected else expected
