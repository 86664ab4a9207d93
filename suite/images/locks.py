"""The two locks of an image: Debian packages of the base, wheels above it. Every line carries a hash.

An image's identity holds the SHA-256 of each lock file's bytes.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from rules.errors import UsageError
from rules.text import printable
from suite.images.debian import Package

_WHEEL = re.compile(r"^(?P<name>[a-z0-9]+(?:-[a-z0-9]+)*)==(?P<version>[A-Za-z0-9.!+_-]+)$")
_HASH = re.compile(r"^--hash=sha256:(?P<sha256>[0-9a-f]{64})$")
_PACKAGE = re.compile(
    r"^(?P<name>[a-z0-9][a-z0-9+.-]+) (?P<version>[A-Za-z0-9.+~:-]+) (?P<architecture>[a-z0-9]+)"
    r" (?P<size>[0-9]{1,12}) (?P<sha256>[0-9a-f]{64})$"
)
_IMAGE = re.compile(r"^(?P<repository>[a-z0-9][a-z0-9._:/-]{0,254})@sha256:(?P<digest>[0-9a-f]{64})$")


@dataclass(frozen=True)
class Pinned:
    """A wheel the lock pins: any file of this name and version whose hash is listed."""

    name: str
    version: str
    hashes: frozenset[str]


def read(lock: Path) -> tuple[bytes, str]:
    """Return the bytes of a lock file and their SHA-256; raise UsageError when it cannot be read."""
    try:
        content = lock.read_bytes()
    except OSError as error:
        raise UsageError(f"{lock}: {error.strerror}", fix="restore the file, or write it: assay images lock") from None
    return content, hashlib.sha256(content).hexdigest()


def wheels(lock: Path) -> list[Pinned]:
    """Return what a wheel lock pins; raise UsageError naming file and line for anything but pins with hashes."""
    pinned: dict[str, Pinned] = {}
    number = 0
    for logical in _text(lock).replace("\\\n", "\x00\n").split("\n"):
        number += 1
        if logical.startswith("#") or not logical.strip():
            continue
        line = logical.rstrip("\x00 ").strip()
        if match := _HASH.match(line):
            if not pinned:
                raise _broken(lock, number, line, "a hash before the first package")
            last = list(pinned)[-1]
            was = pinned[last]
            pinned[last] = Pinned(was.name, was.version, was.hashes | {match["sha256"]})
        elif match := _WHEEL.match(line):
            if match["name"] in pinned:
                raise _broken(lock, number, line, "the package is pinned twice")
            pinned[match["name"]] = Pinned(match["name"], match["version"], frozenset())
        else:
            raise _broken(lock, number, line, "neither name==version nor --hash=sha256:…")
    for pin in pinned.values():
        if not pin.hashes:
            raise UsageError(f"{lock}: {pin.name}=={pin.version} has no hash", fix="rewrite it: assay images lock")
    if not pinned:
        raise UsageError(f"{lock}: pins nothing", fix="rewrite it: assay images lock")
    return list(pinned.values())


def packages(lock: Path) -> list[Package]:
    """Return the Debian packages a base lock pins; raise UsageError naming file and line when it is broken."""
    found: dict[str, Package] = {}
    for number, line in enumerate(_text(lock).split("\n"), 1):
        if line.startswith("#") or not line.strip():
            continue
        match = _PACKAGE.match(line)
        if match is None:
            raise _broken(lock, number, line, "not: name version architecture size sha256")
        if match["name"] in found:
            raise _broken(lock, number, line, "the package is pinned twice")
        found[match["name"]] = Package(
            match["name"], match["version"], match["architecture"], match["sha256"], int(match["size"])
        )
    if not found:
        raise UsageError(f"{lock}: pins nothing", fix="rewrite it: assay images lock")
    return list(found.values())


def write_packages(pinned: list[Package], suite: str, architecture: str) -> bytes:
    """Return the text of a base lock."""
    head = (
        f"# Debian {suite} on {architecture}: name version architecture size sha256. Written by `assay images lock`.\n"
    )
    lines = [
        f"{p.name} {p.version} {p.architecture} {p.size} {p.sha256}\n" for p in sorted(pinned, key=lambda p: p.name)
    ]
    return (head + "".join(lines)).encode()


def base_image(lock: Path) -> tuple[str, str]:
    """Return (repository, digest) of the registry base that a lock pins; raise UsageError when it is broken."""
    return image(_text(lock), str(lock))


def image(text: str, where: str) -> tuple[str, str]:
    """Return (repository, digest) of the one line `repository@sha256:digest`; `where` names its source in errors."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    match = _IMAGE.match(lines[0].strip()) if len(lines) == 1 else None
    if match is None:
        raise UsageError(
            f"{where}: {printable(text, 120)!r} is not one line repository@sha256:digest",
            fix="pin the base by digest, e.g. registry.example/debian-python@sha256:0123… (64 hex digits)",
        )
    return match["repository"], match["digest"]


def _text(lock: Path) -> str:
    content, _ = read(lock)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{lock}: byte {error.start} is not UTF-8", fix="rewrite it: assay images lock") from None


def _broken(lock: Path, number: int, line: str, why: str) -> UsageError:
    return UsageError(f"{lock}:{number}: {printable(line, 120)!r}: {why}", fix="rewrite it: assay images lock")
