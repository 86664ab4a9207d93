"""Rules on accuracy runs: complete, as good as the round wants, and the answers that were kept say the same."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from checker.core.findings import Violation
from checker.core.tree import RefusedError
from checker.families.assay.checks import check
from checker.families.assay.inference.answers import Answer, by_sample
from checker.families.assay.inference.compliance import differing
from checker.families.assay.inference.metrics import recomputed
from checker.families.assay.inference.submission import LOGGED, InferenceResult, LoadGenRun, ScenarioResult
from rules.serving import ServingRules

CUT = 4096  # bytes of the accuracy log's beginning and end that the field keeps
LARGEST = 10240  # bytes of an accuracy log that it keeps whole
ACCURACY_TXT = 1 << 16
HASH = re.compile(r"hash=([0-9a-f]{64})")
METRIC = re.compile(r"(?P<name>[^=:{}]{1,100}?)\s*[=:]\s*(?P<value>-?\d+(?:\.\d+)?(?:e-?\d+)?)(?P<percent>%?)")
CLOSE = 5e-5  # accuracy is stated to five digits


@check("serving-answers", "run")
def answers(result: InferenceResult, run: LoadGenRun) -> Iterator[Violation]:
    """Judge that runs that log answers have them: an accuracy run each sample's once, each of the right size."""
    if run.name not in LOGGED:
        return
    rules, logged = result.rules, run.answers
    if rules is None or logged is None:
        yield from run.flaws.get("answers", ())
        return
    if run.name == "accuracy":
        yield from _once(result, run, logged, rules)
    wrong = [a for a in logged if not _fits(a, rules.answer_bytes)]
    if wrong:
        size = f"{rules.answer_bytes} bytes" if rules.answer_bytes else "whole bytes"
        found = f"{len(wrong[0].data) / 2:g} bytes of sample {wrong[0].qsl_idx}"
        yield Violation(f"{len(wrong)} answers have another size", size, found, run.answers_path)


def _once(
    result: InferenceResult, run: LoadGenRun, logged: Sequence[Answer], rules: ServingRules
) -> Iterator[Violation]:
    """Yield what is wrong with the samples asked: each once, but for those that fill up MultiStream's last query."""
    times, fill = Counter(answer.qsl_idx for answer in logged), _fill(run, rules)
    missing = set(range(rules.samples)).difference(times)
    total, most = rules.samples + fill, 2 if fill else 1
    if missing or len(times) != rules.samples or len(logged) != total or max(times.values()) > most:
        message = "the accuracy log is not each sample once"
        found = f"{len(logged):,} answers to {len(times):,} samples, {len(missing):,} of the set's missing"
        yield Violation(message, f"{total:,} answers", found, run.answers_path)
        return
    workload = result.compliance.workloads.get(result.workload)
    if result.division == "closed" and workload is not None:
        twice = [answer for answer in logged if times[answer.qsl_idx] > 1]
        for fault in differing(logged, twice, workload):
            message = f"samples that were asked twice have two answers: {fault.message}"
            yield Violation(message, fault.expected, fault.found, run.answers_path)


def _fill(run: LoadGenRun, rules: ServingRules) -> int:
    """Return how many samples LoadGen asks twice: it fills up the last query of MultiStream, of each set it loads."""
    width = run.asked.samples_per_query if run.asked is not None and run.its.by_query else None
    if width is None or width < 1:
        return 0
    sets, rest = divmod(rules.samples, rules.performance_samples)
    return sets * (-rules.performance_samples % width) + -rest % width


def _fits(answer: Answer, size: int | None) -> bool:
    """Whether an answer is written in hexadecimal, and has `size` bytes where that is known."""
    try:
        count = len(answer.bytes)
    except ValueError:
        return False
    return len(answer.data) == 2 * count and size in (None, count)


def stated(result: InferenceResult, scenario: ScenarioResult) -> tuple[str, dict[str, tuple[float, int]], str | None]:
    """Return `accuracy.txt`'s path, its metrics by name with their lines, and its hash; RefusedError without it."""
    path = f"{scenario.folder}/accuracy/accuracy.txt"
    text = result.tree.read(path, ACCURACY_TXT).decode("utf-8", "replace")
    found: dict[str, tuple[float, int]] = {}
    digest = None
    for number, line in enumerate(text.splitlines(), 1):
        if match := HASH.fullmatch(line):
            digest = match[1]
        elif match := METRIC.match(line):
            value = float(match["value"]) / (100 if match["percent"] else 1)
            found.setdefault(match["name"].strip("'\" "), (value, number))
    return path, found, digest


@check("serving-accuracy-hash", "scenario")
def accuracy_hash(result: InferenceResult, scenario: ScenarioResult, accuracy: LoadGenRun) -> Iterator[Violation]:
    """Judge that accuracy.txt binds the whole accuracy log, and that the short one is its beginning and end."""
    kept = f"{scenario.folder}/accuracy/mlperf_log_accuracy.json"
    try:
        path, _, digest = stated(result, scenario)
        wanted = result.sha256(accuracy.answers_path)
        if digest != wanted:
            message = "accuracy.txt lacks the hash of the whole accuracy log, or has another one"
            yield Violation(message, f"hash={wanted}", f"hash={digest}" if digest else "no such line", path)
        whole = result.tree.read(accuracy.answers_path, result.tree.limits.log_bytes)
        short = result.tree.read(kept, LARGEST)
    except RefusedError as error:
        yield Violation(f"an accuracy file {error}", "accuracy.txt and both logs", "", f"{scenario.folder}/accuracy")
        return
    if short != whole and not (len(short) >= 2 * CUT and short[:CUT] == whole[:CUT] and short[-CUT:] == whole[-CUT:]):
        message = "the short and the whole accuracy log are of different runs"
        yield Violation(message, accuracy.answers_path, "other", kept)


@check("serving-accuracy-target", "scenario")
def accuracy_target(result: InferenceResult, scenario: ScenarioResult) -> Iterator[Violation]:
    """Judge that every metric of the workload is stated, and within the round's bounds."""
    if result.rules is None or scenario.accuracy is None:
        return
    try:
        path, found, _ = stated(result, scenario)
    except RefusedError:
        return  # said by another rule
    for name, metric in result.rules.metrics.items():
        if name not in found:
            yield Violation(f"accuracy.txt does not state {name}", name, ", ".join(found)[:200] or "nothing", path)
        elif not metric.met(found[name][0]):
            bounds = [f"at least {metric.at_least:g}" if metric.at_least is not None else ""]
            bounds.append(f"at most {metric.at_most:g}" if metric.at_most is not None else "")
            wanted = ", ".join(filter(None, bounds))
            yield Violation(f"{name} misses its target", wanted, f"{found[name][0]:g}", path, found[name][1])


@check("serving-accuracy-recomputed", "scenario")
def accuracy_recomputed(result: InferenceResult, scenario: ScenarioResult, accuracy: LoadGenRun) -> Iterator[Violation]:
    """Judge that the answers have the metrics that are stated, where the round has what they are compared with."""
    if accuracy.answers is None or result.rules is None:
        return
    try:
        path, found, _ = stated(result, scenario)
        answers_ = {sample: bytes.fromhex(data) for sample, data in by_sample(accuracy.answers).items()}
    except (RefusedError, ValueError):
        return  # said by other rules
    for name, possible in recomputed(result.ruleset, result.rules, answers_).items():
        if name not in found:
            continue
        value, line = found[name]
        if not possible.least - CLOSE <= value <= possible.most + CLOSE:
            wanted = f"{possible.least:.5g}"
            wanted += f" to {possible.most:.5g}" if possible.most - possible.least > CLOSE else ""
            yield Violation(f"{name} does not match the answers", wanted, f"{value:g}", path, line)
        metric = result.rules.metrics.get(name)
        if result.division == "closed" and metric and possible.most - possible.least > metric.uncertain + CLOSE:
            message = f"the answers are so far from the reference's that {name} does not follow from them"
            found_ = f"{possible.least:.5g} to {possible.most:.5g}"
            yield Violation(message, f"within {metric.uncertain:g}", found_, accuracy.answers_path)
