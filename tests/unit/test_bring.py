"""`make corpus` brings exactly the wanted files of the pinned commit, from a folder or an address, or says why not."""

from __future__ import annotations

import gzip
import subprocess
import zlib
from pathlib import Path

import pytest

from tests.corpus import bring

FILES = {"a/results/x.txt": b"one\n", "a/results/y.bin": bytes(range(256)), "a/code/train.py": b"pass\n", "b": b"two\n"}
WANTED = ["a/results/x.txt", "a/results/y.bin", "a/code/PLACEHOLDER"]


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    return subprocess.run(
        ["git", "-C", folder, *identity, *words], check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def clones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a clone of a small round, which has gone on since the pinned commit."""
    made = tmp_path / "clones" / "little_results_v1"
    for name, content in FILES.items():
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_bytes(content)
    git(made, "init", "-q")
    git(made, "add", ".")
    git(made, "commit", "-qm", "the round")
    commit = git(made, "rev-parse", "HEAD")
    (made / "a/results/x.txt").write_text("corrected since\n")
    git(made, "commit", "-qam", "later")
    git(made, "config", "uploadpack.allowFilter", "true")
    git(made, "config", "uploadpack.allowAnySHA1InWant", "true")
    (tmp_path / "files").mkdir()
    (tmp_path / "files/little.gz").write_bytes(gzip.compress("\n".join(WANTED).encode() + b"\n"))
    monkeypatch.setattr(bring, "HERE", tmp_path)
    monkeypatch.setattr(bring, "ROUNDS", {"little": ("little_results_v1", commit)})
    monkeypatch.setenv("ASSAY_CORPUS", str(tmp_path / "corpus"))
    return made.parent


@pytest.mark.parametrize("form", ["{}", "file://{}"])
def test_the_wanted_files_of_the_commit_come_and_no_others(clones: Path, form: str) -> None:
    assert bring.there("little") is None
    folder = bring.bring("little", form.format(clones))
    assert bring.there("little") == folder
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert sorted(found) == sorted(WANTED)
    assert all(found[path] == FILES[path] for path in WANTED[:2])
    assert bring.bring("little", "/nowhere") == folder  # there already
    assert not [path for path in bring.home().iterdir() if path.name.startswith(".bringing")]


def test_another_pin_brings_the_round_anew(clones: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = bring.bring("little", str(clones))
    later = git(clones / "little_results_v1", "rev-parse", "HEAD")
    monkeypatch.setattr(bring, "ROUNDS", {"little": ("little_results_v1", later)})
    assert bring.there("little") is None
    assert bring.bring("little", str(clones)) == folder
    assert (folder / WANTED[0]).read_text() == "corrected since\n"


def test_a_file_that_the_clone_lacks_is_named_and_nothing_half_is_left(clones: Path) -> None:
    digest = git(clones / "little_results_v1", "rev-parse", "HEAD:a/results/y.bin")
    (clones / f"little_results_v1/.git/objects/{digest[:2]}/{digest[2:]}").unlink()
    with pytest.raises(bring.CannotError, match=r"no content of a/results/y.bin .*: its clone is not whole"):
        bring.bring("little", str(clones))
    assert bring.there("little") is None
    assert [path.name for path in bring.home().iterdir()] == [".little.lock"]


def test_other_bytes_under_a_files_name_are_refused(clones: Path) -> None:
    made = clones / "little_results_v1"
    digest = git(made, "rev-parse", "HEAD:a/results/y.bin")
    place = made / f".git/objects/{digest[:2]}/{digest[2:]}"
    place.chmod(0o644)
    place.write_bytes(zlib.compress(b"blob 3\0bad"))
    with pytest.raises(bring.CannotError, match=r"y\.bin"):
        bring.bring("little", str(clones))


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("{}/none", "has no clone of little_results_v1: looked for "),
        (
            "file://{}/none",
            "cannot be fetched .*: see to the network, or clone it elsewhere .* make corpus FROM=FOLDER",
        ),
    ],
)
def test_a_place_without_the_round_is_one_sentence(clones: Path, place: str, said: str) -> None:
    with pytest.raises(bring.CannotError, match=said):
        bring.bring("little", place.format(clones))


def test_a_clone_without_the_commit_says_how_to_bring_it(clones: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bring, "ROUNDS", {"little": ("little_results_v1", "0" * 40)})
    with pytest.raises(bring.CannotError, match=f"does not have commit {'0' * 40}: bring it there"):
        bring.bring("little", str(clones))


def test_the_lists_of_files_are_of_the_rounds() -> None:
    assert {path.name.removesuffix(".gz") for path in (bring.HERE / "files").iterdir()} == set(bring.ROUNDS)
    for name in bring.ROUNDS:
        paths = bring.wanted(name)
        assert len(paths) == len(set(paths)) > 300
        assert not [path for path in paths if path.startswith("/") or ".." in path.split("/")]


def test_a_place_that_cannot_be_written_is_a_sentence(
    clones: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ASSAY_CORPUS", str(tmp_path / "file" / "corpus"))
    monkeypatch.setattr("sys.argv", ["bring", "--from", str(clones)])
    assert bring.main() == 5
    assert "little: not brought: " in capsys.readouterr().err
