"""What will be measured: everything that is decided before the first run starts, and is frozen from then on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Self

from rules.documents import Count, Document, ImageIdentity, Interpreter, Name, Sha256
from rules.errors import UsageError
from rules.text import printable
from rules.workload import Division
from suite.targets.data import NOTHING, Access


class Plan(Document):
    """What every result's plan says; written to `plan.json` in the work folder, it holds from then on."""

    SUITE: ClassVar[str]  # the folder of the tree below which its results stand

    ruleset: str
    workload: Name
    framework: Name
    target: Name
    division: Division
    submitter: Name
    system: Name
    memory_bytes: Count  # 0: no limit, outside containers
    cpuset: str
    environment: dict[str, str]
    source_sha256: Sha256
    transport_sha256: Sha256 | None = None  # None: frozen before it had a digest of its own
    data: dict[str, Sha256]
    image: ImageIdentity | None
    interpreter: Interpreter | None = None  # in the image's place, where runs are not contained
    emulated: bool
    access: Access = NOTHING  # to devices, as the target says; none where another machine stands in for it
    idle_s: float = 0  # of an idle baseline before the runs; 0: none

    @property
    def digests(self) -> dict[str, Any]:
        """The source's digests, as a job names them."""
        return self.model_dump(include={"source_sha256", "transport_sha256"})

    @property
    def results(self) -> str:
        """The folder of the results, below the submitter's."""
        return f"results/{self.system}/{self.workload}"

    @property
    def ours(self) -> str:
        """The folder of what only Assay writes, below the submitter's."""
        return self.results

    @property
    def source(self) -> str:
        """The folder of the source that ran, below the submitter's."""
        raise NotImplementedError

    def submitter_folder(self, root: Path) -> Path:
        """Return the submitter's folder below the submissions folder `root`."""
        return root / self.SUITE / self.division / self.submitter

    def differences(self, other: Self) -> list[str]:
        """Return one line per value in which `other` differs from this plan, nested ones by their path."""
        return list(_differences("", self.model_dump(by_alias=True), other.model_dump(by_alias=True)))


def _differences(place: str, then: Any, now: Any) -> Iterator[str]:
    if isinstance(then, dict) and isinstance(now, dict):
        for name in {**then, **now}:
            yield from _differences(f"{place}.{name}".lstrip("."), then.get(name), now.get(name))
    elif then != now:
        yield f"{place} was {then!r}, is {now!r}"


def named(settings: list[str]) -> list[tuple[str, str]]:
    """Return name and text of each `name=value`; raise UsageError for one without a value."""
    found = []
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise UsageError(f"--set {printable(setting)}: no value", fix=f"write --set {printable(name)}=VALUE")
        found.append((name, text))
    return found
