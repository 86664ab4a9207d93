"""Debian packages from the real archive: fetched, refused, and relocked where the archive has moved on."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from suite.engines.docker.images import DockerImages
from suite.host import cache
from suite.images import base, build, debian
from suite.images.debian import NotInArchiveError
from suite.images.matrix import Cell

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(shutil.which("apt-get") is None, reason="needs apt: a Debian-like system"),
]


def silent(done: int, total: int, what: str) -> None: ...


def test_a_version_dropped_by_the_archive_is_relocked_said_aloud_and_recorded(
    client: docker.DockerClient, tiny: Cell, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tiny.base_lock.read_text()
    [line] = [line for line in text.splitlines() if line.startswith("zlib1g ")]
    _, _, architecture, size, _ = line.split()
    gone = f"zlib1g 1:0.0-gone1 {architecture} {size} {'5' * 64}"
    stale = replace(tiny, base_lock=tmp_path / "stale.lock")
    stale.base_lock.write_text(text.replace(line, gone))

    built = build.build(DockerImages(client), stale, silent)

    [drift] = [drift for drift in built.identity.drift if drift.package == "zlib1g"]
    assert drift.locked == "1:0.0-gone1"
    assert drift.used != "1:0.0-gone1"
    said = capsys.readouterr().err
    assert "WARNING" in said
    assert f"zlib1g: 1:0.0-gone1 -> {drift.used}" in said
    labels = client.images.get(built.image_id).attrs["Config"]["Labels"]
    assert "1:0.0-gone1" in labels["assay.drift"]
    used = base.lock_in_use(stale)
    assert used.sha256 == built.identity.base_lock_sha256
    assert used.path.is_relative_to(cache.root())
    used.path.unlink()


def test_a_package_file_is_fetched_without_touching_the_machines_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache"))
    lists = Path("/var/lib/apt/lists")
    before = sorted((p.name, p.stat().st_mtime_ns) for p in lists.iterdir())
    file = debian.fetch_deb("media-types", _candidate("media-types"), tmp_path / "here")
    assert (
        subprocess.run(["dpkg-deb", "--field", file, "Package"], capture_output=True, text=True).stdout
        == "media-types\n"
    )
    assert sorted((p.name, p.stat().st_mtime_ns) for p in lists.iterdir()) == before
    with pytest.raises(NotInArchiveError, match=r"does not have media-types in version 0\.0-none: it has "):
        debian.fetch_deb("media-types", "0.0-none", tmp_path / "here")


def _candidate(name: str) -> str:
    archive = debian.DebianArchive(cache.folder("apt-host"))
    archive.refresh()
    return archive.versions(name)[0]
