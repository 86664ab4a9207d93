"""Accuracy recomputed from what the device answered, as MLCommons' runner computes it (mlcommons/tiny, main.py)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from checker.families.mlperf_tiny.logs import Answers
from rules.tiny import WakeWords


def averaged(answers: Mapping[str, Answers]) -> dict[str, list[float]]:
    """Return the mean answer to each file, classes scaled to sum to 1; files with no usable answer are left out."""
    found = {}
    for file, given in answers.items():
        outputs = [output if len(output) == 1 else _scaled(output) for output in given.outputs]
        width = len(outputs[0]) if outputs else 0
        if width and all(len(output) == width for output in outputs):
            mean = [math.fsum(column) / len(outputs) for column in zip(*outputs, strict=True)]
            if all(math.isfinite(value) for value in mean):
                found[file] = mean
    return found


def _scaled(output: Sequence[float]) -> list[float]:
    total = sum(output)
    return [value / total for value in output] if total else [math.nan for _ in output]


def top_1(means: Mapping[str, Sequence[float]], classes: Mapping[str, int]) -> float:
    """Return how many percent of the files got their class the highest answer, the first of equals counting."""
    right = sum(max(range(len(mean)), key=mean.__getitem__) == classes[file] for file, mean in means.items())
    return 100 * right / len(means)


def area_under_curve(means: Mapping[str, Sequence[float]], classes: Mapping[str, int]) -> float | None:
    """Return the area under the ROC curve of one score a file; None where there are not both classes.

    By ranks (Mann and Whitney 1947), equal scores counting half.
    """
    ranked = sorted((mean[-1], classes[file]) for file, mean in means.items())
    positives = sum(kind == 1 for _, kind in ranked)
    negatives = len(ranked) - positives
    if not positives or not negatives:
        return None
    total = 0.0
    start = 0
    while start < len(ranked):
        end = start
        while end < len(ranked) and ranked[end][0] == ranked[start][0]:
            end += 1
        rank = (start + 1 + end) / 2
        total += rank * sum(kind == 1 for _, kind in ranked[start:end])
        start = end
    return (total - positives * (positives + 1) / 2) / (positives * negatives)


def count_wake_words(
    detections_ms: Sequence[float], spoken: Sequence[tuple[float, float]], rules: WakeWords
) -> tuple[int, int, int]:
    """Return hits, misses and false alarms; the first detection marks the beginning of the recording."""
    if not detections_ms:
        return 0, len(spoken), 0
    heard = [at - detections_ms[0] for at in detections_ms[1:]]
    hits = 0
    for start, end in spoken:
        rest = [at for at in heard if not start <= at / 1000 <= end + rules.suppressed_s]
        hits += len(rest) < len(heard)
        heard = rest
    position = 0
    while position < len(heard):
        until = heard[position] + 1000 * rules.debounced_s
        heard = heard[: position + 1] + [at for at in heard[position + 1 :] if not heard[position] < at <= until]
        position += 1
    return hits, len(spoken) - hits, len(heard)
