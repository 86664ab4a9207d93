"""A measured run's observer: a container beside the run's, on the same engine, that samples the machine's meters.

It is a container because the engine may be on another machine, and one of its own because a run must not be able to
touch its meters. It ends with our connection, as every container of ours does.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import docker
import requests
from docker.types import Mount
from pydantic import ValidationError

from rules.errors import MachineError
from rules.observation import Channel, Clock, Observation, Unavailable
from rules.text import printable
from suite.engine import connect
from suite.owner import labels
from suite.sandbox import JOB, Limits, Sandbox, command

ROOT = Path(__file__).parents[1]
PERIOD_S = 0.1
SOURCES = ("processors", "swap", "frequency", "thermal", "rapl")
READY_S = 30  # seconds the observer is given to say what it can sample
MEMORY = 128 << 20
LONGEST_S = 14 * 86_400  # no run is longer
# Energy counters are root's to read; the observer is our own code and has no network.
RIGHTS = {"user": "0:0"}
# Engines from 24 on hide this folder from containers, for other programs' sake; it is put where the observer looks.
POWERCAP = "/sys/devices/virtual/powercap"


def source() -> dict[str, bytes]:
    """Return the files the observer runs from, by path below its source folder."""
    paths = [ROOT / "suite/__init__.py", ROOT / "suite/harness/__init__.py", ROOT / "suite/harness/supervisor.py"]
    paths += sorted((ROOT / "suite/observe").glob("*.py"))
    return {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in paths}


class Observer:
    """Samples from entry to exit; `observation` returns what was seen, once it has been left.

    Entering raises MachineError where the observer does not come up. `cpuset` are the CPUs it may use: not the run's.
    `options` are the engine's for the meters of the target, its GPUs.
    """

    def __init__(
        self,
        image_id: str,
        cpuset: str,
        sources: Sequence[str] = SOURCES,
        period_s: float = PERIOD_S,
        options: Mapping[str, Any] | None = None,
        client: docker.DockerClient | None = None,
    ) -> None:
        self._job = {"period_s": period_s, "sources": list(sources)}
        limits = Limits(cpuset=cpuset, memory_bytes=MEMORY, pids=32)
        # Of its own: the run's client waits for the run.
        self._client = client or connect()
        environment = {"PYTHONPATH": f"{JOB}/source"}
        given = RIGHTS | dict(options or {})
        if "rapl" in sources and _has(self._client, image_id, POWERCAP):
            given["mounts"] = [Mount("/meters/powercap", POWERCAP, type="bind", read_only=True)]
        self._box = Sandbox(self._client, image_id, limits, environment, command("suite.observe"), "observer", given)
        self._head: dict[str, Any] = {}
        self._rows: list[list[Any]] = []
        self._words: list[str] = []
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Self:
        box = self._box.__enter__()
        try:
            files: list[tuple[str, bytes | Path]] = [(f"source/{name}", content) for name, content in source().items()]
            box.put([("job.json", json.dumps(self._job).encode()), *files])
            self._thread.start()
            if not self._ready.wait(READY_S) or not self._head:
                said = printable(" ".join(self._words)[-300:])
                raise MachineError(f"the observer of the machine's meters did not start: {said}", fix="assay doctor")
        except BaseException:
            self._box.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        with suppress(docker.errors.DockerException, requests.RequestException, OSError):
            self._client.api.kill(self._box.name)  # ends its output, and with that the thread
        self._thread.join(READY_S)
        self._box.__exit__(kind, error, trace)

    def _listen(self) -> None:
        """Collect lines until the container ends, which is how it is told to stop."""
        try:
            self._box.run(LONGEST_S, self._line, lambda line, _: self._words.append(line))
        except (MachineError, OSError):
            pass  # it ended with its container; what it said until then counts
        finally:
            self._ready.set()

    def _line(self, line: str, _received: float) -> None:
        said = json.loads(line)
        if isinstance(said, dict):
            self._head = said
        else:
            self._rows.append(said)
            self._ready.set()

    def observation(self) -> Observation:
        """Return what was seen, once left; raise MachineError where that was nothing that can be used."""
        return assembled(self._head, self._rows)


def assembled(head: Mapping[str, Any], rows: Sequence[Sequence[Any]]) -> Observation:
    """Return the observer's lines (`suite.observe.__main__`) as the document they make; MachineError where none."""
    try:
        rows = [row for row in rows if len(row) == len(head["channels"]) + 2]
        rows = [row for position, row in enumerate(rows) if position == 0 or row[0] > rows[position - 1][0]]
        return Observation(
            schema="assay/observation/1",
            period_s=head["period_s"],
            clocks=[Clock(monotonic_s=row[0], wall_s=row[1]) for row in (rows[0], rows[-1])],
            channels=[Channel.model_validate(channel) for channel in head["channels"]],
            unavailable=[Unavailable.model_validate(one) for one in head["unavailable"]],
            times_s=[row[0] for row in rows],
            values=[[row[2 + position] for row in rows] for position in range(len(head["channels"]))],
        )
    except (ValidationError, IndexError, KeyError, TypeError) as error:
        raise MachineError(f"the observer's samples cannot be used: {printable(str(error), 300)}") from None


def beside(cpuset: str) -> str:
    """Return the CPU list of a run's observer: the first processor, unless the run has it too, else any.

    A run has the machine's last processors (`suite.plan.last_cpus`).
    """
    return "" if cpuset.startswith("0") else "0"


def _has(client: docker.DockerClient, image_id: str, path: str) -> bool:
    """Whether the engine's machine has `path`: it refuses to make a container with what it has not."""
    mounts = [Mount("/meters", path, type="bind", read_only=True)]
    try:
        found = client.containers.create(
            image_id, ["true"], mounts=mounts, network_mode="none", labels=labels("observer")
        )
    except docker.errors.APIError:
        return False
    with suppress(docker.errors.APIError):
        found.remove(force=True)
    return True
