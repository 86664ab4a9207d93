"""Building on a real engine: what is in an image, that it reproduces, that a changed one is refused."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from rules.errors import MachineError
from suite.engines.docker.images import DockerImages
from suite.host import cache
from suite.images import base, build
from suite.images.matrix import Cell, cell

pytestmark = pytest.mark.engine


def silent(done: int, total: int, what: str) -> None: ...


def inside(client: docker.DockerClient, image: str, code: str) -> str:
    """Return what `code` prints in a hardened container of the image."""
    said: bytes = client.containers.run(
        image,
        ["/opt/venv/bin/python", "-c", code],
        network_mode="none",
        read_only=True,
        cap_drop=["ALL"],
        user="1000:1000",
        remove=True,
    )
    return said.decode().strip()


def test_the_same_locks_give_the_same_bytes_whatever_the_umask_and_temporary_folder(
    client: docker.DockerClient, tiny: Cell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build.rebuild(DockerImages(client), tiny, silent)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    tmp_path.chmod(0o755)
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    monkeypatch.setenv("LANG", "C")
    before = os.umask(0o077)
    try:
        second = build.rebuild(DockerImages(client), tiny, silent)
    finally:
        os.umask(before)
    assert second.identity == first.identity
    assert second.sbom == first.sbom


def test_an_image_runs_unprivileged_with_its_own_interpreter_and_ready_bytecode(
    client: docker.DockerClient, tiny: Cell
) -> None:
    built = build.build(DockerImages(client), tiny, silent)
    said = inside(
        client,
        built.image_id,
        "import json, sys, os, getpass, opt_einsum;"
        "print(json.dumps([sys.prefix, sys.executable, opt_einsum.__cached__, os.path.exists(opt_einsum.__cached__),"
        " getpass.getuser(), os.environ['PYTHONHASHSEED'], os.path.exists(json.__cached__)]))",
    )
    assert json.loads(said) == [
        "/opt/venv",
        "/opt/venv/bin/python",
        "/opt/venv/lib/python3.11/site-packages/opt_einsum/__pycache__/__init__.cpython-311.pyc",
        True,
        "assay",
        "0",
        True,
    ]
    modules = "import importlib.util as u; print([m for m in ('pip', 'venv', 'ensurepip') if u.find_spec(m)])"
    assert "'pip'" not in inside(client, built.image_id, modules)


def test_a_second_build_does_nothing_and_is_immediate(client: docker.DockerClient, tiny: Cell) -> None:
    build.build(DockerImages(client), tiny, silent)
    phases: list[str] = []
    start = time.monotonic()
    build.build(DockerImages(client), tiny, lambda _done, _total, what: phases.append(what))
    assert time.monotonic() - start < 2
    assert phases == []


def test_the_config_says_what_the_image_is_made_of(client: docker.DockerClient, tiny: Cell) -> None:
    built = build.build(DockerImages(client), tiny, silent)
    attributes = client.images.get(built.image_id).attrs
    labels = attributes["Config"]["Labels"]
    assert labels["assay.base-lock"] == hashlib.sha256(tiny.base_lock.read_bytes()).hexdigest()
    assert labels["assay.wheel-lock"] == built.identity.wheel_lock_sha256
    assert labels["org.opencontainers.image.version"] == "3.4.0"
    assert attributes["Config"]["User"] == "1000:1000"
    if attributes["GraphDriver"]["Name"] == "overlay2":  # Docker's own store names images by their configuration
        assert built.image_id == f"sha256:{built.identity.config_digest}"


def test_the_bill_of_materials_names_every_wheel_and_every_debian_package(
    client: docker.DockerClient, tiny: Cell
) -> None:
    built = build.build(DockerImages(client), tiny, silent)
    bill = json.loads(built.sbom)
    components = {component["bom-ref"]: component for component in bill["components"]}
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert components["pkg:pypi/opt-einsum@3.4.0"]["licenses"]
    installed = client.containers.run(
        built.image_id, ["dpkg-query", "-W", "-f", "${Package} ${Version}\n"], remove=True, network_mode="none"
    )
    named = {f"{c['name']} {c['version']}" for ref, c in components.items() if ref.startswith("pkg:deb/")}
    assert named == set(installed.decode().split("\n")) - {""}


def test_an_image_with_another_layer_is_refused_and_the_layer_named(client: docker.DockerClient, tiny: Cell) -> None:
    built = build.build(DockerImages(client), tiny, silent)
    build.verify(DockerImages(client), built)
    container = client.containers.create(built.image_id, ["/bin/true"])
    try:
        changed = io.BytesIO()
        with tarfile.open(fileobj=changed, mode="w") as tar:
            tar.addfile(tarfile.TarInfo("opt/venv/planted.py"))
        container.put_archive("/", changed.getvalue())
        other = container.commit("assay-test", "changed")
    finally:
        container.remove(v=True)
    try:
        with pytest.raises(MachineError, match=r"layer 2 .* was not recorded by the build"):
            build.verify(DockerImages(client), replace(built, image_id=str(other.id)))
        wrong = built.identity.model_copy(update={"diff_ids": [built.identity.diff_ids[0], "0" * 64]})
        with pytest.raises(MachineError, match=r"layer 1 \(wheels\)"):
            build.verify(DockerImages(client), replace(built, identity=wrong))
    finally:
        client.images.remove(str(other.id), force=True)


def test_an_image_removed_from_the_engine_is_made_again(client: docker.DockerClient, tiny: Cell) -> None:
    built = build.build(DockerImages(client), tiny, silent)
    client.images.remove(build.tag(tiny, built.identity.config_digest), force=True)
    assert build.recorded(DockerImages(client), tiny) is None
    assert build.build(DockerImages(client), tiny, silent).identity == built.identity


def test_a_base_layer_damaged_in_the_cache_is_noticed_before_the_engine_has_it(
    client: docker.DockerClient, tiny: Cell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = build.build(DockerImages(client), tiny, silent)
    whole = base.prepare(DockerImages(client), tiny, silent).layers[0].path
    # In a cache of its own: others build on this base meanwhile.
    own = tmp_path / "cache"
    (own / "bases").mkdir(parents=True)
    for name in ("wheels", "wheelhouses", "images"):
        (own / name).symlink_to(cache.root() / name)
    shutil.copytree(whole.parent, own / "bases" / whole.parent.name)
    monkeypatch.setenv("ASSAY_CACHE", str(own))
    layer = base.prepare(DockerImages(client), tiny, silent).layers[0].path
    assert layer.is_relative_to(own)
    with layer.open("r+b") as file:
        file.seek(-2000, os.SEEK_END)
        was = file.read(1)
        file.seek(-2000, os.SEEK_END)
        file.write(bytes([was[0] ^ 1]))
    client.images.remove(build.tag(tiny, built.identity.config_digest), force=True)
    with pytest.raises(MachineError, match="damaged in the cache"):
        build.build(DockerImages(client), tiny, silent)


def test_a_build_killed_midway_leaves_nothing_half_and_the_next_one_cleans_up(
    client: docker.DockerClient, tiny: Cell
) -> None:
    built = build.build(DockerImages(client), tiny, silent)
    client.images.remove(build.tag(tiny, built.identity.config_digest), force=True)
    code = (
        "import sys, dataclasses, pathlib\n"
        "from suite.engines.table import images\n"
        "from suite.images import build; from suite.images.matrix import cell\n"
        "tiny = dataclasses.replace(cell('jax', 'cpu', 'mmdebstrap'), framework='tiny',\n"
        "    requirements=('opt-einsum==3.4.0',), wheel_lock=pathlib.Path(sys.argv[1]))\n"
        "build.build(images(), tiny, lambda _done, _total, what: print(what, flush=True))\n"
    )
    shelf = cache.root() / "scratch"
    others = set(shelf.iterdir())  # of builds that may run on this machine beside the test
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tiny.wheel_lock)], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout
        for line in child.stdout:
            if line.startswith("compile bytecode"):
                child.send_signal(signal.SIGKILL)
                break
    left = set(shelf.iterdir()) - others
    assert left
    assert build.build(DockerImages(client), tiny, silent).identity == built.identity
    assert not left & set(shelf.iterdir())
    assert client.containers.list(all=True, filters={"label": "assay.bytecode", "status": "exited"}) == []


def layered(tiny: Cell, folder: Path) -> Cell:
    """Return a cell of inference with one wheel more than the framework's beneath."""
    more = cell("jax", "cpu", "mmdebstrap").wheel_lock.read_text()
    [block] = re.findall(r"^ml-dtypes==.*?\n(?=\S)", more, re.MULTILINE | re.DOTALL)
    both = folder / "both.txt"
    both.write_text(tiny.wheel_lock.read_text() + block)
    return replace(tiny, suite="inference", wheel_lock=both, beneath=tiny)


@pytest.mark.long
def test_an_image_on_another_made_anew_has_the_same_bytes(
    client: docker.DockerClient, tiny: Cell, tmp_path: Path
) -> None:
    top = layered(tiny, tmp_path)
    first = build.build(DockerImages(client), top, silent)
    assert build.rebuild(DockerImages(client), top, silent).identity == first.identity


def test_an_image_of_inference_stands_on_its_frameworks_layer(
    client: docker.DockerClient, tiny: Cell, tmp_path: Path
) -> None:
    top = layered(tiny, tmp_path)
    framework, built = build.build(DockerImages(client), tiny, silent), build.build(DockerImages(client), top, silent)
    try:
        assert built.identity.diff_ids[:-1] == framework.identity.diff_ids
        assert set(built.identity.versions) == {"opt-einsum", "ml-dtypes"}
        assert {b"pkg:pypi/opt-einsum@", b"pkg:pypi/ml-dtypes@"} <= set(re.findall(rb"pkg:pypi/[a-z-]+@", built.sbom))
        find = "import importlib.util as u; print([bool(u.find_spec(m)) for m in ('opt_einsum', 'ml_dtypes')])"
        assert inside(client, built.image_id, find) == "[True, True]"
        # Another wheel beneath than here: the image stands on its own.
        other = tmp_path / "other.txt"
        other.write_text(tiny.wheel_lock.read_text().replace("3.4.0", "3.3.0"))
        alone = build.build(DockerImages(client), replace(top, beneath=replace(tiny, wheel_lock=other)), silent)
        assert len(alone.identity.diff_ids) == len(framework.identity.diff_ids)
    finally:
        for image in client.images.list("assay/tiny-cpu-inference"):
            client.images.remove(str(image.id), force=True)
