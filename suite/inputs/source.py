"""The source that runs inside the container: exactly the files it loads, and the digests that bind a result to them.

Which files these are follows from their imports, so that an edit of any other voids no evidence.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from rules.source import source_digests

ROOT = Path(__file__).parents[2]
# What is imported by a name that a job says (suite/harness/__main__.py, suite/serve/__main__.py).
SUPERVISOR = "suite.harness.transport.supervisor"
TRAINING = (SUPERVISOR, "suite.harness.__main__", "suite.harness.train", "suite.harness.parity")
SERVING = (
    SUPERVISOR,
    "suite.serve.__main__",
    "suite.serve.outputs",
    "suite.serve.loadgen",
    "suite.serve.search",
)


def files(workload: str, profile: bool = False) -> dict[str, bytes]:
    """Return the files that go below `/io/job/source`, by path relative to it, sorted.

    The harness and every framework's side of it and of the workload: one digest covers what parity compared. With
    `profile`, also the profilers, which no result runs.
    """
    package = f"suite.workloads.{workload.replace('-', '_')}"
    frameworks = _sides(package, "suite.harness.trainers")
    rooms, more = [package, "suite.harness.trainers", "suite.harness.frameworks"], [f"{package}.task"]
    if profile:
        rooms, more = [*rooms, "suite.harness.profilers"], [*more, "suite.harness.profile"]
    return loaded(*TRAINING, *more, *(f"{room}.{each}" for room in rooms for each in frameworks))


def serving_files(workload: str) -> dict[str, bytes]:
    """Return the same for inference."""
    package = f"suite.workloads.{workload.replace('-', '_')}.serve"
    rooms = (package, "suite.harness.frameworks")
    return loaded(*SERVING, f"{package}.task", *(f"{room}.{each}" for room in rooms for each in _sides(*rooms)))


def _sides(package: str, known: str) -> list[str]:
    """Return the frameworks that a package has a side for: modules of the same name in `known`."""
    folders = (ROOT.joinpath(*name.split(".")) for name in (package, known))
    here, there = ({path.stem for path in folder.glob("[a-z]*.py")} for folder in folders)
    return sorted(here & there)


def loaded(*modules: str) -> dict[str, bytes]:
    """Return the files of modules, of all that they import of ours, and of the packages that these are in."""
    found: dict[str, bytes] = {}
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        path = ROOT.joinpath(*module.split("."))
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        name = file.relative_to(ROOT).as_posix()
        if name in found or not file.is_file():
            continue
        found[name] = file.read_bytes()
        waiting += [module.rpartition(".")[0], *_imports(found[name])] if "." in module else _imports(found[name])
    return dict(sorted(found.items()))


def _imports(content: bytes) -> Iterator[str]:
    """Yield the modules of ours that a file may import, and what may be such: names taken from a package."""
    for node in ast.walk(ast.parse(content)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("suite"):
            yield str(node.module)
            yield from (f"{node.module}.{name.name}" for name in node.names)


def digests(sources: Mapping[str, bytes]) -> dict[str, str]:
    """Return `source_sha256` and `transport_sha256` of the files (`rules.source`)."""
    return source_digests({name: hashlib.sha256(content).hexdigest() for name, content in sources.items()})


def digest(sources: Mapping[str, bytes]) -> str:
    """Return the digest that evidence is bound to: of all that a run's numbers pass through."""
    return digests(sources)["source_sha256"]
