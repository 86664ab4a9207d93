"""What this machine can run, and how to fix what it cannot: read-only, in seconds."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from rules.errors import AssayError
from rules.ruleset import newest
from rules.text import printable
from rules.workload import workload_rules
from suite.engines import table
from suite.host import cache
from suite.host.diagnosis import Diagnosis, Level
from suite.images.matrix import target as described
from suite.inputs.settings import settings, workloads

GIB = 2**30
NEED_DISK_GIB = 8  # three images, their wheels and the layers the engine unpacks: measured in docs/images.md
WITHOUT = "or train without an engine, which gives no submission: assay run WORKLOAD --uncontained PYTHON"
Show = Callable[[str], None]


def examine(cache_folder: Path, submissions: Path, target: str) -> Iterator[Diagnosis]:
    """Yield every check, for runs on `target`; the engine's only where one answers soon.

    Raises UsageError for an unknown target.
    """
    kind = described(target)
    yield Diagnosis("python", Level.OK, f"{platform.python_version()} at {sys.prefix}")
    yield disk("cache", cache_folder)
    yield disk("submissions", submissions)
    yield base_builder()
    try:
        yield from table.engine(hasty=True).examine(target, kind)
    except AssayError as error:
        yield Diagnosis("engine", Level.FAIL, error.message, f"{error.fix}; {WITHOUT}" if error.fix else WITHOUT)
        return
    for workload in workloads():
        if not settings(workload).frameworks:
            continue  # of inference alone
        try:
            yield ready(workload)
        except AssayError as error:
            yield Diagnosis("data", Level.FAIL, error.message, error.fix)


def disk(name: str, folder: Path) -> Diagnosis:
    """Look at the free space under `folder`, or under the nearest parent that exists."""
    fix = "choose another folder"
    try:
        here = next(p for p in (folder, *folder.parents) if p.exists())
        usage = shutil.disk_usage(here)
    except OSError as error:
        return Diagnosis(name, Level.FAIL, f"{printable(str(folder), 80)}: {error.strerror}", fix)
    shown, free = printable(str(here), 200), usage.free / GIB
    if not here.is_dir():
        return Diagnosis(name, Level.FAIL, f"{shown} is a file, not a folder", fix)
    if not os.access(here, os.W_OK):
        return Diagnosis(name, Level.FAIL, f"{shown} is not writable", f"{fix} or change its owner")
    if usage.total == 0:
        return Diagnosis(name, Level.FAIL, f"no file can be written at {shown}", fix)
    fix = f"free space: building three images needs {NEED_DISK_GIB} GiB"
    return Diagnosis.of(name, f"{free:.0f} GiB free at {shown}", fix, good=free >= NEED_DISK_GIB)


def base_builder() -> Diagnosis:
    """Look for what builds the base layer."""
    if shutil.which("mmdebstrap") is None:
        fix = "as root on Debian: apt-get install mmdebstrap; elsewhere images are built with --base registry"
        return Diagnosis("base", Level.WARN, "mmdebstrap is not installed", fix)
    if os.geteuid() != 0:
        fix = "run as root, or build with --base registry"
        return Diagnosis("base", Level.WARN, "mmdebstrap is installed, but needs root", fix)
    return Diagnosis("base", Level.OK, "mmdebstrap is there")


def ready(workload: str) -> Diagnosis:
    """Look whether the data of a workload that is trained is in the cache; the first run verifies it by digest."""
    place = cache.root() / "data" / workload
    there = all((place / name).exists() for name in workload_rules(newest("assay"), workload).data)
    said = "in the cache" if there else "the first run fetches it, or give your own copy with --data"
    return Diagnosis("data", Level.OK, f"{workload}: {said}")


def report(checks: Iterator[Diagnosis], show: Show) -> bool:
    """Show every check as it is made; return whether none failed."""
    good = True
    for check in checks:
        good &= check.level is not Level.FAIL
        show(f"{check.level:<5}{check.name:<12} {check.said}")
        if check.fix:
            show(f"{'':17} fix: {check.fix}")
    return good
