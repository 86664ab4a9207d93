"""Watch the harness from beside it: note how it ended, keep its files within reach, and end when nobody listens.

Runs as the container's main process and stays small. Standard input is the runner's connection; its end is the
signal to stop, so a runner that is killed takes the container with it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

# Same meaning on both: (cgroup version 2 path, version 1 path), as mounted inside a container.
CGROUP = Path("/sys/fs/cgroup")
PEAK = (
    (CGROUP / "memory.peak", "cgroup-v2 memory.peak"),
    (CGROUP / "memory/memory.max_usage_in_bytes", "cgroup-v1 max_usage"),
)
KILLS = (CGROUP / "memory.events", CGROUP / "memory/memory.oom_control")


def peak_memory() -> dict[str, object] | None:
    """Return {"peak_bytes", "source"} of the container's cgroup, or None where the kernel does not say."""
    for path, source in PEAK:
        with contextlib.suppress(OSError, ValueError):
            return {"peak_bytes": int(path.read_text()), "source": source}
    return None


def oom_kills() -> int:
    """Return how many processes of this container the kernel has killed for memory."""
    for path in KILLS:
        with contextlib.suppress(OSError, ValueError):
            for line in path.read_text().splitlines():
                name, _, count = line.partition(" ")
                if name == "oom_kill":
                    return int(count)
    return 0


def _be_first_to_go() -> None:
    """Make the kernel prefer the harness over its supervisor when memory runs out."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def main(job: Path, module: str = "suite.harness") -> int:
    """Run `python -m module` on `job`; write `out/exit.json`, say `done` on stderr, wait for standard input to end."""
    (job / "out").mkdir(exist_ok=True)
    child = subprocess.Popen(
        [sys.executable, "-m", module, str(job)],
        stdin=subprocess.DEVNULL,
        preexec_fn=_be_first_to_go,
    )
    hung_up = threading.Event()

    def listen() -> None:
        while os.read(0, 4096):
            pass
        hung_up.set()
        child.kill()

    threading.Thread(target=listen, daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    status = child.wait()
    report = {"status": status, "oom_kills": oom_kills(), "memory": peak_memory()}
    # A full disk must not hide how the run ended: the same report goes over the wire.
    with contextlib.suppress(OSError):
        (job / "out" / "exit.json").write_text(json.dumps(report))
    sys.stderr.write(f":::ASSAY {json.dumps({'done': report})}\n")
    sys.stderr.flush()
    hung_up.wait()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), *sys.argv[2:]))
