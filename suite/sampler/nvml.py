"""NVIDIA GPUs through NVML (`nvidia-ml-py`): energy counter, power, memory, utilisation, clock, throttling.

Units are NVML's own, converted: millijoule, milliwatt, byte, per cent, megahertz, degree. The energy counter exists
from Volta on; where it does not, power is all there is. NVIDIA states +/- 5 W for the board's power (nvidia-smi(1));
no relative bound, so none is given.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from suite.sampler.source import MeterChannel, MissingError

# nvml.h, nvmlClocksEventReasons: what takes clocks away against the user's will.
SLOWED = 0x8 | 0x20 | 0x40 | 0x80  # hardware slowdown, software thermal, hardware thermal, power brake


class Gpus:
    """All GPUs of this machine. One that is lost gives None from then on, one that never answers is in `silent`."""

    def __init__(self) -> None:
        """Start NVML; raise MissingError where there is no library, driver or GPU, or none that answers."""
        try:
            import pynvml
        except ImportError:
            raise MissingError("nvidia-ml-py is not installed") from None
        self._nvml: Any = pynvml
        try:
            pynvml.nvmlInit()
            count = pynvml.nvmlDeviceGetCount()
        except pynvml.NVMLError as error:
            raise MissingError(f"NVML: {error}") from None
        self.channels: list[MeterChannel] = []
        self.silent: dict[str, str] = {}
        self._reads: list[Callable[[], float]] = []
        for index in range(count):
            try:
                self._offer(index, pynvml.nvmlDeviceGetHandleByIndex(index))
            except pynvml.NVMLError as error:
                self.silent[f"nvml/{index}"] = f"NVML: GPU {index}: {error}"
        if not self.channels:
            raise MissingError("; ".join(self.silent.values()) or "NVML: no GPU", self.silent)

    def _offer(self, index: int, gpu: Any) -> None:
        """Add the channels that this GPU has; one that it has and refuses stays, without a value.

        A GPU that has some, and neither power nor energy, is seen by its other channels.
        """
        nvml = self._nvml
        offered: list[tuple[str, str, str, Callable[[], float]]] = [
            (
                "energy",
                "counter",
                "TotalEnergyConsumption",
                lambda: nvml.nvmlDeviceGetTotalEnergyConsumption(gpu) / 1e3,
            ),
            ("power", "gauge", "PowerUsage", lambda: nvml.nvmlDeviceGetPowerUsage(gpu) / 1e3),
            ("memory", "gauge", "MemoryInfo", lambda: float(nvml.nvmlDeviceGetMemoryInfo(gpu).used)),
            ("utilisation", "gauge", "UtilizationRates", lambda: nvml.nvmlDeviceGetUtilizationRates(gpu).gpu / 100),
            ("frequency", "gauge", "ClockInfo", lambda: nvml.nvmlDeviceGetClockInfo(gpu, nvml.NVML_CLOCK_SM) * 1e6),
            ("temperature", "gauge", "Temperature", lambda: float(nvml.nvmlDeviceGetTemperature(gpu, 0))),
            (
                "throttled",
                "gauge",
                "CurrentClocksEventReasons",
                lambda: float(bool(nvml.nvmlDeviceGetCurrentClocksThrottleReasons(gpu) & SLOWED)),
            ),
        ]
        before = len(self.channels)
        for quantity, kind, call, read in offered:
            try:
                read()
            except (nvml.NVMLError_NotSupported, nvml.NVMLError_FunctionNotFound):
                continue
            except nvml.NVMLError:
                pass
            self.channels.append(MeterChannel(f"nvml/{index}/{quantity}", quantity, f"NVML {call}", kind))
            self._reads.append(read)
        if len(self.channels) == before:
            self.silent[f"nvml/{index}"] = f"NVML: GPU {index} answers none of the queries"

    def read(self) -> list[float | None]:
        """Return every channel's value."""
        return [self._value(read) for read in self._reads]

    def _value(self, read: Callable[[], float]) -> float | None:
        try:
            return read()
        except self._nvml.NVMLError:
            return None
