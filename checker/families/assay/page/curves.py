"""What a run looked like while it ran: metric and loss, memory, and how long single steps took."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from checker.families.assay.page.evidence import LoggedValue, ResultEvidence, RunEvidence, WorkloadGroup
from checker.report.page.chart import ChartLine, Interval, histogram, interval_chart, key, line_chart
from checker.report.page.layout import folded, note, section, side_by_side, table
from checker.report.page.markup import Child, Markup, tag
from checker.report.page.quantity import NOT_MEASURED, count, fixed, mebibytes, number, percentile

STEPS = 200_000  # of one run that are looked at
PERCENTILES = ((0.5, "p50"), (0.9, "p90"), (0.99, "p99"))


def curves_section(group: WorkloadGroup, name: str) -> Markup:
    """Return the metric against time and samples, and the training loss, one line per run."""
    labels = group.labels()
    rules = group.results[0].found.rules
    quality = rules.quality if rules else None
    target = (quality.target, f"target {quality.shown(quality.target)}") if quality else None
    metric, unit = (quality.metric, quality.unit) if quality else ("metric", "")
    axis = f"{metric}, {unit}" if unit else metric
    title = f"{metric[:1].upper()}{metric[1:]} against"

    def lines(
        moments: Callable[[RunEvidence], Sequence[LoggedValue]], across: Callable[[LoggedValue], float]
    ) -> list[ChartLine]:
        return [
            ChartLine(f"{label}, run {run.index}", i, [(across(m), m.value) for m in moments(run)])
            for i, (label, result) in enumerate(zip(labels, group.results, strict=True))
            for run in result.runs
        ]

    reading = "One line per run, one mark per evaluation."
    evaluated = f"{metric} at each evaluation. {reading}"
    averaged = f"Mean loss of the steps since the evaluation before. {reading}"
    seconds = ("seconds since run start", None)
    samples = ("thousand training samples", None)
    by_time = lines(lambda run: run.metric, lambda m: m.seconds)
    by_samples = lines(lambda run: run.metric, lambda m: m.samples / 1000)
    losses = lines(lambda run: run.loss, lambda m: m.samples / 1000)
    tables = [_moments_table(label, result) for label, result in zip(labels, group.results, strict=True)]
    return section(
        name,
        f"Convergence: {group.name}",
        key([(label, i) for i, label in enumerate(labels)]),
        side_by_side(
            line_chart(f"{title} time", evaluated, by_time, seconds, (axis, None), target=target),
            line_chart(f"{title} samples", evaluated, by_samples, samples, (axis, None), target=target),
            line_chart("Training loss against samples", averaged, losses, samples, ("training loss", 0.0)),
        ),
        note(reading),
        folded("Every evaluation as a table", tables),
    )


def memory_section(group: WorkloadGroup, name: str) -> Markup:
    """Return the peak memory of every run and where the figure comes from."""
    labels = group.labels()
    bars, rows = [], []
    for i, (label, result) in enumerate(zip(labels, group.results, strict=True)):
        memories = [run.record.memory for run in result.runs if run.record and run.record.memory]
        peaks = [peak / 2**20 for m in memories if (peak := number(m.peak_bytes)) is not None]
        bars.append(Interval(label, i, max(peaks, default=None), None, None, peaks, NOT_MEASURED))
        sources = ", ".join(sorted({m.source for m in memories})) or NOT_MEASURED
        limits = sorted({run.record.container.memory_bytes for run in result.runs if run.record})
        limit = ", ".join(mebibytes(one) for one in limits) or NOT_MEASURED
        low, high = (fixed(f(peaks, default=None), 0) for f in (min, max))
        rows.append((label, low, high, str(len(peaks)), limit, sources))
    words = "Bars: the highest peak of all runs. Dots: single runs. The axis begins at zero."
    return section(
        name,
        f"Memory: {group.name}",
        interval_chart("Peak memory", words, bars, "MiB"),
        note(words),
        table(
            "Peak memory of the runs",
            ("Result", "Lowest, MiB", "Highest, MiB", "Runs measured", "Container limit, MiB", "Source"),
            rows,
            words=(5,),
        ),
    )


def steps_section(group: WorkloadGroup, name: str) -> Markup:
    """Return how long training steps took: a histogram per result, percentiles per run."""
    charts, rows = [], []
    labels = group.labels()
    for i, (label, result) in enumerate(zip(labels, group.results, strict=True)):
        pooled: list[float] = []
        for run in result.runs:
            steps = run.record.steps if run.record else None
            times = sorted(1000 * s for s in (steps.seconds[:STEPS] if steps else []) if number(s) is not None)
            pooled.extend(times)
            together = count(steps.steps_per_call if steps else None)
            rows.append((f"{label}, run {run.index}", *_percentiles(times), together))
        pooled.sort()
        cut = percentile(pooled, 0.99) * 1.02 if pooled else 0.0
        words = f"{label}: {len(pooled):,} steps of all runs; the last bin holds all that are slower."
        charts.append(histogram(f"Step time, {label}", words, pooled, "milliseconds", i, cut=cut))
    return section(
        name,
        f"Step time: {group.name}",
        side_by_side(charts),
        _remarks(labels, group.results),
        table(
            "Step time per run",
            ("Run", "Steps", "Mean, ms", *(f"{word}, ms" for _, word in PERCENTILES), "Max, ms", "Steps per call"),
            rows,
        ),
    )


def _remarks(labels: Sequence[str], results: Sequence[ResultEvidence]) -> Child:
    """Return what a reader must know before trusting the step times."""
    together, odd = [], []
    for label, result in zip(labels, results, strict=True):
        for run in result.runs:
            steps = run.record.steps if run.record else None
            if steps and steps.steps_per_call > 1:
                together.append(label)
            if steps and (trained := _steps_trained(run)) not in (None, len(steps.seconds)):
                odd.append(f"{label}, run {run.index}: {len(steps.seconds):,} durations for {count(trained)} steps")
    calls = ", ".join(dict.fromkeys(together))
    merged = (
        f"{calls}: several steps run in one call and each has its call's mean; the spread inside a call is not seen."
    )
    return [
        note(merged) if together else None,
        tag("p", f"Not one duration per step, so not step times: {'; '.join(odd)}.", class_="warning") if odd else None,
    ]


def _steps_trained(run: RunEvidence) -> float | None:
    """Return how many steps a run took by its log and batch size; None where either is not stated."""
    batch = number(run.record.hyperparameters.get("global_batch_size")) if run.record else None
    return run.samples / batch if batch and run.samples is not None else None


def _percentiles(times: list[float]) -> Sequence[Child]:
    if not times:
        return ["0", *[NOT_MEASURED] * (len(PERCENTILES) + 2)]
    shares = [fixed(percentile(times, share), 2) for share, _ in PERCENTILES]
    return [count(len(times)), fixed(sum(times) / len(times), 2), *shares, fixed(times[-1], 2)]


def _moments_table(label: str, result: ResultEvidence) -> Markup:
    rows = []
    for run in result.runs:
        losses = {moment.samples: moment.value for moment in run.loss}
        rows += [
            (str(run.index), count(m.samples), fixed(m.seconds, 2), fixed(m.value, 4), fixed(losses.get(m.samples), 4))
            for m in run.metric
        ]
    return table(f"{label}: evaluations", ("Run", "Samples", "Time, s", "Metric", "Training loss"), rows)
