"""The system description: what the program sees of the machine, and the few things only a person knows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import docker
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from rules import hostile_yaml
from rules.documents import SystemCapture, SystemDescription
from rules.errors import MachineError, UsageError
from rules.text import printable
from suite.engines.base import JOB, Limits, command
from suite.engines.docker.connection import name, sentences
from suite.engines.docker.sandbox import Sandbox
from suite.result.plan import last_cpus
from suite.source import ROOT

MAX_PERSONAL = 1 << 16  # bytes of system.yaml that are read
NOT_STATED = "not stated"
NONE = "N/A"
NO_ENGINE = "none"


class Personal(BaseModel):
    """`system.yaml`: what no program can read off a machine. All of it optional."""

    model_config = ConfigDict(extra="forbid")

    status: str = "Research, Development, or Internal (RDI)"
    host_processor_interconnect: str = NOT_STATED
    host_storage_type: str = NOT_STATED
    host_networking: str = NOT_STATED
    host_networking_topology: str = NOT_STATED
    host_memory_configuration: str = NOT_STATED
    cooling: str = NOT_STATED
    hw_notes: str = ""
    sw_notes: str = ""


def personal(path: Path | None) -> Personal:
    """Read the submitter's `system.yaml`; raise UsageError naming the member at fault."""
    if path is None:
        return Personal()
    try:
        with path.open("rb") as file:
            content = file.read(MAX_PERSONAL)
        return Personal.model_validate(hostile_yaml.loads(content) or {})
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", fix="give --system-file a readable YAML file") from None
    except (yaml.YAMLError, ValidationError, RecursionError, UnicodeDecodeError) as error:
        known = ", ".join(Personal.model_fields)
        raise UsageError(f"{path}: {error}", fix=f"its members are: {known}; all are strings") from None


def probe(client: docker.DockerClient, image_id: str) -> dict[str, Any]:
    """Return what the kernel under the engine says of the machine (`suite.harness.probe`)."""
    environment = {"PYTHONPATH": f"{JOB}/source"}
    limits = Limits(cpuset="", memory_bytes=256 << 20)
    with Sandbox(client, image_id, limits, environment, command("suite.harness.probe")) as box:
        names = ("__init__.py", *(f"harness/{name}.py" for name in ("__init__", "probe", "supervisor")))
        box.put([(f"source/suite/{name}", (ROOT / "suite" / name).read_bytes()) for name in names])
        said: list[str] = []
        box.run(60, lambda line, _: said.append(line), lambda line, _: said.append(line))
        found = box.take().get("probe.json")
        box.close()
    if found is None:
        raise MachineError(f"the probe container said nothing of this machine: {printable(' '.join(said)[-300:])}")
    facts: dict[str, Any] = json.loads(found)
    return facts


def bear(client: docker.DockerClient, threads: int | None, memory_mib: int | None) -> None:
    """Raise UsageError where the engine's machine has not what was asked for."""
    with sentences("asking for the machine's size"):
        info = client.info()
    if threads is not None:
        last_cpus(threads, int(info["NCPU"]))
    if memory_mib is not None and memory_mib << 20 > info["MemTotal"]:
        has = info["MemTotal"] >> 20
        raise UsageError(f"--memory {memory_mib}: the engine's machine has {has} MiB", fix=f"ask for at most {has}")


@dataclass(frozen=True)
class Host:
    """What is known of the machine as a whole, beside what its kernel says of the processor."""

    memory_bytes: int
    operating_system: str
    engine: str  # name and version; "none" where runs are not contained
    cgroup_version: Literal["1", "2"]
    storage_driver: str  # the engine's

    @property
    def contained(self) -> bool:
        """Whether runs are, in an engine's containers."""
        return self.engine != NO_ENGINE


def host(client: docker.DockerClient) -> Host:
    """Return what the engine says of its machine."""
    with sentences("describing the machine"):
        info = client.info()
    return Host(info["MemTotal"], info["OperatingSystem"], name(client), info.get("CgroupVersion", "1"), info["Driver"])


def processor(facts: Mapping[str, Any]) -> str:
    """Return the kernel's name of the processor, or the architecture where it has none."""
    return str(facts["model"] or facts["architecture"])


def describe(
    facts: Mapping[str, Any],
    host: Host,
    person: Personal,
    *,
    submitter: str,
    division: str,
    system: str,
    versions: Mapping[str, str],
    framework: str,
    emulated: bool,
    target: Mapping[str, str] | None = None,
    accelerators: int = 0,
) -> SystemDescription:
    """Put the probe's facts, the target's, the host's and the person's words into MLPerf's form.

    `accelerators` is how many of them a run gets.
    """
    target = target or {}
    stack = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
    fields: dict[str, Any] = {
        "submitter": submitter,
        "division": division,
        "system_name": system,
        "number_of_nodes": 1,
        "host_processors_per_node": facts["sockets"],
        "host_processor_model_name": processor(facts),
        "host_processor_core_count": str(facts["cores"] // facts["sockets"]),
        "host_processor_vcpu_count": str(facts["cpus"]),
        "host_processor_frequency": f"{float(facts['mhz']) / 1000:.1f} GHz" if facts["mhz"] else NOT_STATED,
        "host_processor_caches": ", ".join(facts["caches"]) or NOT_STATED,
        "host_memory_capacity": f"{host.memory_bytes / 2**30:.1f} GiB",
        "host_storage_capacity": NOT_STATED,
        "accelerators_per_node": accelerators,
        "accelerator_model_name": target.get("gpu", NOT_STATED) if accelerators else NONE,
        "accelerator_host_interconnect": NONE,
        "accelerator_frequency": f"{target['gpu_clock_max_mhz']} MHz" if "gpu_clock_max_mhz" in target else NONE,
        "accelerator_on-chip_memories": NONE,
        "accelerator_memory_configuration": NONE,
        "accelerator_memory_capacity": f"{target['gpu_memory_gib']} GiB" if "gpu_memory_gib" in target else NONE,
        "accelerator_interconnect": NONE,
        "accelerator_interconnect_topology": NONE,
        "framework": framework,
        "other_software_stack": stack,
        "operating_system": host.operating_system,
        **person.model_dump(),
        "assay": SystemCapture(
            kernel=facts["kernel"],
            architecture=facts["architecture"],
            cpu_flags=facts["flags"],
            cpus=facts["cpus"],
            memory_bytes=host.memory_bytes,
            engine=host.engine,
            cgroup_version=host.cgroup_version,
            storage_driver=host.storage_driver,
            virtualisation=_virtualisation(facts),
            cpu_governor=facts["governor"] or "not exposed",
            emulated=emulated,
            contained=host.contained,
            target=dict(target),
        ),
    }
    return SystemDescription.model_validate(fields)


def _virtualisation(facts: Mapping[str, Any]) -> str:
    if not facts["virtualised"]:
        return "none"
    return " ".join(filter(None, (facts["vendor"], facts["product"]))) or "hypervisor, unnamed"
