"""What was observed of the machine while a run was measured: meters and steadiness, raw, with their time stamps.

Nothing here is a conclusion. Energy, gaps and disturbances are computed from these samples (`checker.machine.metering`,
`checker.machine.steadiness`) by whoever reads a submission.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from rules.documents import Document

# Far beyond any meter, and so small that no sum or product of such numbers overflows.
MOST = 1e18
Finite = Annotated[float, Field(ge=-MOST, le=MOST)]
Moment = Annotated[float, Field(ge=0, le=1e12)]  # seconds
CHANNELS = 512  # in one document
Quantity = Literal[
    "energy",
    "power",
    "memory",
    "utilisation",
    "frequency",
    "temperature",
    "throttled",
    "steal",
    "busy",
    "queue",
    "swap",
]
KINDS = {"energy": "counter", "power": "gauge", "steal": "counter", "busy": "counter", "swap": "counter"}
UNITS = {
    "energy": "J",
    "power": "W",
    "memory": "B",
    "utilisation": "1",
    "frequency": "Hz",
    "temperature": "°C",
    "throttled": "1",  # events of a counter; 0 or 1 of a gauge
    "steal": "s",
    "busy": "s",
    "queue": "1",
    "swap": "pages",
}


class Channel(Document):
    """One thing that was sampled: its quantity in the unit of `UNITS`, and how good the source says it is."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$")]  # e.g. rapl/package-0
    quantity: Quantity
    source: Annotated[str, Field(max_length=200)]  # e.g. "powercap energy_uj"
    kind: Literal["counter", "gauge"]  # a counter only grows, but for wrapping
    wraps_at: Annotated[float, Field(ge=1e-6, le=MOST)] | None = None  # of a counter, in its unit
    uncertainty: Annotated[float, Field(gt=0, lt=1)] | None = None  # relative, as its maker states; None: not stated
    whole: bool = True  # False: contained in another channel of this quantity (a core of a package), not to be added

    @property
    def device(self) -> str:
        """What has it, e.g. `nvml/0` of `nvml/0/power`; a name of two parts is a device's own."""
        device, _, _ = self.name.rpartition("/")
        return device if "/" in device else self.name

    @model_validator(mode="after")
    def _is_of_its_kind(self) -> Channel:
        if self.kind != KINDS.get(self.quantity, self.kind):
            raise ValueError(f"{self.quantity} is a {KINDS[self.quantity]}")
        return self


class Unavailable(Document):
    """A meter that this machine might have had, and why nothing was read from it.

    `source` is the meter (`nvml`), or one device of it (`nvml/1`) that is there: no sum does without that.
    """

    source: Annotated[str, Field(max_length=200)]
    reason: Annotated[str, Field(max_length=400)]


class Clock(Document):
    """The same moment by the observer's two clocks: `monotonic_s` as in the samples, `wall_s` Unix seconds."""

    monotonic_s: Moment
    wall_s: Moment


class Observation(Document):
    """Everything sampled during one run; `values[c][i]` is channel c at `times_s[i]`, None where it was unreadable."""

    schema_: Literal["assay/observation/1"] = Field(alias="schema")
    period_s: Annotated[float, Field(gt=0, le=3600)]  # as declared; the samples say what became of it
    clocks: Annotated[list[Clock], Field(min_length=1)]  # in order: first, last, and whenever they moved apart
    channels: Annotated[list[Channel], Field(max_length=CHANNELS)]
    unavailable: Annotated[list[Unavailable], Field(max_length=CHANNELS)]
    times_s: list[Moment]  # monotonic clock of the machine under the engine
    values: list[list[Finite | None]]

    @model_validator(mode="after")
    def _consistent(self) -> Observation:
        if len(self.values) != len(self.channels) or any(len(row) != len(self.times_s) for row in self.values):
            raise ValueError("values must hold one number per channel and time")
        if any(later <= sooner for sooner, later in zip(self.times_s, self.times_s[1:], strict=False)):
            raise ValueError("times_s must increase")
        if len({channel.name for channel in self.channels}) != len(self.channels):
            raise ValueError("two channels have one name")
        return self
