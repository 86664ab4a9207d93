"""What could disturb a run, as the kernel counts it: time stolen by the hypervisor, other load, swapping.

Sources: proc(5); `steal` is user_hz time the hypervisor ran something else while this machine wanted to run.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from suite.sampler.source import File, MeterChannel

PROC = Path("/proc")
USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, STEAL = range(8)


class ProcessorUse:
    """CPU seconds of the whole machine since it started, and how many processes wait to run."""

    channels = (
        MeterChannel("cpu/busy", "busy", "/proc/stat", "counter"),
        MeterChannel("cpu/steal", "steal", "/proc/stat", "counter"),
        MeterChannel("cpu/queue", "queue", "/proc/stat procs_running", "gauge"),
    )
    silent: ClassVar[Mapping[str, str]] = {}

    def __init__(self, proc: Path = PROC) -> None:
        self._file = File(proc / "stat")
        self._tick_s = 1 / os.sysconf("SC_CLK_TCK")

    def read(self) -> list[float | None]:
        """Return busy and stolen seconds and the run queue, this process left out."""
        try:
            text = self._file.text()
            times = [int(word) * self._tick_s for word in text[: text.index("\n")].split()[1:9]]
            _, _, after = text.partition("\nprocs_running ")
            busy = sum(times[kind] for kind in (USER, NICE, SYSTEM, IRQ, SOFTIRQ))
            return [busy, times[STEAL], max(0.0, float(after.split(None, 1)[0]) - 1)]
        except (OSError, ValueError, IndexError):
            return [None, None, None]


class Swap:
    """Pages moved between memory and swap since the machine started."""

    channels = (MeterChannel("memory/swap", "swap", "/proc/vmstat pswpin, pswpout", "counter"),)
    silent: ClassVar[Mapping[str, str]] = {}

    def __init__(self, proc: Path = PROC) -> None:
        self._file = File(proc / "vmstat")

    def read(self) -> list[float | None]:
        """Return the pages."""
        try:
            words = self._file.text().split()
            return [float(words[words.index("pswpin") + 1]) + float(words[words.index("pswpout") + 1])]
        except (OSError, ValueError, IndexError):
            return [None]
