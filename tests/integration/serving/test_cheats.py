"""Each compliance test catches the system under test that cheats in its way; an honest one passes them all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from checker.core.tree import Tree
from checker.families.assay.inference.answers import Answer, read_answers
from checker.families.assay.inference.compliance import Fault, PerformanceTest, loaded, verdict
from checker.families.assay.inference.latencies import Latencies, percentile, read_latencies
from rules.compliance import AnswerComparison, WorkloadTests, compliance_rules
from rules.ruleset import load
from suite.inference.compliance import told as audit
from suite.result.job import Finished
from tests.integration.serving import cheats
from tests.integration.serving.toys import RULESET, details, outcome, told, toy, toy_job

pytestmark = [pytest.mark.engine, pytest.mark.image]

RULES = compliance_rules(RULESET)
SINGLE = (
    "*.SingleStream.min_duration = {ms}\n*.SingleStream.min_query_count = 64\n*.SingleStream.target_latency = {each}\n"
)
KIND = WorkloadTests(tests=["TEST01", "TEST04", "TEST06", "seeds"], answers=AnswerComparison(dtype="int32"), eos=1)


class Tried:
    """Runs of one system under test, as LoadGen left them."""

    def __init__(self, serve: Any, folder: Path, code: dict[str, bytes], each_ms: float, tokens: bool = False) -> None:
        self._serve, self._folder, self._code, self._tokens = serve, folder, code, tokens
        self._conf = SINGLE.format(ms=600, each=each_ms) + "*.*.use_token_latencies = 1\n" * tokens
        self._done: dict[str, Finished] = {}

    def run(self, name: str) -> Finished:
        """Return the run `name`, made once."""
        if name not in self._done:
            if name in ("performance", "accuracy"):
                given = told(self._conf, name)
            else:
                given = told(self._conf, "performance", name, *audit(RULESET, name, "SingleStream"))
            finished = self._serve(self._code, toy_job(self._code, tokens=self._tokens, loadgen=given))
            assert outcome(finished) == ("success", "")
            self._done[name] = finished
            for file in ("latencies.bin", "mlperf_log_accuracy.json"):
                (self._folder / f"{name}-{file}").write_bytes(finished.files.get(file, b""))
        return self._done[name]

    def forget(self, *names: str) -> None:
        """Let runs be made again."""
        for name in names:
            self._done.pop(name, None)

    @property
    def _tree(self) -> Tree:
        return Tree(self._folder, load(RULESET).limits)

    def latencies(self, name: str) -> Latencies:
        self.run(name)
        return read_latencies(self._tree, f"{name}-latencies.bin")

    def answers(self, name: str) -> list[Answer]:
        self.run(name)
        return read_answers(self._tree, f"{name}-mlperf_log_accuracy.json")

    def measured(self, name: str) -> PerformanceTest:
        return PerformanceTest("SingleStream", details(self.run(name)), self._tokens, self.latencies(name))

    def judge(self, test: str) -> dict[str, list[Fault]]:
        """Return what a test objects to, by part, where it objects to anything."""
        logged = self.answers(test) if test in ("TEST01", "TEST06") else []
        reference, run = self.measured("performance"), self.measured(test)
        found = verdict(test, RULES, KIND, reference, run, self.answers("accuracy"), logged)
        return {part: faults for part, faults in found.items() if faults}

    def loading(self) -> list[Fault]:
        """Return what is wrong with the time that loading samples took."""
        known = self.latencies("performance")
        result = json.loads(self.run("performance").files["result.json"])
        return list(loaded(result["loading_s"], 16, known.ranked[len(known) // 2] / 1e9, RULES))


@pytest.fixture
def tried(serve, tmp_path):
    def make(code: dict[str, bytes], each_ms: float = 1000 * cheats.WORK_S, tokens: bool = False) -> Tried:
        return Tried(serve, tmp_path, code, each_ms, tokens)

    return make


def said(faults: list[Fault]) -> str:
    return "; ".join(fault.message for fault in faults)


def passes(honest: Tried, test: str) -> bool:
    """Whether a test passes; where the machine was busy during one of its runs, when they are made again."""
    for _ in range(5):
        found = honest.judge(test)
        if not found:
            return True
        assert set(found) == {"performance"}, found  # nothing but time may go wrong
        honest.forget("performance", test)
    return False


@pytest.mark.measured
def test_an_honest_system_passes_every_test(tried):
    honest = tried(toy(cheats.HONEST))
    assert passes(honest, "TEST01")
    assert passes(honest, "TEST04")
    assert passes(honest, "seeds")
    assert honest.loading() == []


@pytest.mark.measured
def test_an_honest_token_model_passes_test06(tried):
    honest = tried(cheats.talker(), tokens=True)
    assert passes(honest, "TEST06")
    assert passes(honest, "seeds")


def test_percentiles_of_the_latencies_are_loadgens(tried):
    known = tried(toy(cheats.HONEST)).measured("performance")
    assert known.latencies is not None
    for name in ("50.00", "90.00", "95.00", "97.00", "99.00", "99.90"):
        stated = known.log[f"result_{name}_percentile_latency_ns"]
        assert percentile(known.latencies.ranked, float(name) / 100) == stated


@pytest.mark.measured
def test_test04_catches_a_cache_by_index(tried):
    found = tried(toy(cheats.CACHES_BY_INDEX), each_ms=0.01).judge("TEST04")
    assert "a sample's first answer takes longer" in said(found["performance"])


@pytest.mark.measured
def test_test04_catches_a_memory_of_the_last_sample(tried):
    found = tried(toy(cheats.REMEMBERS_THE_LAST), each_ms=0.01).judge("TEST04")
    assert "faster than the performance run" in said(found["performance"])


@pytest.mark.parametrize(
    "model", [cheats.SKIPS_WORK, cheats.SKIPS_ONE_IN_TEN, cheats.ANSWERS_EARLY], ids=["all", "one in ten", "early"]
)
def test_test01_catches_work_that_performance_mode_skips(tried, model):
    if model is cheats.ANSWERS_EARLY:  # in accuracy mode it waits
        model = model.replace("def infer", "def early") + cheats.HONEST.replace(
            "def infer(self, batch): return self.work(batch)",
            f"def infer(self, batch): return self.early(batch) if {cheats.PERFORMING} else self.work(batch)",
        )
    found = tried(toy(model), each_ms=0.05).judge("TEST01")
    assert "answers are not the accuracy run's" in said(found["accuracy"])


@pytest.mark.measured
def test_other_seeds_catch_a_system_that_knows_the_rounds(tried, serve, tmp_path):
    honest = tried(toy(cheats.HONEST))
    order = honest.latencies("performance").sample[:20000]
    folder = tmp_path / "knowing"
    folder.mkdir()
    # It has room for as many queries as the honest one was asked; what comes after it computes.
    knowing = Tried(serve, folder, toy(cheats.knows_the_seeds(order)), each_ms=1000 * cheats.WORK_S / 4)
    found = knowing.judge("seeds")
    assert "with the round's seeds queries are answered faster" in said(found["performance"])
    assert knowing.judge("TEST01").get("accuracy") is None  # its answers are right
    assert knowing.loading() == []


@pytest.mark.measured
def test_loading_catches_answers_that_are_computed_meanwhile(tried):
    model, task = "    def infer(self, batch): return batch\n", cheats.PRECOMPUTES % 0.05
    found = tried(toy(model, task), each_ms=0.005).loading()
    assert "loading the samples took as long as answering them" in said(found)


def test_test06_catches_a_count_of_tokens_that_is_a_lie(tried):
    found = tried(cheats.talker(**cheats.COUNTS_DOUBLE), tokens=True).judge("TEST06")
    assert "another number of tokens" in said(found["sample length"])
    assert "EOS" not in found


def test_test06_catches_a_first_token_said_before_it_is_known(tried):
    found = tried(cheats.talker(**cheats.SAYS_THE_FIRST_AT_ONCE), tokens=True).judge("TEST06")
    assert "is not the one that was said" in said(found["first token"])
    assert "sample length" not in found


def test_test06_catches_answers_that_go_on_after_their_end(tried):
    found = tried(cheats.talker(cheats.TALKS_ON), tokens=True).judge("TEST06")
    assert "goes on after its end" in said(found["EOS"])
