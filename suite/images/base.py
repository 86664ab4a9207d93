"""The base of an image, below its wheels: which lock decides it, and its layers, whoever provides them."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from rules.documents import PackageDrift
from rules.errors import MachineError, UsageError
from suite.host import cache
from suite.host.progress import Progress
from suite.images import archive, debian, locks, mmdebstrap, registry
from suite.images.debian import NotInArchiveError, Package
from suite.images.files import Layer
from suite.images.matrix import ROOT, Cell, matrix
from suite.images.store import ImageStore


@dataclass(frozen=True)
class BaseLock:
    """The base lock a build uses: the committed one, or a relocked copy of it with its differences."""

    path: Path
    sha256: str
    drift: tuple[PackageDrift, ...] = ()


@dataclass(frozen=True)
class Foundation:
    """A base ready to build on: its layers on disk, the engine's image of it, and the Debian packages in it."""

    lock: BaseLock
    layers: tuple[Layer, ...]
    image: str
    packages: list[Package]


def lock_in_use(cell: Cell) -> BaseLock:
    """Return the lock that decides the base of `cell`.

    That is the committed lock, or the local one that replaces it since Debian's archive dropped a package; for a
    registry base $ASSAY_BASE_IMAGE where it is set. Raises UsageError where there is none.
    """
    if cell.base.provider == "registry":
        return _registry_lock(cell)
    _, committed = locks.read(cell.base_lock)
    local = cache.root() / "relocked" / f"{committed}.lock"
    if not local.exists():
        return BaseLock(cell.base_lock, committed)
    _, sha256 = locks.read(local)
    return BaseLock(local, sha256, _drift(locks.packages(cell.base_lock), locks.packages(local)))


def recipe(cell: Cell) -> list[str]:
    """Return what, beside the lock, decides the base's bytes."""
    return mmdebstrap.recipe(cell) if cell.base.provider == "mmdebstrap" else []


def prepare(store: ImageStore, cell: Cell, progress: Progress, *, fresh: bool = False) -> Foundation:
    """Return the base of `cell`, from the cache where it is there; `fresh` assembles it anew.

    Raises MachineError where the base cannot be fetched or assembled on this machine.
    """
    with cache.locked(f"base-{cell.base.provider}-{cell.base.architecture}"):
        if cell.base.provider == "registry":
            lock = lock_in_use(cell)
            repository, digest = locks.base_image(lock.path)
            image, layers = registry.pull(store, repository, digest, cell.base.platform, progress)
            return Foundation(lock, layers, image, debian.installed([layer.path for layer in layers]))
        lock, layer = _assembled(cell, progress, fresh=fresh)
        return Foundation(lock, (layer,), _load(store, cell, layer, progress), locks.packages(lock.path))


def there(store: ImageStore, cell: Cell) -> str | None:
    """Return the engine's image of the cell's base where it has one already, made from the lock in use."""
    lock = lock_in_use(cell)
    if cell.base.provider == "registry":
        repository, digest = locks.base_image(lock.path)
        return store.named(f"{repository}@sha256:{digest}")
    layer = _cached(cell, lock)
    return store.find(_tag(cell, layer), [layer.diff_id]) if layer else None


def native(store: ImageStore, cell: Cell, progress: Progress) -> Foundation:
    """Return our base of the same release for the engine's own architecture, with the same interpreter.

    It compiles bytecode, which is the same on every architecture, at full speed. Raises MachineError where the matrix
    has none.
    """
    here = store.architecture
    for below in matrix().bases.values():
        if (below.provider, below.architecture) == ("mmdebstrap", here):
            return prepare(store, replace(cell, base=below, base_lock=ROOT / below.lock), progress)
    raise MachineError(
        f"the engine's machine ({here}) cannot run programs for {cell.base.architecture}, nor is there a base for it",
        fix="use a machine of the target's architecture",
    )


def relock_locally(cell: Cell) -> BaseLock:
    """Resolve the base anew into the cache and say on stderr which packages differ from the committed lock."""
    _, committed = locks.read(cell.base_lock)
    text = locks.write_packages(mmdebstrap.resolve(cell), cell.base.suite, cell.base.architecture)
    with cache.scratch() as scratch:
        (scratch / "lock").write_bytes(text)
        cache.publish(scratch / "lock", cache.root() / "relocked" / f"{committed}.lock")
    lock = lock_in_use(cell)
    sys.stderr.write(
        f"assay: WARNING: Debian's archive no longer has every package of {cell.base_lock.name}; "
        "this machine now uses a lock of its own:\n"
    )
    for drift in lock.drift:
        sys.stderr.write(f"assay:   {drift.package}: {drift.locked} -> {drift.used}\n")
    sys.stderr.write("assay: results name these packages; to update the committed lock: assay images lock\n")
    return lock


def _drift(committed: list[Package], used: list[Package]) -> tuple[PackageDrift, ...]:
    before = {package.name: package.version for package in committed}
    after = {package.name: package.version for package in used}
    return tuple(
        PackageDrift(package=name, locked=before.get(name, "absent"), used=after.get(name, "absent"))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    )


def _assembled(cell: Cell, progress: Progress, *, fresh: bool) -> tuple[BaseLock, Layer]:
    lock = lock_in_use(cell)
    if not fresh and (layer := _cached(cell, lock)):
        return lock, layer
    try:
        files = mmdebstrap.fetch(cell, lock.path, progress)
    except NotInArchiveError:
        lock = relock_locally(cell)
        if not fresh and (layer := _cached(cell, lock)):
            return lock, layer
        files = mmdebstrap.fetch(cell, lock.path, progress)
    return lock, mmdebstrap.assemble(cell, locks.packages(lock.path), files, _place(cell, lock), progress)


def _cached(cell: Cell, lock: BaseLock) -> Layer | None:
    place = _place(cell, lock)
    recorded = place / "sha256"
    return Layer(place / "layer.tar", recorded.read_text()) if recorded.exists() else None


def _place(cell: Cell, lock: BaseLock) -> Path:
    """Return the folder of the cache that holds the base made of `lock`, named by all that decides its bytes."""
    decides = json.dumps([lock.sha256, cell.epoch, *recipe(cell)])
    return cache.root() / "bases" / hashlib.sha256(decides.encode()).hexdigest()


def _load(store: ImageStore, cell: Cell, layer: Layer, progress: Progress) -> str:
    """Return the engine's image of the base layer alone, in which bytecode is compiled."""
    made = archive.config(architecture=cell.base.architecture, epoch=cell.epoch, layers={layer.diff_id: "base"})
    tag = _tag(cell, layer)
    return store.find(tag, [layer.diff_id]) or store.load(made, [layer], tag, progress)


def _tag(cell: Cell, layer: Layer) -> str:
    return f"assay/base-{cell.base.architecture}:{layer.diff_id[:12]}"


def _registry_lock(cell: Cell) -> BaseLock:
    if own := os.environ.get("ASSAY_BASE_IMAGE"):
        repository, digest = locks.image(own, "ASSAY_BASE_IMAGE")
        text = f"{repository}@sha256:{digest}\n".encode()
        place = cache.folder("registry") / f"{digest}.lock"
        if not place.exists() or place.read_bytes() != text:
            with cache.scratch() as scratch:
                (scratch / "lock").write_bytes(text)
                cache.publish(scratch / "lock", place)
        return BaseLock(place, hashlib.sha256(text).hexdigest())
    if not cell.base_lock.exists():
        raise UsageError(
            "no registry base is named, and Assay ships none",
            fix=f"set ASSAY_BASE_IMAGE=repository@sha256:digest, or write that line into {cell.base_lock}; "
            "docs/images.md says how to push a base from a Debian machine",
        )
    return BaseLock(cell.base_lock, locks.read(cell.base_lock)[1])
