"""A base from a registry, pinned by digest: for hosts that cannot assemble a Debian system themselves.

The engine pulls and verifies it; its layers are then saved uncompressed, each checked against the diff_id the image's
configuration names, so that an image built on it is written the same way as one on a base of our own.
"""

from __future__ import annotations

import gzip
import json
import shutil
import tarfile
from pathlib import Path
from typing import IO

from rules.errors import MachineError
from suite.host import cache
from suite.host.progress import Progress
from suite.images.files import Layer, sha256_of
from suite.images.store import ImageStore

_GZIP = b"\x1f\x8b"


def pull(
    store: ImageStore, repository: str, digest: str, platform: str, progress: Progress
) -> tuple[str, tuple[Layer, ...]]:
    """Return the engine's image `repository@sha256:digest` and its layers, pulled where the engine lacks it.

    Raises MachineError for an image that cannot be pulled or is for another platform.
    """
    name = f"{repository}@sha256:{digest}"
    progress(0, 1, "pull base")
    image = store.pull(name, platform)
    progress(1, 1, "pull base")
    diff_ids = store.layers(image) or []
    folder = cache.folder("registry", digest)
    layers = tuple(Layer(folder / f"{diff_id}.tar", diff_id) for diff_id in diff_ids)
    if not all(layer.path.exists() for layer in layers):
        save_layers(store, image, layers, progress)
    return image, layers


def save_layers(store: ImageStore, image: str, layers: tuple[Layer, ...], progress: Progress) -> None:
    """Write the uncompressed layers of `image` to their places, each verified by its diff_id."""
    with cache.scratch() as scratch:
        saved = scratch / "image.tar"
        done = 0
        with saved.open("wb") as file:
            for chunk in store.save(image):
                file.write(chunk)
                done += len(chunk)
                progress(done, 0, "take layers out of the engine")
        try:
            with tarfile.open(saved, "r:") as tar:
                names = json.load(_member(tar, "manifest.json"))[0]["Layers"]
                for layer, name in zip(layers, names, strict=True):
                    place = scratch / "layer.tar"
                    _uncompress(_member(tar, name), place)
                    if (found := sha256_of(place)) != layer.diff_id:
                        raise MachineError(f"base {image}: layer {layer.diff_id} was saved as {found}")
                    cache.publish(place, layer.path)
        except (tarfile.TarError, ValueError, KeyError, IndexError, TypeError, OSError) as error:
            raise MachineError(f"base {image}: the engine saved it in a form Assay cannot read: {error}") from None


def _member(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    file = tar.extractfile(name)
    if file is None:
        raise ValueError(f"{name} is no file")
    return file


def _uncompress(source: IO[bytes], place: Path) -> None:
    """Copy a layer as it is, or unpacked where the engine's store keeps it compressed."""
    start = source.read(2)
    source.seek(0)
    with place.open("wb") as out:
        if start == _GZIP:
            with gzip.open(source) as unpacked:
                shutil.copyfileobj(unpacked, out, 1 << 20)
        else:
            shutil.copyfileobj(source, out, 1 << 20)
