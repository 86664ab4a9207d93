"""Meters in the kernel's file tree: RAPL, INA3221 rails, AMD GPUs, CPU frequency, temperature and throttling.

Formats: the kernel's documentation of powercap, hwmon (millivolt, milliampere, microwatt, microjoule, millidegree),
cpufreq (kilohertz) and the thermal zones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from suite.sampler.source import File, MeterChannel, MissingError

SYS = Path("/sys")
NOTHING = "it shows no power or energy"
# Where `suite.meters.sampler` puts the folder that newer engines hide, and where the kernel has it.
POWERCAP = (Path("/meters/powercap"), SYS / "devices/virtual/powercap")
AMD = "0x1002"  # its number at PCI-SIG
# Texas Instruments, data sheet of the INA3221 (SBOS576): gain error at most 0.25 %, of shunt and of bus voltage.
# The board's shunt resistor is not in it.
INA3221_UNCERTAINTY = 0.005
# Rails that together are what the whole module draws, by NVIDIA's labels; every other one is a part of them. Orin NX,
# Orin Nano and Xavier NX; Nano and TX1; AGX Orin; AGX Xavier (Jetson Linux Developer Guide, design guide DG-09840).
MODULE_RAILS = (
    {"VDD_IN"},
    {"POM_5V_IN"},
    {"VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"},
    {"GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V"},
)


def text(path: Path) -> str:
    """Return the stripped text of a kernel file, empty where it is not exposed."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def label(words: str) -> str:
    """Return a name from a kernel file as part of a channel's name."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in words)[:60] or "unnamed"


class Files:
    """Channels that are each one file, or the product of two."""

    def __init__(
        self,
        channels: list[MeterChannel],
        files: list[tuple[File, ...]],
        scales: list[float],
        silent: Mapping[str, str],
    ) -> None:
        self.channels, self.silent = channels, silent
        self._files, self._scales = files, scales

    def read(self) -> list[float | None]:
        """Return every channel's value, None where one of its files cannot be read."""
        return [_product(files, scale) for files, scale in zip(self._files, self._scales, strict=True)]


def _product(files: tuple[File, ...], scale: float) -> float | None:
    if not files:
        return None
    value = scale
    for file in files:
        number = file.number()
        if number is None:
            return None
        value *= number
    return value


def _collect(
    found: Iterator[tuple[MeterChannel, tuple[Path, ...], float]], nothing: str, listed: Mapping[str, str] | None = None
) -> Files:
    """Open every channel's files; raise MissingError where there is none, with the first reason there was.

    A channel whose files are there and refuse stays, without a value: a sum must not do without it in silence. Nor
    without a device of which the file of power or energy is not there, or that is only `listed`: it is `silent`.
    """
    channels: list[MeterChannel] = []
    files: list[tuple[File, ...]] = []
    scales, reasons, silent = list[float](), dict[MeterChannel, str](), dict(listed or {})
    for channel, paths, scale in found:
        if not all(path.exists() for path in paths):
            if _counts(channel):
                silent[channel.device] = NOTHING
            continue
        channels.append(channel)
        scales.append(scale)
        try:
            files.append(tuple(File(path) for path in paths))
        except MissingError as error:
            files.append(())
            reasons[channel] = str(error)
    if len(reasons) == len(channels):
        refused = {channel.device: reason for channel, reason in reasons.items() if _counts(channel)}
        raise MissingError(next(iter(reasons.values()), nothing), silent | refused)
    return Files(channels, files, scales, silent)


def _counts(channel: MeterChannel) -> bool:
    """Whether a device's channel is one that a sum needs."""
    return channel.whole and channel.quantity in ("energy", "power")


def rapl(roots: Sequence[Path] = POWERCAP, sys: Path = SYS) -> Files:
    """Return the energy counters of the processors' packages and their parts, in joules."""
    root = next((root for root in roots if root.is_dir()), roots[-1])
    zones = sorted({path.parent for name in ("energy_uj", "name") for path in root.glob(f"*/**/{name}")})

    def found() -> Iterator[tuple[MeterChannel, tuple[Path, ...], float]]:
        for zone in zones:
            counter = zone / "energy_uj"
            if not counter.exists() and not zone.name.startswith("intel-rapl:"):
                continue  # of another kind, such as one that limits power and counts nothing
            limit, parts = text(zone / "max_energy_range_uj"), zone.name.split(":")
            wraps = float(limit) * 1e-6 if limit.isdecimal() and int(limit) else None
            # A package's parts have two numbers, but its memory is not in it; psys counts the whole platform, mmio a
            # package a second time (Intel SDM, volume 3B, RAPL domains; the kernel's documentation of powercap).
            kind = text(zone / "name")
            whole = (len(parts) == 2 or kind == "dram") and kind != "psys" and not parts[0].endswith("-mmio")
            name = f"rapl/{label(zone.name.replace(':', '.'))}-{label(kind)}"
            yield MeterChannel(name, "energy", "powercap energy_uj", "counter", wraps, None, whole), (counter,), 1e-6

    nothing = "no powercap zone: this processor, or its hypervisor, shows none"
    return _collect(found(), nothing, _unmetered({text(zone / "name") for zone in zones}, sys))


def _unmetered(zones: set[str], sys: Path) -> dict[str, str]:
    """Return the sockets that have processors and no zone, where others have one; zones: `package-N`, `-die-M`."""
    metered = {"-".join(name.split("-")[:2]) for name in zones if name.startswith("package-")}
    ids = {text(path) for path in sys.glob("devices/system/cpu/cpu[0-9]*/topology/physical_package_id")}
    sockets = {f"package-{number}" for number in ids if number.isdecimal()}
    return {f"rapl/{socket}": "no powercap zone" for socket in sorted(sockets - metered)} if metered else {}


def ina3221(sys: Path = SYS) -> Files:
    """Return the power of every rail of a board with INA3221 monitors, in watts: voltage times current."""
    monitors = [one for one in sorted(sys.glob("class/hwmon/hwmon*")) if text(one / "name") == "ina3221"]
    rails = {
        label(text(monitor / f"in{number}_label") or f"{monitor.name}-{number}"): (monitor, number)
        for monitor in monitors
        for number in (1, 2, 3)
        if (monitor / f"in{number}_input").exists()
    }
    module: set[str] = next((names for names in MODULE_RAILS if names <= set(rails)), set())

    def found() -> Iterator[tuple[MeterChannel, tuple[Path, ...], float]]:
        for rail, (monitor, number) in rails.items():
            channel = MeterChannel(
                f"ina3221/{rail}", "power", "hwmon ina3221", "gauge", None, INA3221_UNCERTAINTY, rail in module
            )
            yield channel, (monitor / f"in{number}_input", monitor / f"curr{number}_input"), 1e-6

    return _collect(found(), "no INA3221 monitor: not a Jetson board, or its driver is not loaded")


def amdgpu(sys: Path = SYS) -> Files:
    """Return power, memory and utilisation of every AMD GPU."""

    def found() -> Iterator[tuple[MeterChannel, tuple[Path, ...], float]]:
        for monitor in sorted(sys.glob("class/hwmon/hwmon*")):
            if text(monitor / "name") != "amdgpu":
                continue
            name, device = f"amdgpu/{monitor.name.removeprefix('hwmon')}", monitor / "device"
            power = "power1_average" if (monitor / "power1_average").exists() else "power1_input"
            yield MeterChannel(f"{name}/power", "power", f"amdgpu {power}", "gauge"), (monitor / power,), 1e-6
            memory = device / "mem_info_vram_used"
            yield MeterChannel(f"{name}/memory", "memory", "amdgpu mem_info_vram_used", "gauge"), (memory,), 1.0
            busy = device / "gpu_busy_percent"
            yield MeterChannel(f"{name}/utilisation", "utilisation", "amdgpu gpu_busy_percent", "gauge"), (busy,), 0.01

    # A virtual function, or a GPU without power management, has no monitor at all.
    cards = [card for card in sorted(sys.glob("class/drm/card*")) if text(card / "device/vendor") == AMD]
    bare = [card.name for card in cards if not any((card / "device").glob("hwmon/hwmon*"))]
    listed = {f"amdgpu/{name}": "it has no monitor" for name in bare}
    return _collect(found(), "no amdgpu monitor: no AMD GPU, or its driver is not loaded", listed)


class ProcessorClocks:
    """Mean frequency of all CPUs, and how often their cores were throttled in all."""

    def __init__(self, sys: Path = SYS) -> None:
        """Open every CPU's files; raise MissingError where none shows a frequency."""
        cpus = sorted(sys.glob("devices/system/cpu/cpu[0-9]*"))
        self.silent: dict[str, str] = {}
        self._frequency = [File(path) for cpu in cpus if (path := cpu / "cpufreq/scaling_cur_freq").exists()]
        self._throttled = [
            File(path) for cpu in cpus if (path := cpu / "thermal_throttle/core_throttle_count").exists()
        ]
        if not self._frequency:
            raise MissingError("no frequency is exposed: most virtual machines show none")
        self.channels = [MeterChannel("cpu/frequency", "frequency", "scaling_cur_freq, mean of all CPUs", "gauge")]
        if self._throttled:
            self.channels.append(MeterChannel("cpu/throttled", "throttled", "core_throttle_count, all CPUs", "counter"))

    def read(self) -> list[float | None]:
        """Return the mean frequency in Hz, and the count."""
        frequencies = [file.number(1e3) for file in self._frequency]
        known = [value for value in frequencies if value is not None]
        counts = [file.number() for file in self._throttled]
        total = sum(count for count in counts if count is not None) if None not in counts else None
        return [sum(known) / len(known) if known else None, *([total] if self._throttled else [])]


def thermal(sys: Path = SYS) -> Files:
    """Return the temperature of every thermal zone, in degrees Celsius."""

    def found() -> Iterator[tuple[MeterChannel, tuple[Path, ...], float]]:
        for zone in sorted(sys.glob("class/thermal/thermal_zone*")):
            name = f"thermal/{zone.name.removeprefix('thermal_zone')}-{label(text(zone / 'type'))}"
            yield MeterChannel(name, "temperature", "thermal_zone temp", "gauge"), (zone / "temp",), 1e-3

    return _collect(found(), "no thermal zone is exposed")
