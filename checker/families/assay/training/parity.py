"""Do the frameworks of a parity certificate train the same model? Every comparison is made anew from its numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

from rules.documents import ParityCertificate
from rules.workload import Parity

FIRST_LOSS = 1e-5  # relative, of float32 against float64 with the same weights: rounding is 1e-7 of it


@dataclass(frozen=True)
class Disagreement:
    """One thing a certificate shows that the rules do not allow; `member` is where it stands in the document."""

    message: str
    expected: str
    found: str
    member: str


def relative_difference(a: float, b: float) -> float:
    """Return |a - b| / max(|a|, |b|), 0 for equal values; infinite where one of them is not finite."""
    if not (math.isfinite(a) and math.isfinite(b)):
        return math.inf
    return abs(a - b) / max(abs(a), abs(b)) if a != b else 0.0


def disagreements(certificate: ParityCertificate, rules: Parity) -> list[Disagreement]:
    """Return what in `certificate` is missing or beyond the bounds of `rules`; empty where the frameworks agree."""
    return [
        *_incomplete(certificate, rules),
        *_losses(certificate, rules),
        *_tensors("gradient", certificate.gradient_differences, rules.gradients_float64),
        *_tensors("weight", certificate.weight_differences, rules.weights_float64),
    ]


def _incomplete(certificate: ParityCertificate, rules: Parity) -> Iterator[Disagreement]:
    """Yield what would leave a comparison empty."""
    if certificate.seed != rules.seed:
        yield Disagreement("parity was run from another seed", str(rules.seed), str(certificate.seed), "seed")
    names = [side.framework for side in certificate.frameworks]
    if len(set(names)) != len(names):
        yield Disagreement("a framework is compared with itself", "each once", ", ".join(names), "frameworks")
    for side in certificate.frameworks:
        for precision, losses in (("float64", side.losses_float64), ("float32", side.losses_float32)):
            if len(losses) != rules.steps:
                message = f"{side.framework} has another number of {precision} steps"
                yield Disagreement(message, str(rules.steps), str(len(losses)), "frameworks")
            if min(losses, default=1.0) <= 0 or (len(losses) > 1 and len(set(losses)) == 1):
                message = f"{side.framework}'s {precision} losses are not those of a training"
                yield Disagreement(message, "above 0, and changing", str(losses[:3]), "frameworks")
        first = [losses[0] for losses in (side.losses_float64, side.losses_float32) if losses]
        if len(first) == 2 and (difference := relative_difference(*first)) > FIRST_LOSS:
            message = f"{side.framework}'s losses part between float64 and float32 at step 1"
            yield Disagreement(message, f"at most {FIRST_LOSS:g}", f"{difference:.2g}", "frameworks")
    for kind, found in (("gradient", certificate.gradient_differences), ("weight", certificate.weight_differences)):
        if not found:
            yield Disagreement(f"no {kind}s were compared", "every tensor", "none", f"{kind}_differences")
    if not certificate.gradient_differences.keys() <= certificate.weight_differences.keys():
        message = "gradients and weights are of different tensors"
        yield Disagreement(message, "one model", "two", "gradient_differences")


def _losses(certificate: ParityCertificate, rules: Parity) -> Iterator[Disagreement]:
    """Yield the first step of each pair of frameworks, precision and bound at which the losses part."""
    bounds = [("float64", rules.steps, rules.losses_float64)]
    bounds += [("float32", last, bound) for last, bound in sorted(rules.losses_float32.items())]
    for one, other in combinations(certificate.frameworks, 2):
        for precision, last, bound in bounds:
            a, b = (getattr(side, f"losses_{precision}")[:last] for side in (one, other))
            for step, pair in enumerate(zip(a, b, strict=False), start=1):
                if (difference := relative_difference(*pair)) > bound:
                    message = f"losses of {one.framework} and {other.framework} part in {precision} at step {step}"
                    yield Disagreement(message, f"at most {bound:g}", f"{difference:.2g}", "frameworks")
                    break


def _tensors(kind: str, differences: Mapping[str, float], bound: float) -> Iterator[Disagreement]:
    """Yield the tensor whose values differ most, where that is too much."""
    name = max(differences, key=lambda tensor: differences[tensor], default=None)
    if name is not None and differences[name] > bound:
        message = f"the frameworks' {kind}s differ, most in {name}"
        yield Disagreement(message, f"at most {bound:g}", f"{differences[name]:.2g}", f"{kind}_differences")
