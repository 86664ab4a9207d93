"""The readable alternative: a Dockerfile that gives the same files with Debian's Python and pip alone.

It exists so that nobody needs our builder to understand an image. Its files are equal, which a test proves; its
digest never is, because an engine writes the times of its own build into the layers.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

from suite.host.progress import Progress
from suite.images import base, locks, wheelhouse
from suite.images.matrix import ROOT, Cell
from suite.images.store import ImageStore

_TEXT = """\
# {name}: the same files as in the image that `assay images build` writes, made by pip.
# Context: `assay images dockerfile --framework {framework} --target {target} --context FOLDER`; then in FOLDER:
#   docker build --network none --pull=false .
{base}
FROM base AS environment
COPY {lock} /build/
COPY wheels /build/wheels
ENV PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1
RUN mkdir -p /opt/venv/bin \\
 && ln -s {interpreter} /opt/venv/bin/python \\
 && ln -s python /opt/venv/bin/python3 \\
 && ln -s python /opt/venv/bin/python{python} \\
 && printf 'home = /usr/bin\\ninclude-system-site-packages = false\\nversion = {python}\\n' >/opt/venv/pyvenv.cfg
RUN /opt/venv/bin/python /build/wheels/{pip}/pip install --no-index --find-links /build/wheels --no-cache-dir \\
    --no-deps --require-hashes --only-binary=:all: --no-compile --root-user-action ignore -r /build/{lock}
# Some files of some wheels are templates that do not compile: no bytecode for those.
RUN /opt/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/venv || true

FROM base
COPY --from=environment /opt/venv /opt/venv
ENV {environment}
USER 1000:1000
CMD ["/opt/venv/bin/python"]
"""


def text(cell: Cell) -> str:
    """Return the Dockerfile of `cell`; it needs the context that `context` writes."""
    return _TEXT.format(
        name=cell.name,
        framework=cell.framework,
        target=cell.target,
        base=_from(cell),
        lock=cell.wheel_lock.name,
        pip=_pip_name(),
        interpreter=cell.interpreter,
        python=cell.python,
        environment=" \\\n    ".join(f"{name}={value}" for name, value in sorted(cell.environment.items())),
    )


def context(store: ImageStore, cell: Cell, folder: Path, progress: Progress) -> None:
    """Write into `folder` all that the Dockerfile needs, fetched and verified: base, wheels, pip, locks."""
    below = base.prepare(store, cell, progress)
    tools = replace(cell, framework="pip", wheel_lock=_PIP_LOCK)
    (folder / "wheels").mkdir(parents=True, exist_ok=True)
    for file in [*wheelhouse.fetch(cell, progress), *wheelhouse.fetch(tools, progress)]:
        wheelhouse.verify(file)
        _place(file.path, folder / "wheels" / file.filename)
    if cell.base.provider == "mmdebstrap":
        [layer] = below.layers
        _place(layer.path, folder / "base.tar")
    shutil.copyfile(cell.wheel_lock, folder / cell.wheel_lock.name)
    (folder / "Dockerfile").write_text(text(cell))


_PIP_LOCK = ROOT / "tools" / "pip.txt"


def _pip_name() -> str:
    [pip] = locks.wheels(_PIP_LOCK)
    return f"pip-{pip.version}-py3-none-any.whl"


def _from(cell: Cell) -> str:
    if cell.base.provider == "registry":
        repository, digest = locks.base_image(base.lock_in_use(cell).path)
        return f"FROM {repository}@sha256:{digest} AS base\nUSER 0:0\n"
    return (
        f"# base.tar: Debian {cell.base.suite}, the packages of {cell.base_lock.name}, assembled by mmdebstrap\n"
        "# (docs/images.md has its exact arguments).\n"
        "FROM scratch AS base\nADD base.tar /\n"
    )


def _place(source: Path, goal: Path) -> None:
    goal.unlink(missing_ok=True)
    try:
        os.link(source, goal)
    except OSError:  # another file system
        shutil.copyfile(source, goal)
