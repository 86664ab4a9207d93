"""How queries reach the model: at once, in LoadGen's own thread, or through a queue that workers take batches from.

SingleStream and MultiStream ask the next query when the last is answered, so a queue could only cost time. Server and
Interactive need one, for the next query comes whether or not the last is answered; Offline where there are several
workers.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue

from suite.serve.answer import Answer
from suite.serve.guard import Count, Watch, fail

Issue = Callable[[list[int], list[int]], None]
Item = tuple[list[int], list[int]] | None  # None: no more work
SWITCH_S = 0.0005  # how long Python lets a thread hold its lock while LoadGen's waits to issue; its default is 5 ms


def direct(answer: Answer, batch: int, watch: Watch, out: Path) -> Issue:
    """Return the callback that answers a query, in batches, before it returns."""
    count = Count()
    watch.counts.append(count)

    def issue(ids: list[int], indices: list[int]) -> None:
        try:
            count.begun += len(ids)
            if len(ids) <= batch:
                answer(ids, indices)
                count.done += len(ids)
                return
            for start in range(0, len(ids), batch):
                some = ids[start : start + batch]
                answer(some, indices[start : start + batch])
                count.done += len(some)
        except BaseException as error:  # noqa: BLE001 (one that LoadGen saw would end the process by abort)
            fail(out, error)

    return issue


@contextmanager
def queued(answers: list[Answer], batch: int, merge: bool, watch: Watch, out: Path, cores: set[int]) -> Iterator[Issue]:
    """Give the callback that queues queries for one worker per function in `answers`; workers end with the context.

    `merge`: waiting queries of a sample each are answered together, up to `batch`. LoadGen's thread may use all of
    `cores`; the workers stay on those that they inherit.
    """
    queue: SimpleQueue[Item] = SimpleQueue()
    issued = Count()
    watch.counts.append(issued)

    def work(answer: Answer, count: Count) -> None:
        try:
            while (item := queue.get()) is not None:
                ids, indices = item
                while merge and len(ids) < batch:
                    try:
                        more = queue.get_nowait()
                    except Empty:
                        break
                    if more is None:
                        queue.put(None)
                        break
                    ids, indices = ids + more[0], indices + more[1]
                answer(ids, indices)
                count.done += len(ids)
        except BaseException as error:  # noqa: BLE001
            fail(out, error)

    def issue(ids: list[int], indices: list[int]) -> None:
        try:
            issued.begun += len(ids)
            if len(ids) <= batch:
                queue.put((ids, indices))
                return
            for start in range(0, len(ids), batch):
                queue.put((ids[start : start + batch], indices[start : start + batch]))
        except BaseException as error:  # noqa: BLE001 (no memory left, for one)
            fail(out, error)

    threads = []
    for answer in answers:
        count = Count()
        watch.counts.append(count)
        threads.append(threading.Thread(target=work, args=(answer, count), daemon=True))
    for thread in threads:
        thread.start()
    narrow, interval = os.sched_getaffinity(0), sys.getswitchinterval()
    os.sched_setaffinity(0, cores)
    sys.setswitchinterval(SWITCH_S)
    try:
        yield issue
    finally:
        sys.setswitchinterval(interval)
        os.sched_setaffinity(0, narrow)
        for _ in threads:
            queue.put(None)
        for thread in threads:
            thread.join()
