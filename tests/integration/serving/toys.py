"""A toy workload for the harness: systems under test that behave in every way one can."""

from __future__ import annotations

import json
from typing import Any

from rules.serving import Seeds, loadgen_rules
from suite.inference.context import judge
from suite.inputs import source
from suite.result.job import Finished

RULESET = "assay-inference/1.0"
TASK = """
import numpy as np

class Task:
    SAMPLES = 64
    PERFORMANCE_SAMPLES = 16
    ANSWER_BYTES = {size}
    def __init__(self, folder): self.loaded = set()
    def load(self, indices): self.loaded.update(indices)
    def unload(self, indices): self.loaded.difference_update(indices)
    def inputs(self, indices):
        assert self.loaded.issuperset(indices)
        return np.array(indices, np.int32)
    def answers(self, outputs): return outputs
    def accuracy(self, answers, model):
        return {{"right": sum(int.from_bytes(a[:4], "little") == i for i, a in answers.items()) / len(answers)}}
"""
MODEL = """
import ctypes, os, time
import numpy as np

class Model:
    def __init__(self, folder, sut): self.batch = sut.batch
    def warm_up(self): pass
    def infer(self, batch): return batch
"""
LIMIT_S = 60.0


def toy(model: str = "", task: str = "", size: int | None = 4) -> dict[str, bytes]:
    """Return the harness's source with a workload `toy` whose model and task have `model` and `task` put in."""
    own = {
        "suite/harness/frameworks/__init__.py": b'"""Toys."""\n',
        "suite/harness/frameworks/toy.py": b'def version(): return "toy 1"\n',
        "suite/workloads/toy/__init__.py": b'"""Toy."""\n',
        "suite/workloads/toy/serve/__init__.py": b'"""Toy."""\n',
        "suite/workloads/toy/serve/task.py": (TASK.format(size=size) + task).encode(),
        "suite/workloads/toy/serve/toy.py": (MODEL + model).encode(),
    }
    return source.loaded(*source.SERVING) | own


def toy_job(
    code: dict[str, bytes], scenario: str = "SingleStream", mode: str = "loadgen", **given: Any
) -> dict[str, Any]:
    """Return a job of the toy workload."""
    return {
        "mode": mode,
        "workload": "toy",
        "framework": "toy",
        "division": "open",
        "target": "cpu",
        "scenario": scenario,
        "tokens": False,
        "submission": {"org": "tests", "platform": "box"},
        "ruleset": RULESET,
        **source.digests(code),
        "data": {},
        "sut": {"threads": 1, "batch": 4, "precision": "float32", "workers": 1},
        "warmup_limit_s": 2.0,
        "answer_limit_s": 2.0,
        "loadgen": {},
        "search": {},
        "outputs": {},
    } | given


def told(
    user_conf: str,
    mode: str = "performance",
    test: str | None = None,
    audit: str | None = None,
    seeds: Seeds | None = None,
):
    """Return what LoadGen is told."""
    seeds = (seeds or loadgen_rules(RULESET).seeds).model_dump()
    return {"mode": mode, "test": test, "user_conf": user_conf, "audit_config": audit, "seeds": seeds}


def outcome(finished: Finished) -> tuple[str, str]:
    """Return how it ended, and the sentence about it."""
    ended, why = judge(finished, LIMIT_S)
    return ended.value, why


def details(finished: Finished) -> dict[str, Any]:
    """Return LoadGen's detail log by key."""
    lines = finished.files["mlperf_log_detail.txt"].decode().splitlines()
    records = [json.loads(line.removeprefix(":::MLLOG ")) for line in lines if line.startswith(":::MLLOG")]
    return {record["key"]: record["value"] for record in reversed(records)}
