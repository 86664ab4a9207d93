"""Read what the kernel says of the machine, from inside a container: the engine may be on another machine."""

from __future__ import annotations

import json
import platform
import sys
from pathlib import Path

DMI = Path("/sys/class/dmi/id")
CPU0 = Path("/sys/devices/system/cpu/cpu0")


def read(path: Path) -> str:
    """Return the stripped text of a kernel file, empty where it is not exposed."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def processors() -> list[dict[str, str]]:
    """Return one mapping per logical CPU, as /proc/cpuinfo has it."""
    blocks = [block for block in read(Path("/proc/cpuinfo")).split("\n\n") if block.strip()]
    cpus = [{k.strip(): v.strip() for k, _, v in (line.partition(":") for line in b.splitlines())} for b in blocks]
    return [cpu for cpu in cpus if "processor" in cpu]


def caches() -> list[str]:
    """Return the caches of the first CPU, e.g. `L2 Unified 512K`."""
    found = sorted(CPU0.glob("cache/index*"))
    return [f"L{read(c / 'level')} {read(c / 'type')} {read(c / 'size')}" for c in found]


def facts() -> dict[str, object]:
    """Return everything the system description takes from the kernel."""
    cpus = processors()
    first = cpus[0] if cpus else {}
    sockets = {cpu.get("physical id", "0") for cpu in cpus}
    cores = {(cpu.get("physical id", "0"), cpu.get("core id", cpu["processor"])) for cpu in cpus}
    flags = (first.get("flags") or first.get("Features") or "").split()
    return {
        "model": first.get("model name", "") or read(DMI / "product_name"),
        "mhz": first.get("cpu MHz", ""),
        "sockets": len(sockets) or 1,
        "cores": len(cores),
        "cpus": len(cpus),
        "flags": sorted(flags),
        "caches": caches(),
        "governor": read(CPU0 / "cpufreq/scaling_governor"),
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "virtualised": "hypervisor" in flags,
        "vendor": read(DMI / "sys_vendor"),
        "product": read(DMI / "product_name"),
    }


if __name__ == "__main__":
    (Path(sys.argv[1]) / "out" / "probe.json").write_text(json.dumps(facts()))
