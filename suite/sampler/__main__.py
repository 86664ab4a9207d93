"""`python -m suite.sampler FOLDER`: print what can be sampled, then samples until the container is ended.

Lines on standard output, JSON each: first `{"channels", "unavailable", "period_s"}`, then samples
`[monotonic seconds, wall-clock seconds, value, ...]`. `job.json` has `period_s` and `sources`.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from suite.sampler import nvml, procfs, sysfs
from suite.sampler.source import MissingError, Source

SOURCES: dict[str, Callable[[], Source]] = {
    "processors": procfs.ProcessorUse,
    "swap": procfs.Swap,
    "frequency": sysfs.ProcessorClocks,
    "thermal": sysfs.thermal,
    "rapl": sysfs.rapl,
    "ina3221": sysfs.ina3221,
    "amdgpu": sysfs.amdgpu,
    "nvml": nvml.Gpus,
}


def find(names: Sequence[str]) -> tuple[list[Source], list[dict[str, str]]]:
    """Return the sources this machine has, and why it has not the others; of some, devices that say nothing."""
    found: list[Source] = []
    unavailable: list[dict[str, str]] = []
    for name in names:
        try:
            found.append(SOURCES[name]())
            reasons = found[-1].silent
        except MissingError as error:
            reasons = error.silent or {name: str(error)}
        unavailable += [{"source": source, "reason": reason[:400]} for source, reason in reasons.items()]
    return found, unavailable


def sample(sources: Sequence[Source]) -> list[float | None]:
    """Return one sample: both clocks, then every channel. The monotonic time is the middle of the reading."""
    began = time.monotonic()
    values = [None if value is None else round(value, 6) for source in sources for value in source.read()]
    ended = time.monotonic()
    return [round((began + ended) / 2, 6), round(time.time() - (ended - began) / 2, 6), *values]


def main(folder: Path) -> None:
    """Sample every `period_s`; a tick that comes late is not made up for."""
    job = json.loads((folder / "job.json").read_bytes())
    sources, unavailable = find(job["sources"])
    channels = [asdict(channel) for source in sources for channel in source.channels]
    print(json.dumps({"channels": channels, "unavailable": unavailable, "period_s": job["period_s"]}), flush=True)
    due = time.monotonic()
    while True:
        print(json.dumps(sample(sources)), flush=True)
        now = time.monotonic()
        due = max(due + job["period_s"], now)
        time.sleep(due - now)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
