"""How a target is reached: on such a machine, here or over ssh, or under emulation; decided and said beforehand."""

from __future__ import annotations

import os
from dataclasses import dataclass

import docker

from rules.errors import MachineError
from rules.text import printable
from rules.workload import Evaluation, Runs, WorkloadRules
from suite.engines.docker.connection import architecture, sentences
from suite.targets import emulation, trial
from suite.targets.data import NOTHING, Access, Emulation, Target


@dataclass(frozen=True)
class Way:
    """How runs of a target will happen: what containers get, and what the user is told before anything starts."""

    access: Access
    sentence: str
    emulation: Emulation | None = None  # None: measured on such a machine

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


def find(client: docker.DockerClient, name: str, target: Target) -> Way:
    """Return how runs of the target `name` can happen on this engine.

    Raises MachineError saying what the engine's machine lacks, before anything was fetched or built. Installs and
    registers nothing: see `prepare`.
    """
    where = _where()
    with sentences("describing itself"):
        kernel = str(client.info().get("KernelVersion", ""))
    here = architecture(client)
    known = not target.kernel or any(part in kernel.lower() for part in target.kernel)
    if here == target.architecture and known:
        if (said := trial.refusal(client, here, target.access)) is not None:
            raise _refused(name, target, said)
        said = f"target {name}: measured on {where}, {target.machine} (kernel {printable(kernel)}); what it shows is "
        return Way(target.access, said + target.claims)
    if target.emulation is None:
        what = f"is {here}" if here != target.architecture else f"runs the kernel {printable(kernel)}"
        raise MachineError(
            f"target {name} needs {target.machine} ({target.platform}), and {where} {what}",
            fix=f"run on {target.machine}, or point DOCKER_HOST at one: DOCKER_HOST=ssh://user@machine",
        )
    short = target.emulation
    how = "under emulation (qemu)" if here != target.architecture else f"on {here} that is not {target.machine}"
    return Way(
        NOTHING,
        f"target {name}: {where} is not {target.machine}, so its {target.platform} image runs {how}: a functional run "
        f"of {short.training_steps} training steps and one evaluation, not a performance result. That takes about "
        f"{short.minutes} minutes, the first time about {short.first_minutes}; the run is ended after "
        f"{short.time_limit_s:g} s. To measure {target.machine}: DOCKER_HOST=ssh://user@machine",
        short,
    )


def prepare(client: docker.DockerClient, target: Target, way: Way) -> None:
    """Make what `way` needs of the engine's machine beside images: an emulator for another architecture."""
    if way.emulation is not None:
        emulation.ensure(client, target.architecture, local=not _remote())


def _remote() -> bool:
    """Return whether the engine is on another machine, by its address."""
    host = os.environ.get("DOCKER_HOST", "")
    return bool(host) and not host.startswith("unix://")


def _where() -> str:
    return f"the engine's machine ({printable(os.environ['DOCKER_HOST'], 100)})" if _remote() else "this machine"


def _refused(name: str, target: Target, said: str) -> MachineError:
    if (known := target.refusal(said)) is not None:
        return MachineError(f"target {name} cannot run on {_where()}: {known.means}", fix=known.fix)
    return MachineError(
        f"target {name} cannot run on {_where()}: {printable(said, 300)}", fix=f"assay doctor --target {name}"
    )
