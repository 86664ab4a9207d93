"""What every engine does, as tests that any of them passes: derive a class `Test…` and give it the fixture `subject`.

Few sandboxes are made, and what one run shows is asserted in several tests.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from rules.documents import Container
from rules.errors import MachineError
from suite.engines import output
from suite.engines.base import Ended, Engine, EngineLostError, Runner, Sandbox, SandboxLimits
from suite.host.diagnosis import Level
from suite.images.matrix import target
from suite.inputs.source import ROOT, SUPERVISOR, loaded
from suite.meters.sampler import Observer

SECRET = "ASSAY_CONFORMANCE_SECRET"  # of our own environment, which no job may see


@dataclass(frozen=True)
class Subject:
    """One engine, and the few things about it that its interface does not say."""

    engine: Engine
    runner: Runner
    elsewhere: Callable[[int], str]  # Python that makes `runner` in another process; the number tells such apart
    alive: Callable[[int], list[Any]]  # what is there of the sandboxes of the runner in the process of this number
    tampered: Runner  # what runs is not what it recorded
    broken: Sandbox  # cannot be made
    silent: Callable[[], AbstractContextManager[tuple[Runner, Callable[[], None]]]] | None = None


@dataclass
class Ran:
    """What a program did in a sandbox."""

    ended: Ended
    container: Container
    out: list[tuple[str, float]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def said(self) -> list[str]:
        return [line for line, _ in self.out]


def job(program: str) -> list[tuple[str, bytes | Path]]:
    """Files of a job whose module `work` is `program`, one of them in a folder and given by its path."""
    files = [(f"source/{name}", content) for name, content in loaded(SUPERVISOR).items()]
    return [*files, ("source/work.py", program.encode()), ("data/deep/file", Path(__file__))]


def limits(memory: int = 256 << 20) -> SandboxLimits:
    return SandboxLimits("0", memory, pids=64)


def run(
    runner: Runner,
    program: str,
    limit_s: float = 60,
    during: Callable[[Sandbox], object] = lambda _: None,
    memory: int = 256 << 20,
    most_out: int = 64 << 20,
) -> Ran:
    """Run `program`; `during` is called with the sandbox at each line of its output."""
    with runner.sandbox(limits(memory), "work") as box:
        box.most_out = most_out
        box.put(job(program))
        ran = Ran(Ended(None, out_of_memory=False, timed_out=False, memory=None), box.describe())

        def hear(line: str, received: float) -> None:
            ran.out.append((line, received))
            during(box)

        ran.ended = box.run(limit_s, hear, lambda line, _: ran.words.append(line))
        ran.files = box.take()
        box.close()
    return ran


def until(happens: Callable[[], object], seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while not happens() and time.monotonic() < deadline:
        time.sleep(0.05)
    return bool(happens())


@contextmanager
def secret() -> Iterator[None]:
    os.environ[SECRET] = "mine"
    try:
        yield
    finally:
        del os.environ[SECRET]


ORDINARY = """
import os, pathlib, sys
job = pathlib.Path(sys.argv[1])
print(len((job / "data/deep/file").read_bytes()), sorted(os.sched_getaffinity(0)))
print(sorted(os.environ))
for number in range(20_000): print(number)
print("x" * (3 << 20))
out = job / "out"
(out / "sub").mkdir()
(out / "sub/kept").write_bytes(bytes(3 << 20))
(out / "link").symlink_to("/etc/passwd")
(out / "folder").symlink_to("/etc")
os.mkfifo(out / "pipe")
print("the last, without an end", end="", flush=True)
sys.stderr.write("words\\n" + "y" * (1 << 20) + "last words")
sys.stderr.flush()
os._exit(7)
"""


class Conformance:
    """The tests; a class derived from this one has the fixture `subject`, of scope class."""

    @pytest.fixture(scope="class")
    @classmethod
    def ordinary(cls, subject: Subject) -> Ran:
        with secret():
            return run(subject.runner, ORDINARY)

    def test_lines_come_whole_in_order_and_with_the_time_they_came(self, ordinary: Ran) -> None:
        assert ordinary.said[2:20_002] == [str(number) for number in range(20_000)]
        assert ordinary.said[-1] == "the last, without an end"
        times = [received for _, received in ordinary.out]
        assert times == sorted(times)
        assert abs(times[0] - time.time()) < 600

    def test_a_line_without_end_is_cut_and_words_keep_theirs(self, ordinary: Ran) -> None:
        assert len(ordinary.said[-2]) == output.MAX_LINE
        assert ordinary.words[0] == "words"
        assert ordinary.words[-1].endswith("last words")
        assert len(ordinary.words[-1]) <= output.MAX_WORDS

    def test_the_exit_code_is_told_behind_words_without_an_end(self, ordinary: Ran) -> None:
        assert (ordinary.ended.status, ordinary.ended.out_of_memory, ordinary.ended.timed_out) == (7, False, False)

    def test_files_are_put_by_content_and_by_path(self, ordinary: Ran) -> None:
        assert ordinary.said[0].split()[0] == str(Path(__file__).stat().st_size)

    def test_regular_files_come_back_and_nothing_else(self, ordinary: Ran) -> None:
        assert ordinary.files["sub/kept"] == bytes(3 << 20)
        assert ordinary.files.keys() <= {"sub/kept", "exit.json"}

    def test_limits_are_read_back_as_they_are(self, subject: Subject, ordinary: Ran) -> None:
        assert ordinary.said[0].endswith(" [0]")
        assert ordinary.container.cpuset == "0"
        assert ordinary.container.engine == subject.engine.host.engine
        contained = subject.engine.host.contained
        assert ordinary.container.memory_bytes == (256 << 20 if contained else 0)
        assert ordinary.container.pids == (64 if contained else 0)
        assert ordinary.container.network == ("none" if contained else "host")
        assert (ordinary.ended.memory is not None) == contained

    def test_the_environment_is_the_recorded_one_and_not_ours(self, subject: Subject, ordinary: Ran) -> None:
        assert SECRET not in ordinary.said[1]
        assert all(repr(name) in ordinary.said[1] for name in subject.runner.environment)

    def test_a_run_past_its_limit_ends_with_all_it_started(self, subject: Subject) -> None:
        program = (
            "import subprocess, sys, time\n"
            "subprocess.Popen([sys.argv[1] + '/sleeper', '611'], executable='/bin/sleep')\n"
            "print('on', flush=True)\ntime.sleep(600)"
        )
        started = time.monotonic()
        ran = run(subject.runner, program, limit_s=1)
        assert (ran.ended.timed_out, ran.ended.out_of_memory, ran.ended.status) == (True, False, None)
        assert ran.said == ["on"]
        assert ran.files == {}
        assert time.monotonic() - started < 40
        assert not subject.alive(os.getpid())

    def test_a_flood_of_output_does_not_outlive_the_limit(self, subject: Subject) -> None:
        assert run(subject.runner, "import sys\nwhile True: sys.stdout.write('x' * 65536)", limit_s=1).ended.timed_out

    def test_a_report_that_came_before_the_limit_counts_after_it(self, subject: Subject) -> None:
        """Our own process is held up until the limit is over."""
        ran = run(subject.runner, "print('here', flush=True)", 1.5, lambda _: time.sleep(2.5))
        assert (ran.ended.timed_out, ran.ended.status, ran.said) == (False, 0, ["here"])

    def test_a_log_without_end_stops_the_run(self, subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(output, "MAX_STDOUT", 1 << 20)
        with pytest.raises(MachineError, match="log of more than 1 MiB"):
            run(subject.runner, "import sys\nwhile True: sys.stdout.write('x' * 1000 + '\\n')")
        assert not subject.alive(os.getpid())

    def test_a_signal_is_told_from_an_exit_code_and_from_memory(self, subject: Subject) -> None:
        ran = run(subject.runner, "import os\nos.kill(os.getpid(), 9)")
        assert (ran.ended.status, ran.ended.out_of_memory) == (-signal.SIGKILL, False)

    def test_running_out_of_memory_is_told_where_there_is_a_limit(self, subject: Subject) -> None:
        if not subject.engine.host.contained:
            pytest.skip("nothing limits memory without an engine")
        hungry = run(subject.runner, "x = []\nwhile True: x.append(bytearray(1 << 20))", memory=96 << 20)
        assert hungry.ended.out_of_memory
        assert not hungry.ended.timed_out

    def test_what_is_killed_from_another_thread_ends_and_left_nothing(self, subject: Subject) -> None:
        def kill(box: Sandbox) -> None:
            threading.Thread(target=box.kill).start()

        ran = run(subject.runner, "import time\nprint('on', flush=True)\ntime.sleep(600)", during=kill)
        assert ran.ended == Ended(None, out_of_memory=False, timed_out=False, memory=None)
        assert ran.files == {}

    @pytest.mark.parametrize("instead", ["(job / 'out').write_text('x')", "(job / 'out').symlink_to('/etc')"])
    def test_results_that_are_no_folder_are_refused(self, subject: Subject, instead: str) -> None:
        program = "import pathlib, shutil, sys\njob = pathlib.Path(sys.argv[1])\nshutil.rmtree(job / 'out')\n"
        with pytest.raises(MachineError, match="'out', which is not below out/"):
            run(subject.runner, program + instead)
        assert not subject.alive(os.getpid())

    def test_more_results_than_are_taken_are_refused(self, subject: Subject) -> None:
        program = "import sys\nopen(sys.argv[1] + '/out/x', 'wb').truncate(3 << 20)"
        with pytest.raises(MachineError, match="more than 1048576 bytes of results"):
            run(subject.runner, program, most_out=1 << 20)

    def test_what_is_not_what_was_recorded_does_not_run(self, subject: Subject) -> None:
        assert (subject.runner.image is None) != (subject.runner.interpreter is None)
        assert subject.runner.versions
        with pytest.raises(MachineError) as refused:
            subject.tampered.sandbox(limits())
        assert refused.value.fix

    def test_what_cannot_be_made_is_a_sentence_and_leaves_nothing(self, subject: Subject) -> None:
        with pytest.raises(MachineError), subject.broken:
            pass
        assert not subject.alive(os.getpid())

    @pytest.mark.machine
    def test_a_measured_run_is_seen_by_others_and_a_job_is_not(self, subject: Subject) -> None:
        """By what the engine says, or by the lock that every command on this machine takes."""
        if not until(lambda: subject.engine.busy() is None):
            pytest.skip("the engine is busy with somebody else's run")
        assert subject.engine.locks()
        with subject.runner.sandbox(limits(), kind="job"):
            assert subject.engine.busy() is None
        with subject.runner.sandbox(limits(), kind="run"):
            said = subject.runner.busy()
        assert f"process {os.getpid()} on" in said if said else "machine" in subject.engine.locks()
        with subject.runner.taken():  # seen by others alone
            assert subject.engine.busy() is None

    def test_a_runner_that_ends_takes_its_sandbox_along_however_it_ends(self, subject: Subject) -> None:
        """Killed, terminated or interrupted in a run; killed with the job in place and not begun."""
        ways = [(signal.SIGKILL, True), (signal.SIGTERM, True), (signal.SIGINT, True), (signal.SIGKILL, False)]
        runners = [subprocess.Popen([sys.executable, "-c", self._other(subject, number, begun)], cwd=ROOT,
                                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
                   for number, (_, begun) in enumerate(ways)]  # fmt: skip
        for runner, (stop, _) in zip(runners, ways, strict=True):
            assert runner.stdout is not None
            assert runner.stdout.readline() == b"on\n"
            assert subject.alive(runner.pid)
            runner.send_signal(stop)
        for runner in runners:
            runner.communicate(timeout=60)
        assert until(lambda: not any(subject.alive(runner.pid) for runner in runners))

    def _other(self, subject: Subject, number: int, begun: bool) -> str:
        """Another process's program: it says `on` once its job runs, or is in place."""
        return f"""
{subject.elsewhere(number)}
from tests.integration.engines.conformance import job, limits
with runner.sandbox(limits(), "work") as box:
    box.put(job("import time; print('on', flush=True); time.sleep(600)"))
    if {begun}:
        box.run(600, lambda line, _: print(line, flush=True), print)
    print("on", flush=True)
    import time; time.sleep(600)
"""

    def test_an_engine_that_goes_silent_does_not_hold_the_runner(self, subject: Subject) -> None:
        if subject.silent is None:
            pytest.skip("there is nothing between the runner and what it runs")
        started = time.monotonic()
        with subject.silent() as (runner, hush), pytest.raises(EngineLostError, match="stopped answering") as lost:
            run(runner, "import time; print('here', flush=True); time.sleep(600)", 2, lambda _: hush())
        assert lost.value.fix
        assert time.monotonic() - started < 60
        assert until(lambda: not subject.alive(os.getpid()))

    def test_a_target_that_the_machine_is_not_is_refused_with_what_to_do(self, subject: Subject) -> None:
        board = target("jetson").model_copy(update={"emulation": None})
        with pytest.raises(MachineError, match="target jetson needs a Jetson") as refused:
            subject.engine.mode("jetson", board)
        assert refused.value.fix.startswith("run on a Jetson")

    def test_the_machine_is_described_and_looked_at(self, subject: Subject) -> None:
        host = subject.engine.host
        assert host.memory_bytes > 1 << 28
        assert host.cpus >= 1
        found = list(subject.engine.examine("cpu", target("cpu")))
        assert found
        assert not [one for one in found if one.level is Level.FAIL]

    def test_an_observer_samples_beside_a_run(self, subject: Subject) -> None:
        with Observer(subject.runner, "1", ("rapl",)) as observer:
            run(subject.runner, "import time; time.sleep(0.5)")
        assert observer.observed().content, observer.observed().why_not
        assert not subject.alive(os.getpid())
