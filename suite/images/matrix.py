"""The matrix of images: which framework on which target, on which base, with which locks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from rules.documents import Name
from rules.errors import UsageError, unknown
from rules.round import Strict
from suite.targets.data import Platform, Provider, Target
from suite.targets.data import read as read_targets

ROOT = Path(__file__).parents[2] / "images"
Suite = Literal["training", "inference"]
RelativePath = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*/[a-z0-9][a-z0-9.-]*$")]
Pin = Annotated[str, Field(pattern=r"^[a-z0-9-]+(\[[a-z0-9,-]+\])?==[A-Za-z0-9.+]+$")]


class Base(Strict):
    """What lies below the wheels: a Debian system assembled from a lock, or a registry image pinned by digest."""

    provider: Provider
    platform: Platform
    lock: RelativePath
    suite: str = ""
    packages: tuple[str, ...] = ()

    @property
    def architecture(self) -> str:
        """Debian's and the engine's name of the processor architecture, e.g. `amd64`."""
        return self.platform.partition("/")[2]


class _CellEntry(Strict):
    framework: Name
    target: Name
    suite: Suite = "training"
    requirements: Annotated[tuple[Pin, ...], Field(min_length=1)]
    lock: RelativePath
    environment: dict[str, str] = Field(default_factory=dict)
    at_least: dict[Name, str] = Field(default_factory=dict)  # of facts that the target checks, for this build


class _Absent(Strict):
    """Cells that do not exist: every framework on every target for every suite named, all for the same reason."""

    frameworks: Annotated[tuple[Name, ...], Field(min_length=1)]
    targets: Annotated[tuple[Name, ...], Field(min_length=1)]
    suites: Annotated[tuple[Suite, ...], Field(min_length=1)]
    why: str

    def of(self, framework: str, target: str, suite: str) -> bool:
        """Return whether one of the cells selected is among these; `all` stands for every one."""
        pairs = ((framework, self.frameworks), (target, self.targets), (suite, self.suites))
        return all(asked == "all" or asked in named for asked, named in pairs)


class Matrix(Strict):
    """The whole of `images/matrix.yaml`, with the targets of `images/targets/`."""

    python: Annotated[str, Field(pattern=r"^3\.[0-9]{1,2}$")]
    source_date_epoch: Annotated[int, Field(ge=0, le=2**32)]
    bases: dict[Name, Base]
    targets: dict[Name, Target]
    common: tuple[Pin, ...]
    environment: dict[str, str]
    cells: list[_CellEntry]
    absent: list[_Absent] = Field(default_factory=list)

    @model_validator(mode="after")
    def _names_exist(self) -> Matrix:
        for target, entry in self.targets.items():
            for provider, base in entry.bases.items():
                if base not in self.bases or self.bases[base].provider != provider:
                    raise ValueError(f"target {target}: {base!r} is not a base of provider {provider}")
                if self.bases[base].platform != entry.platform:
                    raise ValueError(f"target {target}: base {base!r} is not for {entry.platform}")
        keys = [(cell.framework, cell.target, cell.suite) for cell in self.cells]
        if len(set(keys)) != len(keys):
            raise ValueError("two cells have the same framework, target and suite")
        for framework, target, suite in keys:
            if target not in self.targets:
                raise ValueError(f"cell {framework}-{target}: no such target")
            if any(missing.of(framework, target, suite) for missing in self.absent):
                raise ValueError(f"cell {framework}-{target} ({suite}) is listed both as present and as absent")
        return self


@dataclass(frozen=True)
class Cell:
    """One image to be: everything that decides its bytes, beside the contents of its two locks."""

    framework: str
    target: str
    base: Base
    wheels: str  # platform tag, e.g. x86_64-manylinux_2_28
    requirements: tuple[str, ...]  # pins the wheel lock is resolved from
    wheel_lock: Path
    base_lock: Path
    python: str  # minor version, e.g. 3.11
    epoch: int  # time of every file, Unix seconds
    environment: Mapping[str, str]
    suite: Suite = "training"  # what runs in it; an image of inference holds LoadGen too
    beneath: Cell | None = None  # the framework's image for training, for one of inference that may stand on it

    @property
    def name(self) -> str:
        """`framework-target`, for inference `framework-target-inference`."""
        return f"{self.framework}-{self.target}" + ("" if self.suite == "training" else f"-{self.suite}")

    @property
    def interpreter(self) -> str:
        """The base's interpreter, which compiles bytecode and which /opt/venv/bin/python points to."""
        return f"/usr/bin/python{self.python}"


@cache
def matrix(path: Path = ROOT / "matrix.yaml") -> Matrix:
    """Read the matrix; raise UsageError naming the file and the member when it is broken."""
    try:
        written = yaml.load(path.read_bytes(), yaml.CSafeLoader)
        return Matrix.model_validate({**written, "targets": read_targets(path.parent / "targets")})
    except (OSError, yaml.YAMLError, ValidationError, TypeError) as error:
        raise UsageError(f"{path}: {error}", fix="correct the matrix") from None


def cell(framework: str, target: str, base: str | None = None, suite: Suite = "training") -> Cell:
    """Return the cell of `framework` on `target`; raise UsageError with a suggestion for an unknown name.

    `base` is a provider, `mmdebstrap` or `registry`; left out, $ASSAY_BASE decides, else mmdebstrap where there is one.
    """
    table = matrix()
    if target not in table.targets:
        raise unknown("target", target, table.targets)
    entries = {entry.framework: entry for entry in table.cells if entry.target == target and entry.suite == suite}
    if framework not in entries:
        if why := why_not(framework, target, suite):
            raise UsageError(why, fix=f"choose {' or '.join(sorted(entries)) or 'another target'}")
        raise unknown(f"framework for {suite} on target {target}", framework, entries)
    entry, place = entries[framework], table.targets[target]
    providers = {str(provider): name for provider, name in place.bases.items()}
    usual = "mmdebstrap" if "mmdebstrap" in providers else next(iter(providers))
    chosen = base or os.environ.get("ASSAY_BASE") or usual
    if chosen not in providers:
        raise unknown(f"base for target {target}", chosen, providers)
    below = table.bases[providers[chosen]]
    return Cell(
        framework=framework,
        target=target,
        base=below,
        wheels=place.wheels,
        requirements=(*entry.requirements, *table.common),
        wheel_lock=ROOT / entry.lock,
        base_lock=ROOT / below.lock,
        python=table.python,
        epoch=table.source_date_epoch,
        environment={**table.environment, **place.environment, **entry.environment},
        suite=suite,
        beneath=_beneath(framework, target, base, suite),
    )


def _beneath(framework: str, target: str, base: str | None, suite: Suite) -> Cell | None:
    trained = {(entry.framework, entry.target) for entry in matrix().cells if entry.suite == "training"}
    return cell(framework, target, base) if suite != "training" and (framework, target) in trained else None


def why_not(framework: str, target: str, suite: str) -> str:
    """Return why none of the cells selected exists, empty where nothing says so; `all` stands for every one."""
    for missing in matrix().absent:
        if missing.of(framework, target, suite):
            what = "image" if framework == "all" else f"image of {framework}"
            purpose = "" if suite == "all" else f" for {suite}"
            return f"there is no {what}{purpose} on {target}: {missing.why}"
    return ""


def target(name: str) -> Target:
    """Return the target `name`; raise UsageError with a suggestion for an unknown one."""
    targets = matrix().targets
    if name not in targets:
        raise unknown("target", name, targets)
    return targets[name]


def minimums(framework: str, target: str) -> Mapping[str, str]:
    """Return what the framework's build for `target` demands of the machine's facts, beyond the target's own checks."""
    found = (entry for entry in matrix().cells if (entry.framework, entry.target) == (framework, target))
    return {fact: least for entry in found for fact, least in entry.at_least.items()}


def select(
    framework: str = "all", target: str = "all", base: str | None = None, suite: Suite | Literal["all"] = "training"
) -> list[Cell]:
    """Return the cells that `--framework`, `--target` and `--suite` select; `all` stands for every one."""
    table = matrix()
    frameworks = {entry.framework for entry in table.cells}
    if framework not in {"all", *frameworks}:
        raise unknown("framework", framework, {"all", *frameworks})
    if target not in {"all", *table.targets}:
        raise unknown("target", target, {"all", *table.targets})
    entries = [
        entry
        for entry in table.cells
        if framework in {"all", entry.framework} and target in {"all", entry.target} and suite in {"all", entry.suite}
    ]
    if target == "all" and (asked := base or os.environ.get("ASSAY_BASE")):
        entries = [entry for entry in entries if asked in table.targets[entry.target].bases] or entries
    chosen = [cell(entry.framework, entry.target, base, entry.suite) for entry in entries]
    if not chosen:
        why = why_not(framework, target, suite) or f"no image for {framework} on {target} ({suite})"
        raise UsageError(why, fix="see: assay images list")
    return chosen
