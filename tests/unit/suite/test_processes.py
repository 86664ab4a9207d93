"""Jobs without a container: told apart when they fail, gone when their runner is, and on their own processors."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from suite import source
from suite.engines.base import Ended, Limits
from suite.engines.process.interpreter import ask
from suite.engines.process.runner import ProcessRunner
from suite.engines.process.sandbox import ProcessSandbox
from suite.meters.sampler import Observer


def job(program: str) -> list[tuple[str, bytes | Path]]:
    """Files of a job whose module `work` is `program`."""
    code = {f"source/{name}": content for name, content in source.files("image-classification").items()}
    return [*code.items(), ("source/work.py", program.encode())]


def place(folder: Path) -> ProcessRunner:
    return ProcessRunner(
        ask(Path(sys.executable)), folder / "boxes", {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    )


class Outcome:
    """What a program did."""

    def __init__(self, folder: Path, program: str, limit_s: float = 60, cpuset: str = "0") -> None:
        self.out: list[tuple[str, float]] = []
        self.words: list[str] = []
        with place(folder).sandbox(Limits(cpuset, 0), "work", "run") as box:
            box.put([*job(program), ("data/file", Path(__file__))])
            self.container = box.describe()
            self.ended: Ended = box.run(limit_s, lambda *line: self.out.append(line), self._said)
            self.files = box.take()
            box.close()

    def _said(self, line: str, _received: float) -> None:
        self.words.append(line)

    @property
    def said(self) -> list[str]:
        return [line for line, _ in self.out]


def running(mark: str) -> list[int]:
    """Processes whose command line or environment holds `mark`."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def until(happens: Callable[[], object], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while not happens() and time.monotonic() < deadline:
        time.sleep(0.05)
    return bool(happens())


def test_output_files_and_exit_code_come_back(tmp_path: Path) -> None:
    program = (
        "import os, sys, pathlib\n"
        "job = pathlib.Path(sys.argv[1])\n"
        "print(len((job / 'data/file').read_bytes()), sorted(os.sched_getaffinity(0)), flush=True)\n"
        "print('words', file=sys.stderr)\n"
        "(job / 'out/sub').mkdir()\n(job / 'out/sub/kept').write_text('x')\n"
        "(job / 'out/link').symlink_to('/etc/passwd')\n"
        "sys.exit(7)"
    )
    done = Outcome(tmp_path, program)
    assert done.ended == Ended(7, out_of_memory=False, timed_out=False, memory=None)
    assert done.said == [f"{Path(__file__).stat().st_size} [0]"]
    assert "words" in done.words
    assert done.files["sub/kept"] == b"x"
    assert "link" not in done.files
    assert abs(done.out[0][1] - time.time()) < 30
    assert (done.container.engine, done.container.network, done.container.cpuset) == ("none", "host", "0")
    assert not list((tmp_path / "boxes").iterdir())


def test_its_environment_is_the_one_given_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_PRELOAD_OF_MINE", "yes")
    done = Outcome(tmp_path, "import os\nprint(sorted(os.environ))")
    [said] = done.said
    assert "LD_PRELOAD_OF_MINE" not in said
    assert "PYTHONPATH" in said


def test_a_signal_is_told_from_an_exit_code(tmp_path: Path) -> None:
    done = Outcome(tmp_path, "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    assert (done.ended.status, done.ended.out_of_memory) == (-9, False)


def test_a_run_past_its_limit_is_ended_with_all_it_started(tmp_path: Path) -> None:
    program = "import subprocess, time\nsubprocess.Popen(['sleep', '611'])\nprint('on', flush=True)\ntime.sleep(600)"
    started = time.monotonic()
    done = Outcome(tmp_path, program, limit_s=2)
    assert done.ended.timed_out
    assert done.said == ["on"]
    assert time.monotonic() - started < 20
    assert not running("sleep\x00611")
    assert not running(str(tmp_path))


def test_lines_that_come_before_the_end_are_all_there(tmp_path: Path) -> None:
    done = Outcome(tmp_path, "for n in range(20_000): print(n)")
    assert done.said == [str(n) for n in range(20_000)]
    assert done.ended.status == 0


RUNNER = """
import sys
from pathlib import Path
from suite.engines.base import Limits
from tests.unit.suite.test_processes import job, place
with place(Path({folder!r})).sandbox(Limits("0", 0), "work", "run") as box:
    box.put(job("import time; print('on', flush=True); time.sleep(600)"))
    box.run(600, lambda line, _: print(line, flush=True), print)
"""


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_runner_that_is_stopped_takes_its_processes_along(tmp_path: Path, project: Path, stop: int) -> None:
    words = [sys.executable, "-c", RUNNER.format(folder=str(tmp_path))]
    with subprocess.Popen(words, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as runner:
        assert runner.stdout is not None
        assert runner.stdout.readline() == b"on\n"
        assert len(running(str(tmp_path / "boxes"))) >= 2  # supervisor and harness
        runner.send_signal(stop)
        runner.wait(60)
    assert until(lambda: not running(str(tmp_path / "boxes")))


def test_what_a_killed_runner_left_behind_is_removed_by_the_next(tmp_path: Path) -> None:
    (tmp_path / "boxes/job/source").mkdir(parents=True)
    (tmp_path / "boxes/job/source/stale.py").write_text("")
    done = Outcome(tmp_path, "import sys, pathlib\nprint((pathlib.Path(sys.argv[1]) / 'source/stale.py').exists())")
    assert done.said == ["False"]


def test_a_program_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    from rules.errors import MachineError

    with (
        pytest.raises(MachineError, match="/nowhere/python cannot be started: No such file"),
        ProcessSandbox(["/nowhere/python"], tmp_path / "job", Limits("0", 0), {}),
    ):
        pass


def test_the_observer_samples_beside_it(tmp_path: Path) -> None:
    from rules.observation import Observation

    with Observer(place(tmp_path), "1", ("rapl", "nvml")) as observer:
        Outcome(tmp_path, "import time; time.sleep(1)")
    seen = Observation.model_validate_json(observer.observed().content or observer.observed().why_not)
    assert {"busy", "steal", "queue", "swap"} <= {channel.quantity for channel in seen.channels}
    assert seen.times_s[-1] - seen.times_s[0] >= 1
    assert not running(str(tmp_path / "boxes"))
