"""What a wheel puts into an image, read without trusting it.

A wheel is a zip file from outside: every name stays below the environment, only plain files are taken, and each
file's bytes must be what the wheel's own RECORD says. (Binary distribution format: PyPA specifications.)
"""

from __future__ import annotations

import base64
import configparser
import csv
import hashlib
import io
import re
import stat
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import PurePosixPath

from rules.errors import MachineError
from rules.text import printable
from suite.images.wheelhouse import WheelFile

ENVIRONMENT = "opt/venv"
_CHUNK = 1 << 20
_METADATA_LIMIT = 64 << 20  # RECORD of the largest wheels is a few MB
_DAMAGED = (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, OSError)  # what reading one raises
_SCRIPT_NAME = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.+-]*$")
_OBJECT = re.compile(r"^(?P<module>[A-Za-z_][\w.]*):(?P<attribute>[A-Za-z_][\w.]*)(\s*\[[^\]]*\])?$")
# As pip writes them, so that an image made with pip has the same file.
_LAUNCHER = """\
#!/{environment}/bin/python
import sys
from {module} import {first}
if __name__ == '__main__':
    sys.argv[0] = sys.argv[0].removesuffix('.exe')
    sys.exit({attribute}())
"""


@dataclass(frozen=True)
class WheelEntry:
    """One file of the image: from a member of a wheel, or `content` that was made from one.

    `path` is relative to the image's root; `sha256` is that of the bytes in the image.
    """

    path: str
    wheel: WheelFile
    member: str
    size: int
    sha256: str
    executable: bool
    content: bytes | None = None


@dataclass(frozen=True)
class Metadata:
    """What a wheel's METADATA says of itself."""

    name: str
    version: str
    licence: str  # "" where it says nothing


class Wheel:
    """An open wheel, its names and its RECORD checked; raises MachineError naming wheel and path otherwise."""

    def __init__(self, file: WheelFile, python: str) -> None:
        self.file = file
        self._site = f"{ENVIRONMENT}/lib/python{python}/site-packages"
        self._python = python
        try:
            self._zip = zipfile.ZipFile(file.path)
        except (OSError, zipfile.BadZipFile) as error:
            raise MachineError(f"{file.filename}: not a wheel: {error}", fix="remove it from the cache") from None
        self._members = self._plain_files()
        self._dist_info = self._find_dist_info()
        self._record = self._read_record()

    def close(self) -> None:
        """Close the zip file."""
        self._zip.close()

    def entries(self) -> Iterator[WheelEntry]:
        """Yield every file the wheel puts into the image, console scripts included, in no particular order."""
        data = f"{self._dist_info.removesuffix('.dist-info')}.data/"
        headers = f"{ENVIRONMENT}/include/site/python{self._python}/{self.file.name}"
        places = {"purelib": self._site, "platlib": self._site, "data": ENVIRONMENT, "headers": headers}
        for name, info in self._members.items():
            executable = bool(stat.S_IMODE(info.external_attr >> 16) & 0o111)
            if not name.startswith(data):
                yield self._entry(f"{self._site}/{name}", name, executable=executable)
                continue
            scheme, _, rest = name.removeprefix(data).partition("/")
            if not rest:
                raise self._refuse(name, "a file outside every scheme of the data folder")
            if scheme in places:
                yield self._entry(f"{places[scheme]}/{rest}", name, executable=executable)
            elif scheme == "scripts":
                yield self._script(name, rest)
            else:
                raise self._refuse(name, f"unknown scheme {scheme!r}")
        yield from self._launchers()

    def chunks(self, entry: WheelEntry) -> Iterator[bytes]:
        """Yield the bytes of `entry`; raise MachineError at the end unless they are what RECORD says."""
        yield from self._verified(entry.member) if entry.content is None else [entry.content]

    def metadata(self) -> Metadata:
        """Return name, version and licence as METADATA has them."""
        text = self._small(f"{self._dist_info}/METADATA").decode("utf-8", "replace")
        headers = HeaderParser().parsestr(text)
        classified = [c.rpartition(" :: ")[2] for c in headers.get_all("Classifier", []) if c.startswith("License ::")]
        short = headers.get("License", "").strip()
        licence = headers.get("License-Expression") or (short if 0 < len(short) <= 100 and "\n" not in short else "")
        return Metadata(
            headers.get("Name", "").strip(), headers.get("Version", "").strip(), licence or " AND ".join(classified)
        )

    def _plain_files(self) -> dict[str, zipfile.ZipInfo]:
        members: dict[str, zipfile.ZipInfo] = {}
        folders = set()
        for info in self._zip.infolist():
            name = info.filename
            is_folder = name.endswith("/")  # not info.is_dir(), which fails on an empty name
            bare = name.removesuffix("/")
            kind = stat.S_IFMT(info.external_attr >> 16)
            if info.flag_bits & 0x1:
                raise self._refuse(name, "encrypted")
            if info.orig_filename != name or "\\" in name or not name.isprintable():
                raise self._refuse(info.orig_filename, "a name with a character no path of a wheel needs")
            if name.startswith("/") or any(part in {"", ".", ".."} for part in bare.split("/")):
                raise self._refuse(name, "a path that leaves the environment")
            if len(name.encode()) > 1000:
                raise self._refuse(name, "a path longer than 1000 bytes")
            if kind not in ({0, stat.S_IFDIR} if is_folder else {0, stat.S_IFREG}):
                raise self._refuse(name, "neither a plain file nor a folder (a symbolic link, a device?)")
            if is_folder:
                folders.add(bare)
                continue
            if name in members:
                raise self._refuse(name, "two members of this name")
            members[name] = info
        for name in members:
            folders.update(str(parent) for parent in PurePosixPath(name).parents)
        if both := members.keys() & folders:
            raise self._refuse(min(both), "both a file and a folder")
        return members

    def _find_dist_info(self) -> str:
        tops = {name.partition("/")[0] for name in self._members}
        found = [top for top in tops if top.endswith(".dist-info")]
        wanted = _canonical(f"{self.file.name}-{self.file.version}.dist-info")
        if len(found) != 1 or _canonical(found[0]) != wanted:
            raise self._refuse(", ".join(sorted(found)) or "*.dist-info", f"expected exactly one folder like {wanted}")
        return found[0]

    def _read_record(self) -> dict[str, tuple[str, str]]:
        """Return path -> (algorithm, hex digest) and check that RECORD and the zip list the same files."""
        place = f"{self._dist_info}/RECORD"
        if place not in self._members:
            raise self._refuse(place, "missing")
        record: dict[str, tuple[str, str]] = {}
        try:
            rows = list(csv.reader(io.StringIO(self._small(place, checked=False).decode("utf-8"))))
        except (csv.Error, UnicodeDecodeError) as error:
            raise self._refuse(place, f"unreadable: {error}") from None
        unsigned = {place, f"{place}.jws", f"{place}.p7s"}
        for row in rows:
            if len(row) != 3:
                raise self._refuse(place, f"a row without three fields: {','.join(row)}")
            path, digest, _ = row
            if path in unsigned:
                continue
            algorithm, _, encoded = digest.partition("=")
            if algorithm not in {"sha256", "sha384", "sha512"}:
                raise self._refuse(path, f"RECORD has no strong hash for it but {digest!r}")
            if path in record:
                raise self._refuse(path, "listed twice in RECORD")
            try:
                record[path] = (algorithm, base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).hex())
            except ValueError:
                raise self._refuse(path, f"RECORD's hash {digest!r} is not base64") from None
        in_zip = self._members.keys() - unsigned
        if extra := in_zip - record.keys():
            raise self._refuse(min(extra), "in the wheel but not in its RECORD")
        if lost := record.keys() - in_zip:
            raise self._refuse(min(lost), "in RECORD but not in the wheel")
        return record

    def _entry(self, path: str, member: str, *, executable: bool) -> WheelEntry:
        algorithm, digest = self._record.get(member, ("", ""))
        size = self._members[member].file_size
        if algorithm != "sha256":
            # RECORD itself has no hash, and a few wheels use a longer one: read it to know the image's digest.
            return self._made(path, member, self._small(member, checked=algorithm != ""), executable=executable)
        return WheelEntry(path, self.file, member, size, digest, executable)

    def _made(self, path: str, member: str, content: bytes, *, executable: bool = True) -> WheelEntry:
        """Return a file whose bytes are read already, or made from those of `member`."""
        digest = hashlib.sha256(content).hexdigest()
        return WheelEntry(path, self.file, member, len(content), digest, executable, content)

    def _script(self, member: str, name: str) -> WheelEntry:
        """Return a script of the data folder, its `#!python` line made the image's interpreter."""
        if not _SCRIPT_NAME.match(name):
            raise self._refuse(member, "a script whose name is not a plain one")
        content = self._small(member)
        if content.startswith(b"#!python"):
            _, _, rest = content.partition(b"\n")
            content = f"#!/{ENVIRONMENT}/bin/python\n".encode() + rest
        return self._made(f"{ENVIRONMENT}/bin/{name}", member, content)

    def _launchers(self) -> Iterator[WheelEntry]:
        place = f"{self._dist_info}/entry_points.txt"
        if place not in self._members:
            return
        parser = configparser.RawConfigParser(delimiters=("=",), strict=True)
        parser.optionxform = str  # type: ignore[assignment, method-assign]
        try:
            parser.read_string(self._small(place).decode("utf-8"))
        except (configparser.Error, UnicodeDecodeError) as error:
            raise self._refuse(place, f"unreadable: {' '.join(str(error).split())}") from None
        for section in ("console_scripts", "gui_scripts"):
            for name, reference in parser.items(section) if parser.has_section(section) else ():
                match = _OBJECT.match(reference)
                if not _SCRIPT_NAME.match(name) or match is None:
                    raise self._refuse(place, f"console script {name!r} = {reference!r} is not module:function")
                names = {**match.groupdict(), "first": match["attribute"].partition(".")[0]}
                yield self._made(
                    f"{ENVIRONMENT}/bin/{name}", place, _LAUNCHER.format(environment=ENVIRONMENT, **names).encode()
                )

    def _verified(self, member: str) -> Iterator[bytes]:
        algorithm, expected = self._record[member]
        seen, size, whole = hashlib.new(algorithm), 0, self._members[member].file_size
        try:
            with self._zip.open(self._members[member]) as stream:
                while size < whole and (chunk := stream.read(_CHUNK)):
                    seen.update(chunk)
                    size += len(chunk)
                    if size == whole and seen.hexdigest() != expected:
                        break  # who has all bytes asks for no more
                    yield chunk
        except _DAMAGED as error:
            raise self._refuse(member, f"damaged: {error}") from None
        if seen.hexdigest() != expected or size != whole:
            raise self._refuse(member, f"its {algorithm} is {seen.hexdigest()}, RECORD says {expected}")

    def _small(self, member: str, *, checked: bool = True) -> bytes:
        """Return the bytes of a member that is read whole; raise MachineError where it is missing or too large."""
        info = self._members.get(member)
        if info is None:
            raise self._refuse(member, "missing")
        if info.file_size > _METADATA_LIMIT:
            raise self._refuse(member, f"{info.file_size} bytes, more than anything of its kind needs")
        if checked:
            return b"".join(self._verified(member))
        try:
            return self._zip.read(info)
        except _DAMAGED as error:
            raise self._refuse(member, f"damaged: {error}") from None

    def _refuse(self, path: str, why: str) -> MachineError:
        return MachineError(
            f"wheel {self.file.filename}: {printable(path, 200)}: {printable(why, 300)}",
            fix="do not use this wheel; lock another version: assay images lock",
        )


@contextmanager
def collect(files: list[WheelFile], python: str) -> Iterator[tuple[list[Wheel], dict[str, list[WheelEntry]]]]:
    """Open `files` and give them with path -> entries; refuse two wheels that disagree on one path.

    Where several wheels bring a path, their bytes are equal by RECORD; each one's bytes are still to be verified.
    """
    paths: dict[str, list[WheelEntry]] = {}
    with ExitStack() as held:
        opened = [held.enter_context(closing(Wheel(file, python))) for file in files]
        for wheel in opened:
            for entry in wheel.entries():
                rivals = paths.setdefault(entry.path, [])
                for rival in rivals:
                    if (rival.sha256, rival.executable) != (entry.sha256, entry.executable):
                        raise _disagreement(rival, entry, entry.path)
                rivals.append(entry)
        for path, entries in paths.items():
            for parent in map(str, PurePosixPath(path).parents):
                if parent in paths:
                    raise _disagreement(paths[parent][0], entries[0], parent)
        yield opened, paths


def _disagreement(one: WheelEntry, other: WheelEntry, path: str) -> MachineError:
    return MachineError(
        f"wheels {one.wheel.filename} and {other.wheel.filename} disagree on /{printable(path, 200)}",
        fix="lock versions of them that agree: assay images lock",
    )


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
