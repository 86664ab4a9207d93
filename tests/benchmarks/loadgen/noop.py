"""A system under test that does nothing, in bare Python and in our harness, in turn: `python -m loadgen.noop JOB`."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlperf_loadgen as lg
import numpy as np

from suite.serve.drive import Served, details, test
from suite.serve.guard import Watch
from suite.serve.job import Job, Sut

SAMPLES = 1024
BATCH = 64
QUERIES = {"SingleStream": 60_000, "Offline": 200_000}  # of one turn; Offline: samples


class Task:
    """Nothing is loaded, and answers are what the model gives."""

    SAMPLES, PERFORMANCE_SAMPLES, ANSWER_BYTES = SAMPLES, SAMPLES, 4

    def load(self, indices: list[int]) -> None:
        """Load nothing."""

    def unload(self, indices: list[int]) -> None:
        """Unload nothing."""

    def inputs(self, indices: list[int]) -> list[int]:
        """Return the indices."""
        return indices

    def answers(self, outputs: Any) -> Any:
        """Return the outputs."""
        return outputs


class Model:
    """Rows of zeros, made beforehand."""

    def __init__(self) -> None:
        self._rows = [np.zeros(count, np.int32) for count in range(BATCH + 1)]

    def infer(self, batch: list[int]) -> Any:
        """Return zeros."""
        return self._rows[len(batch)]


@dataclass(frozen=True)
class Bench:
    """Both sides, on the same settings."""

    folder: Path

    def settings(self, scenario: str) -> Any:
        """Return settings that end after a fixed number of queries."""
        settings = lg.TestSettings()
        settings.scenario = getattr(lg.TestScenario, scenario)
        settings.mode = lg.TestMode.PerformanceOnly
        count = QUERIES[scenario]
        settings.min_duration_ms = 1
        settings.min_query_count = settings.max_query_count = count if scenario == "SingleStream" else 1
        settings.single_stream_expected_latency_ns = 1000
        settings.offline_expected_qps = count * 1000 / 1.1
        return settings

    def bare(self, scenario: str, trace: bool) -> dict[str, Any]:
        """Run the shortest Python there is."""

        def issue(samples: list[Any]) -> None:
            lg.QuerySamplesComplete([lg.QuerySampleResponse(sample.id, 0, 0) for sample in samples])

        logs = self._logs()
        log_settings = lg.LogSettings()
        log_settings.log_output.outdir = str(logs)
        log_settings.enable_trace = trace
        sut = lg.ConstructSUT(issue, lambda: None)
        library = lg.ConstructQSL(SAMPLES, SAMPLES, lambda _: None, lambda _: None)
        lg.StartTestWithLogSettings(sut, library, self.settings(scenario), log_settings, "audit.config")
        lg.DestroyQSL(library)
        lg.DestroySUT(sut)
        return details(logs)

    def ours(self, scenario: str, trace: bool) -> dict[str, Any]:
        """Run the harness."""
        sut = Sut(threads=1, batch=BATCH, precision="float32", workers=1)
        members: dict[str, Any] = dict.fromkeys(Job.__dataclass_fields__)
        job = Job(**members | {"folder": self.folder, "sut": sut, "tokens": False})
        served = Served(job, Task(), Model(), {0})  # type: ignore[arg-type]
        logs = self._logs()
        test(served, scenario, self.settings(scenario), logs, Watch(job.out, 30.0, lambda _: None), trace=trace)
        return details(logs)

    def _logs(self) -> Path:
        shutil.rmtree(self.folder / "logs", ignore_errors=True)  # a trace is tens of megabytes
        (self.folder / "logs").mkdir()
        return self.folder / "logs"


def microseconds(scenario: str, found: dict[str, Any]) -> float:
    """Return LoadGen's own time per query (Offline: sample), its overhead included."""
    rate = found["result_qps_with_loadgen_overhead" if scenario == "SingleStream" else "result_samples_per_second"]
    return float(1e6 / rate)


def main(folder: Path) -> int:
    """Write `out/noop.json`: microseconds per query of every turn, by scenario, trace and side."""
    turns = json.loads((folder / "job.json").read_text())["turns"]
    bench = Bench(folder)
    found: dict[str, list[float]] = {}
    for scenario in QUERIES:
        for trace in (False, True):
            for turn in range(turns + 1):
                sides = [("bare", bench.bare), ("ours", bench.ours)]
                for name, side in sides if turn % 2 else sides[::-1]:
                    each = microseconds(scenario, side(scenario, trace))
                    if turn:  # the first warms caches
                        found.setdefault(f"{scenario} {'traced' if trace else 'plain'} {name}", []).append(each)
    (folder / "out/noop.json").write_text(json.dumps(found))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
