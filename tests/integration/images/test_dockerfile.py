"""The readable Dockerfile gives the same files as our builder, apart from what pip writes about itself."""

from __future__ import annotations

import hashlib
import tarfile
import tempfile
from pathlib import Path

import docker
import pytest

from suite.engines.docker.connection import connect
from suite.engines.docker.images import DockerImages
from suite.images import build, dockerfile
from suite.images.matrix import Cell, cell

pytestmark = [pytest.mark.engine, pytest.mark.image]

# pip's own notes on an installation; our builder leaves a wheel's files as they are.
PIP_NOTES = {
    "INSTALLER": "names pip as the installer",
    "REQUESTED": "marks a distribution the user named",
    "RECORD": "rewritten: pip adds the launchers it made and the notes above",
}


def silent(done: int, total: int, what: str) -> None: ...


def files(client: docker.DockerClient, image: str) -> dict[str, tuple[str, int, str]]:
    """Return path -> (kind, mode, owner and content digest or link target) of every file of `image`."""
    container = client.containers.create(image, command=["/bin/true"])
    found = {}
    try:
        with tempfile.TemporaryFile() as spool:
            for chunk in container.export():
                spool.write(chunk)
            spool.seek(0)
            with tarfile.open(fileobj=spool) as tar:
                for member in tar:
                    owner = f"{member.uid}:{member.gid}"
                    kind = member.type.decode()
                    content = member.linkname
                    if member.isreg():
                        kind, file = "0", tar.extractfile(member)
                        assert file
                        content = hashlib.file_digest(file, "sha256").hexdigest()
                    found[member.name.rstrip("/")] = (kind, member.mode, f"{owner} {content}")
    finally:
        container.remove(v=True)
    return found


def test_the_dockerfile_of_a_small_image_gives_every_file_of_the_built_image(tmp_path: Path, tiny: Cell) -> None:
    same_files(tiny, tmp_path / "context", compiled=20)


@pytest.mark.long
def test_the_dockerfile_of_jax_gives_every_file_of_the_built_image(tmp_path: Path) -> None:
    same_files(cell("jax", "cpu", "mmdebstrap"), tmp_path, compiled=1000)


def same_files(chosen: Cell, context: Path, compiled: int) -> None:
    """Build by the Dockerfile and compare every file, more than `compiled` of them the wheels' bytecode."""
    client = connect(timeout_s=600)
    ours = build.build(DockerImages(client), chosen, silent)
    dockerfile.context(DockerImages(client), chosen, context, silent)
    theirs, _ = client.images.build(
        path=str(context), network_mode="none", pull=False, nocache=True, rm=True, forcerm=True
    )
    try:
        built, readable = files(client, ours.image_id), files(client, str(theirs.id))
    finally:
        client.images.remove(str(theirs.id), force=True)
    different = {path for path in built.keys() | readable.keys() if built.get(path) != readable.get(path)}
    expected = {path for path in different if ".dist-info/" in path and path.rpartition("/")[2] in PIP_NOTES}
    assert sorted(different - expected) == []
    assert expected  # were there none, the list of exceptions above would be out of date
    assert sum(path.endswith(".pyc") and path.startswith("opt/venv") for path in built) > compiled
