"""The documents of a submission, as the program writes them and the checker reads them.

Models are the one source: `assay rules schemas` exports them to `rules/schemas/*.json`, and the checker validates
documents of unknown origin against those schemas before anything else looks at them.
"""

from __future__ import annotations

import enum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]
DISTRIBUTIONS = 2000  # of one interpreter


class Document(BaseModel):
    """Base of all documents: unknown members are refused, values are never coerced."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)


class Outcome(enum.StrEnum):
    """How a run ended. Only `success` reached the quality target; every other one is still part of the result."""

    SUCCESS = "success"
    TARGET_NOT_REACHED = "target-not-reached"
    DIVERGED = "diverged"  # a loss that is not finite
    OUT_OF_MEMORY = "out-of-memory"
    DISK_FULL = "disk-full"
    ENGINE_LOST = "engine-lost"
    TIMEOUT = "timeout"
    CRASHED = "crashed"
    INTERRUPTED = "interrupted"  # by the user or a kill, before the run had ended


class FileDigest(Document):
    """A file and the SHA-256 of its bytes; `path` is relative to the submitter's folder."""

    path: str
    sha256: Sha256


class PackageDrift(Document):
    """A base package whose locked version the archive had dropped, and the one used instead."""

    package: str
    locked: str
    used: str


class ImageIdentity(Document):
    """What a run's image was made of; `diff_ids` are the engine's `RootFS.Layers`, verified before the run."""

    framework: Name
    target: Name
    base: Literal["mmdebstrap", "registry"]
    base_lock_sha256: Sha256
    wheel_lock_sha256: Sha256
    config_digest: Sha256
    diff_ids: list[Sha256]
    architecture: str
    versions: dict[str, str]  # distribution name -> version, of every wheel in the image
    drift: list[PackageDrift]


class Interpreter(Document):
    """What ran instead of an image: a Python that was there, and all that is installed for it, by its own word."""

    path: Annotated[str, Field(max_length=4096)]
    implementation: str  # e.g. CPython
    version: str
    distributions: Annotated[dict[str, str], Field(max_length=DISTRIBUTIONS)]  # name -> version


class Container(Document):
    """Limits and hardening the run's container had, as given to the engine; 0 and nothing where it had none."""

    engine: str  # name and version; "none" of a run that was not contained
    cpuset: str
    memory_bytes: Count
    pids: Count
    network: str
    read_only: bool
    user: str
    cap_drop: list[str]
    security_opt: list[str]


class Memory(Document):
    """Peak memory of a run and where the number comes from."""

    peak_bytes: Count
    source: Literal["cgroup-v1 max_usage", "cgroup-v2 memory.peak", "cgroup sampled usage", "process ru_maxrss"]


class Steps(Document):
    """Training-step durations in seconds, in order.

    Where a framework runs several steps in one call, each of them has the call's mean.
    """

    steps_per_call: Annotated[int, Field(ge=1)]
    seconds: list[Seconds]
    device_seconds: list[Seconds] | None = None  # of the same steps by the accelerator's own clock; None: it has none


class Attempt(Document):
    """An earlier start of the same run that gave no result, and why."""

    outcome: Outcome
    explanation: str


class Record(Document):
    """Provenance of one run, of training or of LoadGen: what both kinds of record state."""

    schema_: str = Field(alias="schema")
    ruleset: str  # e.g. assay/1.0
    submitter: Name
    system: Name
    workload: Name
    division: Literal["closed", "open"]
    framework: Name
    target: Name
    emulated: bool
    explanation: str  # one sentence for a person; empty on success
    log: FileDigest
    receipts: list[Annotated[float, Field(allow_inf_nan=False)]]  # host clock, Unix seconds, one per :::MLLOG line
    image: ImageIdentity | None
    source_sha256: Sha256  # harness and workload, as executed
    transport_sha256: Sha256 | None = None  # of rules.source.TRANSPORT; None: source_sha256 covers that too
    data: dict[str, Sha256]  # file name -> digest of the decompressed bytes; given weights among them
    arguments: list[str]
    environment: dict[str, str]
    container: Container
    memory: Memory | None
    observation: FileDigest | None = None  # what was sampled of the machine (rules.observation); None: nothing was
    unobserved: Annotated[str, Field(max_length=400)] = ""  # why nothing was
    assay: str  # version of the program that wrote this

    @property
    def versions(self) -> dict[str, str]:
        """Distribution name -> version, of everything there was to import."""
        return self.image.versions if self.image else {}


class RunRecord(Record):
    """Provenance of one run of training; stands as `result_<i>.json` beside its log `result_<i>.txt`."""

    schema_: Literal["assay/run-record/1"] = Field(alias="schema")
    contained: bool = True  # False: no container, but processes of an interpreter on the machine itself
    run: Count
    seed: Count
    outcome: Outcome
    earlier_attempts: list[Attempt]
    interpreter: Interpreter | None = None  # of a run that was not contained, instead of the image
    initial_weights_sha256: Sha256 | None  # None where the run died before it had them
    final_weights: FileDigest | None
    threads: Annotated[int, Field(ge=1)]
    hyperparameters: dict[str, bool | int | float | str]
    steps: Steps | None
    idle: FileDigest | None = None  # what was sampled of the idle machine before the runs, where a baseline is declared

    @model_validator(mode="after")
    def _says_what_ran(self) -> RunRecord:
        if (self.image is not None, self.interpreter is None) != (self.contained, self.contained):
            raise ValueError("a contained run has an image, any other an interpreter")
        return self

    @property
    def versions(self) -> dict[str, str]:
        """Distribution name -> version, of everything there was to import."""
        return self.interpreter.distributions if self.interpreter else super().versions


class Manifest(Document):
    """Every file that belongs to one result, with its digest; `manifest.json` in the results folder."""

    schema_: Literal["assay/manifest/1"] = Field(alias="schema")
    runs: Annotated[int, Field(ge=1)]  # declared before the first run started
    files: list[FileDigest]


class SystemDescription(BaseModel):
    """`systems/<system>.json`: MLPerf's field names, plus what we add under `assay`.

    Values of MLPerf's fields are strings, counts are integers; MLPerf's own summariser needs the three counts.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)

    submitter: str
    division: Literal["closed", "open"]
    status: str
    system_name: str
    number_of_nodes: Annotated[int, Field(ge=1)]
    host_processors_per_node: Annotated[int, Field(ge=1)]
    host_processor_model_name: str
    host_processor_core_count: str
    host_processor_vcpu_count: str
    host_processor_frequency: str
    host_processor_caches: str
    host_processor_interconnect: str
    host_memory_capacity: str
    host_storage_type: str
    host_storage_capacity: str
    host_networking: str
    host_networking_topology: str
    host_memory_configuration: str
    accelerators_per_node: Count
    accelerator_model_name: str
    accelerator_host_interconnect: str
    accelerator_frequency: str
    accelerator_on_chip_memories: Annotated[str, Field(alias="accelerator_on-chip_memories")]
    accelerator_memory_configuration: str
    accelerator_memory_capacity: str
    accelerator_interconnect: str
    accelerator_interconnect_topology: str
    cooling: str
    hw_notes: str
    framework: str
    other_software_stack: str
    operating_system: str
    sw_notes: str
    assay: SystemCapture


class SystemCapture(Document):
    """What the program itself saw of the machine the engine runs on."""

    kernel: str
    architecture: str
    cpu_flags: list[str]
    cpus: Annotated[int, Field(ge=1)]
    memory_bytes: Count
    engine: str
    cgroup_version: Literal["1", "2"]
    storage_driver: str
    virtualisation: str  # "none", or the hypervisor's name
    cpu_governor: str  # "not exposed" where the kernel says nothing
    emulated: bool
    contained: bool = True
    target: dict[str, str] = {}  # what its target's checks read: driver, clocks, power mode, … (docs/targets.md)


class FrameworkParity(Document):
    """One framework's side of a parity run."""

    framework: Name
    wheel_lock_sha256: Sha256
    versions: dict[str, str]
    losses_float64: list[Annotated[float, Field(allow_inf_nan=False)]]  # one per step, 20 of them
    losses_float32: list[Annotated[float, Field(allow_inf_nan=False)]]


class ParityCertificate(Document):
    """Proof that the frameworks train the same model: same weights, same batches, same losses.

    Bounds are the rule set's; the checker recomputes every comparison from the losses given here.
    """

    schema_: Literal["assay/parity-certificate/1"] = Field(alias="schema")
    ruleset: str
    workload: Name
    seed: Count
    source_sha256: Sha256
    data: dict[str, Sha256]
    initial_weights_sha256: Sha256
    frameworks: Annotated[list[FrameworkParity], Field(min_length=2)]
    # tensor name -> largest |a - b| / max|a| over all framework pairs, step 0, float64
    gradient_differences: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]]
    # the same of weights and running statistics after the last step: losses in training do not show the latter
    weight_differences: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]]


SystemDescription.model_rebuild()
