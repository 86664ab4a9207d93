"""A round's own evidence: a parity certificate and reference runs on the present source of a workload."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

from checker.families.assay.training.parity import disagreements, relative_difference
from rules.documents import ParityCertificate
from rules.errors import JudgedError, UsageError
from rules.published import LEAST, forget, missing
from rules.ruleset import load, newest
from rules.workload import Parity, workload_rules
from suite.engines import table
from suite.engines.base import Engine
from suite.images.matrix import cell
from suite.inputs import source
from suite.inputs.settings import settings
from suite.result.turn import turn
from suite.training import parity, reference
from suite.training.unmeasured import Unmeasured

RUNS = 8  # of each framework: 24 in three


class Evidence:
    """Makes the evidence of a round (None: the newest) on a target; `own` is a folder with the user's data."""

    def __init__(self, round_: str | None, target: str, own: Path | None) -> None:
        self.ruleset = newest("assay", round_)
        self.target, self._own = target, own

    def parity(self, workload: str, *, publish: bool, wait: bool) -> None:
        """Make the certificate of a workload, and publish or keep it; JudgedError where the frameworks differ."""
        workload_rules(self.ruleset, workload)  # refuses one that the round has not
        engine = table.engine()
        with turn(f"assay parity {workload}", engine, wait=wait):
            self._parity(engine, workload, publish=publish)

    def references(self, workload: str, logs: Path, runs: int, *, wait: bool) -> None:
        """Make and publish reference runs of a workload, so many of each framework."""
        workload_rules(self.ruleset, workload)  # refuses one that the round has not
        frameworks = len(settings(workload).frameworks)
        if runs * frameworks < LEAST:
            raise UsageError(
                f"--runs {runs}: {runs * frameworks} reference runs in all, and a round publishes {LEAST} or more",
                fix=f"give --runs {_enough(frameworks)} or more",
            )
        engine = table.engine()
        with turn(f"assay reference {workload}", engine, wait=wait):
            self._references(engine, workload, logs, runs)

    def complete(self, logs: Path, *, wait: bool) -> None:
        """Make and publish what the round lacks."""
        lacking = {workload: self._lacking(workload) for workload in load(self.ruleset).workloads()}
        if not any(lacking.values()):
            return
        engine = table.engine()
        with turn("assay evidence", engine, wait=wait):
            forget()  # another command may have published what was lacking while this one waited
            for workload in lacking:
                still = self._lacking(workload)
                if "parity" in still:
                    self._parity(engine, workload, publish=True)
                if "references" in still:
                    self._references(engine, workload, logs, max(RUNS, _enough(len(settings(workload).frameworks))))

    def _lacking(self, workload: str) -> list[str]:
        """Say and return what evidence the round lacks on the present source of a workload."""
        digest = source.digest(source.files(workload))
        lacking = missing(self.ruleset, workload, digest)
        said = f"lacks {' and '.join(lacking)}" if lacking else "complete"
        print(f"{workload}, source {digest[:16]}: {said}")
        return lacking

    def _parity(self, engine: Engine, workload: str, *, publish: bool) -> None:
        jobs = Unmeasured.of(self.ruleset, workload, self._own)
        found = parity.certify(engine, jobs, self.target)
        print(parity_table(found, jobs.rules.parity))
        if problems := disagreements(found, jobs.rules.parity):
            lines = "\n".join(f"  {p.message}: {p.found}, {p.expected}" for p in problems)
            raise JudgedError(
                f"the frameworks do not train the same model:\n{lines}", fix="correct the one that differs"
            )
        print(f"certificate: {parity.publish(found) if publish else parity.keep(found)}")

    def _references(self, engine: Engine, workload: str, logs: Path, runs: int) -> None:
        jobs = Unmeasured.of(self.ruleset, workload, self._own)
        runners = {each: engine.runner(cell(each, self.target)) for each in settings(workload).frameworks}
        found = list(reference.measure(jobs, runners, engine.host.cpus, runs, logs / jobs.source_sha256[:16]))
        print(f"{len(found)} reference runs: {reference.publish(jobs, found)}")


def _enough(frameworks: int) -> int:
    """Return how many runs of each framework are the fewest that a round publishes."""
    return -(-LEAST // frameworks)


def parity_table(certificate: ParityCertificate, rules: Parity) -> str:
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
