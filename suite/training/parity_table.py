"""A parity certificate as a table for a terminal."""

from __future__ import annotations

from itertools import combinations

from checker.families.assay.training.parity import relative_difference
from rules.documents import ParityCertificate
from rules.workload import Parity


def table(certificate: ParityCertificate, rules: Parity) -> str:
    """Return the largest relative difference over all pairs at each step, with the bounds that are judged."""
    lines = ["step   float64     bound   float32     bound"]
    for step in range(1, rules.steps + 1):
        double, single = (_worst(certificate, precision, step) for precision in ("float64", "float32"))
        judged = next((f"{b:8.0e}" for last, b in sorted(rules.losses_float32.items()) if step <= last), "       -")
        lines.append(f"{step:4d}  {double:8.1e}  {rules.losses_float64:8.0e}  {single:8.1e}  {judged}")
    for what, differences, bound in (
        ("gradients, step 0", certificate.gradient_differences, rules.gradients_float64),
        (f"weights, step {rules.steps}", certificate.weight_differences, rules.weights_float64),
    ):
        name = max(differences, key=lambda tensor: differences[tensor])
        lines.append(f"{what}, float64: {differences[name]:.1e} in {name}, bound {bound:.0e}")
    return "\n".join(lines)


def _worst(certificate: ParityCertificate, precision: str, step: int) -> float:
    losses = [getattr(side, f"losses_{precision}") for side in certificate.frameworks]
    return max(relative_difference(a[step - 1], b[step - 1]) for a, b in combinations(losses, 2))
