"""Power beside a run: read often enough, over the whole run, times enough, and such as a machine can draw.

The official check counts the files and its summariser integrates whatever they hold; the rules on power measurement
ask for more. Each judge folds what several files of a result show into one problem, at the worst of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from checker.core.findings import Violation, brief
from checker.families.mlperf_training.checks import check
from checker.families.mlperf_training.integrity import FolderCase
from checker.families.mlperf_training.meters import MeterFile, Stamp
from rules.training import Power


@check("power-cadence", "result")
def power_cadence(case: FolderCase) -> Iterator[Violation]:
    """Judge that power is read as often as the rules have it, evenly over the timed part of a run."""
    power = case.fixed.power
    rare = [file for file in case.folder.meters if _rare(file, power)]
    if rare:
        worst = max(rare, key=lambda file: file.gap_ms)
        what = f"power is read every {worst.spacing_ms / 1000:.2f} s on average, and once not for {_s(worst.gap_ms)}"
        asked = f"a reading every {power.every_s:g} s (on average {power.mean_s:g}, at most {_apart(power):g} apart)"
        yield _of_all(case, what, asked, f"{_s(worst.gap_ms)} without a reading", worst, rare, worst.gap_line)


def _rare(file: MeterFile, power: Power) -> bool:
    return file.gap_ms > _apart(power) * 1000 or file.spacing_ms > power.mean_s * 1000


def _apart(power: Power) -> float:
    """Return how many seconds two readings in turn may lie apart by their stamps."""
    return power.every_s + power.stamp_s


def _s(ms: float) -> str:
    return f"{ms / 1000:,.1f} s"


@check("power-covers-run", "result")
def power_covers_run(case: FolderCase) -> Iterator[Violation]:
    """Judge that power is measured from before a run starts until after it stops."""
    allowed = _apart(case.fixed.power) * 1000
    short = [(file, *found) for file in case.folder.meters if (found := _uncovered(file, allowed)) is not None]
    if short:
        worst, missed, what, line = max(short, key=lambda one: one[1])
        files = [file for file, *_ in short]
        yield _of_all(case, what, "readings from run_start to run_stop", f"{_s(missed)} missed", worst, files, line)


def _uncovered(file: MeterFile, allowed: float) -> tuple[float, str, int | None] | None:
    """Return how many ms of the run are missed for the gravest reason, that in words, and the line that shows it."""
    if file.run_ms is None or (file.estimated and not file.readings):
        return None
    start, stop = file.run_ms
    if file.first is None or file.last is None:
        return stop - start, "the file holds no reading", None
    if not file.inside:
        away = max(start - file.last.ms, file.first.ms - stop)
        side = "before it starts" if file.last.ms < start else "after it stops"
        return stop - start, f"no reading lies in the run: the nearest is {_s(away)} {side}", file.first.line
    if file.begin is not None and file.end is not None and file.end.ms <= file.begin.ms:
        what = "power_measurement_stop does not come after power_measurement_start: no energy follows from that"
        return stop - start, what, file.end.line
    begins, ends = file.begin or file.first, file.end or file.last
    begins, ends = max(begins, file.first, key=_ms), min(ends, file.last, key=_ms)
    missed, late, early = begins.ms - start + stop - ends.ms, begins.ms - start, stop - ends.ms
    if late > allowed and late >= early:
        return missed, f"the measurement begins {_s(late)} after run_start", begins.line
    if early > allowed:
        return missed, f"the measurement ends {_s(early)} before run_stop", ends.line
    return None


def _ms(stamp: Stamp) -> float:
    return stamp.ms


@check("power-samples", "result")
def power_samples(case: FolderCase) -> Iterator[Violation]:
    """Judge that each node has as many readings as the rules ask of a run however short."""
    least = case.fixed.power.samples_at_least
    few = [file for file in case.folder.meters if 0 < file.readings < least]
    if few:
        worst = min(few, key=lambda file: file.readings)
        what = "the file holds fewer readings than a run needs, however short"
        yield _of_all(case, what, f"at least {least}", str(worst.readings), worst, few, None)


@check("power-plausible", "result")
def power_plausible(case: FolderCase) -> Iterator[Violation]:
    """Judge that every reading is a power that a running machine draws."""
    odd = [file for file in case.folder.meters if file.odd]
    if odd:
        worst = max(odd, key=lambda file: file.odd)
        what = "a reading is no power that a running machine draws"
        what += f" ({worst.odd} of the file's {worst.readings})" if worst.odd > 1 else ""
        yield _of_all(case, what, "a number of watts above 0", brief(worst.odd_value), worst, odd, worst.odd_line)


def _of_all(
    case: FolderCase, what: str, expected: str, found: str, worst: MeterFile, files: list[MeterFile], line: int | None
) -> Violation:
    """Make one problem of what several files of a result show, at the worst of them."""
    if len(files) > 1:
        what += f" (the worst of {len(files)} such files, of {len(case.folder.meters)})"
    return Violation(what, expected, found, worst.path, line)
