"""A wheel layer: a tar of /opt/venv whose bytes follow from the wheels, the interpreter and the epoch alone.

Names are sorted, owner is root, times are the epoch, modes are 0644 or 0755. What is written was verified on its way.
"""

from __future__ import annotations

import hashlib
import io
import platform
import tarfile
from collections import deque
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from rules.errors import MachineError
from rules.text import printable
from suite.host import cache
from suite.host.progress import Progress
from suite.images import wheelhouse, wheels
from suite.images.files import Layer, sha256_of
from suite.images.matrix import Cell
from suite.images.store import ImageStore
from suite.images.wheelhouse import WheelFile
from suite.images.wheels import ENVIRONMENT, Metadata, Wheel, WheelEntry

USER = 1000  # who compiles
# Names in tracebacks are those in the image; a file that does not compile (a template, say) has no bytecode there.
_COMPILE = """
import compileall, pathlib, py_compile, sys
root = pathlib.Path('/io/{environment}')
compileall.compile_dir(root, maxlevels=100, quiet=2, stripdir='/io', prependdir='/',
                       invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
for source in root.rglob('*.py'):
    source.unlink()
"""


class _Stream(io.RawIOBase):
    """A readable file over an iterator of chunks, for tarfile, which wants one."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = memoryview(chunk)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


def write(
    store: ImageStore,
    base_image: str,
    cell: Cell,
    files: list[WheelFile],
    below: frozenset[str],
    folder: Path,
    progress: Progress,
) -> tuple[Layer, list[Metadata]]:
    """Write the wheel layer of `cell` into `folder`; return it and what each wheel says of itself, in order of `files`.

    Wheels named in `below` are in a layer beneath it already: this one holds what the others add.

    Raises MachineError naming wheel and path for anything in a wheel that is not as it should be.
    """
    for number, file in enumerate(files, 1):
        wheelhouse.verify(file)
        progress(number, len(files), "verify wheels")
    with wheels.collect(files, cell.python) as (opened, paths):
        by_name = {wheel.file.name: wheel for wheel in opened}
        paths = {path: entries for path, entries in paths.items() if entries[0].wheel.name not in below}
        compiled = _bytecode(store, base_image, cell, by_name, paths, folder, progress)
        with tarfile.open(compiled, "r:") as bytecodes:
            made = {} if below else _environment(cell)
            layer = _write(cell, by_name, paths, made, bytecodes, folder / "wheels.tar", progress)
        return layer, [wheel.metadata() for wheel in opened]


def _bytecode(
    store: ImageStore,
    image: str,
    cell: Cell,
    opened: dict[str, Wheel],
    paths: dict[str, list[WheelEntry]],
    folder: Path,
    progress: Progress,
) -> Path:
    """Return the engine's tar of the wheels' bytecode, compiled by the image's own interpreter without a network.

    One process compiles all files in one order with a fixed hash seed, because marshal writes references by how often
    an object is in use: another order, another interpreter or several processes give other bytes. Files are compiled,
    never run. `.pyc` files are of the unchecked-hash kind: no time stamp, no look at the source.
    """
    site = f"{ENVIRONMENT}/lib/python{cell.python}/site-packages/"
    sources = sorted(path for path in paths if path.startswith(site) and path.endswith(".py"))
    progress(0, len(sources), "compile bytecode")
    packed, compiled = folder / "sources.tar", folder / "bytecode.tar"
    with tarfile.open(packed, "w", format=tarfile.PAX_FORMAT) as tar:
        for path in [*_parents([*sources, site + "x"]), *sources]:
            info = _info(path, 0, 0o644 if path in paths else 0o755, paths[path][0].size if path in paths else 0)
            info.uid = info.gid = USER  # who compiles
            info.type = tarfile.REGTYPE if path in paths else tarfile.DIRTYPE
            tar.addfile(info, _stream(opened, paths[path][0]) if path in paths else None)
    # One build per image and cache at a time: the cache's lock sees to that.
    owner = hashlib.sha256(f"{platform.node()} {cache.root()} {cell.name}".encode()).hexdigest()[:16]
    command = [cell.interpreter, "-I", "-c", _COMPILE.format(environment=ENVIRONMENT)]
    environment = {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    store.compute(image, command, environment, packed, ENVIRONMENT, compiled, owner)
    packed.unlink()
    progress(len(sources), len(sources), "compile bytecode")
    return compiled


def _write(
    cell: Cell,
    opened: dict[str, Wheel],
    paths: dict[str, list[WheelEntry]],
    made: dict[str, tuple[tarfile.TarInfo, bytes]],
    bytecodes: tarfile.TarFile,
    place: Path,
    progress: Progress,
) -> Layer:
    # The engine names members from the folder asked for: venv/lib/…
    pyc = {f"opt/{m.name}": m for m in bytecodes if m.isreg() and m.name.endswith(".pyc")}
    for name in pyc:
        if not _belongs(name, paths):
            raise MachineError(
                f"unexpected bytecode /{printable(name)}", fix="a wheel brings bytecode of its own: do not use it"
            )
    if taken := (made.keys() | pyc.keys()) & paths.keys():
        entry = paths[min(taken)][0]
        raise MachineError(f"wheel {entry.wheel.filename} writes /{entry.path}, which the image makes itself")
    names = sorted(paths.keys() | pyc.keys() | made.keys())
    todo = sum(entries[0].size for entries in paths.values())
    done = 0
    with tarfile.open(place, "w", format=tarfile.PAX_FORMAT) as tar:
        for name in sorted([*names, *_parents(names)]):
            if name in paths:
                first, *others = paths[name]
                info = _info(name, cell.epoch, 0o755 if first.executable else 0o644, first.size)
                tar.addfile(info, _stream(opened, first))
                for other in others:
                    deque(opened[other.wheel.name].chunks(other), 0)  # verifies them
                done += first.size
                progress(done, todo, "write wheel layer")
            elif name in pyc:
                tar.addfile(_info(name, cell.epoch, 0o644, pyc[name].size), bytecodes.extractfile(pyc[name]))
            elif name in made:
                info, content = made[name]
                tar.addfile(info, io.BytesIO(content))
            else:
                info = _info(name, cell.epoch, 0o755, 0)
                info.type = tarfile.DIRTYPE
                tar.addfile(info)
    return Layer(place, sha256_of(place))


def _stream(opened: dict[str, Wheel], entry: WheelEntry) -> io.BufferedReader:
    """Return the bytes of `entry` as a file that ends with an error unless they are what RECORD says."""
    return io.BufferedReader(_Stream(opened[entry.wheel.name].chunks(entry)), 1 << 20)


def _environment(cell: Cell) -> dict[str, tuple[tarfile.TarInfo, bytes]]:
    """Return what makes /opt/venv an environment: pyvenv.cfg and links to the base's interpreter."""
    config = f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {cell.python}\n".encode()
    made = {f"{ENVIRONMENT}/pyvenv.cfg": (_info(f"{ENVIRONMENT}/pyvenv.cfg", cell.epoch, 0o644, len(config)), config)}
    for link, goal in (("python", cell.interpreter), ("python3", "python"), (f"python{cell.python}", "python")):
        info = _info(f"{ENVIRONMENT}/bin/{link}", cell.epoch, 0o777, 0)
        info.type, info.linkname = tarfile.SYMTYPE, goal
        made[info.name] = (info, b"")
    return made


def _info(name: str, epoch: int, mode: int, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.mtime, info.mode, info.size = epoch, mode, size
    return info


def _belongs(name: str, paths: dict[str, list[WheelEntry]]) -> bool:
    """Tell whether a `__pycache__/x.cpython-311.pyc` stands beside the source it was made from."""
    path = PurePosixPath(name)
    return f"{path.parents[1]}/{path.name.partition('.')[0]}.py" in paths


def _parents(names: list[str]) -> list[str]:
    """Return the folders above `names`, each once, sorted."""
    return sorted({str(parent) for name in names for parent in PurePosixPath(name).parents} - {"."})
