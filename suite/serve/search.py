"""Mode `search`: short LoadGen tests that say what to expect of each scenario, and how much Server bears.

LoadGen draws its queries beforehand from the rate it is told to expect, so an honest expectation is needed everywhere;
in Server and Interactive the rate is the result itself. It is bracketed by factors and then bisected, each step one
real LoadGen test of its own. Settings are set one by one: the embedded configuration can be read only once a process.
What is found is only where the measured run begins; that one alone decides.
"""

from __future__ import annotations

import shutil
import time
from typing import Any

import mlperf_loadgen as loadgen

from suite.harness.log import Log
from suite.serve.drive import QUEUED, SCENARIOS, Served, details, test
from suite.serve.guard import Watch
from suite.serve.late_budget import tolerated

MS = 1_000_000  # ns


class Search:
    """The probes of one process."""

    def __init__(self, served: Served, log: Log) -> None:
        self._served, self._log = served, log
        self._asked = served.job.search
        self.probes: list[dict[str, Any]] = []

    def probe(self, scenario: str, rate: float) -> dict[str, Any]:
        """Run one short test at `rate` queries (Offline: samples) a second; return and keep what came of it."""
        its = self._asked["scenarios"][scenario]
        settings = loadgen.TestSettings()
        settings.scenario, settings.mode = SCENARIOS[scenario], loadgen.TestMode.PerformanceOnly
        settings.min_duration_ms = self._asked["probe_ms"]
        settings.min_query_count, percentile = self._size(scenario, rate)
        for name, value in self._asked["seeds"].items():
            setattr(settings, name, value)
        expected_ns = int(1e9 / rate)
        settings.single_stream_expected_latency_ns = settings.multi_stream_expected_latency_ns = max(expected_ns, 1)
        settings.server_target_qps = settings.offline_expected_qps = rate
        settings.multi_stream_samples_per_query = its["samples_per_query"] or 8
        settings.single_stream_target_latency_percentile = its["percentile"] or 0.9
        settings.multi_stream_target_latency_percentile = its["percentile"] or 0.99
        settings.server_target_latency_percentile = percentile
        settings.server_target_latency_ns = (its["target_latency_ms"] or 0) * MS
        settings.use_token_latencies = self._served.job.tokens
        settings.ttft_latency, settings.tpot_latency = (its["ttft_ms"] or 0) * MS, (its["tpot_ms"] or 0) * MS
        logs = self._served.job.folder / "probe"
        logs.mkdir()
        self._log.progress(f"search {scenario} {rate:.4g}/s", len(self.probes), self._asked["most_probes"])
        watch = Watch(self._served.job.out, self._served.job.answer_limit_s, lambda *_: None)
        began = time.perf_counter()
        test(self._served, scenario, settings, logs, watch, trace=True)  # as in measured runs: it costs a little
        found = details(logs)
        shutil.rmtree(logs)
        # Of Server only whether the percentile kept its bounds: LoadGen wants more queries to vouch for it.
        key, met = ("result_perf_constraints_met", True) if scenario in QUEUED else ("result_validity", "VALID")
        said = {
            "scenario": scenario,
            "rate": rate,
            "valid": found.get(key) == met,
            "seconds": round(time.perf_counter() - began, 3),
            "queries": found.get("result_query_count"),
            "mean_ns": found.get("result_mean_latency_ns"),
            "p99_ns": found.get("result_99.00_percentile_latency_ns"),
            "throughput": found.get("result_samples_per_second"),
        }
        self.probes.append(said)
        return said

    def _size(self, scenario: str, rate: float) -> tuple[int, float]:
        """Return how many queries a probe at `rate` has, and the percentile that must keep its bound."""
        its = self._asked["scenarios"][scenario]
        if scenario not in QUEUED:
            return 1, 0.99
        run = max(its["min_query_count"], int(rate * its["min_duration_ms"] / 1000))
        return tolerated(run, its["may_be_late"], self._asked["late"], int(rate * self._asked["probe_ms"] / 1000))

    def alone(self) -> float:
        """Return how many samples a second the model answers one by one, from a single call: where probing begins."""
        task, model = self._served.task, self._served.model
        watch = Watch(self._served.job.out, self._served.job.answer_limit_s, lambda *_: None)
        watch.arm(self._served.job.answer_limit_s)
        task.load([0])
        began = time.perf_counter()
        if self._served.job.tokens:
            for _ in model.generate(task.inputs([0])):  # type: ignore[attr-defined]
                pass
        else:
            model.infer(task.inputs([0]))
        seconds = time.perf_counter() - began
        task.unload([0])
        watch.calm()
        return 1 / seconds

    def expected(self, scenario: str, rate: float) -> float:
        """Return how many queries (Offline: samples) a second to tell LoadGen to expect: measured, then once more."""
        for _ in range(2):
            found = self.probe(scenario, rate)
            rate = found["throughput"] if scenario == "Offline" else 1e9 / max(found["mean_ns"], 1)
        return float(rate)

    def highest(self, scenario: str, first: float) -> float:
        """Return the highest rate at which short tests of Server are valid: bracketed by factors, then bisected.

        A rate is too high once two tests of it were invalid: one may have met a bad moment of the machine. Ends early
        where a test at the next rate would not end in time: the lower the rate, the longer it takes.
        """
        factor, close = self._asked["factor"], self._asked["close"]
        good, bad, rate, doubted = 0.0, 0.0, first, 0.0
        left, until = self._asked["probes"], time.monotonic() + self._asked["budget_s"]
        while left and (not good or not bad or bad / good > close):
            if time.monotonic() + self._size(scenario, rate)[0] / rate > until:
                break
            left -= 1
            if self.probe(scenario, rate)["valid"]:
                good = rate
                rate = (good * bad) ** 0.5 if bad else rate * factor
            elif doubted != rate:
                doubted = rate
            else:
                bad = rate
                rate = (good * bad) ** 0.5 if good else rate / factor
        return good or rate


def run(served: Served, log: Log) -> dict[str, Any]:
    """Probe every scenario the job names; return rates and probes."""
    search = Search(served, log)
    rates: dict[str, float] = {}
    log.start("run_start")
    alone = search.alone()
    asked = served.job.search["scenarios"]
    for scenario in (name for name in asked if name not in QUEUED):
        rates[scenario] = search.expected(scenario, alone)
    # A query alone fills no batch, and waits for those before it: Server bears a third to a half of what Offline does.
    first = rates["Offline"] / 3 if "Offline" in rates else alone
    for scenario in (name for name in asked if name in QUEUED):
        first = rates[scenario] = search.highest(scenario, first)
    log.stop("run_stop", status="success")
    return {"rates": rates, "probes": search.probes}
