"""Two submissions beside each other, for a person at a terminal and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

from checker.families.mlperf_training.compare import Comparison, Comparisons, Side, mean_of_convergence
from checker.report.comparison import members, wrapped
from checker.report.render.text import duration


def as_json(compared: Comparisons) -> str:
    """Return the comparison as indented JSON that ends with a newline."""
    body = asdict(compared)
    for one, comparison in zip(body["benchmarks"], compared.benchmarks, strict=True):
        one["more_than_noise"] = comparison.more_than_noise
    return json.dumps(body, indent=2, allow_nan=False) + "\n"


def as_text(compared: Comparisons) -> str:
    """Return the comparison as text of 80 columns that ends with a newline."""
    lines = [*wrapped("A  ", compared.a), *wrapped("B  ", compared.b), ""]
    for comparison in compared.benchmarks:
        lines += [*_comparison(comparison), ""]
    for name, only in (("A", compared.only_a), ("B", compared.only_b)):
        lines += wrapped(f"Only in {name}: ", ", ".join(only)) if only else []
    lines += wrapped("Method: ", compared.method)
    return "\n".join(lines) + "\n"


def verdict(one: Comparison) -> str:
    """Return in words whether two scores differ by more than noise."""
    if one.difference is None:
        return f"not tested: {one.untested}"
    found = one.difference
    if found.seconds == 0 and found.probability == 1:
        return "no difference"
    by = f"{found.slower.upper()} takes {found.seconds:,.2f} s longer on average"
    by += f" ({(found.ratio - 1) * 100:.1f} %)" if found.ratio is not None else ""
    # Below this the t distribution's tail is rounding, and "p = 0" would claim too much.
    chance = f"p = {found.probability:.2g}" if found.probability >= 1e-12 else "p < 1e-12"
    interval = f"95 % interval {found.low:,.2f} to {found.high:,.2f} s, {chance}"
    if one.more_than_noise:
        return f"more than noise: {by}; {interval}"
    return f"not more than noise: {by}, which the scatter of the runs explains; {interval}"


def _comparison(one: Comparison) -> Iterator[str]:
    yield from wrapped("", f"{one.benchmark}: {verdict(one)}")
    yield ""
    yield f"    {'':<2}{'runs':>7}{'score':>11}{'fastest':>11}{'slowest':>11}{'converged at, ' + one.unit:>28}"
    yield from _side("A", one.a)
    yield from _side("B", one.b)
    for title, differing in (("system", one.system), ("hyperparameters", one.hyperparameters)):
        yield from members(title, differing)


def _side(name: str, side: Side) -> Iterator[str]:
    mean = mean_of_convergence(side)
    times = (side.score_s, min(side.times_s, default=None), max(side.times_s, default=None))
    at = "-" if mean is None else f"{mean:,.6g} ({min(side.converged_at):,.6g}-{max(side.converged_at):,.6g})"
    row = f"{len(side.times_s)}/{side.runs}".rjust(7) + "".join(f"{duration(time):>11}" for time in times)
    yield f"    {name:<2}{row}  {at:>26}"
    yield from wrapped("      ", side.system)
