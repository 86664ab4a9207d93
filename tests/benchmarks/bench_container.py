"""What the container and the harness cost: the timed region of a run against the same loop bare on the host.

Run as `python -m tests.benchmarks.bench_container [FRAMEWORK] [PAIRS]`; prints the paired ratios of one session.
Pairs alternate in order (ABBA), so a machine that drifts does not favour one side.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from rules.workload import workload_rules
from suite import data, source
from suite.cache import folder
from suite.engine import connect
from suite.images import wheelhouse
from suite.images.build import BuiltImage, build
from suite.images.matrix import cell
from suite.sandbox import JOB, Limits, Sandbox, command

WORKLOAD = "image-classification"
STEPS, EVERY = 234, 78  # half an epoch and three evaluations: seconds, and the proportions of a real run
HERE = Path(__file__).parent


def bare_python(framework: str) -> Path:
    """Return the interpreter of an environment with exactly the image's wheels, on the host."""
    chosen = cell(framework, "cpu")
    files = wheelhouse.fetch(chosen, lambda *_: None)
    place = folder("bare") / f"{framework}-{source.digest({'lock': chosen.wheel_lock.read_bytes()})[:12]}"
    python = place / "bin" / "python"
    if not (place / "complete").exists():
        venv.create(place, with_pip=True, clear=True)
        with tempfile.TemporaryDirectory() as links:
            for file in files:
                (Path(links) / file.filename).symlink_to(file.path)
            wheels = [str(path) for path in Path(links).iterdir()]
            subprocess.run([python, "-m", "pip", "install", "-qq", "--no-deps", "--no-index", *wheels], check=True)
        (place / "complete").touch()
    return python


def bare(python: Path, framework: str, files: dict[str, Path], cpu: int) -> float:
    """Return the seconds of the bare loop."""
    place = next(iter(files.values())).parent
    words = [python, HERE / "bare_loop.py", WORKLOAD, framework, place, STEPS, EVERY, cpu]
    root = {"PYTHONPATH": str(HERE.parents[1]), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([str(w) for w in words], env=root, capture_output=True, text=True, check=True)
    return float(done.stdout)


def contained(image: BuiltImage, framework: str, files: dict[str, Path], cpu: int) -> float:
    """Return the seconds from run_start to run_stop of the same steps under the harness in its container."""
    rules = workload_rules("assay/1.0", WORKLOAD)
    code = source.files(WORKLOAD)
    given = {"opt_learning_rate_training_steps": STEPS, "opt_learning_rate_warmup_steps": STEPS // 5}
    job = {
        "mode": "train",
        "workload": WORKLOAD,
        "framework": framework,
        "division": "open",
        "target": "cpu",
        "run": 0,
        "seed": 1,
        "threads": 1,
        "submission": {"org": "bench", "platform": "bench"},
        "ruleset": "assay/1.0",
        "source_sha256": source.digest(code),
        "data": rules.data,
        "hyperparameters": rules.hyperparameters | given,
        "evaluation": {"first_step": EVERY, "every_steps": EVERY},
        "quality": {"metric": "top-1 accuracy", "target": 2.0},
        "warmup_steps": EVERY,
    }
    environment = image.environment | {"PYTHONPATH": f"{JOB}/source"}
    times: dict[str, int] = {}

    def note(line: str, _received: float) -> None:
        event = json.loads(line.partition(":::MLLOG ")[2])
        times[event["key"]] = event["time_ms"]

    with Sandbox(connect(), image.image_id, Limits(str(cpu), 4 << 30), environment, command()) as box:
        put: list[tuple[str, bytes | Path]] = [("job.json", json.dumps(job).encode())]
        put += [(f"source/{name}", content) for name, content in code.items()]
        put += [(f"data/{name}", path) for name, path in files.items()]
        box.put(put)
        words: list[str] = []
        ended = box.run(600, note, lambda line, _: words.append(line))
        box.close()
    if ended.status != 0:
        raise SystemExit("\n".join(words[-20:]))
    return (times["run_stop"] - times["run_start"]) / 1000


def main(framework: str = "pytorch", pairs: str = "5") -> None:
    """Measure and print."""
    client = connect()
    image = build(client, cell(framework, "cpu"), lambda *_: None)
    files = data.obtain(WORKLOAD, workload_rules("assay/1.0", WORKLOAD), None, lambda *_: None)
    python = bare_python(framework)
    cpu = client.info()["NCPU"] - 1
    ratios = []
    for pair in range(int(pairs)):
        order = (contained, bare) if pair % 2 else (bare, contained)
        seconds = {
            side: side(image, framework, files, cpu) if side is contained else side(python, framework, files, cpu)  # type: ignore[arg-type,call-arg]
            for side in order
        }
        ratios.append(seconds[contained] / seconds[bare])
        print(
            f"{framework} pair {pair + 1}: container {seconds[contained]:.3f} s, bare {seconds[bare]:.3f} s, "
            f"ratio {ratios[-1]:.4f}"
        )
    spread = f"{min(ratios):.4f}..{max(ratios):.4f}"
    print(f"{framework}: median ratio {statistics.median(ratios):.4f}, spread {spread}, {len(ratios)} pairs")


if __name__ == "__main__":
    main(*sys.argv[1:])
