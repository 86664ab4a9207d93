"""What the commands of `assay images` do; the command line loads this only when one is called."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Literal

from rules.errors import AssayError, JudgedError, MachineError, UsageError
from rules.text import printable
from suite.engines.table import images
from suite.host.progress import Phase
from suite.images import base, locks, relock, wheelhouse
from suite.images import build as builder
from suite.images import dockerfile as readable
from suite.images.matrix import Cell, Suite, cell, matrix, select
from suite.images.store import ImageStore

Chosen = Suite | Literal["all"]


def list_images(framework: str, target: str, provider: str | None, suite: Chosen = "all") -> None:
    """Print one line per image."""
    try:
        store: ImageStore | None = images(hasty=True)
    except MachineError as error:
        sys.stderr.write(f"assay: {error.message}\n")
        store = None
    rows = [("image", "base", "base lock", "wheel lock", "built")]
    for each in select(framework, target, provider, suite):
        try:
            below = base.lock_in_use(each)
            lock = below.sha256[:12] + ("*" if below.drift else "")
        except UsageError:  # no base is named
            rows.append((each.name, each.base.provider, "none", locks.read(each.wheel_lock)[1][:12], "no"))
            continue
        built = builder.recorded(store, each) if store else None
        state = f"{built.image_id.removeprefix('sha256:')[:12]}" if built else ("no" if store else "unknown")
        rows.append((each.name, each.base.provider, lock, locks.read(each.wheel_lock)[1][:12], state))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows:
        print("  ".join(value.ljust(width) for value, width in zip(row, widths, strict=True)).rstrip())
    if any(row[2].endswith("*") for row in rows):
        print("* Debian's archive dropped a package; this machine uses a lock of its own (docs/images.md)")
    for missing in matrix().absent:
        if missing.of(framework, target, suite):
            names = [", ".join(named) for named in (missing.frameworks, missing.targets, missing.suites)]
            print(f"no {names[0]} on {names[1]} for {names[2]}: {missing.why}")


def lock_images(framework: str, target: str, provider: str | None, suite: Chosen = "all") -> None:
    """Write the locks of the selected cells and say which changed."""
    cells = select(framework, target, provider, suite)
    with Phase("resolve") as phase:
        for number, each in enumerate(cells):
            phase.to(number, len(cells), each.name)
            _say_changed(each.wheel_lock, relock.wheels(each))
        for each in {each.base_lock: each for each in cells}.values():
            _say_changed(each.base_lock, relock.base(each))


def build_images(framework: str, target: str, provider: str | None, suite: Chosen = "all") -> None:
    """Build the selected images and print their digests."""
    store = images()
    for each in select(framework, target, provider, suite):
        with Phase(f"image {each.name}") as phase:
            built = builder.build(store, each, phase.to)
        print(f"{each.name} sha256:{built.identity.config_digest}")


def check_images(framework: str, target: str, provider: str | None, suite: Chosen = "all") -> None:
    """Print one line per checked thing; raise JudgedError at the end when one failed."""
    cells = select(framework, target, provider, suite)
    store = images()
    failed = 0
    for each in cells:
        for what, step in (("locks", _check_locks), ("wheels", _check_wheels), ("image", _check_image)):
            try:
                print(f"{each.name} {what}: {step(store, each)}")
            except AssayError as error:
                failed += 1
                print(f"{each.name} {what}: FAILED: {error.message}")
                if error.fix:
                    print(f"  fix: {error.fix}")
    if failed:
        raise JudgedError(f"{failed} checks of images failed", fix="assay images build makes what is missing")


def prove_images(framework: str, target: str, provider: str | None, suite: Chosen = "all") -> None:
    """Make each selected image twice from scratch; raise JudgedError where the two differ."""
    cells = select(framework, target, provider, suite)
    store = images()
    unequal = []
    for each in cells:
        digests = []
        for attempt in (1, 2):
            start = time.monotonic()
            with Phase(f"image {each.name}, build {attempt} of 2") as phase:
                identity = builder.rebuild(store, each, phase.to).identity
            digests.append((identity.config_digest, *identity.diff_ids))
            print(f"{each.name} build {attempt}: {time.monotonic() - start:.0f} s", flush=True)
            print(f"  config sha256:{identity.config_digest}")
            for layer in identity.diff_ids:
                print(f"  layer  sha256:{layer}")
        unequal += [each.name] if digests[0] != digests[1] else []
        print(f"{each.name}: {'NOT EQUAL' if each.name in unequal else 'equal'}", flush=True)
    if unequal:
        raise JudgedError(f"not reproducible: {', '.join(unequal)}", fix="report this with the digests above")


def dockerfile(framework: str, target: str, provider: str | None, suite: Suite, context: Path | None) -> None:
    """Print the Dockerfile of a cell, or write it with its context into a folder."""
    chosen = cell(framework, target, provider, suite)
    if context is None:
        print(readable.text(chosen), end="")
        return
    try:
        context.mkdir(parents=True, exist_ok=True)
        with Phase(f"context of {chosen.name}") as phase:
            readable.context(images(), chosen, context, phase.to)
    except OSError as error:
        where = printable(str(error.filename or context), 200)
        raise UsageError(f"{where}: {error.strerror}", fix="give --context a folder this user may write to") from None
    print(context)


def _check_locks(_: ImageStore, each: Cell) -> str:
    below = base.lock_in_use(each)
    pinned = locks.wheels(each.wheel_lock)
    if each.base.provider == "registry":
        repository, digest = locks.base_image(below.path)
        return f"base {repository}@sha256:{digest[:12]}…, {len(pinned)} wheels pinned"
    changed = f", {len(below.drift)} differ from the committed lock" if below.drift else ""
    return f"{len(locks.packages(below.path))} Debian packages{changed}, {len(pinned)} wheels pinned"


def _check_wheels(_: ImageStore, each: Cell) -> str:
    files = wheelhouse.have(each)
    if files is None:
        raise MachineError("not all of them are in the cache", fix="assay images build")
    for file in files:
        wheelhouse.verify(file)
    return f"{len(files)} in the cache, hashes verified"


def _check_image(store: ImageStore, each: Cell) -> str:
    built = builder.recorded(store, each)
    if built is None:
        raise MachineError("not built from these locks, or no longer in the engine", fix="assay images build")
    builder.verify(store, built)
    return f"{built.image_id.removeprefix('sha256:')[:12]}, {len(built.identity.diff_ids)} layers as recorded"


def _say_changed(lock: Path, changed: bool) -> None:
    print(f"{lock}: {'written' if changed else 'unchanged'}")
