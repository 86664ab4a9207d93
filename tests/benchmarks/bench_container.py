"""What the container and the harness cost: the timed region of a run against the same loop bare on the host.

Run as `python -m tests.benchmarks.bench_container [FRAMEWORK] [PAIRS]`; prints the paired ratios of one session.
Pairs alternate in order (ABBA), so a machine that drifts does not favour one side.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from rules.workload import workload_rules
from suite.engines.base import SandboxLimits
from suite.engines.docker.connection import connect
from suite.engines.docker.images import DockerImages
from suite.engines.docker.runner import DockerRunner
from suite.host.cache import folder
from suite.images import wheelhouse
from suite.images.build import BuiltImage, build
from suite.images.matrix import cell
from suite.inputs import data, source
from suite.result.job import job_files, run_job
from suite.training.job import job

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
        venv.create(place, with_pip=False, clear=True)
        with tempfile.TemporaryDirectory() as links:
            for file in files:
                (Path(links) / file.filename).symlink_to(file.path)
            wheels = [str(path) for path in Path(links).iterdir()]
            install = [sys.executable, "-m", "uv", "pip", "install", "-q", "--python", python, "--compile-bytecode"]
            install += ["--no-deps", "--no-index", "--offline", "--no-cache"]
            subprocess.run([*install, *wheels], check=True)
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
    steps = {"opt_learning_rate_training_steps": STEPS, "opt_learning_rate_warmup_steps": STEPS // 5}
    given = job(
        "train",
        rules,
        ruleset="assay/1.0",
        framework=framework,
        target="cpu",
        seed=1,
        digests=source.digests(code),
        division="open",
        hyperparameters=rules.hyperparameters | steps,
        evaluation={"first_step": EVERY, "every_steps": EVERY},
        quality={"metric": "top-1 accuracy", "log": "eval_accuracy", "better": "higher", "target": 2.0},
        warmup_steps=EVERY,
    )
    finished = run_job(
        DockerRunner(connect(), image), given, job_files(code, files), SandboxLimits(str(cpu), 4 << 30), 600
    )
    if finished.ended.status != 0:
        raise SystemExit("\n".join(finished.watch.words[-20:]))
    start, stop = (finished.watch.events(key)[0]["time_ms"] for key in ("run_start", "run_stop"))
    return (stop - start) / 1000


def main(framework: str = "pytorch", pairs: str = "5") -> None:
    """Measure and print."""
    client = connect()
    image = build(DockerImages(client), cell(framework, "cpu"), lambda *_: None)
    files = data.obtain(WORKLOAD, workload_rules("assay/1.0", WORKLOAD), None, lambda *_: None)
    python = bare_python(framework)
    cpu = client.info()["NCPU"] - 1
    ratios = []
    for pair in range(int(pairs)):
        order = (contained, bare) if pair % 2 else (bare, contained)
        seconds = {}
        for side in order:
            if side is contained:
                seconds[side] = contained(image, framework, files, cpu)
            else:
                seconds[side] = bare(python, framework, files, cpu)
        ratios.append(seconds[contained] / seconds[bare])
        print(
            f"{framework} pair {pair + 1}: container {seconds[contained]:.3f} s, bare {seconds[bare]:.3f} s, "
            f"ratio {ratios[-1]:.4f}"
        )
    spread = f"{min(ratios):.4f}..{max(ratios):.4f}"
    print(f"{framework}: median ratio {statistics.median(ratios):.4f}, spread {spread}, {len(ratios)} pairs")


if __name__ == "__main__":
    main(*sys.argv[1:])
