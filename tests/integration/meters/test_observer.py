"""The observer beside a real container: what it sees, that no run is lost for it, and a clock that lies."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from checker.families.assay.rules.observation import ALWAYS
from rules.documents import RunRecord
from rules.observation import Observation
from suite.engines.docker.labels import LABEL, OWNER, owner
from suite.engines.docker.runner import DockerRunner
from suite.meters.power_log import PowerLog
from suite.meters.sampler import Observer
from tests.integration.test_run import results
from tests.integration.toy.checkout import SLOW

pytestmark = [pytest.mark.engine, pytest.mark.image]


def observers(client, pid: int | None = None) -> list[str]:
    """The ids of the observers of a process of this machine, this one unless another is named."""
    mine = {"label": [f"{LABEL}=observer", f"{OWNER}={owner(pid)}"]}
    return [found["Id"] for found in client.api.containers(all=True, filters=mine)]


def test_it_sees_what_every_kernel_tells_and_says_what_it_does_not_see(client, jax_image, tmp_path):
    log = tmp_path / "meter.csv"
    log.write_text("")
    with Observer(DockerRunner(client, jax_image), "1", ("rapl", "external"), power_log=PowerLog(log)) as observer:
        for _ in range(10):
            with log.open("a") as file:
                file.write(f"{time.time()},100.0\n")
            time.sleep(0.2)
    seen = Observation.model_validate_json(observer.observed().content or b"")
    assert {channel.quantity for channel in seen.channels} >= {*ALWAYS}
    assert seen.times_s[-1] - seen.times_s[0] >= 2.0
    outside = [channel.name for channel in seen.channels].index("external/meter")
    assert [value for value in seen.values[outside] if value is not None] == [100.0] * 10
    families = {channel.name.partition("/")[0] for channel in seen.channels}
    assert "rapl" in families | {one.source for one in seen.unavailable}


def test_a_meter_that_cannot_be_read_is_said_before_the_first_run_and_not_again(client, jax_image, capsys):
    for _ in range(2):
        with Observer(DockerRunner(client, jax_image), "1", ("nvml",)):
            pass
    said = capsys.readouterr().err
    assert said.count("warning: meter nvml is not read: nvidia-ml-py is not installed; ") == 1
    assert "--power-log FILE" in said


def test_one_that_cannot_be_made_is_said_and_not_raised(client, jax_image):
    with Observer(DockerRunner(client, replace(jax_image, image_id=f"sha256:{'0' * 64}")), "1") as observer:
        pass
    found = observer.observed()
    assert found.content is None
    assert "the engine refused" in found.why_not


def test_one_that_dies_in_mid_run_leaves_the_reason(client, jax_image):
    with Observer(DockerRunner(client, jax_image), "1") as observer:
        [mine] = observers(client)
        client.api.kill(mine)
        time.sleep(0.5)
    found = observer.observed()
    assert found.content is None
    assert "ended before the run" in found.why_not


def test_a_killed_runner_leaves_no_observer(client, jax_image):
    code = "import time\nfrom suite.engines.table import engine\nfrom suite.images.matrix import cell\n"
    code += "from suite.meters.sampler import Observer\n"
    code += "with Observer(engine().runner(cell('jax', 'cpu')), '1'): print(flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as runner:
        assert runner.stdout is not None
        runner.stdout.readline()
        [its] = observers(client, runner.pid)
        runner.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 20
    while its in {found["Id"] for found in client.api.containers(all=True)}:
        assert time.monotonic() < deadline, "the observer outlived its runner"
        time.sleep(0.2)


# What the container's clock says instead of the truth, and the rule that catches it.
CLOCKS = {
    "runs at half speed": ("BEGAN + (REAL() - BEGAN) // 2", "assay-receipts-score"),
    "is an hour behind": ("REAL() - 3_600_000_000_000", "assay-observation-covers"),
}


@pytest.mark.machine
@pytest.mark.parametrize("how", sorted(CLOCKS))
def test_a_clock_that_was_tampered_with_is_caught(client, toy, tmp_path, how):
    told, rule = CLOCKS[how]
    lie = f"\nREAL = time.time_ns\nBEGAN = REAL()\ntime.time_ns = lambda: {told}\n"
    # The harness that is put into the container, and recorded as what ran, has a clock of its own making.
    code = (
        "import sys, suite.inputs.source\nfrom suite.cli import main\nhonest = suite.inputs.source.files\n"
        "def files(workload):\n"
        "    found = dict(honest(workload))\n"
        f"    found['suite/harness/log.py'] += {lie.encode()!r}\n"
        "    return found\n"
        "suite.inputs.source.files = files\nsys.exit(main())\n"
    )
    done = toy.done([sys.executable, "-c", code, *toy.run(tmp_path, *SLOW)[3:]])
    assert done.returncode == 1, done.stdout + done.stderr
    [folder] = results(tmp_path)
    found = json.loads(toy.assay("check", str(folder), "--format", "json").stdout)["findings"]
    errors = {one["rule"] for one in found if one["severity"] == "error"}
    assert rule in errors, errors
    for path in folder.glob("result_?.json"):
        record = RunRecord.model_validate_json(path.read_bytes())
        assert record.observation is not None
        assert Path(folder / f"observation_{record.run}.json").is_file()
