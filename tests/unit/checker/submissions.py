"""A complete valid submission, built from the rules alone, and ways to change it: what the checker's tests judge."""

from __future__ import annotations

import hashlib
import json
import os
import random
import struct
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate
from math import prod
from pathlib import Path
from typing import Any
from urllib.parse import quote

import rules.round
from checker import check
from checker.core.findings import Finding, Report
from rules.cards import Edit
from rules.documents import Manifest, ParityCertificate, RunRecord, SystemDescription
from rules.images import images
from rules.observation import Observation
from rules.ruleset import load
from rules.seeds import run_seed

START_MS = 1_790_000_000_000
WORKLOAD = "image-classification"
TOKEN = ":::MLLOG "
SOURCE = {
    "suite/__init__.py": "",
    "suite/harness/train.py": "def run(job, log):\n" + "    log.event(job)\n" * 120,
    **{
        f"suite/workloads/image_classification/{framework}.py": "class Trainer:\n    pass\n"
        for framework in ("pytorch", "tensorflow", "jax")
    },
}
ROUND = images(load("assay/1.0"))
assert ROUND is not None
CPU = ROUND.targets["cpu"]
# The round's own certificate says which wheels each framework's image holds.
CERTIFICATE, REFERENCES = (f"assay/1.0/{kind}/{WORKLOAD}/f1480dc57881e443.json" for kind in ("parity", "references"))
PUBLISHED = json.loads((rules.round.ROOT / CERTIFICATE).read_bytes())
VERSIONS = {side["framework"]: side["versions"] for side in PUBLISHED["frameworks"]}


def sha(data: bytes | str) -> str:
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()


def source_sha256() -> str:
    return sha("".join(f"{sha(text)}  {name}\n" for name, text in sorted(SOURCE.items())))


def at(evaluation: int) -> int:
    """The samples seen at an evaluation (from 0) with the closed division's batch."""
    fixed = load("assay/1.0").workload(WORKLOAD)
    steps = fixed.evaluation.first_step + evaluation * fixed.evaluation.every_steps
    return steps * int(fixed.hyperparameters["global_batch_size"])


@dataclass
class Settings:
    """What distinguishes one built result from another."""

    division: str = "closed"
    submitter: str = "acme"
    framework: str = "pytorch"
    samples: list[int] = field(default_factory=lambda: [at(1), at(2), at(1), at(3), at(2)])  # to the target, per run
    hyperparameters: dict[str, Any] = field(default_factory=dict)

    @property
    def system(self) -> str:
        return f"testbox_cpu_{self.framework}"

    @property
    def result(self) -> str:
        return f"results/{self.system}/{WORKLOAD}"

    @property
    def source(self) -> str:
        return f"benchmarks/{WORKLOAD}/implementations/{self.framework}"


def log_records(settings: Settings, run: int) -> list[dict[str, Any]]:
    """The records of one run as the harness logs them; the run ends at `settings.samples[run]`."""
    fixed = load("assay/1.0").workload(WORKLOAD)
    recipe = {**fixed.hyperparameters, **settings.hyperparameters}
    seed = run_seed(load("assay/1.0").salt, settings.submitter, settings.system, WORKLOAD, settings.division, run)
    noise = random.Random(seed)
    batch, budget = recipe["global_batch_size"], recipe["opt_learning_rate_training_steps"]
    per_epoch = fixed.train_samples // batch
    records: list[dict[str, Any]] = []
    now = START_MS + run * 600_000

    def say(key: str, value: Any = None, event: str = "POINT_IN_TIME", **metadata: Any) -> None:
        where = {"file": "suite/harness/train.py", "lineno": 40 + len(records) % 60}
        record = {"namespace": "", "time_ms": now, "event_type": event, "key": key, "value": value}
        records.append(record | {"metadata": where | metadata})

    say("submission_benchmark", WORKLOAD)
    say("submission_division", settings.division)
    say("submission_org", settings.submitter)
    say("submission_platform", settings.system)
    say("cache_clear", True)
    now += 50
    say("init_start", event="INTERVAL_START")
    say("ruleset", "assay/1.0")
    say("framework", framework(settings))
    say("threads", 1)
    say("seed", seed)
    for name, value in recipe.items():
        say(name, value)
    say("train_samples", fixed.train_samples)
    say("eval_samples", fixed.eval_samples)
    say("source_sha256", source_sha256())
    for name, digest in fixed.data.items():
        say("data_sha256", digest, name=name)
    say("initial_weights_sha256", sha(f"initial {seed}"))
    now += 300 + noise.randrange(100)
    say("warmup_start", event="INTERVAL_START")
    now += 2000 + noise.randrange(100)
    say("warmup_stop", fixed.warmup_steps, "INTERVAL_END", weights_sha256=sha(f"initial {seed}"))
    say("init_stop", event="INTERVAL_END")
    now += 5
    say("run_start", event="INTERVAL_START")
    step, reached = 0, False
    evaluations = sorted({*range(fixed.evaluation.first_step, budget, fixed.evaluation.every_steps), budget})
    for stop in evaluations:
        here = {
            "first_epoch_num": step / per_epoch,
            "epoch_count": (stop - step) / per_epoch,
            "samples_count": stop * batch,
        }
        say("block_start", event="INTERVAL_START", **here)
        now += (stop - step) * 35 + noise.randrange(100)
        say("block_stop", event="INTERVAL_END", **here)
        here = {"epoch_num": stop / per_epoch, "samples_count": stop * batch}
        say("train_loss", 0.3 + noise.random() / 10, **here)
        say("eval_start", event="INTERVAL_START", **here)
        now += 400
        reached = stop * batch >= settings.samples[run]
        accuracy = 0.9 + noise.randrange(1, 90) / 10000 if reached else 0.85 + noise.randrange(0, 490) / 10000
        say("eval_accuracy", accuracy, **here)
        say("eval_stop", event="INTERVAL_END", **here)
        step = stop
        if reached:
            break
    say("run_stop", event="INTERVAL_END", status="success" if reached else "aborted", samples_count=step * batch)
    now += 80
    say("final_weights_sha256", sha(weights(seed)))
    return records


def framework(settings: Settings) -> str:
    """The framework as the harness logs it: name and the version of its wheel."""
    versions = VERSIONS[settings.framework]
    wheel = next(wheel for wheel in CPU.frameworks[settings.framework].wheels if wheel in versions)
    return f"{settings.framework} {versions[wheel]}"


def safetensors(tensors: dict[str, tuple[list[int], bytes]]) -> bytes:
    """Float32 tensors as a safetensors file: shape and bytes by name."""
    header, at = {}, 0
    for name, (shape, raw) in tensors.items():
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + len(raw)]}
        at += len(raw)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + b"".join(raw for _, raw in tensors.values())


@cache
def weights(seed: int) -> bytes:
    """Final weights of the workload's tensors, a number of its own in each run."""
    shapes = load("assay/1.0").workload(WORKLOAD).weights
    value = 0.5 + random.Random(seed).random() / 4
    return safetensors({name: (shape, array("f", [value]).tobytes() * prod(shape)) for name, shape in shapes.items()})


def text_of(records: list[dict[str, Any]]) -> bytes:
    return "".join(f"{TOKEN}{json.dumps(record)}\n" for record in records).encode()


def document(model: Any, body: dict[str, Any]) -> bytes:
    """Validate a document as its writer would, and return its canonical bytes."""
    return (model.model_validate_json(json.dumps(body)).model_dump_json(by_alias=True, indent=2) + "\n").encode()


def receipts(records: list[dict[str, Any]], seed: int) -> list[float]:
    """When the host received each line: a few milliseconds late, in order."""
    delay = random.Random(seed + 1)
    return list(accumulate((r["time_ms"] / 1000 + 0.001 + delay.random() / 200 for r in records), max))


def step_times(records: list[dict[str, Any]], seed: int) -> list[float]:
    """The seconds of each step: together a little less than their block."""
    batch = next(r["value"] for r in records if r["key"] == "global_batch_size")
    uneven, times, began = random.Random(seed + 2), [], 0
    for record in records:
        if record["key"] == "block_start":
            began = record["time_ms"]
        elif record["key"] == "block_stop":
            parts = [1 + uneven.random() / 10 for _ in range(len(times), record["metadata"]["samples_count"] // batch)]
            block = 0.995 * (record["time_ms"] - began) / 1000
            times += [block * part / sum(parts) for part in parts]
    return times


def arguments(settings: Settings) -> list[str]:
    """The command line that `assay run` records."""
    words = f"assay run {WORKLOAD} --framework {settings.framework} --target cpu --division {settings.division}"
    words += f" --submitter {settings.submitter}"
    changed = [f"{name}={value}" for name, value in settings.hyperparameters.items()]
    return words.split() + [word for setting in changed for word in ("--set", setting)]


def bill(settings: Settings) -> dict[str, Any]:
    """The bill of materials of the result's image, as far as the checker reads it."""
    wheels = VERSIONS[settings.framework].items()
    components = [
        {"type": "library", "name": name, "version": version, "purl": f"pkg:pypi/{name}@{quote(version, safe='.')}"}
        for name, version in wheels
    ]
    image = {"type": "container", "name": "image", "version": f"sha256:{sha('config')}"}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "metadata": {"component": image},
        "components": components,
    }


def observation(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Two samples a second of a steady machine, from a second before the log's first line to one after its last."""
    booted = START_MS / 1000 - 1000
    times = [records[0]["time_ms"] / 1000 - booted - 1]
    while times[-1] < records[-1]["time_ms"] / 1000 - booted + 1:
        times.append(times[-1] + 0.5)
    channels = [("cpu/busy", "busy", "counter"), ("cpu/steal", "steal", "counter"), ("cpu/queue", "queue", "gauge")]
    channels.append(("memory/swap", "swap", "counter"))
    return {
        "schema": "assay/observation/1",
        "period_s": 0.5,
        "clocks": [{"monotonic_s": time, "wall_s": time + booted} for time in (times[0], times[-1])],
        "channels": [
            {"name": name, "quantity": quantity, "source": "/proc/stat", "kind": kind}
            for name, quantity, kind in channels
        ],
        "unavailable": [{"source": "rapl", "reason": "no powercap zone"}],
        "times_s": times,
        "values": [times, [3.0] * len(times), [1.0] * len(times), [0.0] * len(times)],
    }


def run_record(settings: Settings, run: int, records: list[dict[str, Any]]) -> dict[str, Any]:
    fixed = load("assay/1.0").workload(WORKLOAD)
    seed = next(r["value"] for r in records if r["key"] == "seed")
    status = next(r["metadata"]["status"] for r in records if r["key"] == "run_stop")
    return {
        "schema": "assay/run-record/1",
        "ruleset": "assay/1.0",
        "submitter": settings.submitter,
        "system": settings.system,
        "workload": WORKLOAD,
        "division": settings.division,
        "framework": settings.framework,
        "target": "cpu",
        "emulated": False,
        "run": run,
        "seed": seed,
        "outcome": "success" if status == "success" else "target-not-reached",
        "explanation": "" if status == "success" else "top-1 accuracy ended short of the target",
        "earlier_attempts": [],
        "log": {"path": f"{settings.result}/result_{run}.txt", "sha256": sha(text_of(records))},
        "receipts": receipts(records, seed),
        "image": {
            "framework": settings.framework,
            "target": "cpu",
            "base": "mmdebstrap",
            "base_lock_sha256": CPU.base_lock_sha256,
            "wheel_lock_sha256": CPU.frameworks[settings.framework].wheel_lock_sha256,
            "config_digest": sha("config"),
            "diff_ids": [sha("layer 1"), sha("layer 2")],
            "architecture": "amd64",
            "versions": VERSIONS[settings.framework],
            "drift": [],
        },
        "source_sha256": source_sha256(),
        "data": dict(fixed.data),
        "initial_weights_sha256": sha(f"initial {seed}"),
        "final_weights": {"path": f"{settings.result}/result_{run}.safetensors", "sha256": sha(weights(seed))},
        "threads": 1,
        "hyperparameters": {**fixed.hyperparameters, **settings.hyperparameters},
        "arguments": arguments(settings),
        "environment": {**ROUND.environment, **CPU.frameworks[settings.framework].environment},
        "container": {
            "engine": "Docker 20.10",
            "cpuset": "1",
            "memory_bytes": 1 << 31,
            "pids": 512,
            "network": "none",
            "read_only": True,
            "user": "65532:65532",
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges:true"],
        },
        "memory": {"peak_bytes": 1 << 29, "source": "cgroup-v1 max_usage"},
        "steps": {"steps_per_call": 1, "seconds": step_times(records, seed)},
        "observation": {
            "path": f"{settings.result}/observation_{run}.json",
            "sha256": sha(document(Observation, observation(records))),
        },
        "assay": "0.1.0",
    }


def system_description(settings: Settings) -> dict[str, Any]:
    texts = {
        (member.alias or name): "1"
        for name, member in SystemDescription.model_fields.items()
        if member.annotation is str
    }
    return texts | {
        "submitter": settings.submitter,
        "division": settings.division,
        "status": "Available on-premise",
        "system_name": settings.system,
        "framework": framework(settings),
        "host_processor_vcpu_count": "2",
        "number_of_nodes": 1,
        "host_processors_per_node": 1,
        "accelerators_per_node": 0,
        "assay": {
            "kernel": "6.12",
            "architecture": "x86_64",
            "cpu_flags": ["avx2"],
            "cpus": 2,
            "memory_bytes": 1 << 34,
            "engine": "Docker 20.10",
            "cgroup_version": "1",
            "storage_driver": "overlay2",
            "virtualisation": "kvm",
            "cpu_governor": "not exposed",
            "emulated": False,
        },
    }


def certificate(settings: Settings) -> dict[str, Any]:
    """The round's own certificate, of the source that this submission holds."""
    return {**PUBLISHED, "source_sha256": source_sha256()}


class Built:
    """A submission on disk; paths are relative to the submitter's folder."""

    def __init__(self, root: Path, settings: Settings) -> None:
        self.settings = settings
        self.submissions = root
        self.root = root / "training" / settings.division / settings.submitter
        self.result = settings.result
        self.marks = {
            "{result}": settings.result,
            "{source}": settings.source,
            "{system}": settings.system,
        }

    def path(self, name: str) -> Path:
        for mark, value in self.marks.items():
            name = name.replace(mark, value)
        return self.root / name

    def write(self, name: str, content: bytes | str) -> None:
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def build(self) -> Built:
        for name, text in SOURCE.items():
            self.write(f"{{source}}/{name}", text)
        self.write("systems/{system}.json", document(SystemDescription, system_description(self.settings)))
        for run in range(len(self.settings.samples)):
            records = log_records(self.settings, run)
            self.write(f"{{result}}/result_{run}.txt", text_of(records))
            self.write(f"{{result}}/observation_{run}.json", document(Observation, observation(records)))
            body = run_record(self.settings, run, records)
            self.write(f"{{result}}/result_{run}.json", document(RunRecord, body))
            self.write(f"{{result}}/result_{run}.safetensors", weights(body["seed"]))
        if self.settings.division == "closed":
            self.write("{result}/parity.json", document(ParityCertificate, certificate(self.settings)))
        self.write("{result}/sbom.cdx.json", json.dumps(bill(self.settings), indent=1) + "\n")
        self.seal()
        return self

    def seal(self) -> None:
        """Write the manifest over everything there is, as `assay run` does."""
        listed = []
        for folder in ("systems", self.settings.source, self.settings.result):
            for path in sorted((self.root / folder).rglob("*")):
                if path.is_file() and not path.is_symlink() and path.name != "manifest.json":
                    name = path.relative_to(self.root).as_posix()
                    listed.append({"path": name, "sha256": sha(path.read_bytes())})
        body = {"schema": "assay/manifest/1", "runs": len(self.settings.samples), "files": listed}
        self.write("{result}/manifest.json", document(Manifest, body))

    def rebind(self, run: int) -> None:
        """Make record `run` name the log that is there now."""
        log, record = self.path(f"{{result}}/result_{run}.txt"), self.path(f"{{result}}/result_{run}.json")
        body = json.loads(record.read_bytes())
        body["log"]["sha256"] = sha(log.read_bytes())
        record.write_text(json.dumps(body, indent=2) + "\n")

    def edit_json(self, name: str, changes: dict[str, Any]) -> None:
        path = self.path(name)
        body = json.loads(path.read_bytes())
        for place, value in changes.items():
            put(body, place, value)
        path.write_text(json.dumps(body, indent=2) + "\n")

    def edit_log(self, run: int, change: Callable[[list[bytes]], list[bytes]], *, bind: bool = True) -> None:
        """Change the lines of a log; `bind` brings the record's digest up to date as a forger would."""
        path = self.path(f"{{result}}/result_{run}.txt")
        path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))
        if bind:
            self.rebind(run)

    def line(self, run: int, key: str) -> int:
        """The number of the first line of `key` in a log."""
        lines = self.path(f"{{result}}/result_{run}.txt").read_bytes().splitlines()
        return next(n for n, line in enumerate(lines, 1) if f'"key": "{key}"'.encode() in line)

    def apply(self, edits: list[Edit]) -> None:
        """Apply a rule card's example."""
        for edit in edits:
            self._apply(edit)
        if all(edit.seal for edit in edits):
            manifest = json.loads(self.path("{result}/manifest.json").read_bytes())
            self.seal()
            self.edit_json("{result}/manifest.json", {"runs": manifest["runs"]})

    def _apply(self, edit: Edit) -> None:
        path = self.path(edit.file)
        if edit.file == "{references}":
            file = rules.round.ROOT / REFERENCES
            known = json.loads(file.read_bytes())
            changes = [{k: run[k] + v if edit.add else v for k, v in edit.set.items()} for run in known]
            file.write_text(json.dumps([run | change for run, change in zip(known, changes, strict=True)]))
        elif edit.line is not None:
            lines = path.read_bytes().splitlines(keepends=True)
            at = next(n for n, line in enumerate(lines) if f'"key": "{edit.line}"'.encode() in line)
            if edit.remove:
                del lines[at]
            else:
                record = json.loads(lines[at].removeprefix(TOKEN.encode()))
                for place, value in edit.set.items():
                    put(record, place, record[place] + value if edit.add else value)
                lines[at] = f"{TOKEN}{json.dumps(record)}\n".encode()
            path.write_bytes(b"".join(lines))
            if edit.seal:
                self.rebind(int(path.stem.rpartition("_")[2]))
        elif edit.link is not None:
            path.unlink()
            path.symlink_to(edit.link)
        elif edit.copy_of is not None:
            self.write(edit.file, self.path(edit.copy_of).read_bytes())
        elif edit.write is not None:
            self.write(edit.file, edit.write)
        elif edit.remove:
            path.unlink()
        else:
            self.edit_json(edit.file, edit.set)

    def check(self, below: str = "") -> Report:
        return check(self.root / below if below else self.submissions)

    def relative(self, name: str) -> str:
        return self.path(name).relative_to(self.submissions).as_posix()


def put(body: Any, place: str, value: Any) -> None:
    *parents, last = place.split(".")
    for part in parents:
        body = body[int(part)] if isinstance(body, list) else body[part]
    if isinstance(body, list):
        body[int(last)] = value
    else:
        body[last] = value


def errors(report: Report) -> list[Finding]:
    return [finding for finding in report.findings if finding.severity == "error"]


def said(report: Report) -> str:
    """All findings, for a failing assertion."""
    return os.linesep.join(
        f"{f.rule} {f.path}:{f.line} {f.message} [{f.expected} | {f.found}]" for f in report.findings
    )
