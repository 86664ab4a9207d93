"""Submissions that pass by construction, for every benchmark of Training 5.1, 6.0 and 6.1.

Written from the rules, not from real logs: for half of these benchmarks no result was ever published. The oracle says
whether they pass; a test asks it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rules.training import package_rules, references

Record = dict[str, Any]

LLM = {
    "opt_name": "adamw",
    "opt_adamw_beta_1": 0.9,
    "opt_adamw_beta_2": 0.95,
    "opt_adamw_epsilon": 1e-5,
    "opt_adamw_weight_decay": 0.1,
    "opt_gradient_clip_norm": 1.0,
    "opt_learning_rate_decay_schedule": "cosine with linear warmup",
    "max_sequence_length": 8192,
    "eval_samples": 1024,
}


@dataclass(frozen=True)
class Recipe:
    """A benchmark's passing log: what is logged before the run, the metric's course, where evaluations lie."""

    batch_size: int
    fixed: dict[str, Any]
    reaches: float  # metric at the last evaluation
    begins: float  # metric before the first
    every: float  # samples or epochs between evaluations
    first: float | None = None  # where the first one lies, where a rule fixes that
    eval_samples: int = 1024
    train_samples: int = 1_000_000


def _llama2(size: int) -> Recipe:
    fixed = {
        "opt_base_learning_rate": 4e-4,
        "opt_learning_rate_training_steps": 1024,
        "opt_gradient_clip_norm": 0.3,
        "opt_adamw_weight_decay": 0.0001,
        "lora_alpha": 32,
        "lora_rank": 16,
    }
    return Recipe(size, fixed, 0.9249, 0.94, every=384, eval_samples=173)


def _llama31_8b(size: int) -> Recipe:
    warmup = 12288 // size
    fixed = {
        **LLM,
        "opt_base_learning_rate": 1e-3,
        "opt_end_learning_rate": 1e-4,
        "opt_learning_rate_warmup_steps": warmup,
        "opt_learning_rate_decay_steps": 1200000 - warmup,
        "max_steps": 1200000,
    }
    return Recipe(size, fixed, 3.29, 3.5, every=12288)


def _gpt_oss(size: int) -> Recipe:
    return Recipe(size, _llama31_8b(size).fixed, 3.33, 3.5, every=12288)


def _llama31_405b(size: int) -> Recipe:
    warmup = math.ceil(8000 * 1152 / size)
    fixed = {
        **LLM,
        "eval_samples": 5760,
        "opt_base_learning_rate": size * 8e-5 / 1152,
        "opt_end_learning_rate": 8e-7,
        "opt_learning_rate_warmup_steps": warmup,
        "opt_learning_rate_decay_steps": math.ceil(1.2e6 * 1152 / size) - warmup,
        "init_checkpoint_step": 0,
    }
    return Recipe(size, fixed, 5.59, 5.9, every=46080, eval_samples=5760)


def _deepseek(size: int) -> Recipe:
    fixed = {
        **LLM,
        "max_sequence_length": 4096,
        "opt_adamw_epsilon": 1e-8,
        "opt_base_learning_rate": 2.4e-5 * math.sqrt(size / 16384),
        "opt_learning_rate_warmup_steps": 4,
        "opt_learning_rate_decay_steps": 12000 - 4,
        "moe_aux_loss_coeff": 0.01,
        "max_steps": 12000,
        "opt_end_learning_rate": 2.4e-6,
        "init_checkpoint_step": 0,
    }
    return Recipe(size, fixed, 3.59, 3.8, every=size, first=size * math.floor(42 + 24576 / size))


def _flux1(size: int) -> Recipe:
    fixed = {
        "opt_name": "adamw",
        "opt_adamw_beta_1": 0.9,
        "opt_adamw_beta_2": 0.95,
        "opt_adamw_epsilon": 1e-8,
        "opt_adamw_weight_decay": 0.1,
        "opt_base_learning_rate": 2e-4,
        "opt_learning_rate_warmup_steps": 0,
        "opt_gradient_clip_norm": 1.0,
        "evaluation_frequency": 262144,
    }
    return Recipe(size, fixed, 0.585, 0.7, every=262144, eval_samples=29696, train_samples=1099776)


def _dlrm_dcnv2(size: int) -> Recipe:
    fixed = {
        "opt_name": "adagrad",
        "opt_base_learning_rate": 0.004,
        "opt_adagrad_learning_rate_decay": 0,
        "opt_weight_decay": 0,
        "opt_adagrad_initial_accumulator_value": 0,
        "opt_adagrad_epsilon": 1e-8,
        "opt_learning_rate_warmup_steps": 0,
        "opt_learning_rate_decay_start_step": 0,
        "opt_learning_rate_decay_steps": 0,
    }
    return Recipe(size, fixed, 0.8029, 0.79, every=0.05, eval_samples=89137319, train_samples=4195197692)


def _retinanet(size: int) -> Recipe:
    fixed = {
        "opt_name": "adam",
        "opt_base_learning_rate": 1e-4,
        "opt_weight_decay": 0,
        "opt_learning_rate_warmup_epochs": 1,
        "opt_learning_rate_warmup_factor": 0.001,
    }
    return Recipe(size, fixed, 0.3405, 0.1, every=1, eval_samples=24781, train_samples=1170301)


def _rgat(size: int) -> Recipe:
    fixed = {"opt_name": "adam", "opt_base_learning_rate": 0.002}
    return Recipe(size, fixed, 0.7205, 0.7, every=0.05, eval_samples=788379, train_samples=157675969)


def _qwen(size: int) -> Recipe:
    fixed = {
        "opt_name": "adamw",
        "max_sequence_length": 65536,
        "eval_samples": 251,
        "init_checkpoint_step": 0,
        "max_steps": 40,
        "opt_base_learning_rate": 1e-6 * math.sqrt(size / 256),
        "opt_adamw_beta_1": 0.9,
        "opt_adamw_beta_2": 0.999,
        "opt_adamw_epsilon": 1e-8,
        "opt_adamw_weight_decay": 0.0,
        "opt_gradient_clip_norm": 0.125 * math.sqrt(256 / size),
        "opt_learning_rate_warmup_steps": 0,
        "opt_learning_rate_decay_schedule": "constant",
        "generation_training_rollout_temperature": 1.0,
        "generation_training_rollout_top_p": 1.0,
        "generation_validation_rollout_temperature": 0.1,
        "generation_validation_rollout_top_p": 0.95,
        "num_prompts_per_step": size // 16,
        "num_generations_per_prompt": 16,
    }
    return Recipe(size, fixed, 0.695, 0.5, every=size, first=size * math.ceil(2.5 + 3840 / size), eval_samples=251)


def _dlrmv4(size: int) -> Recipe:
    train = 2290835423
    interval = math.ceil(0.001 * train / size) * size
    rate = 1e-6 * size / 8192
    fixed = {
        "max_sequence_length": 4096,
        "opt_name": "Adam",
        "opt_base_learning_rate": rate,
        "opt_adam_beta_1": 0.95,
        "opt_adam_beta_2": 0.999,
        "opt_adam_epsilon": 1e-8,
        "opt_weight_decay": 0.0,
        "opt_gradient_clip_norm": 1.0,
        "opt_sparse_name": "RowWiseAdagrad",
        "opt_sparse_base_learning_rate": rate,
        "opt_learning_rate_warmup_steps": 24000,
        "opt_learning_rate_warmup_start_lr": 0.0,
        "eval_every_data_pct": 0.001,
    }
    first = math.ceil(math.floor((4480 * size + 135331840) / 3) / interval) * interval
    return Recipe(size, fixed, 0.7505, 0.74, every=interval, first=first, eval_samples=2058204, train_samples=train)


RECIPES = {
    "llama2_70b_lora": (_llama2, 8),
    "llama31_8b": (_llama31_8b, 32),
    "gpt_oss_20b": (_gpt_oss, 16),
    "llama31_405b": (_llama31_405b, 1152),
    "deepseekv3_671b": (_deepseek, 16384),
    "flux1": (_flux1, 1024),
    "dlrm_dcnv2": (_dlrm_dcnv2, 65536),
    "retinanet": (_retinanet, 256),
    "rgat": (_rgat, 16384),
    "qwen35_397b_grpo": (_qwen, 256),
    "dlrmv4": (_dlrmv4, 8192),
}
DISCLOSED_6_1 = {
    "lowest_numerical_precision_in_linear": "fp8",
    "lowest_numerical_precision_in_attn": "bfloat16",
    "lowest_numerical_precision_in_comm": "bfloat16",
    "tensor_parallelism": 1,
    "pipeline_parallelism": 1,
    "context_parallelism": 1,
    "expert_parallelism": 1,
    "micro_batch_size": 1,
    "config_filename": "config_1x8.sh",
}


@dataclass
class Writer:
    """A log in the making."""

    lines: list[Record]
    clock: float

    def say(self, key: str, value: Any = None, after_ms: float = 7, **metadata: Any) -> None:
        """Log one line, `after_ms` after the one before."""
        self.clock += after_ms
        event = "POINT_IN_TIME"
        if key.endswith(("_start", "_stop")):
            event = "INTERVAL_START" if key.endswith("_start") else "INTERVAL_END"
        line = {"namespace": "", "time_ms": int(self.clock), "event_type": event, "key": key, "value": value}
        self.lines.append({**line, "metadata": {"file": "/workspace/train.py", "lineno": 100 + len(key), **metadata}})


def records(
    benchmark: str,
    round_name: str,
    run: int = 0,
    division: str = "closed",
    batch_size: int | None = None,
    minutes: float = 10.0,
    begins_hours: float = 0.0,
) -> list[Record]:
    """Return the records of one passing log; runs differ in seed, time and metric, and converge like the reference."""
    recipe, usual = RECIPES[benchmark]
    plan = recipe(batch_size or usual)
    late = float(round_name.rpartition("/")[2]) >= 6.1
    log = Writer([], 1_700_000_000_000 + 3_600_000 * (begins_hours + run))
    log.say("cache_clear", True)
    log.say("init_start")
    log.say("submission_benchmark", benchmark)
    log.say("submission_org", "Example")
    log.say("submission_division", division)
    log.say("submission_status", "onprem")
    log.say("submission_platform", "1xExample")
    log.say("seed", 1000 + run)
    log.say("global_batch_size", plan.batch_size)
    settings: dict[str, Any] = {"train_samples": plan.train_samples, "eval_samples": plan.eval_samples}
    settings |= {"gradient_accumulation_steps": 1, **plan.fixed, **(DISCLOSED_6_1 if late else {})}
    if benchmark == "flux1" and late:
        settings["evaluation_frequency"] = math.ceil(262144 / plan.batch_size) * plan.batch_size
    for key, value in settings.items():
        log.say(key, value)
    log.say("init_stop", after_ms=60_000)
    log.say("run_start")
    _train(log, benchmark, round_name, plan, run, minutes)
    return log.lines


def _train(log: Writer, benchmark: str, round_name: str, plan: Recipe, run: int, minutes: float) -> None:
    in_samples = benchmark in package_rules(round_name).counted_in_samples
    position = "samples_count" if in_samples else "epoch_num"
    places = list(_evaluated_at(benchmark, round_name, plan, run))
    wobble = (run + 1) * 1e-7 * (1 if plan.reaches > plan.begins else -1)
    before = 0.0
    for number, at in enumerate(places):
        block = {"samples_count": before}
        if not in_samples:
            block = {"first_epoch_num": before, "epoch_count": at - before}
        log.say("block_start", **block)
        log.say("train_loss", 5 - number * 0.01 + run * 1e-6, after_ms=minutes * 60_000 / len(places))
        log.say("block_stop", **block)
        log.say("eval_start", **{position: at})
        metric = plan.begins + (plan.reaches - plan.begins) * (number + 1) / len(places)
        log.say("eval_accuracy", metric + wobble, after_ms=900, **{position: at})
        log.say("eval_stop", **{position: at})
        before = at
    log.say("run_stop", after_ms=3, status="success", **{position: before})


def _evaluated_at(benchmark: str, round_name: str, plan: Recipe, run: int) -> Iterator[float]:
    """Yield where evaluations lie, the last where a reference run converged."""
    known = references(round_name, benchmark)
    assert known is not None
    ordered = sorted(min(known.points, key=lambda point: abs(point.batch_size - plan.batch_size)).converged_at)
    target = ordered[min(len(ordered) - 1, len(ordered) // 2 + run % 3)]
    at = plan.first if plan.first is not None else target - 4 * plan.every
    while at < target - plan.every / 2:
        if at > 0:
            yield at
        at += plan.every
    yield target if plan.first is None else at


def text(lines: list[Record]) -> str:
    """Return records as a log's text."""
    return "".join(f":::MLLOG {json.dumps(line)}\n" for line in lines)


def system_description(round_name: str, **changed: Any) -> dict[str, Any]:
    """Return a valid system description."""
    members: dict[str, Any] = dict.fromkeys(package_rules(round_name).system.members, "-")
    members |= {"submitter": "Example", "division": "closed", "status": "Available on-premise", "system_name": "box"}
    members |= {"number_of_nodes": "1", "host_processors_per_node": "2", "accelerators_per_node": "8"}
    return {**members, **changed}


def organisation(
    root: Path,
    round_name: str = "mlperf-training/5.1",
    benchmarks: tuple[str, ...] = ("llama2_70b_lora",),
    system: str = "box",
    division: str = "closed",
    begins_hours: float = 0.0,
) -> Path:
    """Write a submission that passes below `root` and return its folder."""
    (root / "systems").mkdir(parents=True, exist_ok=True)
    described = system_description(round_name, division=division)
    (root / "systems" / f"{system}.json").write_text(json.dumps(described, indent=1))
    for place, benchmark in enumerate(benchmarks):
        folder = root / "results" / system / benchmark
        folder.mkdir(parents=True)
        for run in range(package_rules(round_name).runs[benchmark]):
            lines = records(benchmark, round_name, run, division, begins_hours=begins_hours + 100.0 * place)
            (folder / f"result_{run}.txt").write_text(text(lines))
    return root
