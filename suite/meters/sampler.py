"""A measured run's observer: a sandbox beside the run's, of the same runner, that samples the machine's meters.

As a rule it is a container, because the engine may be on another machine, and one of its own because a run must not
be able to touch its meters. It ends with our connection, as every sandbox does. A run is never lost for it: where
it does not come up or ends early, that is said, and recorded in place of what it would have seen.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Self

from pydantic import ValidationError

from rules.errors import MachineError
from rules.observation import CHANNELS, Channel, Clock, Observation, Unavailable
from rules.text import printable
from suite.engines.base import EngineLostError, Runner, Sandbox
from suite.engines.job import Files
from suite.host.progress import say
from suite.images.matrix import target
from suite.inputs.source import SUPERVISOR, loaded
from suite.meters.power_log import PowerLog, PowerLogError
from suite.targets.data import NOTHING, Access

PERIOD_S = 0.1
ALWAYS = ("processors", "swap", "frequency", "thermal")  # of every target, beside its meters
READY_S = 30  # seconds the observer is given to say what it can sample
LAST_S = 2  # seconds it is given for a sample after the run's end
LONGEST_S = 14 * 86_400  # no run is longer
# Numbers in one document, and its bytes: what the checker reads, with room. A longer run keeps every second sample,
# or third, and so on.
VALUES, BYTES = 150_000, 1_900_000
MOMENTS = 500  # kept at most
APART_S = 0.01  # a moment at which the two clocks have moved against each other by so much is kept
MARGIN_S = 10  # of a power log before and after the samples
OUTSIDE = "one outside may take its place: --power-log FILE (make run POWER_LOG=FILE)"
NO_LOG = "no power log was given (assay run --power-log FILE)"
Row = Sequence[Any]  # monotonic seconds, wall-clock seconds, a value per channel


@dataclass(frozen=True)
class Samples:
    """What an observer brought back: its document's bytes, or why there is none."""

    content: bytes | None
    why_not: str = ""


def source() -> dict[str, bytes]:
    """Return the files the observer runs from, by path below its source folder."""
    return loaded(SUPERVISOR, "suite.sampler.__main__")


def observer(runner: Runner, name: str, cpuset: str, power_log: PowerLog | None) -> Observer:
    """Return what samples the machine around a run on `cpuset`, by the meters of the target `name`."""
    kind = target(name)
    return Observer(runner, cpuset, kind.meters, kind.access, power_log)


class Observer:
    """Samples from entry to exit; `observed` returns what was seen, once it has been left.

    `cpuset` is the run's: the observer keeps off it where it can. `meters` are the target's, `access` its devices.
    Raises EngineLostError on entry where the engine is gone, and nothing else.
    """

    def __init__(
        self,
        runner: Runner,
        cpuset: str,
        meters: Sequence[str] = ("rapl",),
        access: Access = NOTHING,
        power_log: PowerLog | None = None,
        period_s: float = PERIOD_S,
    ) -> None:
        self._runner, self._cpuset, self._access = runner, cpuset, access
        self._external, self._power_log = "external" in meters, power_log
        self._meters = meters
        self._sources = [*ALWAYS, *(meter for meter in meters if meter != "external")]
        self._job = {"period_s": period_s, "sources": self._sources}
        self._box: Sandbox | None = None
        self._head: dict[str, Any] = {}
        self._rows: list[Row] = []
        self._words: list[str] = []
        self._sampled = threading.Event()  # since it was last cleared, or the box ended
        self._ended = False
        self._why_not = ""
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        try:
            self._start()
        except EngineLostError:
            raise
        except MachineError as error:
            self._why_not = error.message
            say(f"  warning: the machine is not sampled: {error.message}")
        return self

    def _start(self) -> None:
        """Bring the observer up and wait for its first sample; MachineError where that fails."""
        box = self._runner.observer(beside(self._cpuset), self._sources, self._access).__enter__()
        self._box = box
        try:
            files: Files = [(f"source/{name}", content) for name, content in source().items()]
            box.put([("job.json", json.dumps(self._job).encode()), *files])
            self._thread = threading.Thread(target=self._listen, args=(box,), daemon=True)
            self._thread.start()
            if not self._sampled.wait(READY_S) or not self._rows:
                said = printable(" ".join(self._words)[-300:]) or "no output"
                raise MachineError(f"the meter sampler did not start: {said}")
            for one in self._head.get("unavailable", ()):
                if one["source"].partition("/")[0] in self._meters:
                    _once(f"  warning: meter {one['source']} is not read: {printable(one['reason'], 200)}; {OUTSIDE}")
        except BaseException:
            self._leave(None)
            raise

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if self._box is None:
            return
        if error is None:
            # A sample after the run's end shows that it lived until then.
            self._sampled.clear()
            if not self._sampled.wait(LAST_S) or self._ended:
                said = printable(" ".join(self._words)[-200:])
                self._why_not = f"the meter sampler ended before the run: {said or 'no output'}"
                say(f"  warning: {self._why_not}")
        self._leave(error)

    def _leave(self, error: BaseException | None) -> None:
        assert self._box is not None
        box, self._box = self._box, None
        box.kill()  # ends its output, and with that the thread
        if self._thread is not None:
            self._thread.join(READY_S)
        box.__exit__(type(error), error, None)

    def _listen(self, box: Sandbox) -> None:
        """Collect lines until the box ends, which is how it is told to stop."""
        try:
            box.run(LONGEST_S, self._line, lambda line, _: self._words.append(line))
        except (MachineError, OSError, ValueError) as error:
            self._words.append(str(error))  # what it said until then counts
        finally:
            self._ended = True
            self._sampled.set()

    def _line(self, line: str, _received: float) -> None:
        said = json.loads(line)
        if isinstance(said, dict):
            self._head = said
        elif isinstance(said, list):
            self._rows.append(said)
            self._sampled.set()

    def observed(self) -> Samples:
        """Return what was seen, once left; never raises."""
        if self._why_not:
            return Samples(None, printable(self._why_not, 400))
        try:
            seen = assembled(self._head, self._rows, self._power_log, expects_log=self._external)
        except MachineError as error:
            return Samples(None, printable(error.message, 400))
        return Samples(encoded(seen))


@cache
def _once(text: str) -> None:
    """Say what holds for every run of a result only before the first."""
    say(text)


def encoded(seen: Observation) -> bytes:
    """Return an observation's bytes: JSON on one line, for it is long."""
    return (seen.model_dump_json(by_alias=True) + "\n").encode()


def assembled(
    head: Mapping[str, Any], rows: Sequence[Row], power_log: PowerLog | None = None, *, expects_log: bool = False
) -> Observation:
    """Return the observer's lines (`suite.sampler.__main__`) as the document they make; MachineError where none.

    A power log's samples from the same time become a channel; where it cannot be read, the reason is in the document.
    """
    try:
        width = len(head["channels"])
        unavailable = [Unavailable.model_validate(one) for one in head["unavailable"]]
        every_channel = [Channel.model_validate(channel) for channel in head["channels"]]
        channels = every_channel[:CHANNELS]
        unavailable += [
            Unavailable(source=one.device, reason=f"it is beyond the {CHANNELS} channels that a document holds")
            for one in every_channel[CHANNELS:]
            if one.quantity in ("energy", "power")
        ]
        rows = [row for row in rows if len(row) == width + 2]
        rows = [row for position, row in enumerate(rows) if position == 0 or row[0] > rows[position - 1][0]]
        clocks = _clocks(rows)
        outside: list[tuple[float, float | None]] = []
        missing = ""
        if power_log is not None:
            try:
                logged = power_log.samples(rows[0][1] - MARGIN_S, rows[-1][1] + MARGIN_S)
                outside = [(at, watts) for wall, watts in logged if (at := _monotonic(clocks, wall)) >= 0]
                channels.append(Channel(name=power_log.name, quantity="power", source=power_log.source, kind="gauge"))
                missing = "" if outside else "the power log has no samples of this time"
            except PowerLogError as error:
                missing = f"the power log: {printable(str(error), 300)}"
        elif expects_log:
            missing = NO_LOG
        unavailable += [Unavailable(source="external", reason=missing)] if missing else []
        every = 1
        while True:
            period = round(head["period_s"] * every, 6)
            seen = _document(period, clocks, channels, unavailable, rows[::every], outside[::every])
            total = (len(channels) + 1) * len(seen.times_s)
            if total <= VALUES and (total <= VALUES / 4 or len(encoded(seen)) <= BYTES):
                return seen
            every = max(every + 1, -(-total // VALUES))
    except (ValidationError, IndexError, KeyError, TypeError, ValueError) as error:
        raise MachineError(f"the sampler's output cannot be used: {printable(str(error), 300)}") from None


def _document(
    period_s: float,
    clocks: list[Clock],
    channels: list[Channel],
    unavailable: list[Unavailable],
    rows: Sequence[Row],
    outside: Sequence[tuple[float, float | None]],
) -> Observation:
    """Return the document of these samples; the meter outside has samples of its own, and its channel is the last."""
    own = len(channels) - bool(outside)
    at: dict[float, list[float | None]] = {row[0]: [*row[2 : 2 + own]] for row in rows}
    for time, watts in outside:
        at[time] = [*at.get(time, [None] * own)[:own], watts]
    columns = [at[time] + [None] * (len(channels) - len(at[time])) for time in sorted(at)]
    return Observation(
        schema="assay/observation/1",
        period_s=period_s,
        clocks=clocks,
        channels=channels,
        unavailable=unavailable,
        times_s=sorted(at),
        values=[[row[position] for row in columns] for position in range(len(channels))],
    )


def _clocks(rows: Sequence[Row]) -> list[Clock]:
    """Return the first and the last moment on both clocks, and those at which the two had moved apart."""
    kept = [rows[0]]
    for row in rows[1:]:
        if len(kept) < MOMENTS and abs((row[1] - row[0]) - (kept[-1][1] - kept[-1][0])) > APART_S:
            kept.append(row)
    if kept[-1] is not rows[-1]:
        kept.append(rows[-1])
    return [Clock(monotonic_s=row[0], wall_s=row[1]) for row in kept]


def _monotonic(clocks: Sequence[Clock], wall_s: float) -> float:
    """Return a moment of the wall clock on the samples' clock."""
    clock = next((one for one in reversed(clocks) if one.wall_s <= wall_s), clocks[0])
    return round(wall_s + clock.monotonic_s - clock.wall_s, 6)


def beside(cpuset: str) -> str:
    """Return the CPU list of a run's observer: the first processor, unless the run has it too, else any.

    A run has the machine's last processors (`suite.host.cpus`).
    """
    return "" if cpuset.startswith("0") else "0"
