"""Read the facts that targets check: what the kernel and drivers say.

Runs alone, as a file of the job in a container on the engine's machine, under any Python 3.11: it imports nothing of
Assay. A fact that the machine does not expose is left out, never guessed. Files named by the target (`reads`) stand
below /host; where nothing is contained, at their own place.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path("/")
CPU = "sys/devices/system/cpu"
LOAD_S = 0.5  # over which load is read
NVIDIA = {  # fact: what nvidia-smi calls it
    "driver": "driver_version",
    "gpu": "name",
    "gpu_memory_mib": "memory.total",
    "gpu_memory_used_mib": "memory.used",
    "gpu_utilisation_percent": "utilization.gpu",
    "gpu_temperature_c": "temperature.gpu",
    "gpu_persistence": "persistence_mode",
    "gpu_ecc": "ecc.mode.current",
    "gpu_power_limit_w": "power.limit",
    "gpu_clock_mhz": "clocks.current.sm",
    "gpu_clock_max_mhz": "clocks.max.sm",
    "gpu_memory_clock_mhz": "clocks.current.memory",
}


def read(path: Path | str) -> str:
    """Return the stripped text of a file below ROOT; raise OSError where it is not exposed."""
    return (ROOT / path).read_text(errors="replace").strip()


def named(path: str) -> str:
    """Return a file that the target names."""
    return read(f"host/{path}" if (ROOT / "host").is_dir() else path)


def memory() -> dict[str, str]:
    """Return the machine's memory, what is free of it, and the swap in use."""
    kib = {name: int(size) for name, size in re.findall(r"^(\w+):\s+(\d+) kB$", read("proc/meminfo"), re.MULTILINE)}
    return {
        "memory_gib": f"{kib['MemTotal'] / 2**20:.1f}",
        "memory_free_gib": f"{kib['MemAvailable'] / 2**20:.1f}",
        "swap_used_mib": f"{(kib['SwapTotal'] - kib['SwapFree']) / 2**10:.0f}",
    }


def load() -> dict[str, str]:
    """Return the share of all processors' time that programs, and other machines of the hypervisor, take just now.

    Columns of /proc/stat (proc(5)): user, nice, system, idle, iowait, irq, softirq, steal.
    """
    first = [int(word) for word in read("proc/stat").split()[1:9]]
    time.sleep(LOAD_S)
    taken = [int(word) - then for word, then in zip(read("proc/stat").split()[1:9], first, strict=True)]
    if sum(taken) <= 0:
        return {}
    busy = sum(taken[column] for column in (0, 1, 2, 5, 6))
    shares = {"cpu_busy_percent": busy, "cpu_steal_percent": taken[7]}
    return {name: f"{100 * ticks / sum(taken):.0f}" for name, ticks in shares.items()}


def disk() -> dict[str, str]:
    """Return the free space where the engine keeps its containers."""
    found = os.statvfs("/")
    return {"disk_free_gib": f"{found.f_bavail * found.f_frsize / 2**30:.1f}"}


def governor() -> dict[str, str]:
    """Return the governor of the first processor's clock."""
    return {"governor": read(f"{CPU}/cpu0/cpufreq/scaling_governor")}


def temperature() -> dict[str, str]:
    """Return the hottest thermal zone of the kernel."""
    found = []
    for zone in ROOT.glob("sys/class/thermal/thermal_zone*/temp"):
        with contextlib.suppress(OSError, ValueError):  # a zone that is switched off cannot be read
            found.append(int(read(zone)) / 1000)
    return {"temperature_c": f"{max(found):.0f}"} if found else {}


def jetson() -> dict[str, str]:
    """Return the release of Jetson Linux, the power mode, and whether jetson_clocks holds the clocks.

    nv_tegra_release begins `# R36 (release), REVISION: 4.3`; nvpmodel notes its mode as `pmode:0000`; jetson_clocks
    raises every clock's minimum to its maximum.
    """
    found = {}
    with contextlib.suppress(OSError):
        if match := re.search(r"R(\d+) .*REVISION: ([\d.]+)", named("etc/nv_tegra_release")):
            found["l4t"] = f"{match[1]}.{match[2]}"
    with contextlib.suppress(OSError):
        if match := re.search(r"pmode:(\d+)", named("var/lib/nvpmodel/status")):
            found["nvpmodel"] = str(int(match[1]))
    if not found:
        return {}
    ranges = []
    for place in ROOT.glob(f"{CPU}/cpufreq/policy*"):
        with contextlib.suppress(OSError):
            ranges.append((read(place / "scaling_min_freq"), read(place / "scaling_max_freq")))
    for place in ROOT.glob("sys/class/devfreq/*gpu*"):
        with contextlib.suppress(OSError):
            ranges.append((read(place / "min_freq"), read(place / "max_freq")))
            found["gpu_clock_mhz"] = f"{int(read(place / 'cur_freq')) / 1e6:.0f}"
    if ranges:
        found["jetson_clocks"] = "on" if all(least == most for least, most in ranges) else "off"
    return found


def nvidia() -> dict[str, str]:
    """Return what NVIDIA's driver says of the first GPU; its version alone where there is no nvidia-smi."""
    found = {}
    with contextlib.suppress(OSError):
        if match := re.search(r"Kernel Module(?: for \S+)?\s+(\d+(?:\.\d+)+)", read("proc/driver/nvidia/version")):
            found["driver"] = match[1]
    command = ["nvidia-smi", f"--query-gpu={','.join(NVIDIA.values())}", "--format=csv,noheader,nounits"]
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        said = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
        found |= of_nvidia_smi(said)
    return found


def of_nvidia_smi(said: str) -> dict[str, str]:
    """Return the facts of the first GPU that nvidia-smi lists; what it calls not available is left out."""
    lines = said.splitlines()
    values = [value.strip() for value in lines[0].split(",")] if lines else []
    if len(values) != len(NVIDIA):
        return {}
    found = {fact: value for fact, value in zip(NVIDIA, values, strict=True) if not value.startswith("[")}
    if "gpu_memory_mib" in found:
        found["gpu_memory_gib"] = f"{float(found.pop('gpu_memory_mib')) / 1024:.1f}"
    return found | {"gpus": str(len(lines))}


def amd() -> dict[str, str]:
    """Return the version of AMD's driver and the memory of the first GPU."""
    found = {}
    with contextlib.suppress(OSError):
        found["amdgpu"] = read("sys/module/amdgpu/version")
    for card in sorted(ROOT.glob("sys/class/drm/card[0-9]/device/mem_info_vram_total")):
        with contextlib.suppress(OSError, ValueError):
            found["gpu_memory_gib"] = f"{int(read(card)) / 2**30:.1f}"
            found["gpu_memory_used_mib"] = f"{int(read(card.with_name('mem_info_vram_used'))) / 2**20:.0f}"
            found["gpu_utilisation_percent"] = read(card.with_name("gpu_busy_percent"))
            break
    return found


SOURCES: tuple[Callable[[], dict[str, str]], ...] = (memory, load, disk, governor, temperature, jetson, nvidia, amd)


def facts() -> dict[str, str]:
    """Return every fact the machine exposes, by name."""
    found: dict[str, str] = {}
    for source in SOURCES:
        with contextlib.suppress(OSError, ValueError, KeyError):
            found |= source()
    return found


if __name__ == "__main__":
    (Path(sys.argv[1]) / "out" / "facts.json").write_text(json.dumps(facts()))
