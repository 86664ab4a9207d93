"""What is read of a machine: this one's kernel, and files laid out as a Jetson and a GPU driver have them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from suite.targets import host

# One line per GPU, as `nvidia-smi --query-gpu=… --format=csv,noheader,nounits` prints it.
TWO_GPUS = """\
580.95.05, NVIDIA H100 80GB HBM3, 81559, 4, 0, 29, Enabled, Enabled, 700.00, 345, 1980, 2619
580.95.05, NVIDIA H100 80GB HBM3, 81559, 9000, 99, 61, Enabled, Enabled, 700.00, 1980, 1980, 2619
"""
NO_ECC = "550.54.14, NVIDIA GeForce RTX 3060, 12288, 300, 1, 40, Disabled, [N/A], 170.00, 210, 2100, 405\n"


def test_this_machines_facts_are_read_without_anything_of_assay(tmp_path: Path, project: Path) -> None:
    (tmp_path / "out").mkdir()
    script = project / "suite/targets/host.py"
    subprocess.run([sys.executable, "-I", script, tmp_path], check=True, cwd=tmp_path)
    found = json.loads((tmp_path / "out/facts.json").read_text())
    assert float(found["memory_gib"]) > 0
    assert float(found["disk_free_gib"]) > 0
    assert all(isinstance(value, str) for value in found.values())


def test_the_first_gpu_is_described_and_all_are_counted() -> None:
    found = host.of_nvidia_smi(TWO_GPUS)
    assert found["driver"] == "580.95.05"
    assert found["gpu_memory_gib"] == "79.6"
    assert found["gpu_memory_used_mib"] == "4"
    assert found["gpu_ecc"] == "Enabled"
    assert found["gpus"] == "2"


def test_what_the_driver_does_not_say_is_left_out() -> None:
    found = host.of_nvidia_smi(NO_ECC)
    assert "gpu_ecc" not in found
    assert found["gpu_persistence"] == "Disabled"
    assert host.of_nvidia_smi("") == {}
    assert host.of_nvidia_smi("No devices were found\n") == {}


def test_load_is_a_share_of_the_time_between_two_readings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "proc").mkdir()
    stat = tmp_path / "proc/stat"
    stat.write_text("cpu  100 0 100 1000 0 0 0 50 0 0\ncpu0 1 2 3\n")
    monkeypatch.setattr(host, "ROOT", tmp_path)
    later = "cpu  120 5 110 1150 0 3 2 60 0 0\ncpu0 1 2 3\n"  # 40 of 200 ticks busy, 10 stolen
    monkeypatch.setattr(host.time, "sleep", lambda _: stat.write_text(later))
    assert host.load() == {"cpu_busy_percent": "20", "cpu_steal_percent": "5"}


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree with the files of an Orin board, which this machine's paths lead to."""
    files = {
        "host/etc/nv_tegra_release": "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64",
        "host/var/lib/nvpmodel/status": "pmode:0002 fmode:quiet",
        "sys/devices/system/cpu/cpufreq/policy0/scaling_min_freq": "1510400",
        "sys/devices/system/cpu/cpufreq/policy0/scaling_max_freq": "1510400",
        "sys/class/devfreq/17000000.gpu/min_freq": "306000000",
        "sys/class/devfreq/17000000.gpu/max_freq": "624750000",
        "sys/class/devfreq/17000000.gpu/cur_freq": "306000000",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content + "\n")
    monkeypatch.setattr(host, "ROOT", tmp_path)
    return tmp_path


def test_a_boards_release_mode_and_clocks_are_read(board: Path) -> None:
    assert host.jetson() == {"l4t": "36.4.3", "nvpmodel": "2", "gpu_clock_mhz": "306", "jetson_clocks": "off"}
    (board / "sys/class/devfreq/17000000.gpu/min_freq").write_text("624750000\n")
    assert host.jetson()["jetson_clocks"] == "on"


def test_a_machine_that_is_no_board_has_none_of_it(tmp_path: Path) -> None:
    assert host.jetson() == {}
