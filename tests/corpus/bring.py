"""`make corpus`: bring the published rounds that tests read, by pinned commit, and only the files that they read.

    python -m tests.corpus.bring [ROUND…] [--from PLACE]

PLACE is a folder with clones of the rounds' repositories, bare or not, or an address that stands before their names;
left out, they come from where they are published. A commit's name fixes every byte of it, and what was written is
checked against that. Of code a placeholder stands in, since tests only ask whether there is any.
"""

from __future__ import annotations

import argparse
import fcntl
import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

PUBLISHED = "https://github.com/mlcommons"
HERE = Path(__file__).parent
ROUNDS = {  # the repository of each, and the commit; the files are those in files/<round>.gz
    "training_v5.1": ("training_results_v5.1", "441d65f4445cd59687466533fd9f55399136e7a4"),
    "inference_v5.1": ("inference_results_v5.1", "965182b03376a00fcae415c54e560e1c83937932"),
    "tiny_v1.3": ("tiny_results_v1.3", "cd605ea0981306693c9e19765a15801c776988dc"),
}
PLACEHOLDER = "PLACEHOLDER"


class CannotError(Exception):
    """A round cannot be brought: why, and what to do."""


def home() -> Path:
    """Return the folder of rounds: $ASSAY_CORPUS, or in the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("ASSAY_CORPUS") or cache / "assay-corpus")


def there(name: str) -> Path | None:
    """Return the folder of a round where it is whole and of the pinned commit."""
    try:
        pin = (home() / f".{name}.complete").read_text()
    except FileNotFoundError:
        return None
    return home() / name if pin in ("", ROUNDS[name][1]) else None  # "": unpacked from an archive of that commit


def wanted(name: str) -> list[str]:
    """Return the paths of a round that tests read."""
    return gzip.decompress((HERE / "files" / f"{name}.gz").read_bytes()).decode().splitlines()


def bring(name: str, source: str | None) -> Path:
    """Return the folder of a round, brought from `source` where it is not there yet; raise CannotError."""
    home().mkdir(parents=True, exist_ok=True)
    with (home() / f".{name}.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        return there(name) or _brought(name, source)


def _brought(name: str, source: str | None) -> Path:
    """Write the folder of a round anew and say of which commit it is."""
    marker = home() / f".{name}.complete"
    marker.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(dir=home(), prefix=".bringing-") as scratch:
        repository = _repository(name, source, Path(scratch) / "git")
        made = Path(scratch) / name
        for path, content in _contents(name, repository):
            (made / path).parent.mkdir(parents=True, exist_ok=True)
            (made / path).write_bytes(content)
        shutil.rmtree(home() / name, ignore_errors=True)  # an older pin, or what an interrupted one left
        made.rename(home() / name)
    marker.write_text(ROUNDS[name][1])
    return home() / name


def _repository(name: str, source: str | None, scratch: Path) -> Path:
    """Return a git folder that has the commit and its wanted files."""
    repository, commit = ROUNDS[name]
    if source is None or "://" in source:
        return _fetched(f"{source or PUBLISHED}/{repository}", name, scratch)
    # As a clone is called, or one that keeps the owner's name.
    found = [Path(source) / place for place in (repository, f"{repository}.git", f"mlcommons+{repository}/repo")]
    for folder in found:
        if folder.is_dir():
            if _git(folder, "cat-file", "-e", f"{commit}^{{commit}}").returncode == 0:
                return folder
            raise CannotError(f"{folder} does not have commit {commit}: bring it there (git fetch origin {commit})")
    raise CannotError(f"{source} has no clone of {repository}: looked for {', '.join(map(str, found))}")


def _fetched(address: str, name: str, scratch: Path) -> Path:
    """Fetch the commit without its files, then the wanted files alone: a whole round is gigabytes."""
    commit = ROUNDS[name][1]
    _git(None, "init", "--quiet", "--bare", str(scratch))
    _git(scratch, "remote", "add", "origin", address)
    for key, value in (("promisor", "true"), ("partialclonefilter", "blob:none")):
        _git(scratch, "config", f"remote.origin.{key}", value)
    done = _git(scratch, "fetch", "--quiet", "--depth=1", "--filter=blob:none", "origin", commit)
    if done.returncode:
        why = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["git says nothing"]
        raise CannotError(
            f"{address} cannot be fetched ({why[0]}): see to the network, "
            "or clone it elsewhere and name the folder: make corpus FROM=FOLDER"
        )
    objects = "\n".join(sorted(set(_blobs(name, scratch).values()))).encode()
    # All at once; one that this does not bring is fetched when it is read.
    _git(scratch, "fetch", "--quiet", "--no-tags", "--no-filter", "--stdin", "origin", given=objects)
    return scratch


def _blobs(name: str, repository: Path) -> dict[str, str]:
    """Return the object of every wanted path, as the pinned commit has it."""
    listed = _git(repository, "ls-tree", "-r", "-z", "--full-tree", ROUNDS[name][1])
    if listed.returncode:
        raise CannotError(f"{repository} cannot be read: {listed.stderr.decode(errors='replace').strip()[:300]}")
    rows = (row.split("\t", 1) for row in listed.stdout.decode(errors="surrogateescape").split("\0") if row)
    objects = {path: about.split()[2] for about, path in rows}
    paths = [path for path in wanted(name) if not path.endswith(f"/{PLACEHOLDER}")]
    if missing := [path for path in paths if path not in objects]:
        raise CannotError(f"{repository}: commit {ROUNDS[name][1]} has no {missing[0]}: that is no such round")
    return {path: objects[path] for path in paths}


def _contents(name: str, repository: Path) -> Iterator[tuple[str, bytes]]:
    """Yield every wanted file with its bytes, checked against the name that the commit gives them."""
    for path in wanted(name):
        if path.endswith(f"/{PLACEHOLDER}"):
            yield path, b"not brought: tests need to know only that there is code\n"
    with subprocess.Popen(
        ["git", "-C", repository, "cat-file", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        for path, digest in _blobs(name, repository).items():
            reader.stdin.write(f"{digest}\n".encode())
            reader.stdin.flush()
            head = reader.stdout.readline().split()
            if len(head) != 3:
                raise CannotError(f"{repository} has no content of {path} (object {digest}): its clone is not whole")
            content = reader.stdout.read(int(head[2]))
            reader.stdout.read(1)
            if hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest() != digest:
                raise CannotError(
                    f"{repository}: {path} is not what commit {ROUNDS[name][1]} has: the clone is damaged"
                )
            yield path, content
        reader.stdin.close()


def _git(folder: Path | None, *words: str, given: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    command = ["git", *(["-C", str(folder)] if folder else []), *words]
    ask = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_LFS_SKIP_SMUDGE": "1"}
    return subprocess.run(command, input=given, capture_output=True, check=False, env=ask)


def main() -> int:
    """Bring what the command line names and say where it lies."""
    parser = argparse.ArgumentParser(prog="make corpus", description="Bring published rounds for the corpus tests.")
    parser.add_argument("rounds", nargs="*", metavar="ROUND", help=", ".join(ROUNDS))
    parser.add_argument("--from", dest="source", metavar="PLACE", help="a folder with clones, or an address")
    given = parser.parse_args()
    status = 0
    if shutil.which("git") is None:
        print("make corpus needs git: apt-get install git", file=sys.stderr)
        return 5
    for name in given.rounds or ROUNDS:
        if name not in ROUNDS:
            print(f"{name} is no round of the corpus: {', '.join(ROUNDS)}", file=sys.stderr)
            return 2
        try:
            print(f"{name}: {bring(name, given.source)}")
        except (CannotError, OSError) as error:
            print(f"{name}: not brought: {error}", file=sys.stderr)
            status = 5
    return status


if __name__ == "__main__":
    sys.exit(main())
