"""Systems under test that cheat, each in the way that one compliance test is there for, and an honest one.

They are of the toy workload: a sample's answer is its index, and takes `WORK_S` to compute. What cheats is source that
goes into the container like any other; LoadGen, harness and container are the real ones.
"""

from __future__ import annotations

from collections.abc import Sequence

from suite.inputs import source
from tests.integration.serving.toys import toy

WORK_S = 0.0004
HONEST = f"""
    def work(self, batch):
        end = time.perf_counter() + {WORK_S} * len(batch)
        while time.perf_counter() < end: pass
        return batch
    def infer(self, batch): return self.work(batch)
"""
PERFORMING = "'\"mode\": \"performance\"' in open('/io/job/job.json').read()"
CACHES_BY_INDEX = (
    HONEST
    + """
    known = {}
    def infer(self, batch):
        new = [i for i in batch.tolist() if i not in self.known]
        if new: self.known.update(zip(new, self.work(np.array(new, np.int32)).tolist()))
        return np.array([self.known[i] for i in batch.tolist()], np.int32)
"""
)
REMEMBERS_THE_LAST = (
    HONEST
    + """
    last = None
    def infer(self, batch):
        if batch.tolist() != self.last: self.work(batch)
        self.last = batch.tolist()
        return batch
"""
)
SKIPS_WORK = (
    HONEST
    + f"""
    skips = None
    def infer(self, batch):
        if self.skips is None: self.skips = {PERFORMING}
        return np.zeros_like(batch) if self.skips else self.work(batch)
"""
)
SKIPS_ONE_IN_TEN = (
    HONEST
    + f"""
    skips, asked = None, 0
    def infer(self, batch):
        if self.skips is None: self.skips = {PERFORMING}
        self.asked += 1
        return np.full_like(batch, -1) if self.skips and self.asked % 10 == 0 else self.work(batch)
"""
)
ANSWERS_EARLY = (
    HONEST
    + """
    def infer(self, batch):
        import threading
        threading.Thread(target=self.work, args=(batch,)).start() if threading.active_count() < 4 else None
        return np.zeros_like(batch)
"""
)
PRECOMPUTES = """
    def load(self, indices):
        import time
        end = time.perf_counter() + %s * len(indices)
        while time.perf_counter() < end: pass
        self.loaded.update(indices)
"""


def knows_the_seeds(order: Sequence[int]) -> str:
    """A model with the answers to what the round's seeds ask, in that order; it computes what it did not expect."""
    return (
        HONEST
        + f"""
    expected, at = {list(order)!r}, 0
    def infer(self, batch):
        hit = self.at < len(self.expected) and self.expected[self.at] == batch[0]
        self.at += 1
        return batch if hit else self.work(batch)
"""
    )


# The sequence ends with token 1.
TALKS = f"""
    def generate(self, batch):
        for step in range(6):
            end = time.perf_counter() + {WORK_S} / 4
            while time.perf_counter() < end: pass
            yield (batch + 2 + step if step < 5 else np.ones_like(batch)).astype(np.int32)
"""
TALKS_ON = TALKS.replace("range(6)", "range(9)").replace("if step < 5", "if step < 3")


def talker(model: str = TALKS, **changes: str) -> dict[str, bytes]:
    """Return a token workload whose harness has parts of `suite/serve/answer.py` replaced."""
    code = toy(model, size=None)
    answer = source.loaded(*source.SERVING)["suite/serve/answer.py"].decode()
    for old, new in changes.items():
        assert PARTS[old] in answer, old
        answer = answer.replace(PARTS[old], new)
    return code | {"suite/serve/answer.py": answer.encode()}


PARTS = {
    "count": "response(ids[place], address, TOKEN_BYTES * len(tokens[place]), len(tokens[place]))",
    "begin": "        tokens: list[list[int]] = [[] for _ in ids]\n",
    "first": "                if first:\n",
}
COUNTS_DOUBLE = {"count": "response(ids[place], address, TOKEN_BYTES * len(tokens[place]), 2 * len(tokens[place]))"}
SAYS_THE_FIRST_AT_ONCE = {
    "begin": PARTS["begin"]
    + """        with _Pointed([[7] for _ in ids]) as at:
            first_token([response(number, place, TOKEN_BYTES, 1) for number, place in zip(ids, at)])
""",
    "first": "                if False:\n",
}
