"""A registry image pinned by digest as the base: our own base pushed to a real registry on this machine."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from rules.errors import MachineError, UsageError
from suite.engines.docker.images import DockerImages
from suite.images import base, build
from suite.images.matrix import Cell, cell

pytestmark = pytest.mark.engine


def silent(done: int, total: int, what: str) -> None: ...


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """The address of an empty registry (Debian's docker-registry) on loopback."""
    if shutil.which("docker-registry") is None:
        pytest.skip("docker-registry is not installed: apt-get install docker-registry")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = tmp_path / "registry.yml"
    config.write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {tmp_path}/store}}}}\n"
        f"http: {{addr: 127.0.0.1:{port}}}\n"
    )
    with subprocess.Popen(
        ["docker-registry", "serve", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        for _ in range(100):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/", timeout=2).close()
                break
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        yield f"127.0.0.1:{port}"
        server.terminate()


def test_an_image_builds_on_a_base_pulled_by_digest_and_has_another_identity(
    client: docker.DockerClient, tiny: Cell, registry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = build.build(DockerImages(client), tiny, silent)
    repository = f"{registry}/debian-python"
    client.images.get(base.prepare(DockerImages(client), tiny, silent).image).tag(repository, "test")
    client.images.push(repository, tag="test")
    pushed = client.images.get(f"{repository}:test")
    [reference] = [name for name in pushed.attrs["RepoDigests"] if name.startswith(repository)]
    client.images.remove(f"{repository}:test")

    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ASSAY_BASE_IMAGE", reference)
    below = cell("jax", "cpu", "registry")
    chosen = replace(tiny, base=below.base, base_lock=below.base_lock)
    built = build.build(DockerImages(client), chosen, silent)
    build.verify(DockerImages(client), built)
    try:
        assert built.identity.base == "registry"
        assert built.identity.base_lock_sha256 != ours.identity.base_lock_sha256
        assert built.identity.config_digest != ours.identity.config_digest
        # The same base bytes and the same wheels: the layers are the same, only what the image says of itself is not.
        assert built.identity.diff_ids == ours.identity.diff_ids
        assert b"pkg:deb/debian/python3.11@" in built.sbom
        labels = client.images.get(built.image_id).attrs["Config"]["Labels"]
        assert labels["org.opencontainers.image.base.digest"] == reference.partition("@")[2]
        assert build.build(DockerImages(client), chosen, silent) == built
    finally:
        client.images.remove(built.image_id, force=True)
        client.images.remove(reference)


def test_a_base_the_registry_does_not_have_is_named(
    client: docker.DockerClient, tiny: Cell, registry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ASSAY_BASE_IMAGE", f"{registry}/nothing@sha256:{'1' * 64}")
    below = cell("jax", "cpu", "registry")
    with pytest.raises(MachineError, match=r"could not pull the base .*/nothing@sha256:1111"):
        build.build(DockerImages(client), replace(tiny, base=below.base, base_lock=below.base_lock), silent)


def test_a_registry_base_that_nobody_named_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ASSAY_BASE_IMAGE", raising=False)
    with pytest.raises(UsageError, match="no registry base is named") as told:
        base.lock_in_use(cell("jax", "cpu", "registry"))
    assert "ASSAY_BASE_IMAGE=" in told.value.fix
