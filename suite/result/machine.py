"""The system description: what the program sees of the machine, and the few things only a person knows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from rules import hostile_yaml
from rules.documents import SystemCapture, SystemDescription
from rules.errors import UsageError
from suite.engines.base import Host, RunEnvironment
from suite.host.cpus import last_cpus
from suite.images.matrix import target as kind
from suite.result.plan import Plan

MAX_PERSONAL = 1 << 16  # bytes of system.yaml that are read
NOT_STATED = "not stated"
NONE = "N/A"


class Personal(BaseModel):
    """`system.yaml`: system details that a person must supply. All of it optional."""

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
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        known = ", ".join(Personal.model_fields)
        raise UsageError(f"{path}: {_wrong(error)}", fix=f"its members are: {known}; all are strings") from None


def _wrong(error: Exception) -> str:
    """Say what is wrong; the whole of pydantic's text shows values, which aliases can make endless."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}"


def require_capacity(host: Host, threads: int | None, memory_mib: int | None) -> None:
    """Raise UsageError where an engine's machine has not what was asked for."""
    if threads is not None:
        last_cpus(threads, range(host.cpus))
    if memory_mib is not None and memory_mib << 20 > host.memory_bytes:
        has = host.memory_bytes >> 20
        raise UsageError(f"--memory {memory_mib}: the engine's machine has {has} MiB", fix=f"ask for at most {has}")


def processor(facts: Mapping[str, Any]) -> str:
    """Return the kernel's name of the processor, or the architecture where it has none."""
    return str(facts["model"] or facts["architecture"])


def describe(there: RunEnvironment, person: Personal, plan: Plan) -> SystemDescription:
    """Put what the kernel, the target, the engine and the person say of the machine into MLPerf's form."""
    facts, host, target = there.machine, there.host, there.target
    accelerators = 0 if plan.emulated else kind(plan.target).accelerators  # that a run gets
    stack = ", ".join(f"{name} {version}" for name, version in sorted(there.runner.versions.items()))
    fields: dict[str, Any] = {
        "submitter": plan.submitter,
        "division": plan.division,
        "system_name": plan.system,
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
        "framework": f"{plan.framework} {there.runner.version}",
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
            emulated=plan.emulated,
            contained=host.contained,
            target=dict(target),
        ),
    }
    return SystemDescription.model_validate(fields)


def _virtualisation(facts: Mapping[str, Any]) -> str:
    if not facts["virtualised"]:
        return "none"
    return " ".join(filter(None, (facts["vendor"], facts["product"]))) or "hypervisor, unnamed"
