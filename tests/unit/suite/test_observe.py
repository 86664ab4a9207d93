"""Meters in the kernel's file tree, read from such a tree: values, units, and why there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from suite.sampler import procfs, sysfs
from suite.sampler.source import MissingError


def tree(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    zones = {"intel-rapl:0": "package-0", "intel-rapl:0/intel-rapl:0:0": "core", "intel-rapl:1": "psys"}
    for zone, name in zones.items():
        tree(tmp_path / "intel-rapl" / zone, name=name, energy_uj="2500000\n", max_energy_range_uj="262143328850\n")
    tree(tmp_path / "intel-rapl-mmio/intel-rapl-mmio:0", name="package-0", energy_uj="1\n", max_energy_range_uj="5\n")
    return tmp_path


def test_rapl_is_in_joules_and_only_packages_are_whole(packages: Path) -> None:
    meter = sysfs.rapl([packages / "nowhere", packages])
    read = dict(zip([c.name for c in meter.channels], meter.read(), strict=True))
    assert read["rapl/intel-rapl.0-package-0"] == pytest.approx(2.5)
    assert [c.name for c in meter.channels if c.whole] == ["rapl/intel-rapl.0-package-0"]
    assert [c.wraps_at for c in meter.channels if c.whole] == [pytest.approx(262143.32885)]


def test_rapl_goes_on_reading_the_same_files(packages: Path) -> None:
    meter = sysfs.rapl([packages])
    before = meter.read()
    (packages / "intel-rapl/intel-rapl:0/energy_uj").write_text("3500000\n")
    after = meter.read()
    assert sum(b != a for a, b in zip(before, after, strict=True)) == 1


def test_without_powercap_the_reason_is_given(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no powercap zone"):
        sysfs.rapl([tmp_path])


def test_ina3221_rails_are_volts_times_amperes_and_parts_are_marked(tmp_path: Path) -> None:
    monitor = tmp_path / "class/hwmon/hwmon3"
    tree(monitor, name="ina3221", in1_label="VDD_IN", in1_input="5000", curr1_input="2000")
    tree(monitor, in2_label="VDD_CPU_GPU_CV", in2_input="5000", curr2_input="700")
    meter = sysfs.ina3221(tmp_path)
    assert dict(zip([c.name for c in meter.channels], meter.read(), strict=True)) == {
        "ina3221/VDD_IN": pytest.approx(10.0),
        "ina3221/VDD_CPU_GPU_CV": pytest.approx(3.5),
    }
    assert [c.whole for c in meter.channels] == [True, False]


def test_rails_that_together_feed_the_module_are_added_where_none_feeds_it_all(tmp_path: Path) -> None:
    """AGX Orin: three inputs, and the memory's rail is behind one of them."""
    labels = {("hwmon1", 1): "VDD_GPU_SOC", ("hwmon1", 2): "VDD_CPU_CV", ("hwmon1", 3): "VIN_SYS_5V0"}
    for (monitor, number), label in {**labels, ("hwmon2", 2): "VDDQ_VDD2_1V8AO"}.items():
        folder = tmp_path / "class/hwmon" / monitor
        tree(folder, name="ina3221", **{f"in{number}_label": label, f"in{number}_input": "5000"})
        tree(folder, **{f"curr{number}_input": "1000"})
    whole = {c.name.partition("/")[2]: c.whole for c in sysfs.ina3221(tmp_path).channels}
    assert {name for name, is_whole in whole.items() if is_whole} == set(labels.values())
    assert len(whole) == 4


def test_the_memory_of_a_package_is_added_to_it(packages: Path) -> None:
    tree(packages / "intel-rapl/intel-rapl:0/intel-rapl:0:1", name="dram", energy_uj="1\n", max_energy_range_uj="9\n")
    whole = [c.name for c in sysfs.rapl([packages]).channels if c.whole]
    assert whole == ["rapl/intel-rapl.0-package-0", "rapl/intel-rapl.0.1-dram"]


def test_a_package_that_refuses_to_be_read_stays_without_a_value(packages: Path) -> None:
    tree(packages / "intel-rapl/intel-rapl:2", name="package-1", max_energy_range_uj="9\n")
    (packages / "intel-rapl/intel-rapl:2/energy_uj").mkdir()  # exists, and cannot be read as a file
    meter = sysfs.rapl([packages])
    read = dict(zip([c.name for c in meter.channels], meter.read(), strict=True))
    assert read["rapl/intel-rapl.2-package-1"] is None
    assert read["rapl/intel-rapl.0-package-0"] == pytest.approx(2.5)


def test_a_rail_whose_sensor_fails_reads_as_nothing_not_as_zero(tmp_path: Path) -> None:
    monitor = tree(tmp_path / "class/hwmon/hwmon3", name="ina3221", in1_input="5000", curr1_input="2000")
    meter = sysfs.ina3221(tmp_path)
    (monitor / "curr1_input").write_text("")
    assert meter.read() == [None]


def test_an_amd_gpu_gives_power_memory_and_utilisation(tmp_path: Path) -> None:
    monitor = tree(tmp_path / "class/hwmon/hwmon1", name="amdgpu", power1_average="31000000")
    tree(monitor / "device", mem_info_vram_used="4096", gpu_busy_percent="50")
    meter = sysfs.amdgpu(tmp_path)
    assert [(c.quantity, value) for c, value in zip(meter.channels, meter.read(), strict=True)] == [
        ("power", pytest.approx(31.0)),
        ("memory", 4096.0),
        ("utilisation", 0.5),
    ]


def test_an_amd_gpu_that_shows_no_power_or_has_no_monitor_is_named(tmp_path: Path) -> None:
    for number, files in ((1, {"power1_input": "31000000"}), (2, {})):
        monitor = tree(tmp_path / f"class/hwmon/hwmon{number}", name="amdgpu", **files)
        tree(monitor / "device", mem_info_vram_used="4096")
    tree(tmp_path / "class/drm/card0/device", vendor="0x1002\n")
    tree(tmp_path / "class/drm/card1/device", vendor="0x10de\n")
    tree(tmp_path / "class/drm/card2/device/hwmon/hwmon1", name="amdgpu")
    tree(tmp_path / "class/drm/card2/device", vendor="0x1002\n")
    meter = sysfs.amdgpu(tmp_path)
    assert [c.name for c in meter.channels] == ["amdgpu/1/power", "amdgpu/1/memory", "amdgpu/2/memory"]
    assert meter.silent == {"amdgpu/2": "it shows no power or energy", "amdgpu/card0": "it has no monitor"}


def test_amd_gpus_that_are_there_without_a_monitor_are_not_said_to_be_missing(tmp_path: Path) -> None:
    tree(tmp_path / "class/drm/card0/device", vendor="0x1002\n")
    with pytest.raises(MissingError) as found:
        sysfs.amdgpu(tmp_path)
    assert found.value.silent == {"amdgpu/card0": "it has no monitor"}


def test_a_package_without_a_counter_and_a_socket_without_a_zone_are_named(packages: Path) -> None:
    tree(packages / "intel-rapl/intel-rapl:2", name="package-1", max_energy_range_uj="9\n")
    for cpu, socket in enumerate("001122"):
        tree(packages / f"devices/system/cpu/cpu{cpu}/topology", physical_package_id=f"{socket}\n")
    assert sysfs.rapl([packages], packages).silent == {
        "rapl/intel-rapl.2-package-1": "it shows no power or energy",
        "rapl/package-2": "no powercap zone",
    }


def test_packages_that_all_refuse_are_there_all_the_same(tmp_path: Path) -> None:
    (tree(tmp_path / "intel-rapl/intel-rapl:0", name="package-0") / "energy_uj").mkdir()
    with pytest.raises(MissingError) as found:
        sysfs.rapl([tmp_path], tmp_path)
    [(device, reason)] = found.value.silent.items()
    assert device == "rapl/intel-rapl.0-package-0"
    assert "energy_uj" in reason


def test_a_rail_of_the_module_that_shows_no_current_is_named(tmp_path: Path) -> None:
    labels = {1: "VDD_GPU_SOC", 2: "VDD_CPU_CV", 3: "VIN_SYS_5V0"}
    monitor = tree(tmp_path / "class/hwmon/hwmon1", name="ina3221")
    for number, label in labels.items():
        tree(monitor, **{f"in{number}_label": label, f"in{number}_input": "5000"})
    tree(monitor, curr1_input="1", curr2_input="1")
    assert sysfs.ina3221(tmp_path).silent == {"ina3221/VIN_SYS_5V0": "it shows no power or energy"}


def test_frequencies_are_averaged_and_throttling_added_over_cpus(tmp_path: Path) -> None:
    for cpu, kilohertz in (("cpu0", "3000000"), ("cpu1", "2000000")):
        folder = tmp_path / "devices/system/cpu" / cpu
        tree(folder / "cpufreq", scaling_cur_freq=kilohertz)
        tree(folder / "thermal_throttle", core_throttle_count="3")
    assert sysfs.ProcessorClocks(tmp_path).read() == [2.5e9, 6.0]


def test_the_kernels_own_counts_are_read(tmp_path: Path) -> None:
    stat = "cpu  100 0 50 1000 5 0 0 30 0 0\ncpu0 1 2 3 4 5 6 7 8 9 10\nctxt 1\nprocs_running 3\nprocs_blocked 0\n"
    tree(tmp_path, stat=stat, vmstat="nr_free_pages 1\npswpin 4\npswpout 5\n")
    assert procfs.ProcessorUse(tmp_path).read() == [pytest.approx(1.5), pytest.approx(0.3), 2.0]
    assert procfs.Swap(tmp_path).read() == [9.0]
