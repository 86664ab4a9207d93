"""Honest results of endpoints, whose numbers fit each other, for tests to spoil.

The latencies are drawn from a formula, and every figure of the files is computed from them as the tool would.
"""

from __future__ import annotations

import json
import math
import shutil
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from checker.core.findings import Report
from checker.families.mlperf_inference.review import review
from rules.cards import Edit
from rules.inference import InferenceRules, ModelRules, inference_rules
from tests.differential.inference_passing import TYPES, describe, write

ROUND = "mlperf-inference/6.1"
MODEL, SCENARIO = "qwen3-vl-235b-a22b", "Server"
RESULT = f"results/box/{MODEL}/{SCENARIO}"
SHARES = (99.9, 99.0, 97.0, 95.0, 90.0, 80.0, 75.0, 50.0, 25.0, 10.0, 5.0, 1.0)
SCORES = {"deepseek-r1": 81.4, "gpt-oss-120b": 83.2, "qwen3-vl-235b-a22b": 0.787, "wan-2.2-t2v-a14b": 70.3}
NAMES = {"qwen3-vl-235b-a22b": "Qwen3-VL-235B-A22B", "deepseek-r1": "DeepSeek-R1-fp4"}
TOKENS = {"deepseek-r1": 3800, "gpt-oss-120b": 1250}
DRAWN = 3000  # values of a distribution; each stands for as many samples as it takes


def submission(root: Path, model: str = MODEL, *scenarios: str, **more: Any) -> Path:
    """Make a closed submission of a model by an endpoint; return the submitter's folder."""
    rules = inference_rules(more.get("round_name", ROUND))
    of = rules.models[model]
    base = root / more.get("division", "closed") / more.get("submitter", "Example")
    wanted = of.scenarios["datacenter"]
    write(base / "src" / model / "README.md", "code\n")
    write(base / "README.md", "how\n")
    write(base / "documentation/calibration.md", "how it was calibrated\n")
    describe(base / "systems/box.json", rules, base.parent.name, base.name, "box", TYPES["datacenter"])
    for seed, scenario in enumerate(scenarios or (*wanted.required, *wanted.optional)):
        result(base / "results/box" / model / scenario, rules, model, scenario, seed)
    return base


def result(folder: Path, rules: InferenceRules, model: str, scenario: str, seed: int = 0) -> None:
    """Write the files of one result; another seed makes another run."""
    of = rules.models[model]
    summary, config = run(rules, model, scenario, seed)
    write(folder / "performance/result_summary.json", json.dumps(summary))
    write(folder / "accuracy/accuracy_results.json", json.dumps(accuracy(of, model, scenario, seed)))
    write(folder / "config.yaml", yaml.safe_dump(config, sort_keys=False))
    write(folder / "report.txt", report(summary))
    write(folder / "metrics/final_snapshot.json", json.dumps(snapshot(summary)))
    write(folder / "README.md", "how to run\n")
    described = dict.fromkeys(rules.package.measurements, "some") | {"retraining": "No"}
    write(folder / "measurements.json", json.dumps(described))
    for test, name in rules.package.endpoints.audits.items():
        if test in of.tests:
            rates = {"ref_qps": 1.5 + seed / 7, "audit_qps": 1.51 + seed / 7, "threshold": 0.1}
            counts = {f"{run}_{what}": 50 for run in ("ref", "audit") for what in ("completed", "requested")}
            audit = {"test": name, "passed": True, **rates, **counts}
            write(folder / "audit" / f"audit_{name}.json", json.dumps(audit))


def spread(low: float, high: float, times: int, whole: bool = True) -> dict[str, Any]:
    """Return the distribution of `times` times as many values as are drawn, between the two ends."""
    values = [low * (high / low) ** ((i / (DRAWN - 1)) ** 2) for i in range(DRAWN)]
    values = [float(round(value)) for value in values] if whole else values
    count, total = DRAWN * times, math.fsum(values) * times
    mean = total / count
    edges = [values[0] * (values[-1] / values[0]) ** (i / 10) for i in range(11)]
    edges[0], edges[-1] = values[0], values[-1]
    placed = Counter(min(sum(edge <= value for edge in edges[1:]), 9) for value in values)
    percentiles = {str(share): values[min(DRAWN - 1, int(share / 100 * DRAWN))] for share in SHARES}
    return {
        "total": total,
        "min": values[0],
        "max": values[-1],
        "median": percentiles["50.0"],
        "avg": mean,
        "std_dev": math.sqrt(math.fsum((value - mean) ** 2 for value in values) / DRAWN),
        "percentiles": percentiles,
        "early_stopping_percentiles": {
            str(share): values[min(DRAWN - 1, int(share / 100 * DRAWN) + 1)] for share in SHARES if share >= 50
        },
        "histogram": {
            "buckets": [list(pair) for pair in pairwise(edges)],
            "counts": [placed[i] * times for i in range(10)],
        },
    }


def run(rules: InferenceRules, model: str, scenario: str, seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return result_summary.json and config.yaml of one performance run."""
    online, single = scenario in ("Server", "Interactive"), scenario == "SingleStream"
    times = 300 if not single else 1
    done, length, odd = DRAWN * times, TOKENS.get(model, 42), 1 + seed / 1000
    first, each = spread(2e7 * odd, 3e8, times), spread(4e6, 1e7, times, whole=False)
    lengths = spread(length * 0.8, length * 1.25, times)
    middle = first["avg"] + each["avg"] * lengths["avg"]
    whole = spread(middle * 0.7 * odd, middle * 1.6, times)
    duration = 800 * 10**9 if not single else max(int(whole["total"] * 1.001), 610 * 10**9)
    window = duration - int(whole["max"] / 2) if online else None
    seconds = (window or duration) / 1e9
    qps = (done - 1) / seconds if online else done / seconds
    pattern = {"Offline": "max_throughput", "SingleStream": "concurrency"}.get(scenario, "poisson")
    load: dict[str, Any] = {"type": pattern}
    load |= {"target_qps": round(qps * 1.01, 1), "use_legacy_loadgen_qps_metrics": True} if online else {}
    load |= {"target_concurrency": 1} if single else {}
    warm_up = {"enabled": True, "n_requests": 7200, "salt": True, "drain": True, "warmup_random_seed": 42}
    seeds = {
        "scheduler_random_seed": rules.package.seeds.effective_schedule_rng_seed,
        "dataloader_random_seed": rules.package.seeds.effective_sample_index_rng_seed,
    }
    summary = {
        "version": "0.1.0",
        "git_sha": None,
        "test_started_at": 0,
        "n_samples_issued": done,
        "n_samples_completed": done,
        "n_samples_failed": 0,
        "duration_ns": duration,
        "state": "complete",
        "complete": True,
        "ttft": first if online else {},
        "tpot": each if online else {},
        "latency": whole,
        "output_sequence_lengths": lengths,
        "legacy_loadgen_window_duration_ns": window,
        "qps": qps,
        "tps": lengths["total"] / seconds,
        "run_config": {"load_pattern": {"target_qps": None, **load}, "warmup": warm_up, **seeds},
    }
    config = {
        "name": model,
        "version": "1.0",
        "type": "offline" if scenario == "Offline" else "online",
        "submission_ref": {"model": model, "ruleset": f"mlperf-inference-v{rules.name.rpartition('/')[2]}"},
        "model_params": {"name": NAMES.get(model, model), "streaming": "on" if online else "off"},
        "settings": {
            "runtime": {"min_duration_ms": 600000, "max_duration_ms": 0, **seeds},
            "load_pattern": load,
            "warmup": warm_up,
        },
        "endpoint_config": {"endpoints": ["http://127.0.0.1:8000"]},
    }
    return summary, config


def accuracy(of: ModelRules, model: str, scenario: str, seed: int) -> dict[str, Any]:
    """Return accuracy_results.json."""
    count = of.accuracy_samples if of.accuracy_samples is not None else of.samples
    total = count.get(scenario, of.samples) if isinstance(count, dict) else count
    score, length = SCORES[model] + seed / 1000, TOKENS.get(model, 42)
    lengths = spread(length * 0.8, length * 1.25, 1)
    lengths["total"] = lengths["avg"] * (total or 0) + seed / 10000
    del lengths["histogram"]
    one = {
        "dataset_name": "data",
        "score": score,
        "unit_samples": total,
        "num_repeats": 1,
        "total_samples": total,
        "duration_s": 200.25 + seed,
        "complete": True,
        "dataset_type": "accuracy",
        "breakdown": {"subset_scores": {"easy": score + 1, "hard": score - 1}, "complete": True},
        "response_counts": {"issued": total, "scored": total, "empty": 0, "missing": 0},
        "output_sequence_lengths": lengths,
    }
    return {"average_accuracy": score, "accuracy_scores": [one]}


def report(summary: dict[str, Any]) -> str:
    """Return report.txt."""
    counts = {name: summary[f"n_samples_{name}"] for name in ("issued", "completed", "failed")}
    lines = [f"Total samples {name}: {value}" for name, value in counts.items()]
    lines += [f"Duration: {summary['duration_ns'] / 1e9:.2f} seconds"]
    lines += [f"QPS: {summary['qps']:.2f}", f"TPS: {summary['tps']:.2f}"]
    return "\n".join(["Summary", *lines, ""])


def snapshot(summary: dict[str, Any]) -> dict[str, Any]:
    """Return metrics/final_snapshot.json; its totals count the warm-up, what is tracked does not."""
    done = summary["n_samples_completed"]
    counters = {
        "total_samples_issued": done + 7200,
        "tracked_samples_issued": done,
        "tracked_samples_completed": done,
        "tracked_samples_failed": 0,
        "tracked_duration_ns": summary["duration_ns"],
        "legacy_loadgen_window_duration_ns": summary["legacy_loadgen_window_duration_ns"] or 0,
    }
    metrics: list[dict[str, Any]] = [{"name": name, "value": value} for name, value in counters.items()]
    names = {"sample_latency_ns": "latency", "ttft_ns": "ttft", "tpot_ns": "tpot", "osl": "output_sequence_lengths"}
    for name, key in names.items():
        one = summary[key] or {"total": 0, "min": 0, "max": 0, "percentiles": {"50.0": 0.0}}
        members = {member: one[member] for member in ("total", "min", "max", "percentiles")}
        metrics.append({"name": name, "count": done if summary[key] else 0, **members})
    return {"state": "complete", "n_pending_tasks": 0, "metrics": metrics}


# Spoiling


def change(path: Path, act: Callable[[Any], object]) -> None:
    """Change what a JSON or YAML file holds."""
    is_json = path.suffix == ".json"
    value = json.loads(path.read_text()) if is_json else yaml.safe_load(path.read_text())
    act(value)
    path.write_text(json.dumps(value) if is_json else yaml.safe_dump(value, sort_keys=False))


def put(document: Any, place: str, value: Any) -> None:
    """Set a member at a place; a percentile's name holds a dot, so parts are parted by a slash where there is one."""
    parts = place.split("/" if "/" in place else ".")
    for part in parts[:-1]:
        document = document[int(part) if isinstance(document, list) else part]
    document[int(parts[-1]) if isinstance(document, list) else parts[-1]] = value


def apply(base: Path, edit: Edit) -> None:
    """Make a card's edit in a submission."""
    path = base / edit.file.replace("{result}", RESULT)
    if edit.write is not None:
        path.write_text(edit.write)
    elif edit.replace is not None:
        assert edit.replace[0] in path.read_text()
        path.write_text(path.read_text().replace(*edit.replace))
    else:
        for place, value in edit.set.items():
            change(path, lambda document, place=place, value=value: put(document, place, value))


def copy_of(base: Path, root: Path) -> Path:
    """Copy a submission below another round's folder."""
    return Path(shutil.copytree(base, root / base.parent.name / base.name))


def judged(root: Path, round_name: str = ROUND) -> Report:
    return review(root, round_name, jobs=1)


def errors_of(report: Report, *severities: str) -> Counter[str]:
    return Counter(f.rule for f in report.findings if f.severity in (severities or ("error",)))
