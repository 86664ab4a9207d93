"""The image as an engine takes it: config and layers in one tar, streamed."""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

from rules.errors import MachineError
from suite.host.progress import Progress
from suite.images.files import Layer

_CHUNK = 1 << 20


@dataclass(frozen=True)
class ImageConfig:
    """An image's configuration as bytes; its SHA-256 is the config digest, the image's name in Docker's own store."""

    content: bytes

    @property
    def digest(self) -> str:
        """Hex SHA-256 of the configuration."""
        return hashlib.sha256(self.content).hexdigest()


def config(
    *,
    architecture: str,
    epoch: int,
    layers: Mapping[str, str],
    environment: Mapping[str, str] = MappingProxyType({}),
    labels: Mapping[str, str] = MappingProxyType({}),
) -> ImageConfig:
    """Return the configuration of an image of `layers` (diff_id -> what made it); equal arguments give equal bytes."""
    created = timestamp(epoch)
    document = {
        "architecture": architecture,
        "os": "linux",
        "created": created,
        "config": {
            "Cmd": ["/opt/venv/bin/python"],
            "Env": [f"{name}={value}" for name, value in sorted(environment.items())],
            "Labels": dict(labels),
            "User": "1000:1000",
            "WorkingDir": "/",
        },
        "history": [{"created": created, "created_by": what} for what in layers.values()],
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{diff_id}" for diff_id in layers]},
    }
    return ImageConfig(json.dumps(document, sort_keys=True, separators=(",", ":")).encode())


def timestamp(epoch: int) -> str:
    """Return Unix seconds in RFC 3339, as image configurations and bills of materials want them."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def docker_archive(made: ImageConfig, layers: list[Layer], tag: str, progress: Progress) -> Iterator[bytes]:
    """Yield the tar that `docker load` reads, layers straight from disk; a layer that changed there is an error."""
    config, paths = f"{made.digest}.json", [f"{layer.diff_id}/layer.tar" for layer in layers]
    manifest = [{"Config": config, "RepoTags": [tag], "Layers": paths}]
    yield from _member(config, made.content)
    total = sum(layer.path.stat().st_size for layer in layers)
    done = 0
    for layer in layers:
        size = layer.path.stat().st_size
        yield _header(f"{layer.diff_id}/layer.tar", size)
        seen = hashlib.sha256()
        with layer.path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                seen.update(chunk)
                yield chunk
                done += len(chunk)
                progress(done, total, "load into engine")
        if seen.hexdigest() != layer.diff_id:
            raise MachineError(
                f"{layer.path}: damaged in the cache (sha256 {seen.hexdigest()}, recorded {layer.diff_id})",
                fix=f"remove {layer.path.parent} and run the command again",
            )
        yield _padding(size)
    yield from _member("manifest.json", json.dumps(manifest, sort_keys=True).encode())
    yield bytes(2 * tarfile.BLOCKSIZE)


def _member(name: str, content: bytes) -> Iterator[bytes]:
    yield _header(name, len(content))
    yield content
    yield _padding(len(content))


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT)


def _padding(size: int) -> bytes:
    return bytes(-size % tarfile.BLOCKSIZE)
