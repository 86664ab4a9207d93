"""Bytecode of the wheels, compiled by the image's own interpreter in a container of its base, without a network.

One process compiles all files in one order with a fixed hash seed, because marshal writes references by how often
an object is in use: another order, another interpreter or several processes give other bytes.
Files are compiled, never run. `.pyc` files are of the unchecked-hash kind: no time stamp, no look at the source.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from suite.images.store import ImageStore
from suite.images.wheels import ENVIRONMENT

USER = 1000
# Names in tracebacks are those in the image; a file that does not compile (a template, say) has no bytecode there.
_COMPILE = """
import compileall, pathlib, py_compile, sys
root = pathlib.Path('/io/{environment}')
compileall.compile_dir(root, maxlevels=100, quiet=2, stripdir='/io', prependdir='/',
                       invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
for source in root.rglob('*.py'):
    source.unlink()
"""


@contextmanager
def source_tar(path: Path) -> Iterator[tarfile.TarFile]:
    """Open a new tar for the sources; everything in it belongs to the user that compiles."""
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        yield tar


def add(tar: tarfile.TarFile, name: str, size: int, content: IO[bytes] | None) -> None:
    """Add the file `name`, or a folder where there is no content, to a tar of sources."""
    info = tarfile.TarInfo(name)
    info.uid = info.gid = USER
    info.mode = 0o644 if content else 0o755
    info.type = tarfile.REGTYPE if content else tarfile.DIRTYPE
    info.size = size
    tar.addfile(info, content)


def compile_sources(store: ImageStore, image: str, interpreter: str, sources: Path, out: Path, owner: str) -> None:
    """Compile the tar `sources` (paths as in the image) in a container of `image`; write the engine's tar to `out`.

    `owner` names this build and no other that may run now. Raises MachineError when the base has no such interpreter
    or the container fails.
    """
    environment = {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [interpreter, "-I", "-c", _COMPILE.format(environment=ENVIRONMENT)]
    store.compute(image, command, environment, sources, ENVIRONMENT, out, owner)
