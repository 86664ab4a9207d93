"""Is the machine fit for a target: its facts, read on it, held against what the target demands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import docker
import docker.errors
from pydantic import TypeAdapter, ValidationError

from rules.errors import MachineError
from rules.text import printable
from suite.engines.base import JOB, Limits, command
from suite.engines.docker.connection import sentences
from suite.engines.docker.labels import labels
from suite.engines.docker.sandbox import Sandbox, mount
from suite.images import base
from suite.images.matrix import Cell, minimums, target
from suite.progress import Phase, say
from suite.source import ROOT
from suite.targets.data import Access, Check
from suite.targets.execution import Way

FACTS = TypeAdapter(dict[str, str])
PROBE_S = 60
MODULE = "host"  # suite/targets/host.py, put into the job by itself


def require(client: docker.DockerClient, cell: Cell, way: Way) -> dict[str, str]:
    """Return the facts of the machine that measures `cell`, nothing where another one stands in for it.

    Raises MachineError for what must be and is not; warns on stderr of what should be. Only the base is fetched for it,
    which is small beside a framework.
    """
    if way.emulation is not None:
        return {}
    with Phase(f"machine for {cell.target}") as phase:
        below = base.prepare(client, cell, phase.building)
        kind = target(cell.target)
        found = facts(client, below.image, cell, way.access, kind.reads)
    hold(f"the engine's machine is not fit for {cell.name}", kind.checks, found, minimums(cell.framework, cell.target))
    return found


def hold(unfit: str, checks: tuple[Check, ...], found: Mapping[str, str], least: Mapping[str, str]) -> None:
    """Hold a machine's facts against what must be; raise MachineError, which begins with `unfit`, or warn on stderr."""
    for verdict in judge(checks, found, least):
        if verdict.good:
            continue
        if verdict.check.otherwise == "fail":
            raise MachineError(f"{unfit}: {verdict.said}", fix=verdict.check.fix)
        if verdict.known:
            say(f"  warning: {verdict.said}; {verdict.check.fix}")


@dataclass(frozen=True)
class Verdict:
    """One demand and how the machine stands: `said` names fact and value, `good` whether it is met."""

    check: Check
    said: str
    good: bool
    known: bool  # whether the machine exposes the fact at all


def facts(
    client: docker.DockerClient, image_id: str, cell: Cell, access: Access, reads: tuple[str, ...]
) -> dict[str, str]:
    """Return the facts of the engine's machine, read by `suite/targets/host.py` in a container of the base `image_id`.

    `reads` are files of the machine it may read beside /proc and /sys; one that is not there is left out.
    """
    limits = Limits(cpuset="", memory_bytes=256 << 20, access=access, reads=_there(client, image_id, reads))
    source = [(f"source/{MODULE}.py", (ROOT / "suite/targets/host.py").read_bytes())]
    source += [
        (f"source/suite/{name}", (ROOT / "suite" / name).read_bytes())
        for name in ("__init__.py", "harness/__init__.py", "harness/supervisor.py")
    ]
    said: list[str] = []
    start = [cell.interpreter, *command(MODULE)[1:]]
    with Sandbox(client, image_id, limits, {**cell.environment, "PYTHONPATH": f"{JOB}/source"}, start) as box:
        box.put(list(source))
        box.run(PROBE_S, lambda line, _: said.append(line), lambda line, _: said.append(line))
        found = box.take().get("facts.json", b"")
        box.close()
    try:
        return {name: printable(value, 200) for name, value in FACTS.validate_json(found).items()}
    except ValidationError:
        words = printable(" ".join(said)[-300:])
        raise MachineError(f"the probe container said nothing of the engine's machine: {words}") from None


def judge(checks: tuple[Check, ...], found: Mapping[str, str], least: Mapping[str, str]) -> Iterator[Verdict]:
    """Yield a verdict on every check; `least` are a framework's own minimums, which count where they are higher."""
    for check in checks:
        own = least.get(check.fact)
        if own is not None and (check.at_least is None or _below(str(check.at_least), own)):
            check = check.model_copy(update={"at_least": own, "at_most": None, "one_of": ()})
        value = found.get(check.fact)
        name = check.fact.replace("_", " ")
        if value is None:
            yield Verdict(check, f"{name}: not exposed by this machine", good=False, known=False)
            continue
        good, wanted = _meets(check, value)
        yield Verdict(check, f"{name}: {value}" + ("" if good else f", {wanted}"), good, known=True)


def _meets(check: Check, value: str) -> tuple[bool, str]:
    """Return whether `value` meets the check, and what would."""
    if check.one_of:
        return value in check.one_of, f"wanted {' or '.join(check.one_of)}"
    try:
        if check.at_least is not None:
            return not _below(value, str(check.at_least)), f"at least {check.at_least} is needed"
        return not _below(str(check.at_most), value), f"at most {check.at_most:g} is allowed"
    except ValueError:
        return False, "which is no number"


def _below(a: str, b: str) -> bool:
    """Return whether `a` is less than `b`: numbers, or versions where one of them has more than one point.

    Raises ValueError for what is neither.
    """
    if max(a.count("."), b.count(".")) <= 1:
        return float(a) < float(b)
    return [int(part) for part in a.split(".")] < [int(part) for part in b.split(".")]


def _there(client: docker.DockerClient, image_id: str, reads: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of `reads` that the engine's machine has: an engine refuses to mount what is not there."""
    found = []
    for path in reads:
        with sentences("looking for a file of its machine"):
            try:
                made = client.containers.create(image_id, ["true"], mounts=[mount(path)], labels=labels("probe"))
            except docker.errors.APIError:
                continue
            made.remove(v=True)
        found.append(path)
    return tuple(found)
