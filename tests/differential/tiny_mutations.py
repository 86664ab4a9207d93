"""Ways to spoil a submission to MLPerf Tiny: named ones for its folders, random ones for the texts in them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

from tests.differential import linking

SpoilTree = Callable[[Path], object]
NUMBERS = [
    "",
    "0",
    "0.0",
    "0.000",
    "1.2.3",
    "...",
    ".",
    "90",
    "84.999999",
    "85",
    "85.0",
    "8",
    "9",
    "50",
    "-1",
    "1e3",
    "٩٠",
    "nan",
    "9" * 400,
    "9" * 5000,
    "0.85",
    "0.8499",
    "100.5",
    " 91",
]
STATUS: list[Any] = ["available", "PREVIEW", "rdi", "RDI ", "Research", "", None, 5, ["available"], {}]
LINES = [
    "x Top 1% = 99",
    " Top-1: 91.1%",
    "a Top-1 = 12",
    "Top 1% = 100",
    "x AUC = 0.9",
    "x AUC: 0.84",
    "a Median throughput is 5 inf./sec.",
    "Median throughput is 7 inf./sec.",
    "x Median throughput is  inf./sec.",
    "x Median throughput is 0 inf./sec.",
    "x Median throughput is 0.0 inf./sec. more",
    "Median energy cost is 5 uJ/inf",
    "Median energy cost is 0 uJ/inf.",
    "Power : 5 mW",
    "Power         : 0.0 mW.",
    "Power\t: 7.5 mW",
    "Accuracy: 50 True positives, 0 False negatives, 0 False positives",
    "Accuracy: 0 True positives, 0 False negatives, 0 False positives",
    "Accuracy: 41 True positives, 9 False negatives, 0 False positives",
    "Accuracy: 42 True positives, 8 False negatives, 9 False positives",
    "Accuracy: 40 True positives, 5 False negatives, 1 False positives",
    "Average duty cycle: 0.5",
    "Average duty cycle: ..",
    "Estimated throughput: 0 inf./sec.",
    "Estimated throughput: 0.0 inf./sec.",
    "Estimated throughput:12 inf./sec. x",
    "Estimated throughput: 1.1.1 inf./sec.",
    "\x0b Top 1% = 90",
    "\x85 Top 1% = 90",
    "é Top 1% = 91",
    "Estimated throughput: 3 inf./sec. Average duty cycle: 0.1",
]


def results(root: Path) -> list[Path]:
    """Return the benchmark folders of a round."""
    return sorted(path for path in root.glob("*/*/results/*/*") if path.is_dir())


def _write(path: Path, content: bytes | str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def _submitter(root: Path) -> Path:
    return min(root.glob("*/*/systems")).parent


def _system(root: Path) -> Path:
    return next(iter(sorted(_submitter(root).glob("systems/*.json"))))


def _member(name: str, value: Any) -> SpoilTree:
    def spoil(root: Path) -> None:
        document = json.loads(_system(root).read_text())
        document[name] = value
        _system(root).write_text(json.dumps(document))

    return spoil


def _without(name: str) -> SpoilTree:
    def spoil(root: Path) -> None:
        document = json.loads(_system(root).read_text())
        document.pop(name, None)
        _system(root).write_text(json.dumps(document))

    return spoil


def _sparse(path: Path, size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.truncate(size)


def _as_open(root: Path, name: str, mapping: str | None) -> None:
    submitter = _submitter(root)
    target = root / "open" / submitter.name
    target.parent.mkdir(exist_ok=True)
    submitter.rename(target)
    system = next(target.glob("results/*"))
    (system / "ic").rename(system / name)
    if mapping is not None:
        _write(target / "model_mapping.json", mapping)


def _renamed(to: str) -> SpoilTree:
    return lambda root: results(root)[0].rename(results(root)[0].with_name(to))


TREES: dict[str, SpoilTree] = {
    "as it is": lambda root: None,
    "link to a file": lambda root: (_submitter(root) / "code/link").symlink_to("main.c"),
    "link to nowhere in results": lambda root: (_submitter(root) / "results/link").symlink_to("nowhere"),
    **{
        name: lambda root, spoil=spoil: spoil(_submitter(root))  # type: ignore[misc]
        for name, spoil in linking.spoils(
            "results", "results/*/ic", "results/*/ic/performance", "systems/*.json"
        ).items()
    },
    "link to another system": lambda root: (_submitter(root) / "results/two").symlink_to("box"),
    "link to a benchmark": lambda root: (_submitter(root) / "results/box/vww").symlink_to("ic"),
    "link to a parent in code": lambda root: (_submitter(root) / "code/up").symlink_to("../.."),
    "link to another submitter": lambda root: (root / "closed/Other").symlink_to("Example"),
    "link to a division": lambda root: (root / "open").symlink_to("closed"),
    "large file": lambda root: _sparse(_submitter(root) / "code/big", 524288001),
    "file at the limit": lambda root: _sparse(_submitter(root) / "code/big", 524288000),
    "51 MiB file": lambda root: _sparse(_submitter(root) / "code/big", 51 << 20),
    "pycache": lambda root: _write(_submitter(root) / "code/__pycache__/a.pyc", "x"),
    "a name that ends so": lambda root: _write(_submitter(root) / "code/my__pycache__/a.pyc", "x"),
    "empty folder": lambda root: (_submitter(root) / "code/none").mkdir(parents=True),
    "folder of a folder": lambda root: (_submitter(root) / "code/none/one").mkdir(parents=True),
    "blank in a name": lambda root: _write(_submitter(root) / "code/a b", "x"),
    "dot file": lambda root: _write(_submitter(root) / "code/.hidden", "x"),
    "no results": lambda root: shutil.rmtree(_submitter(root) / "results"),
    "results is a file": lambda root: (
        shutil.rmtree(_submitter(root) / "results"),
        _write(_submitter(root) / "results", "x"),
    ),
    "no system": lambda root: _system(root).unlink(),
    "system is a folder": lambda root: (_system(root).unlink(), _write(_system_path(root) / "x", "x")),
    "system unparsable": lambda root: _write(_system(root), "{"),
    "system is a list": lambda root: _write(_system(root), "[]"),
    "system with a mark": lambda root: _write(_system(root), b"\xef\xbb\xbf" + _system(root).read_bytes()),
    "system not UTF-8": lambda root: _write(_system(root), b'{"Status": "\xff"}'),
    "system NaN": lambda root: _write(_system(root), '{"Status": "rdi", "x": NaN, "x": 1}'),
    "system type": _member("system_type", "edge"),
    "system type null": _member("system_type", None),
    "sw_notes": _member("sw_notes", "x"),
    "sw_notes a number": _member("sw_notes", 5),
    "sw_notes zero": _member("sw_notes", 0),
    "no status": _without("Status"),
    "unknown benchmark": _renamed("resnet"),
    "capital benchmark": _renamed("IC"),
    "ic2": _renamed("ic2"),
    "ic2 beside": lambda root: shutil.copytree(results(root)[0], results(root)[0].with_name("ic2")),
    "as kws": _renamed("kws"),
    "as ad": _renamed("ad"),
    "as sww": lambda root: (
        shutil.rmtree(results(root)[0].with_name("sww")),
        results(root)[0].rename(results(root)[0].with_name("sww")),
    ),
    "open": lambda root: _as_open(root, "ic", None),
    "open with its own name": lambda root: _as_open(root, "mine", None),
    "open, mapped": lambda root: _as_open(root, "mine", '{"mine": "ic"}'),
    "open, mapped badly": lambda root: _as_open(root, "mine", "[]"),
    "open, mapped to a list": lambda root: _as_open(root, "mine", '{"mine": ["ic"]}'),
    "open, mapping unparsable": lambda root: _as_open(root, "ic", "{"),
    "open, ic2": lambda root: _as_open(root, "ic2", None),
    "another division": lambda root: _write(root / "network/x/results/a/b/c", "x"),
    "a second submitter": lambda root: shutil.copytree(_submitter(root), root / "closed/other"),
    "a submitter without results": lambda root: _write(root / "closed/none/systems/a.json", "{}"),
    "a second system": lambda root: (
        shutil.copytree(results(root)[0].parent, results(root)[0].parents[1] / "two"),
        shutil.copy(_system(root), _submitter(root) / "systems/two.json"),
    ),
    "a file in results": lambda root: _write(_submitter(root) / "results/readme", "x"),
    "a file in a system": lambda root: _write(results(root)[0].parent / "readme", "x"),
    "marker": lambda root: _write(results(root)[0] / "EEMBC_RUNNER", ""),
    "energy is a file": lambda root: (
        shutil.rmtree(results(root)[0] / "energy", ignore_errors=True),
        _write(results(root)[0] / "energy", "x"),
    ),
    "performance is a file": lambda root: (
        shutil.rmtree(results(root)[0] / "performance"),
        _write(results(root)[0] / "performance", "x"),
    ),
    "accuracy is a file": lambda root: (
        shutil.rmtree(results(root)[0] / "accuracy"),
        _write(results(root)[0] / "accuracy", "x"),
    ),
}
TREES |= {f"status {value!r}": _member("Status", value) for value in STATUS}


def _system_path(root: Path) -> Path:
    return _submitter(root) / "systems" / f"{results(root)[0].parent.name}.json"


def folders(benchmark: Path) -> Iterator[tuple[str, Callable[[Path], object]]]:
    """Yield ways to spoil the folders of one result: each takes that folder, wherever it lies."""
    for test in ("accuracy", "performance", "energy"):
        if not (benchmark / test).is_dir():
            continue
        yield f"no {test}", lambda at, test=test: shutil.rmtree(at / test)
        for name in ("results.txt", "log.txt", "results.json"):
            if (benchmark / test / name).is_file():
                yield f"no {test}/{name}", lambda at, test=test, name=name: (at / test / name).unlink()
        yield f"{test}/results.txt empty", lambda at, test=test: _write(at / test / "results.txt", "")
        yield f"{test}/results.txt not UTF-8", lambda at, test=test: _append(at / test / "results.txt", b"\xff\n")
        yield f"{test}/results.txt a folder", lambda at, test=test: _to_folder(at / test / "results.txt")
        yield f"{test}/extra", lambda at, test=test: _write(at / test / "extra", "x")
        for line in LINES:
            yield (
                f"{test}: {line!r}",
                lambda at, test=test, line=line: _append(at / test / "results.txt", line.encode() + b"\n"),
            )


def _append(path: Path, content: bytes) -> None:
    path.write_bytes(path.read_bytes() + content)


def _to_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "x").write_text("x")


def scramble(text: bytes, rng: Random) -> bytes:
    """Change one thing in a results.txt: a number, a line, its ends."""
    lines = text.split(b"\n")
    at = rng.randrange(len(lines))
    way = rng.randrange(7)
    if way == 0:
        del lines[at]
    elif way == 1:
        lines.insert(at, rng.choice(LINES).encode())
    elif way == 2:
        words = lines[at].split(b" ")
        words[rng.randrange(len(words))] = rng.choice(NUMBERS).encode()
        lines[at] = b" ".join(words)
    elif way == 3:
        lines[at] = lines[at][: rng.randrange(len(lines[at]) + 1)]
    elif way == 4:
        lines[at] = rng.choice([b"", b" ", b"x", b"\t"]) + lines[at].lstrip()
    elif way == 5:
        return text.replace(b"\n", rng.choice([b"\r", b"\r\n", b"\x0b", b"\xe2\x80\xa8"]))
    else:
        for old in (b"85", b"44", b"50", b"0.86", b"8"):
            if old in lines[at]:
                lines[at] = lines[at].replace(old, rng.choice(NUMBERS).encode(), 1)
                break
    return b"\n".join(lines)
