"""Mode `loadgen`: one LoadGen run as it will be submitted, in performance or accuracy mode."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from suite.harness.job import JobError
from suite.harness.log import Log
from suite.serve import trace
from suite.serve.drive import Served, configured, details, test
from suite.serve.guard import Progress, SutError, Watch

UNMET = {
    "result_perf_constraints_met": "a latency bound was missed",
    "early_stopping_met": "too few queries, or too many of them late, for LoadGen to vouch for the percentile",
    "result_min_duration_met": "it was too short",
    "result_min_queries_met": "too few queries were asked",
}
SEEDS = ("qsl_rng_seed", "sample_index_rng_seed", "schedule_rng_seed")


def run(served: Served, log: Log) -> dict[str, Any]:
    """Let LoadGen measure; return what `result.json` says of it.

    Raises JobError where LoadGen did not use the seeds the job names, SutError where samples were left out.
    """
    job = served.job
    asked = job.loadgen
    settings = configured(job, job.folder / "loadgen")
    performance = asked["mode"] == "performance"
    words = f"{job.scenario} {asked['test'] or asked['mode']}"
    each = settings.multi_stream_samples_per_query if job.scenario == "MultiStream" else 1
    least = (settings.min_duration_ms, settings.min_query_count * each) if performance else (0, served.task.SAMPLES)
    watch = Watch(job.out, job.answer_limit_s, Progress(log.progress, words, *least))
    log.start("run_start")
    began = time.perf_counter()
    test(served, job.scenario, settings, job.out, watch, trace=performance)
    seconds = time.perf_counter() - began
    found = details(job.out)
    log.stop("run_stop", status="success")
    for name in SEEDS:
        if found.get(f"effective_{name}") != asked["seeds"][name]:
            raise JobError(
                f"LoadGen used {name} {found.get(f'effective_{name}')}, the rule set has {asked['seeds'][name]}"
            )
    unmet = [words for key, words in UNMET.items() if found.get(key) is False]
    result: dict[str, Any] = {"run_s": seconds, "validity": found.get("result_validity"), "unmet": unmet}
    if performance:
        result["loading_s"] = trace.reduce(job.out / "mlperf_log_trace.json", job.out / "latencies.bin")
    else:
        answers = logged_answers(job.out / "mlperf_log_accuracy.json")
        if missing := served.task.SAMPLES - len(answers):
            raise SutError("unanswered", f"the accuracy log lacks {missing} of {served.task.SAMPLES} samples")
        watch.arm(job.warmup_limit_s)  # perplexity asks the model once more
        result["metrics"] = served.task.accuracy(answers, served.model)
        watch.calm()
    return result


def logged_answers(path: Path) -> dict[int, bytes]:
    """Return the answers of LoadGen's accuracy log by sample index: the first one, where MultiStream asked twice."""
    return {entry["qsl_idx"]: bytes.fromhex(entry["data"]) for entry in reversed(json.loads(path.read_bytes()))}
