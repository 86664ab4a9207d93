"""Debian packages by name and version, fetched with apt but without touching the machine's own apt state.

A private state folder with its own lists makes this work for any user, and apt checks the archive's signature and the
package's hash. Where the packages come from is what this machine's apt is configured with; no address is written here.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rules.errors import MachineError
from suite.host import cache

_STATUS = "var/lib/dpkg/status"
_ORDER = re.compile(r"^Inst (?P<name>\S+) .*?\((?P<version>\S+) ")


class NotInArchiveError(MachineError):
    """The archive has the package in other versions only, or not at all."""

    def __init__(self, name: str, version: str, available: Sequence[str]) -> None:
        has = f"it has {', '.join(available)}" if available else "it knows no package of this name"
        super().__init__(
            f"the Debian archive this machine's apt uses does not have {name} in version {version}: {has}",
            fix="update the lock, or point apt at an archive (a snapshot, for instance) that still has it",
        )
        self.available = tuple(available)


@dataclass(frozen=True)
class Package:
    """One binary package as the archive's signed index describes it; `sha256` is that of the .deb file."""

    name: str
    version: str
    architecture: str
    sha256: str
    size: int


class DebianArchive:
    """This machine's apt sources behind a private state folder; `refresh` must run before anything else.

    `sources` is a deb822 text to use instead of the machine's own sources.
    """

    def __init__(self, state: Path, architecture: str | None = None, sources: str | None = None) -> None:
        for program in ("apt-get", "dpkg-deb"):
            if shutil.which(program) is None:
                raise MachineError(
                    f"{program} is missing: Debian packages can be fetched on Debian-like systems only",
                    fix="run this on Debian or Ubuntu, or see docs/images.md for what can be used instead",
                )
        for part in ("state/lists/partial", "cache/archives/partial", "empty.d"):
            (state / part).mkdir(parents=True, exist_ok=True)
        (state / "status").touch()
        self._config = state / "apt.conf"
        lines = [
            # The machine's hooks (appstream, packagekit) are for its own lists.
            "#clear APT::Update::Post-Invoke-Success;",
            "#clear APT::Update::Post-Invoke;",
            "#clear DPkg::Pre-Install-Pkgs;",
            "#clear DPkg::Post-Invoke;",
            f'Dir::State "{state}/state";',
            f'Dir::State::status "{state}/status";',
            f'Dir::Cache "{state}/cache";',
            f'Dir::Etc::Preferences "{state}/none";',
            f'Dir::Etc::PreferencesParts "{state}/empty.d";',
            'APT::Sandbox::User "root";',  # _apt may not enter a user's cache folder
            'APT::Install-Recommends "false";',
            'APT::Get::AllowUnauthenticated "false";',
            'Acquire::AllowInsecureRepositories "false";',
            'Acquire::Languages "none";',
            'Acquire::Retries "3";',
        ]
        if architecture:
            lines += [f'APT::Architecture "{architecture}";', f'APT::Architectures {{ "{architecture}"; }};']
        if sources is not None:
            parts = state / "sources.d"
            parts.mkdir(exist_ok=True)
            (parts / "debian.sources").write_text(sources)
            lines += [f'Dir::Etc::SourceList "{state}/none";', f'Dir::Etc::SourceParts "{parts}";']
        self._config.write_text("\n".join(lines) + "\n")

    def refresh(self) -> None:
        """Fetch the archive's package lists; raise MachineError with apt's own words when it cannot be reached."""
        self._run("apt-get", "update", "-qq", "--error-on=any")

    def versions(self, name: str) -> list[str]:
        """Return the versions of `name` the archive offers, the preferred one first; empty when unknown."""
        table = self._run("apt-cache", "madison", name)
        return list(dict.fromkeys(row.split("|")[1].strip() for row in table.splitlines() if row.count("|") >= 2))

    def describe(self, wanted: Iterable[tuple[str, str]]) -> list[Package]:
        """Return each (name, version) as the signed index describes it; raise NotInArchiveError for a missing one."""
        pairs = list(wanted)
        found: dict[tuple[str, str], Package] = {}
        for start in range(0, len(pairs), 100):
            specs = [f"{name}={version}" for name, version in pairs[start : start + 100]]
            for stanza in stanzas(self._run("apt-cache", "show", "--no-all-versions", *specs, tolerate=True)):
                key = (stanza["Package"], stanza["Version"])
                found[key] = Package(*key, stanza["Architecture"], stanza["SHA256"], int(stanza["Size"]))
        for name, version in pairs:
            if (name, version) not in found:
                raise NotInArchiveError(name, version, self.versions(name))
        return [found[pair] for pair in pairs]

    def essential(self) -> set[str]:
        """Return the names of the packages every Debian system has: essential ones and those of priority required."""
        every = stanzas(self._run("apt-cache", "dumpavail"))
        return {s["Package"] for s in every if s.get("Essential") == "yes" or s.get("Priority") == "required"}

    def closure(self, names: Iterable[str]) -> list[tuple[str, str]]:
        """Return (name, version) of `names` and all they depend on, as apt would install them on an empty system."""
        plan = self._run("apt-get", "install", "-qq", "--simulate", "--no-install-recommends", *sorted(set(names)))
        return sorted({(m["name"], m["version"]) for m in map(_ORDER.match, plan.splitlines()) if m})

    def download(self, wanted: Iterable[tuple[str, str]], destination: Path) -> None:
        """Download each (name, version) into `destination`; apt verifies every file against its signed index."""
        specs = [f"{name}={version}" for name, version in wanted]
        self._run("apt-get", "download", "-qq", *specs, cwd=destination)

    def _run(self, program: str, *arguments: str, cwd: Path | None = None, tolerate: bool = False) -> str:
        command = [program, "-c", str(self._config), *arguments]
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
        done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
        if done.returncode and not tolerate:
            said = " ".join(line for line in done.stderr.splitlines() if line.startswith(("E:", "W:"))) or done.stderr
            raise MachineError(
                f"{program} {arguments[0]} failed: {said.strip()[:600]}",
                fix="check the network and this machine's apt sources (apt-get update must work)",
            )
        return done.stdout


def fetch_deb(name: str, version: str, destination: Path) -> Path:
    """Fetch the package file of `name` in exactly `version` into the folder `destination` and return its path.

    Works for any user and leaves the machine's apt alone. Raises NotInArchiveError where the archive has other
    versions only, MachineError where there is no apt or no network.
    """
    with cache.locked("apt-host"), cache.scratch() as scratch:
        archive = DebianArchive(cache.folder("apt-host"))
        archive.refresh()
        [package] = archive.describe([(name, version)])
        archive.download([(name, version)], scratch)
        [downloaded] = scratch.glob("*.deb")
        destination.mkdir(parents=True, exist_ok=True)
        place = destination / f"{package.name}_{package.version.replace(':', '%3a')}_{package.architecture}.deb"
        shutil.move(downloaded, place)
        return place


def installed(layers: Sequence[Path]) -> list[Package]:
    """Return the packages installed in an image, from dpkg's own record in the last of its `layers` that has one.

    The record knows no hashes: `sha256` is empty, `size` 0. Raises MachineError where no layer is a Debian system.
    """
    for layer in reversed(layers):
        with tarfile.open(layer, "r:") as tar:
            for member in tar:
                if member.name.removeprefix("./") == _STATUS and member.isreg():
                    file = tar.extractfile(member)
                    assert file is not None
                    found = stanzas(file.read().decode("utf-8", "replace"))
                    return [
                        Package(s["Package"], s["Version"], s["Architecture"], "", 0)
                        for s in found
                        if s.get("Status") == "install ok installed"
                    ]
    raise MachineError("the base has no record of Debian packages (var/lib/dpkg/status)", fix="use a Debian base")


def sources(suite: str) -> str:
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


def stanzas(text: str) -> Iterable[dict[str, str]]:
    """Yield the fields of each stanza of a Debian control text; continuation lines are left out."""
    stanza: dict[str, str] = {}
    for line in text.splitlines():
        if not line:
            if stanza:
                yield stanza
            stanza = {}
        elif not line[0].isspace() and ":" in line:
            field, _, value = line.partition(":")
            stanza[field] = value.strip()
    if stanza:
        yield stanza
