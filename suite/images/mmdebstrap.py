"""The Debian base: fetched as locked packages, then assembled by mmdebstrap without a network.

The packages lie in the cache by hash and become a local archive that holds exactly what the lock names, so nothing is
left for apt to choose. The same lock gives the same tar, byte for byte.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

from rules.errors import MachineError
from suite.host import apt, cache
from suite.host.progress import Progress
from suite.images import debian, locks
from suite.images.debian import DebianArchive, Package
from suite.images.files import Layer, sha256_of
from suite.images.matrix import Cell
from suite.targets import emulation

CLEAN_UP_S = 10
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


def resolve(cell: Cell) -> list[Package]:
    """Return the packages a minimal Debian system with the cell's packages has in today's archive."""
    archive = _archive(cell)
    archive.refresh()
    # usr-is-merged: an empty system is laid out merged; apt's first choice, usrmerge, would bring perl to do it.
    return archive.describe(archive.closure(archive.essential() | {"apt", "usr-is-merged", *cell.base.packages}))


def fetch(cell: Cell, lock: Path, progress: Progress) -> list[Path]:
    """Return the package files of `lock`, downloading what the cache lacks; every file's hash is the lock's.

    Raises NotInArchiveError for a package the archive has dropped, MachineError for one that has other bytes.
    """
    store = cache.folder("debs")
    pinned = locks.packages(lock)
    places = {package: store / f"{package.sha256}.deb" for package in pinned}
    missing = [package for package, place in places.items() if not place.exists()]
    done = len(pinned) - len(missing)
    progress(done, len(pinned), "fetch Debian packages")
    if missing:
        archive = _archive(cell)
        archive.refresh()
        archive.describe((package.name, package.version) for package in missing)
        for start in range(0, len(missing), 10):
            some = missing[start : start + 10]
            with cache.scratch() as scratch:
                archive.download([(package.name, package.version) for package in some], scratch)
                found = {sha256_of(path): path for path in scratch.glob("*.deb")}
                for package in some:
                    if package.sha256 not in found:
                        raise MachineError(
                            f"{package.name} {package.version}: the archive's file is not the one {lock} pins"
                            f" (sha256 {package.sha256})",
                            fix="do not trust this archive; try another one",
                        )
                    cache.publish(found[package.sha256], places[package])
            done += len(some)
            progress(done, len(pinned), "fetch Debian packages")
    return list(places.values())


def assemble(cell: Cell, pinned: list[Package], files: list[Path], place: Path, progress: Progress) -> Layer:
    """Run mmdebstrap on the fetched `files` of `pinned` alone; put the tar and its digest into the folder `place`."""
    _require_mmdebstrap()
    emulation.ensure_here(cell.base.architecture)  # the new system's own programs set it up
    progress(0, 1, "assemble base")
    with cache.scratch() as scratch:
        # apt in the new system must be able to read it, also where mmdebstrap maps users.
        scratch.chmod(0o755)
        local = scratch / "archive"
        local.mkdir()
        _write_archive(local, files, pinned, cell.base.suite)
        tar = scratch / "layer.tar"
        names = ",".join(package.name for package in pinned)
        # Its own check for an emulator wants one more program.
        command = ["mmdebstrap", "--quiet", "--skip=check/qemu", *recipe(cell), f"--include={names}"]
        command += [cell.base.suite, str(tar), f"deb [trusted=yes] copy:{local} ./"]
        environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL": "C.UTF-8",
            "SOURCE_DATE_EPOCH": str(cell.epoch),
            "TMPDIR": os.environ.get("TMPDIR", "/tmp"),  # noqa: S108 - mmdebstrap makes its own folder in it
        }
        status, said = _whole(command, environment)
        if status:
            raise MachineError(
                f"mmdebstrap failed: {' / '.join(said.strip().splitlines()[-8:])[-1500:]}",
                fix="see the message; on a host where mmdebstrap cannot run, use a registry base: --base registry",
            )
        _check_installed(tar, pinned)
        digest = sha256_of(tar)
        cache.publish(tar, place / "layer.tar")
        (scratch / "sha256").write_text(digest)
        cache.publish(scratch / "sha256", place / "sha256")
    progress(1, 1, "assemble base")
    return Layer(place / "layer.tar", digest)


def _whole(command: list[str], environment: dict[str, str]) -> tuple[int, str]:
    """Run a program and all that it starts; return its exit code and standard error. An interrupt ends all of them."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, env=environment, stdout=pipe, stderr=pipe, text=True, errors="replace", start_new_session=True
    ) as process:
        try:
            _, said = process.communicate()
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)  # mmdebstrap removes what it began
            try:
                process.communicate(timeout=CLEAN_UP_S)  # until nobody holds its pipes any more
            except BaseException:  # noqa: BLE001 (it took too long, or another interrupt came; the first one counts)
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            raise
    return process.returncode, said


def _check_installed(tar: Path, pinned: list[Package]) -> None:
    """Raise MachineError unless the assembled system has exactly the locked packages."""
    wanted = {(package.name, package.version) for package in pinned}
    found = {(package.name, package.version) for package in debian.installed([tar])}
    if different := sorted(wanted ^ found):
        name, version = different[0]
        here = "in the lock, but not in the assembled base" if different[0] in wanted else "not in the lock"
        raise MachineError(f"base: {name} {version}: it is {here}", fix="rewrite the lock: assay images lock")


def _write_archive(folder: Path, files: list[Path], pinned: list[Package], suite: str) -> None:
    """Make `folder` a Debian archive of exactly `files`, each checked against the lock once more."""
    index = []
    for package, file in zip(pinned, files, strict=True):
        if sha256_of(file) != package.sha256:
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
    if not shutil.which("mmdebstrap") and os.geteuid() == 0:
        apt.install("mmdebstrap", "assembles the base")
    if shutil.which("mmdebstrap"):
        return
    raise MachineError(
        "mmdebstrap is missing: it assembles the Debian base of every image",
        fix="sudo apt-get install mmdebstrap; where that is not possible, use a registry base: --base registry",
    )


def _archive(cell: Cell) -> DebianArchive:
    sources = debian.sources(cell.base.suite)
    state = f"apt-{cell.base.suite}-{cell.base.architecture}"
    return DebianArchive(cache.folder(state), cell.base.architecture, sources)
