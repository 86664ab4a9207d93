"""A plausible submission: what `assay run` would leave, in milliseconds instead of minutes."""

from __future__ import annotations

import hashlib
import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rules.documents import SystemDescription
from rules.seeds import run_seed

START_MS = 1_790_000_000_000
TARGET = 0.900


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def log_lines(seed: int, framework: str, step_s: float, reached: bool) -> list[dict[str, Any]]:
    noise = random.Random(f"{framework}{seed}")
    lines: list[dict[str, Any]] = []
    now = float(START_MS + seed % 1000)

    def say(key: str, value: Any = None, kind: str = "POINT_IN_TIME", **metadata: Any) -> None:
        where = {"file": "suite/harness/train.py", "lineno": 60 + len(lines) % 40}
        lines.append(
            {
                "namespace": "",
                "time_ms": int(now),
                "event_type": kind,
                "key": key,
                "value": value,
                "metadata": where | metadata,
            }
        )

    for key, value in (("submission_benchmark", "image-classification"), ("submission_division", "closed")):
        say(key, value)
    say("submission_org", "local")
    say("submission_platform", "epyc")
    say("cache_clear", True)
    say("init_start", kind="INTERVAL_START")
    say("ruleset", "assay/1.0")
    say("framework", framework)
    say("threads", 1)
    say("seed", seed)
    say("source_sha256", sha("source"))
    say("initial_weights_sha256", sha(f"initial {seed}"))
    now += 4000
    say("init_stop", kind="INTERVAL_END")
    say("run_start", kind="INTERVAL_START")
    started, step = now, 0
    evaluations = list(range(780, 937, 26))
    accuracy, last = 0.0, evaluations[-1 - noise.randrange(3)]
    for stop in evaluations:
        say("block_start", kind="INTERVAL_START", first_epoch_num=step / 468, samples_count=stop * 128)
        now = started + stop * step_s * 1000
        say("block_stop", kind="INTERVAL_END", samples_count=stop * 128)
        at = {"epoch_num": stop / 468, "samples_count": stop * 128}
        say("train_loss", 0.62 * math.exp(-stop / 500) + 0.1 + noise.gauss(0, 0.008), **at)
        say("eval_start", kind="INTERVAL_START", **at)
        now += 500
        accuracy = min(0.9 - 0.001, 0.855 + 0.00009 * (stop - 468) + noise.gauss(0, 0.004))
        if reached and stop == last:
            accuracy = TARGET + abs(noise.gauss(0.002, 0.001))
        say("eval_accuracy", accuracy, **at)
        say("eval_stop", kind="INTERVAL_END", **at)
        step = stop
        if accuracy >= TARGET:
            break
    status = "success" if accuracy >= TARGET else "aborted"
    say("run_stop", kind="INTERVAL_END", status=status, samples_count=step * 128)
    say("final_weights_sha256", sha(f"final {seed}"))
    return lines


def record(framework: str, system: str, run: int, seed: int, outcome: str, step_s: float, steps: int) -> dict[str, Any]:
    noise = random.Random(seed)
    steps_per_call = {"jax": 78, "tensorflow": 26}.get(framework, 1)
    seconds: list[float] = []
    while len(seconds) < steps:
        seconds += [step_s * (1 + abs(noise.gauss(0, 0.05)) + (noise.random() < 0.01) * 2)] * steps_per_call
    log = f"results/{system}/image-classification/result_{run}.txt"
    return {
        "schema": "assay/run-record/1",
        "ruleset": "assay/1.0",
        "submitter": "local",
        "system": system,
        "workload": "image-classification",
        "division": "closed",
        "framework": framework,
        "target": "cpu",
        "emulated": False,
        "run": run,
        "seed": seed,
        "outcome": outcome,
        "explanation": "" if outcome == "success" else "the last evaluation gave 0.8913, the target is 0.900",
        "earlier_attempts": [{"outcome": "interrupted", "explanation": "the program was stopped"}] if run == 3 else [],
        "log": {"path": log, "sha256": sha(log)},
        "receipts": [],
        "image": {
            "framework": framework,
            "target": "cpu",
            "base": "mmdebstrap",
            "base_lock_sha256": sha("base"),
            "wheel_lock_sha256": sha(framework),
            "config_digest": sha(f"config {framework}"),
            "diff_ids": [sha("base layer"), sha(f"wheels {framework}")],
            "architecture": "amd64",
            "versions": {"numpy": "2.2.1", framework: "2.13.0", "safetensors": "0.5.2"},
            "drift": [{"package": "libssl3", "locked": "3.0.15-1", "used": "3.0.16-1"}] if framework == "jax" else [],
        },
        "source_sha256": sha("source"),
        "data": {"train-images-idx3-ubyte": sha("train"), "t10k-images-idx3-ubyte": sha("test")},
        "initial_weights_sha256": sha(f"initial {seed}"),
        "final_weights": {"path": log.replace(".txt", ".safetensors"), "sha256": sha(f"file {seed}")},
        "threads": 1,
        "hyperparameters": {"global_batch_size": 128, "opt_name": "sgd", "opt_weight_decay": 5e-4},
        "arguments": ["/opt/venv/bin/python", "-m", "suite.harness.transport.supervisor", "/io/job"],
        "environment": {"PYTHONPATH": "/io/job/source", "OMP_NUM_THREADS": "1"},
        "container": {
            "engine": "Docker 20.10",
            "cpuset": "0",
            "memory_bytes": 4 << 30,
            "pids": 512,
            "network": "none",
            "read_only": True,
            "user": "65534:65534",
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges"],
        },
        "memory": {"peak_bytes": int((700 + noise.gauss(0, 9)) * 2**20), "source": "cgroup-v1 max_usage"},
        "steps": {"steps_per_call": steps_per_call, "seconds": seconds[:steps]},
        "assay": "0.1.0",
    }


def certificate() -> dict[str, Any]:
    sides = []
    for side, (framework, lift) in enumerate((("pytorch", 1e-9), ("tensorflow", 3e-8), ("jax", 6e-8))):
        losses = [2.3 * math.exp(-n / 30) for n in range(20)]
        sides.append(
            {
                "framework": framework,
                "wheel_lock_sha256": sha(framework),
                "versions": {framework: "2.13.0"},
                "losses_float64": [loss * (1 + side * 1e-15 * (n % 4)) for n, loss in enumerate(losses)],
                "losses_float32": [loss * (1 + lift * 1.7**n) for n, loss in enumerate(losses)],
            }
        )
    return {
        "schema": "assay/parity-certificate/1",
        "ruleset": "assay/1.0",
        "workload": "image-classification",
        "seed": 5,
        "source_sha256": sha("source"),
        "data": {"train-images-idx3-ubyte": sha("train")},
        "initial_weights_sha256": sha("initial"),
        "frameworks": sides,
        "gradient_differences": {f"layer{n}.conv.weight": n * 3e-16 for n in range(9)},
        "weight_differences": {f"layer{n}.conv.weight": n * 5e-15 for n in range(9)},
    }


def system_description(system: str) -> dict[str, Any]:
    texts = [field.alias or name for name, field in SystemDescription.model_fields.items() if field.annotation is str]
    return dict.fromkeys(texts, "") | {
        "submitter": "local",
        "division": "closed",
        "status": "onprem",
        "system_name": system,
        "number_of_nodes": 1,
        "host_processors_per_node": 1,
        "host_processor_model_name": "AMD EPYC 9654 96-Core Processor",
        "host_processor_core_count": "2",
        "host_processor_vcpu_count": "2",
        "host_memory_capacity": "8 GiB",
        "accelerators_per_node": 0,
        "accelerator_model_name": "none",
        "framework": "PyTorch 2.13.0",
        "operating_system": "Debian GNU/Linux 12",
        "assay": {
            "kernel": "6.1.0",
            "architecture": "x86_64",
            "cpu_flags": ["avx2", "avx512f"],
            "cpus": 2,
            "memory_bytes": 8 << 30,
            "engine": "Docker 20.10",
            "cgroup_version": "1",
            "storage_driver": "overlay2",
            "virtualisation": "kvm",
            "cpu_governor": "not exposed",
            "emulated": False,
        },
    }


SPEED = {"pytorch": 0.0352, "tensorflow": 0.0355, "jax": 0.0421}


def build_submission(
    folder: Path,
    frameworks: tuple[str, ...] = ("pytorch", "tensorflow", "jax"),
    runs: int = 5,
    failing: tuple[str, int] | None = None,
    edit: Callable[[str, int, dict[str, Any], list[dict[str, Any]]], None] | None = None,
) -> Path:
    """Write a submitter's folder and return it; `edit(framework, run, record, lines)` may change what is written."""
    top = folder / "submissions/training/closed/local"
    (top / "systems").mkdir(parents=True)
    for framework in frameworks:
        system = f"amd-epyc-2c_cpu_{framework}"
        result = top / "results" / system / "image-classification"
        result.mkdir(parents=True)
        (top / "systems" / f"{system}.json").write_text(json.dumps(system_description(system)))
        for run in range(runs):
            seed = run_seed("salt", "local", system, "image-classification", "closed", run)
            step_s = SPEED[framework] * (1 + 0.01 * random.Random(seed).random())
            reached = (framework, run) != failing
            lines = log_lines(seed, framework, step_s, reached)
            steps = lines[-2]["metadata"]["samples_count"] // 128
            one = record(framework, system, run, seed, "success" if reached else "target-not-reached", step_s, steps)
            one["receipts"] = [line["time_ms"] / 1000 + 0.02 for line in lines]
            if edit is not None:
                edit(framework, run, one, lines)
            text = "".join(f":::MLLOG {json.dumps(line)}\n" for line in lines)
            (result / f"result_{run}.txt").write_text(text)
            (result / f"result_{run}.json").write_text(json.dumps(one))
        (result / "parity.json").write_text(json.dumps(certificate()))
        (result / "manifest.json").write_text(json.dumps({"schema": "assay/manifest/1", "runs": runs, "files": []}))
    return top
