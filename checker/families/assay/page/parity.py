"""The parity certificate: how far apart the frameworks' losses and gradients are, against the bounds and beyond."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import combinations

from checker.families.assay.page.evidence import ResultEvidence
from checker.families.assay.training.parity import relative_difference
from checker.report.page.chart import ChartLine, key, line_chart
from checker.report.page.layout import code, facts, folded, note, section, side_by_side, table
from checker.report.page.markup import Child, Markup, fragment, tag
from checker.report.page.quantity import NOT_MEASURED, NOT_STATED, count, scientific
from rules.documents import FrameworkParity, ParityCertificate
from rules.workload import Parity

SIDES = 6  # frameworks of one certificate
TENSORS = 300
STEPS = 1000
FLOOR = 1e-17  # where a difference of zero stands on a logarithmic axis

Pair = tuple[str, FrameworkParity, FrameworkParity]


def parity_section(results: Sequence[ResultEvidence]) -> Markup:
    """Return each certificate once, with the results that carry it."""
    carried: list[tuple[ParityCertificate, list[ResultEvidence]]] = []
    without = []
    for result in results:
        if (held := result.found.certificate) is None:
            why = "; ".join(problem.message for problem in result.found.flaws.get("parity-document", ()))
            why = why or "the submission holds no parity certificate"
            without.append(tag("li", f"{result.name}: {why}."))
        elif carriers := next((carriers for certificate, carriers in carried if certificate == held.model), None):
            carriers.append(result)
        else:
            carried.append((held.model, [result]))
    return section(
        "parity",
        "Parity",
        tag(
            "p",
            "The frameworks train one model if, from the same weights and the same batches, their losses agree "
            "step by step. A closed-division result must carry the certificate; the open division need not.",
        ),
        tag("ul", without, class_="sentences") if without else None,
        [_certificate(certificate, carriers) for certificate, carriers in carried],
    )


def _certificate(certificate: ParityCertificate, carriers: Sequence[ResultEvidence]) -> Markup:
    sides = certificate.frameworks[:SIDES]
    pairs = [(f"{a.framework}, {b.framework}", a, b) for a, b in combinations(sides, 2)]
    rules = carriers[0].found.rules.parity if carriers[0].found.rules else None
    bound = rules.losses_float64 if rules else None
    return fragment(
        tag("h3", "Certificate of ", ", ".join(side.framework for side in sides)),
        facts(
            [
                ("Carried by", tag("ul", [tag("li", result.name) for result in carriers], class_="plain")),
                ("Rule set", certificate.ruleset),
                ("Seed", count(certificate.seed)),
                ("Source", code(certificate.source_sha256)),
                ("Initial weights", code(certificate.initial_weights_sha256)),
            ]
        ),
        _differences(certificate, pairs, rules),
        key([(name, i) for i, (name, _, _) in enumerate(pairs)]),
        side_by_side(
            _curve(
                "Relative loss difference, float64",
                pairs,
                lambda side: side.losses_float64,
                bound,
            ),
            _curve("Relative loss difference, float32", pairs, lambda side: side.losses_float32),
        ),
        note(
            f"Differences of exactly zero are drawn at {FLOOR:.0e}. In float32 only the first steps are judged: beyond "
            "them, training amplifies rounding in any framework, so the curve is shown and not judged."
        ),
        folded("Losses of every step", [_losses(side) for side in sides]),
        folded("Gradients and weights, tensor by tensor", _tensors(certificate)),
        folded("What it is bound to", _bound(certificate)),
    )


def _differences(certificate: ParityCertificate, pairs: Sequence[Pair], rules: Parity | None) -> Markup:
    """Return the largest differences beside what the rules allow."""
    rows: list[Sequence[Child]] = []

    def row(what: str, where: str, values: Iterable[float], bound: float | None) -> None:
        worst = max(values, default=None)
        held = NOT_MEASURED if worst is None or bound is None else "within" if worst <= bound else "BEYOND"
        mark = tag("span", held, class_="outcome good" if held == "within" else "outcome bad")
        rows.append((what, where, scientific(worst), scientific(bound, NOT_STATED), mark))

    for name, a, b in pairs:
        exact = relative_differences(a.losses_float64, b.losses_float64)
        row(f"Loss, float64: {name}", _steps(len(exact)), exact, rules.losses_float64 if rules else None)
    for name, a, b in pairs:
        short = relative_differences(a.losses_float32, b.losses_float32)
        for last, bound in sorted(rules.losses_float32.items()) if rules else ():
            row(f"Loss, float32: {name}", _steps(last), short[:last], bound)
    gradients, weights = certificate.gradient_differences.values(), certificate.weight_differences.values()
    row("Gradients, float64: all pairs", "before step 1", gradients, rules.gradients_float64 if rules else None)
    row("Weights, float64: all pairs", "after the last step", weights, rules.weights_float64 if rules else None)
    heads = ("What", "Where", "Largest relative difference", "Allowed", "Held")
    return table("Parity against its bounds", heads, rows, words=(1, 4))


def _steps(last: int) -> str:
    return "step 1" if last == 1 else f"steps 1 to {last}"


def relative_differences(a: Sequence[float], b: Sequence[float]) -> list[float]:
    """Return the relative difference step by step, as far as both go."""
    return [relative_difference(x, y) for x, y in zip(a[:STEPS], b[:STEPS], strict=False)]


def _curve(
    title: str, pairs: Sequence[Pair], losses: Callable[[FrameworkParity], Sequence[float]], bound: float | None = None
) -> Markup:
    lines = [
        ChartLine(
            name, i, [(n, max(d, FLOOR)) for n, d in enumerate(relative_differences(losses(a), losses(b)), start=1)]
        )
        for i, (name, a, b) in enumerate(pairs)
    ]
    target = None if bound is None else (bound, f"allowed: {bound:.0e}".replace("e-0", "e-"))
    text = "Largest difference of the loss between two frameworks at each step, on a logarithmic axis."
    return line_chart(title, text, lines, ("step", 0.0), ("relative difference", None), target=target, log=True)


def _losses(side: FrameworkParity) -> Markup:
    steps = range(min(STEPS, max(len(side.losses_float64), len(side.losses_float32))))

    def at(losses: Sequence[float], step: int) -> str:
        return f"{losses[step]:.15g}" if step < len(losses) else NOT_MEASURED

    rows = [(str(s + 1), at(side.losses_float64, s), at(side.losses_float32, s)) for s in steps]
    return table(f"{side.framework}: loss", ("Step", "float64", "float32"), rows)


def _tensors(certificate: ParityCertificate) -> Markup:
    gradients, weights = certificate.gradient_differences, certificate.weight_differences
    names = sorted(gradients.keys() | weights.keys(), key=lambda name: (-weights.get(name, 0.0), name))[:TENSORS]
    rows = [(name, scientific(gradients.get(name)), scientific(weights.get(name))) for name in names]
    caption = "Largest difference over all pairs, relative to the tensor's largest element, float64"
    return table(caption, ("Tensor", "Gradient, before step 1", "Weights, after the last step"), rows)


def _bound(certificate: ParityCertificate) -> Markup:
    wheels = [
        (f"Wheel lock, {side.framework}", code(side.wheel_lock_sha256)) for side in certificate.frameworks[:SIDES]
    ]
    return facts([*wheels, *((f"Data, {name}", code(digest)) for name, digest in list(certificate.data.items())[:100])])
