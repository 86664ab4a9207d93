"""The wheels of a lock, fetched by pip with every hash required and kept in the cache under their hash.

Where they come from is what pip is configured with on this machine; no address is written here.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from rules.errors import MachineError
from rules.text import printable
from suite.host import cache
from suite.host.progress import Progress
from suite.images import locks
from suite.images.files import sha256_of
from suite.images.matrix import Cell

_NO_MATCH = re.compile(r"No matching distribution found for (\S+)")
_MISMATCH = "DO NOT MATCH THE HASHES"
_BAD_HASH = re.compile(r"^\s+(\S+==\S+) from ", re.MULTILINE)


@dataclass(frozen=True)
class WheelFile:
    """A wheel on disk: `filename` is its own name, `path` where the cache keeps it."""

    name: str
    version: str
    filename: str
    sha256: str
    path: Path


def platform_tags(wheels: str) -> list[str]:
    """Return every platform tag a machine of kind `wheels` (e.g. x86_64-manylinux_2_28) can install.

    pip takes the tags it is given literally: `manylinux_2_28` does not imply the older ones.
    """
    architecture, _, newest = wheels.partition("-manylinux_2_")
    oldest = 5 if architecture == "x86_64" else 17
    tags = [f"manylinux_2_{minor}_{architecture}" for minor in range(int(newest), oldest - 1, -1)]
    legacy = ["manylinux2014", "manylinux2010", "manylinux1"] if architecture == "x86_64" else ["manylinux2014"]
    return [*tags, *(f"{name}_{architecture}" for name in legacy), f"linux_{architecture}"]


def have(cell: Cell) -> list[WheelFile] | None:
    """Return the wheels of the cell's lock where the cache has all of them; their bytes are not read."""
    _, lock = locks.read(cell.wheel_lock)
    index = _index(lock, cell)
    if not index.exists():
        return None
    try:
        rows = json.loads(index.read_text())
        files = [WheelFile(r["name"], r["version"], r["filename"], r["sha256"], _place(r["sha256"])) for r in rows]
    except (ValueError, TypeError, KeyError):
        return None
    return files if all(file.path.exists() for file in files) else None


def fetch(cell: Cell, progress: Progress) -> list[WheelFile]:
    """Return the wheels of the cell's lock, downloaded where the cache lacks them, in order of name.

    Raises MachineError naming the package where pip's index does not have it or has other bytes under its name.
    """
    with cache.locked(f"wheels-{cell.name}"):
        if (files := have(cell)) is not None:
            return files
        pinned = locks.wheels(cell.wheel_lock)
        total = len(pinned)
        progress(0, total, "fetch wheels")
        with cache.scratch() as scratch:
            for begun in _pip(cell.wheel_lock, scratch, cell.wheels, cell.python, cell.name, str(cell.wheel_lock)):
                progress(min(begun, total), total, "fetch wheels")
            progress(total, total, "fetch wheels")
            files = [_identify(pin, scratch, cell) for pin in pinned]
            for file in files:
                cache.publish(scratch / file.filename, file.path)
            rows = [{k: getattr(f, k) for k in ("name", "version", "filename", "sha256")} for f in files]
            (scratch / "index").write_text(json.dumps(rows))
            _, lock = locks.read(cell.wheel_lock)
            cache.publish(scratch / "index", _index(lock, cell))
        return files


def fetch_one(name: str, version: str, sha256: str, wheels: str, python: str) -> Path:
    """Return the one wheel of `name` that has the digest, downloaded where the cache lacks it.

    `wheels` and `python` say for what machine, whatever this one is. Raises MachineError as `fetch` does.
    """
    place = _place(sha256)
    with cache.locked(f"wheel-{sha256[:16]}"):
        if place.exists() and sha256_of(place) == sha256:
            return place
        with cache.scratch() as scratch:
            lock = scratch / "wanted.txt"
            lock.write_text(f"{name}=={version} --hash=sha256:{sha256}\n")
            found = scratch / "found"
            found.mkdir()
            what, pinned_in = f"{name}=={version}", "the data source in workload.yaml"
            list(_pip(lock, found, wheels, python, what, pinned_in))
            files = list(found.glob("*.whl"))
            if [sha256_of(file) for file in files] != [sha256]:  # whatever pip did
                raise _explain(_MISMATCH, what, pinned_in)
            cache.publish(files[0], place)
    return place


def verify(file: WheelFile) -> None:
    """Raise MachineError, and drop the file, when its bytes are not what its hash says."""
    if (found := sha256_of(file.path)) != file.sha256:
        file.path.unlink()
        raise MachineError(
            f"{file.filename}: damaged in the cache (sha256 {found}, locked {file.sha256}), now removed",
            fix="run the command again: it will be fetched again",
        )


def _place(sha256: str) -> Path:
    return cache.root() / "wheels" / f"{sha256}.whl"


def _index(lock: str, cell: Cell) -> Path:
    return cache.root() / "wheelhouses" / f"{lock}-{cell.wheels}.json"


def _pip(lock: Path, destination: Path, wheels: str, python: str, what: str, pinned_in: str) -> Iterator[int]:
    """Download what `lock` pins into `destination`, and yield before each how many were begun; see `_explain`."""
    command = [sys.executable, "-m", "pip", "--no-input", "download", "--progress-bar=off", "--no-deps"]
    command += ["--require-hashes", "--only-binary=:all:", "--implementation=cp", f"--python-version={python}"]
    command += [f"--platform={tag}" for tag in platform_tags(wheels)]
    # `==2.13.0` would also take a local build, 2.13.0+cpu, that lies in a folder pip looks into.
    exact = destination / "requirements"
    exact.write_text(lock.read_text().replace("==", "==="))
    command += ["--dest", str(destination), "--requirement", str(exact)]
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONUNBUFFERED": "1", "LC_ALL": "C.UTF-8"}
    said = []
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as pip:
        assert pip.stdout is not None
        begun = count()
        for line in pip.stdout:
            said.append(line)
            if line.startswith("Collecting "):
                yield next(begun)
    if pip.returncode:
        raise _explain("".join(said), what, pinned_in)


def _explain(said: str, what: str, pinned_in: str) -> MachineError:
    """Turn pip's output into the error a person can act on; `what` was wanted, `pinned_in` says so."""
    said = said.replace("===", "==")  # as the lock has it
    if match := _NO_MATCH.search(said):
        fix = "check pip's configuration (pip config list) and the network, or resolve again: assay images lock"
        if match[1].startswith("torch==") and "+cpu" in match[1]:
            fix = (
                "it is published on PyTorch's CPU wheel index: add that index to pip's configuration "
                "(pip config set global.extra-index-url ADDRESS), or put the wheel into a folder and name it "
                "(pip config set global.find-links FOLDER)"
            )
        return MachineError(f"{match[1]}, which {pinned_in} pins, is not where pip looks", fix=fix)
    if _MISMATCH in said:
        names = ", ".join(_BAD_HASH.findall(said)) or what
        return MachineError(
            f"{names}: the file pip's index has is not one that {pinned_in} pins",
            fix="do not trust this index; if the lock is wrong, resolve again: assay images lock",
        )
    last = " / ".join(line for line in said.splitlines() if "ERROR" in line)[-600:] or said[-600:]
    return MachineError(f"pip could not download the wheels of {what}: {printable(last, 700)}", fix="see the message")


def _identify(pin: locks.Pinned, folder: Path, cell: Cell) -> WheelFile:
    """Find the one downloaded wheel of `pin` and check its hash against the lock, whatever pip did."""
    stem = f"{pin.name.replace('-', '_')}-{pin.version}-"
    found = [path for path in folder.glob("*.whl") if _normal(path.name).startswith(_normal(stem))]
    if len(found) != 1:
        raise MachineError(f"pip downloaded {len(found)} wheels for {pin.name}=={pin.version}", fix="report this")
    if (sha256 := sha256_of(found[0])) not in pin.hashes:
        raise MachineError(
            f"{found[0].name}: sha256 {sha256} is not among those {cell.wheel_lock} pins",
            fix="do not trust this index; if the lock is wrong, resolve again: assay images lock",
        )
    return WheelFile(pin.name, pin.version, found[0].name, sha256, _place(sha256))


def _normal(filename: str) -> str:
    return re.sub(r"[_.]+", "_", filename).lower()
