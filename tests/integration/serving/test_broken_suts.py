"""Whatever a system under test does, the run ends in time, with the name of what it did, and leaves no container."""

from __future__ import annotations

import time

import pytest

from suite.engines.docker.labels import OWNER, owner
from tests.integration.serving.toys import details, outcome, told, toy, toy_job

pytestmark = [pytest.mark.engine, pytest.mark.image]

CONF = "*.{0}.min_duration = 300\n*.{0}.min_query_count = 64\n*.{0}.target_latency = 100\n*.{0}.target_qps = 500\n"
BROKEN = {
    "raises": ("raise ArithmeticError('no such luck')", "crashed", "ArithmeticError: no such luck (toy.py:"),
    "raises what has no words": (
        "raise type('Mute', (Exception,), {'__str__': lambda s: 1 / 0})()",
        "crashed",
        "Mute: without words (ZeroDivisionError) (toy.py:",
    ),
    "leaves": ("raise SystemExit(0)", "crashed", "SystemExit: 0"),
    "exits": ("os._exit(0)", "crashed", "exit code 0"),
    "is killed by a signal": ("ctypes.string_at(0)", "crashed", "signal 11"),
    "sleeps": ("time.sleep(1000)", "hung", "it stood in infer (suite/workloads/toy/serve/toy.py:"),
    "sleeps and lets nobody else run": ("ctypes.PyDLL(None).sleep(1000)", "hung", "it stood in infer"),
    "answers twice": ("return np.concatenate([batch, batch])", "answered-twice", "2 answers to 1 samples"),
    "never answers": ("return batch[:0]", "unanswered", "0 answers to 1 samples"),
    "answers too much": ("return batch.astype(np.int64)", "wrong-size", "an answer has 8 bytes, not 4"),
    "answers too little": ("return batch.astype(np.int16)", "wrong-size", "an answer has 2 bytes, not 4"),
    "answers a number": ("return 7", "wrong-size", "the answers are int"),
    "answers nothing": ("return None", "wrong-size", "the answers are NoneType"),
    "takes all memory": ("x = b'x' * (2 << 30); return batch", "out-of-memory", "memory limit"),
    "is refused memory": ("raise MemoryError('4 GiB')", "out-of-memory", "no memory left: 4 GiB"),
}

ENDS = [end for _, end, _ in BROKEN.values()]


def infer(body: str) -> str:
    return f"    def infer(self, batch):\n        {body}\n"


@pytest.fixture(autouse=True)
def no_container_is_left(client):
    yield
    assert client.api.containers(all=True, filters={"label": f"{OWNER}={owner()}"}) == []


# All of them with a query at a time; where LoadGen has a thread of its own, one of each end.
SERVED = {what for number, (what, (_, end, _)) in enumerate(BROKEN.items()) if end not in ENDS[:number]}


@pytest.mark.parametrize(
    ("what", "scenario"),
    [(what, "SingleStream") for what in BROKEN]
    + [pytest.param(what, "Server", marks=[] if what in SERVED else pytest.mark.long) for what in BROKEN],
)
def test_a_broken_system_under_test_is_told_by_name(serve, what, scenario):
    body, expected, words = BROKEN[what]
    code = toy(infer(body))
    began = time.monotonic()
    job = toy_job(code, scenario, loadgen=told(CONF.format(scenario)))
    if expected == "out-of-memory":  # filling it takes a busy machine seconds
        job["answer_limit_s"] = 10.0
    ended, why = outcome(serve(code, job))
    assert (ended, words in why) == (expected, True), why
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("part", ["__init__(self, folder, sut)", "warm_up(self)"])
def test_one_that_hangs_before_it_is_timed_ends_too(serve, part):
    code = toy(f"    def {part}: time.sleep(1000)\n")
    ended, why = outcome(serve(code, toy_job(code, loadgen=told(CONF.format("SingleStream")))))
    assert ended == "hung"
    assert part.partition("(")[0] in why


@pytest.mark.parametrize("status", [0, 2])
def test_one_that_leaves_while_it_warms_up_has_crashed(serve, status):
    code = toy(f"    def warm_up(self): raise SystemExit({status})\n")
    ended, why = outcome(serve(code, toy_job(code, loadgen=told(CONF.format("SingleStream")))))
    assert (ended, f"SystemExit: {status}" in why) == ("crashed", True), why


def test_one_that_hangs_in_the_search_ends_too(serve):
    code = toy(infer("time.sleep(1000)"))
    ended, why = outcome(serve(code, toy_job(code, "Server", mode="search", search={"scenarios": {}})))
    assert (ended, "it stood in infer" in why) == ("hung", True), why


def test_one_that_hangs_after_its_last_answer_ends_too(serve):
    code = toy(task="    def accuracy(self, answers, model):\n        import time; time.sleep(1000)\n")
    ended, why = outcome(serve(code, toy_job(code, loadgen=told(CONF.format("SingleStream"), "accuracy"))))
    assert (ended, "it stood in accuracy" in why) == ("hung", True), why


def test_workers_that_fail_together_are_told_by_name(serve):
    code = toy(infer("time.sleep(0.05); raise ArithmeticError('no such luck')"))
    sut = {"threads": 1, "batch": 1, "precision": "float32", "workers": 8}
    ended, why = outcome(serve(code, toy_job(code, "Server", sut=sut, loadgen=told(CONF.format("Server")))))
    assert (ended, "no such luck" in why) == ("crashed", True), why


LEFT = {
    "a thread": "import threading; threading.Thread(target=time.sleep, args=(1000,)).start()",
    "a process": "import subprocess; subprocess.Popen(['/usr/bin/sleep', '1000'])",
    "an exit handler that crashes": "import atexit; atexit.register(ctypes.string_at, 0)",
}


@pytest.mark.parametrize("what", LEFT)
def test_what_one_leaves_running_does_not_hold_the_run(serve, what):
    code = toy(f"    def warm_up(self): {LEFT[what]}\n")
    began = time.monotonic()
    finished = serve(code, toy_job(code, loadgen=told(CONF.format("SingleStream"))))
    assert outcome(finished) == ("success", "")
    assert time.monotonic() - began < 20


def test_one_that_fails_in_the_middle_of_offline_is_told_by_name(serve):
    code = toy(infer("self.n = getattr(self, 'n', 0) + 1; return batch[:-1] if self.n == 9 else batch"))
    ended, why = outcome(serve(code, toy_job(code, "Offline", loadgen=told(CONF.format("Offline")))))
    assert (ended, why) == ("unanswered", "3 answers to 4 samples: the rest would never be answered")


def test_a_sample_that_cannot_be_loaded_is_no_abort_of_loadgen(serve):
    code = toy(task="    def load(self, indices): raise OSError('gone')\n")
    ended, why = outcome(serve(code, toy_job(code, loadgen=told(CONF.format("SingleStream")))))
    assert (ended, "OSError: gone" in why) == ("crashed", True)


TOKENS = {
    "yields nothing": ("return iter(())", "unanswered"),
    "ends before its first token": ("yield np.full(len(batch), -1, np.int32)", "unanswered"),
    "goes on after its end": ("yield batch; yield -np.ones_like(batch); yield batch", None),
    "one goes on after its end": (
        "yield batch; yield np.array([-1, *batch[1:]], np.int32); yield batch",
        "answered-twice",
    ),
    "gives two tokens a step": ("yield np.concatenate([batch, batch])", "answered-twice"),
    "forgets a sequence": ("yield batch[1:]", "unanswered"),
    "gives tokens of another kind": ("yield batch.astype(np.float32)", "wrong-size"),
    "hangs between tokens": ("yield batch; time.sleep(1000)", "hung"),
    "raises between tokens": ("yield batch; raise ValueError('lost')", "crashed"),
}


@pytest.mark.parametrize("what", TOKENS)
def test_a_broken_token_model_is_told_by_name(serve, what):
    body, expected = TOKENS[what]
    code = toy(f"    def generate(self, batch):\n        {body}\n")
    job = toy_job(
        code, "Offline", tokens=True, loadgen=told(CONF.format("Offline") + "*.Offline.use_token_latencies = 1\n")
    )
    ended, why = outcome(serve(code, job))
    assert ended == (expected or "success"), why


def test_outputs_that_are_not_numbers_are_refused(serve):
    code = toy(infer("return np.full((len(batch), 3), np.nan)"))
    ended, why = outcome(serve(code, toy_job(code, mode="outputs", outputs={"samples": [1, 2]})))
    assert (ended, "an output is not a finite number" in why) == ("crashed", True)


def test_a_stray_audit_config_is_not_obeyed(serve):
    code = toy("    def warm_up(self): open('audit.config', 'w').write('*.*.mode = 1\\n')\n")
    finished = serve(code, toy_job(code, loadgen=told(CONF.format("SingleStream"))))
    assert outcome(finished) == ("success", "")
    assert details(finished)["effective_test_mode"] == "PerformanceOnly"
