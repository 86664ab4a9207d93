"""From a cell of the matrix to an image in the engine: fetch by hash, assemble without a network, record, verify."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from rules.documents import ImageIdentity
from rules.errors import MachineError
from suite.host import cache
from suite.host.disk import NO_SPACE
from suite.host.progress import Progress
from suite.images import archive, base, layer, locks, registry, sbom, wheelhouse
from suite.images.base import BaseLock
from suite.images.files import Layer
from suite.images.matrix import Cell
from suite.images.store import ImageStore

# Part of every record's key: raise it when the builder writes other bytes for the same locks.
_FORMAT = 2


@dataclass(frozen=True)
class BuiltImage:
    """An image the engine has, and what it was made of."""

    identity: ImageIdentity
    sbom: bytes  # CycloneDX 1.6, JSON
    image_id: str  # the engine's own name of it; a config or a manifest digest, depending on the engine's store
    environment: dict[str, str]


class _Record(BaseModel):
    """What the cache keeps of a built image."""

    model_config = ConfigDict(extra="forbid")

    identity: ImageIdentity
    environment: dict[str, str]
    sbom: str


def build(store: ImageStore, cell: Cell, progress: Progress) -> BuiltImage:
    """Return the image of `cell`, made and loaded into the engine where it is not there yet.

    `progress(done, total, what)` is called as work goes on, in bytes or items. Raises MachineError for a package
    that cannot be fetched or is not what the lock says, for an engine that refuses the image, and for a full disk.
    """
    if (built := recorded(store, cell)) is not None:
        return built
    with _alone(store, cell):
        return recorded(store, cell) or _assemble(store, cell, progress)


def rebuild(store: ImageStore, cell: Cell, progress: Progress) -> BuiltImage:
    """Make the image of `cell` anew, its base too; only fetched packages may come from the cache."""
    with _alone(store, cell):
        return _assemble(store, cell, progress, fresh=True)


@contextmanager
def _alone(store: ImageStore, cell: Cell) -> Iterator[None]:
    """Keep other builds of the same image waiting; give a full disk and a lost engine their sentences."""
    with store.at_work(f"building image {cell.name}"):
        try:
            with cache.locked(f"image-{cell.name}"):
                yield
        except OSError as error:
            if error.filename is None and error.errno not in NO_SPACE:
                raise  # the engine's client raises OSErrors too
            raise cache.unusable(error) from None


def recorded(store: ImageStore, cell: Cell) -> BuiltImage | None:
    """Return the image of `cell` where it was built before from these locks and the engine still has it."""
    record = _read(_place(cell, base.lock_in_use(cell)))
    if record is None:
        return None
    image = store.find(tag(cell, record.identity.config_digest), record.identity.diff_ids)
    return BuiltImage(record.identity, record.sbom.encode(), image, record.environment) if image else None


def verify(store: ImageStore, built: BuiltImage) -> None:
    """Raise MachineError naming the layer unless the engine's image has exactly the recorded layers."""
    found = store.layers(built.image_id)
    if found is None:
        raise MachineError(f"the engine no longer has image {built.image_id}", fix="build it again: assay images build")
    recorded = built.identity.diff_ids
    for number, (has, expected) in enumerate(zip_longest(found, recorded)):
        if has == expected:
            continue
        what = "wheels" if number == len(recorded) - 1 else "below the wheels"
        said = f"({what}) is {has or 'nothing'}, the build recorded {expected}"
        raise MachineError(
            f"image {built.image_id}: layer {number} {said if expected else f'({has}) was not recorded by the build'}",
            fix="do not trust this image; remove it and build again: assay images build",
        )


def tag(cell: Cell, config_digest: str) -> str:
    """Return the name the engine keeps the image under."""
    return f"assay/{cell.name}:{config_digest[:12]}"


def _assemble(store: ImageStore, cell: Cell, progress: Progress, *, fresh: bool = False) -> BuiltImage:
    below = base.prepare(store, cell, progress, fresh=fresh)
    lock = below.lock
    files = wheelhouse.fetch(cell, progress)
    with cache.scratch() as scratch:
        # Bytecode is the same on every architecture.
        native = store.architecture == cell.base.architecture
        compiler = below.image if native else base.native(store, cell, progress).image
        layers = [*below.layers]
        shared: frozenset[str] = frozenset()
        if cell.beneath is not None and (shared := _shared(cell)):
            layers.append(_framework(store, cell.beneath, len(layers), scratch, progress, fresh=fresh))
        above, about = layer.write(store, compiler, cell, files, shared, scratch, progress)
        _, wheel_lock = locks.read(cell.wheel_lock)
        made_of = [*(f"assay base {lock.sha256}" for _ in below.layers), *(["assay framework"] if shared else [])]
        made_of.append(f"assay wheels {wheel_lock}")
        layers.append(above)
        made = archive.config(
            architecture=cell.base.architecture,
            epoch=cell.epoch,
            layers={each.diff_id: what for each, what in zip(layers, made_of, strict=True)},
            environment=cell.environment,
            labels=_labels(cell, lock, wheel_lock),
        )
        identity = ImageIdentity(
            framework=cell.framework,
            target=cell.target,
            base=cell.base.provider,
            base_lock_sha256=lock.sha256,
            wheel_lock_sha256=wheel_lock,
            config_digest=made.digest,
            diff_ids=[each.diff_id for each in layers],
            architecture=cell.base.architecture,
            versions={file.name: file.version for file in files},
            drift=list(lock.drift),
        )
        image = store.load(made, layers, tag(cell, made.digest), progress)
        content = sbom.document(identity, cell, files, about, below.packages)
        record = _Record(identity=identity, environment=dict(cell.environment), sbom=content.decode())
        (scratch / "record").write_text(record.model_dump_json())
        cache.publish(scratch / "record", _place(cell, lock))
    built = BuiltImage(identity, content, image, dict(cell.environment))
    verify(store, built)
    return built


def _shared(cell: Cell) -> frozenset[str]:
    """Return the wheels that the framework's image beneath has; none where it has one that this cell has not."""
    if cell.beneath is None:
        return frozenset()
    mine, its = (locks.wheels(each.wheel_lock) for each in (cell, cell.beneath))
    return frozenset(pin.name for pin in its) if all(pin in mine for pin in its) else frozenset()


def _framework(store: ImageStore, cell: Cell, number: int, scratch: Path, progress: Progress, *, fresh: bool) -> Layer:
    """Return layer `number` of the framework's image, which is made where the engine lacks it, out of the engine."""
    built = rebuild(store, cell, progress) if fresh else build(store, cell, progress)
    layers = tuple(Layer(scratch / f"{diff_id}.tar", diff_id) for diff_id in built.identity.diff_ids)
    registry.save_layers(store, built.image_id, layers, progress)
    return layers[number]


def _labels(cell: Cell, lock: BaseLock, wheel_lock: str) -> dict[str, str]:
    """Return the image's labels: OCI's own keys where there is one, ours for locks and drift."""
    labels = {
        "org.opencontainers.image.title": f"assay {cell.name}",
        "org.opencontainers.image.description": f"{cell.framework} for benchmark runs on target {cell.target}",
        "org.opencontainers.image.version": cell.requirements[0].partition("==")[2],
        "org.opencontainers.image.created": archive.timestamp(cell.epoch),
        "assay.framework": cell.framework,
        "assay.target": cell.target,
        "assay.base": cell.base.provider,
        "assay.base-lock": lock.sha256,
        "assay.wheel-lock": wheel_lock,
        "assay.drift": json.dumps([drift.model_dump() for drift in lock.drift], sort_keys=True),
    }
    if cell.base.provider == "registry":
        repository, digest = locks.base_image(lock.path)
        labels["org.opencontainers.image.base.name"] = repository
        labels["org.opencontainers.image.base.digest"] = f"sha256:{digest}"
    return labels


def _place(cell: Cell, lock: BaseLock) -> Path:
    """Return where the record of an image lies: named by everything that decides the image's bytes."""
    _, wheel_lock = locks.read(cell.wheel_lock)
    decides = asdict(cell) | {"base": cell.base.model_dump(), "base_lock": lock.sha256, "wheel_lock": wheel_lock}
    decides |= {"format": _FORMAT, "recipe": base.recipe(cell)}
    del decides["suite"], decides["beneath"]  # in the name already
    if shared := _shared(cell):
        decides["beneath"] = sorted(shared)
    key = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()
    return cache.root() / "images" / f"{cell.name}-{key[:24]}.json"


def _read(place: Path) -> _Record | None:
    try:
        return _Record.model_validate_json(place.read_bytes())
    except (OSError, ValidationError):
        return None
