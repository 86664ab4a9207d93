"""What the observer costs, and how near it comes to a known energy: `python tests/benchmarks/bench_observer.py [S]`.

Runs `python -m suite.sampler` at 10 Hz for S seconds (default 40): with the sources that this machine has, and with the
compiled stand-in for NVML besides. Prints its CPU seconds per second of sampling (user and system, after start-up), the
samples it made, and the energy of the stand-in's curve by its counter and by its power. Wanted: at most 0.5 % of a
core, and 0.5 % of the energy. The curve is hard on a counter that is behind by a tenth of a second: it ends elsewhere
than it began, which costs the same joules however long the region is.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from checker.machine.metering import Reading, energy, total
from suite.meters.sampler import ALWAYS, PERIOD_S, assembled

STAND_IN = Path(__file__).parents[1] / "integration/meters/nvml_stand_in.c"
SETTLED_S = 2.0  # until the interpreter is up and the first samples are made
WATTS = (80.0, 320.0)  # between which the curve goes up and down
SLOPE_S = 2.0
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """Return the CPU seconds a process has used, from the scheduler's own count where it is kept (in nanoseconds)."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    except OSError:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * TICK_S


def curve(seconds: float) -> list[tuple[float, float]]:
    """Return a saw-tooth of power over time."""
    steps = range(int(seconds / SLOPE_S) + 2)
    return [(step * SLOPE_S, WATTS[step % 2]) for step in steps][:64]


def joules(points: list[tuple[float, float]], since: float, until: float) -> float:
    """Return the exact energy of a piecewise linear curve."""

    def power(at: float) -> float:
        for (begin, low), (end, high) in pairwise(points):
            if begin <= at <= end:
                return low + (high - low) * (at - begin) / (end - begin)
        return points[-1][1]

    cuts = [since, *(at for at, _ in points if since < at < until), until]
    return sum((power(a) + power(b)) / 2 * (b - a) for a, b in pairwise(cuts))


def observe(sources: list[str], seconds: float, environment: dict[str, str]) -> tuple[list[str], float, float]:
    """Return what the observer said, the CPU seconds it took once settled, and the seconds that was measured over."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "job.json").write_text(json.dumps({"period_s": PERIOD_S, "sources": sources}))
        said = Path(folder, "said")
        command = [sys.executable, "-m", "suite.sampler", folder]
        with said.open("wb") as out, subprocess.Popen(command, stdout=out, env=environment) as process:
            time.sleep(SETTLED_S)
            used, began = cpu_s(process.pid), time.monotonic()
            time.sleep(seconds)
            used, took = cpu_s(process.pid) - used, time.monotonic() - began
            process.send_signal(signal.SIGTERM)
        return said.read_text().splitlines(), used, took


def report(title: str, sources: list[str], seconds: float, environment: dict[str, str]) -> list[str]:
    """Print what watching costs; return what the observer said."""
    lines, used, took = observe(sources, seconds, environment)
    head = json.loads(lines[0])
    print(
        f"{title}: {len(head['channels'])} channels, {(len(lines) - 1) / (took + SETTLED_S):.1f} samples a second, "
        f"{used / took:.3%} of a core ({used / (took / PERIOD_S) * 1e6:.0f} us a sample)"
    )
    return lines


def main(seconds: float) -> None:
    """Measure and print."""
    names = [*ALWAYS, "rapl", "ina3221", "amdgpu"]
    report("this machine's sources", names, seconds, dict(os.environ))
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        print("no C compiler: the stand-in for NVML was left out")
        return
    with tempfile.TemporaryDirectory() as folder:
        flags = ["-shared", "-fPIC", "-O1", "-o", f"{folder}/libnvidia-ml.so.1"]
        subprocess.run([compiler, *flags, STAND_IN, "-lm"], check=True)
        points = curve(seconds + SETTLED_S)
        for by, more in (("counter", {}), ("power", {"NVML_NO_ENERGY": "1"})):
            zero = time.monotonic()
            told = {"LD_LIBRARY_PATH": folder, "NVML_ZERO": str(zero)} | more
            told["NVML_CURVE"] = ",".join(f"{at}:{watts}" for at, watts in points)
            lines = report(f"with NVML, energy by {by}", [*names, "nvml"], seconds, os.environ | told)
            seen = assembled(json.loads(lines[0]), [json.loads(line) for line in lines[1:]])
            since, until = SETTLED_S, SETTLED_S + seconds - 1
            found = total(energy(seen, zero + since, zero + until))
            if not isinstance(found, Reading):
                print(f"  not measured: {found.reason}")
                continue
            true = joules(points, since, until)
            error = found.value / true - 1
            print(f"  {found.value:.1f} J, true {true:.1f} J: {error:+.3%}, stated ± {found.uncertainty:.2%}")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 40.0)
