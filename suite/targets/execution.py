"""How runs of a target happen: on such a machine, or under emulation; decided and said before anything starts."""

from __future__ import annotations

from dataclasses import dataclass, field

from rules.workload import Evaluation, Runs, WorkloadRules
from suite.targets.data import Access, Emulation


@dataclass(frozen=True)
class ExecutionMode:
    """How runs of a target will happen: what sandboxes get, and what the user is told before anything starts."""

    access: Access
    sentence: str
    emulation: Emulation | None = None  # None: measured on such a machine
    facts: dict[str, str] = field(default_factory=dict)  # what the target's checks read, where it was read already

    def shorten(self, rules: WorkloadRules) -> WorkloadRules:
        """Return the rules of a functional run: a few steps on a few samples, one evaluation, killed at the limit."""
        short = self.emulation
        if short is None:
            return rules
        return rules.model_copy(
            update={
                "evaluation": Evaluation(first_step=short.training_steps, every_steps=short.training_steps),
                "runs": Runs(closed=1, open=1),
                "time_limit_s": short.time_limit_s,
                "hyperparameters": {
                    **rules.hyperparameters,
                    "global_batch_size": short.batch,
                    "opt_learning_rate_warmup_steps": 1,
                    "opt_learning_rate_training_steps": short.training_steps,
                },
            }
        )
