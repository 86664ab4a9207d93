"""The Debian base: fetched as locked packages, then assembled by mmdebstrap without a network.

The packages lie in the cache by hash and become a local archive that holds exactly what the lock names, so nothing is
left for apt to choose. The same lock gives the same tar, byte for byte.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rules.documents import PackageDrift
from rules.errors import MachineError
from suite.images import cache, locks
from suite.images.debian import Archive, NotInArchiveError, Package
from suite.images.matrix import Cell

Progress = Callable[[str, int, int], None]

# /bin, /lib … are links into /usr, as on every Debian since 12.
_MERGED_USR = 'for d in bin sbin lib lib64; do mkdir -p "$1/usr/$d" && ln -s "usr/$d" "$1/$d"; done'
_HOOKS = (
    # What differs from machine to machine, or from one build to the next.
    'echo assay >"$1/etc/hostname"',
    ': >"$1/etc/resolv.conf"',
    'rm -f "$1/etc/apt/sources.list" "$1"/etc/apt/sources.list.d/* "$1/etc/machine-id"',
    'rm -rf "$1"/var/log/* "$1"/var/lib/apt/lists/* "$1"/var/cache/* "$1/var/lib/apt/extended_states"',
    'find "$1/usr" -name __pycache__ -prune -exec rm -rf {{}} +',
    # The user of every run has a name, or libraries that ask for it fail.
    'echo assay:x:1000:1000::/tmp:/usr/sbin/nologin >>"$1/etc/passwd" && echo assay:x:1000: >>"$1/etc/group"',
    # The root is read-only in a run: without bytecode every process would compile the standard library anew.
    'chroot "$1" /usr/bin/env -i PYTHONHASHSEED=0 SOURCE_DATE_EPOCH={epoch} {interpreter} -m compileall -q'
    " --invalidation-mode unchecked-hash /usr/lib/python{python}",
)
# Nobody reads manuals in a benchmark's container; licences stay.
_LEFT_OUT = (
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/locale/*",
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
)


@dataclass(frozen=True)
class Layer:
    """One uncompressed layer of an image on disk; `diff_id` is the SHA-256 of its bytes."""

    path: Path
    diff_id: str


@dataclass(frozen=True)
class BaseLock:
    """The base lock a build uses: the committed one, or a relocked copy of it with its differences."""

    path: Path
    sha256: str
    drift: tuple[PackageDrift, ...]


def lock_in_use(cell: Cell) -> BaseLock:
    """Return the committed base lock, or the local one that replaces it since the archive dropped a package."""
    _, committed = locks.read(cell.base_lock)
    local = cache.root() / "relocked" / f"{committed}.lock"
    if not local.exists():
        return BaseLock(cell.base_lock, committed, ())
    _, sha256 = locks.read(local)
    return BaseLock(local, sha256, _drift(locks.packages(cell.base_lock), locks.packages(local)))


def recipe(cell: Cell) -> list[str]:
    """Return mmdebstrap's arguments but for package names, archive and output: with the lock they decide the bytes."""
    hooks = [hook.format(epoch=cell.epoch, interpreter=cell.interpreter, python=cell.python) for hook in _HOOKS]
    return [
        "--variant=minbase",
        f"--architectures={cell.base.architecture}",
        f"--setup-hook={_MERGED_USR}",
        *[f"--dpkgopt={option}" for option in _LEFT_OUT],
        *[f"--customize-hook={hook}" for hook in hooks],
    ]


def prepare(cell: Cell, progress: Progress, *, fresh: bool = False) -> tuple[BaseLock, Layer]:
    """Return the base layer of `cell`, from the cache where it is there; `fresh` assembles it anew.

    Raises MachineError where packages cannot be fetched or this machine cannot assemble a Debian system.
    """
    with cache.locked(f"base-{cell.base.architecture}"):
        lock = lock_in_use(cell)
        if not fresh and (layer := _cached(cell, lock)):
            return lock, layer
        try:
            files = _fetch(cell, lock, progress)
        except NotInArchiveError:
            lock = relock_locally(cell)
            if not fresh and (layer := _cached(cell, lock)):
                return lock, layer
            files = _fetch(cell, lock, progress)
        return lock, _assemble(cell, lock, files, progress)


def resolve(cell: Cell) -> list[Package]:
    """Return the packages a minimal Debian system with the cell's packages has in today's archive."""
    archive = _archive(cell)
    archive.refresh()
    # usr-is-merged: an empty system is laid out merged, so it needs no perl to become so (usrmerge, apt's first choice).
    return archive.describe(archive.closure(archive.essential() | {"apt", "usr-is-merged", *cell.base.packages}))


def relock_locally(cell: Cell) -> BaseLock:
    """Resolve the base anew into the cache and say on stderr which packages differ from the committed lock."""
    _, committed = locks.read(cell.base_lock)
    text = locks.write_packages(resolve(cell), cell.base.suite, cell.base.architecture)
    with cache.scratch() as scratch:
        (scratch / "lock").write_bytes(text)
        cache.publish(scratch / "lock", cache.root() / "relocked" / f"{committed}.lock")
    lock = lock_in_use(cell)
    sys.stderr.write(
        f"assay: WARNING: Debian's archive no longer has every package of {cell.base_lock.name}; "
        "this machine now uses a lock of its own:\n"
    )
    for drift in lock.drift:
        sys.stderr.write(f"assay:   {drift.package}: {drift.locked} -> {drift.used}\n")
    sys.stderr.write("assay: results name these packages; to update the committed lock: assay images lock\n")
    return lock


def _drift(committed: list[Package], used: list[Package]) -> tuple[PackageDrift, ...]:
    before = {package.name: package.version for package in committed}
    after = {package.name: package.version for package in used}
    return tuple(
        PackageDrift(package=name, locked=before.get(name, "absent"), used=after.get(name, "absent"))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    )


def _place(cell: Cell, lock: BaseLock) -> Path:
    made_by = hashlib.sha256("\0".join([lock.sha256, str(cell.epoch), *recipe(cell)]).encode()).hexdigest()
    return cache.root() / "bases" / made_by


def _cached(cell: Cell, lock: BaseLock) -> Layer | None:
    place = _place(cell, lock)
    recorded = place / "sha256"
    return Layer(place / "layer.tar", recorded.read_text()) if recorded.exists() else None


def _archive(cell: Cell) -> Archive:
    sources = _sources(cell.base.suite)
    state = f"apt-{cell.base.suite}-{cell.base.architecture}"
    return Archive(cache.folder(state), cell.base.architecture, sources)


def _sources(suite: str) -> str:
    """Return deb822 sources of Debian `suite` on the archive this machine's apt uses, its security archive included."""
    if own := os.environ.get("ASSAY_DEBIAN_SOURCES"):
        return Path(own).read_text()
    if shutil.which("apt-get") is None:
        raise _no_debian(suite)
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    stanzas: dict[str, None] = {}
    for line in listed.splitlines():
        address, _, release = line.partition(" ")
        kind = address.rstrip("/").rpartition("/")[2]
        if kind == "debian" and not release.endswith("-backports"):
            wanted = f"{suite} {suite}-updates"
        elif kind == "debian-security":
            wanted = f"{suite}-security"
        else:
            continue
        stanzas[f"Types: deb\nURIs: {address}\nSuites: {wanted}\nComponents: main\n{_signed_by()}"] = None
    if not stanzas:
        raise _no_debian(suite)
    return "\n".join(stanzas)


def _signed_by() -> str:
    keyring = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
    return f"Signed-By: {keyring}\n" if keyring.exists() else ""


def _no_debian(suite: str) -> MachineError:
    return MachineError(
        f"this machine's apt has no Debian archive, which the base ({suite}) is made from",
        fix="name a deb822 sources file in ASSAY_DEBIAN_SOURCES, or use a registry base: --base registry",
    )


def _fetch(cell: Cell, lock: BaseLock, progress: Progress) -> list[Path]:
    """Return the package files of `lock`, downloading what the cache lacks; every file's hash is the lock's."""
    store = cache.folder("debs")
    pinned = locks.packages(lock.path)
    places = {package: store / f"{package.sha256}.deb" for package in pinned}
    missing = [package for package, place in places.items() if not place.exists()]
    done = len(pinned) - len(missing)
    progress("fetch Debian packages", done, len(pinned))
    if missing:
        archive = _archive(cell)
        archive.refresh()
        archive.describe((package.name, package.version) for package in missing)
        for start in range(0, len(missing), 10):
            some = missing[start : start + 10]
            with cache.scratch() as scratch:
                archive.download([(package.name, package.version) for package in some], scratch)
                found = {_sha256(path): path for path in scratch.glob("*.deb")}
                for package in some:
                    if package.sha256 not in found:
                        raise MachineError(
                            f"{package.name} {package.version}: the archive's file is not the one {lock.path} pins"
                            f" (sha256 {package.sha256})",
                            fix="do not trust this archive; try another one",
                        )
                    cache.publish(found[package.sha256], places[package])
            done += len(some)
            progress("fetch Debian packages", done, len(pinned))
    return list(places.values())


def _assemble(cell: Cell, lock: BaseLock, files: list[Path], progress: Progress) -> Layer:
    """Run mmdebstrap on the fetched packages alone and put the tar and its digest into the cache."""
    _require_mmdebstrap()
    pinned = locks.packages(lock.path)
    progress("assemble base", 0, 1)
    with cache.scratch() as scratch:
        # apt in the new system must be able to read it, also where mmdebstrap maps users.
        scratch.chmod(0o755)
        local = scratch / "archive"
        local.mkdir()
        _write_archive(local, files, pinned, cell.base.suite)
        tar = scratch / "layer.tar"
        names = ",".join(package.name for package in pinned)
        command = ["mmdebstrap", "--quiet", *recipe(cell), f"--include={names}", cell.base.suite, str(tar)]
        command.append(f"deb [trusted=yes] copy:{local} ./")
        environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL": "C.UTF-8",
            "SOURCE_DATE_EPOCH": str(cell.epoch),
            "TMPDIR": os.environ.get("TMPDIR", "/tmp"),  # noqa: S108 - mmdebstrap makes its own folder in it
        }
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise MachineError(
                f"mmdebstrap failed: {' / '.join(done.stderr.strip().splitlines()[-8:])[-1500:]}",
                fix="see the message; on a host where mmdebstrap cannot run, use a registry base: --base registry",
            )
        digest = _sha256(tar)
        place = _place(cell, lock)
        cache.publish(tar, place / "layer.tar")
        (scratch / "sha256").write_text(digest)
        cache.publish(scratch / "sha256", place / "sha256")
    progress("assemble base", 1, 1)
    return Layer(place / "layer.tar", digest)


def _write_archive(folder: Path, files: list[Path], pinned: list[Package], suite: str) -> None:
    """Make `folder` a Debian archive of exactly `files`, each checked against the lock once more."""
    index = []
    for package, file in zip(pinned, files, strict=True):
        if _sha256(file) != package.sha256:
            file.unlink()
            raise MachineError(f"{file}: damaged in the cache, now removed", fix="run the command again")
        name = f"{package.sha256}.deb"
        os.link(file, folder / name)
        (folder / name).chmod(0o644)
        control = subprocess.run(["dpkg-deb", "--field", file], capture_output=True, text=True, check=True).stdout
        index.append(f"{control.rstrip()}\nFilename: ./{name}\nSize: {package.size}\nSHA256: {package.sha256}\n")
    packages = "\n".join(index).encode()
    (folder / "Packages").write_bytes(packages)
    digest = hashlib.sha256(packages).hexdigest()
    release = f"Suite: {suite}\nCodename: {suite}\nSHA256:\n {digest} {len(packages)} Packages\n"
    (folder / "Release").write_text(release)


def _require_mmdebstrap() -> None:
    if shutil.which("mmdebstrap"):
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        sys.stderr.write("assay: installing mmdebstrap, which assembles the base (apt-get install mmdebstrap)\n")
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "mmdebstrap"]):
            subprocess.run(["apt-get", *command], env=environment, capture_output=True, check=False)
        if shutil.which("mmdebstrap"):
            return
    raise MachineError(
        "mmdebstrap is missing: it assembles the Debian base of every image",
        fix="sudo apt-get install mmdebstrap; where that is not possible, use a registry base: --base registry",
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
