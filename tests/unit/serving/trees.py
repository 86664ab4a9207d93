"""A real submission of inference, and ways to change it: what the checker's tests on inference judge.

`tests/data/serving/` holds closed results that `assay run` made (real containers, LoadGen and frameworks), by rules
that are the round's but for shorter runs (`make.py` beside them); those rules are packed with each.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import shutil
import tarfile
from array import array
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from checker import check
from checker.core.findings import Finding, Report
from checker.core.tree import Tree
from checker.families.assay.inference.latencies import Latencies, read_latencies
from rules.cards import Edit
from rules.observation import Observation
from rules.ruleset import load
from suite.serve.trace import packed
from tests.unit.checker.submissions import document, observation, put

ROUND = "assay-inference/1.0"
WORKLOADS = ("image-classification", "sentence-embedding")
PACKED = Path(__file__).parents[2] / "data/serving/image-classification.tar.xz"
TOKEN = ":::MLLOG "
OPEN = '"submission_division", "value": "open"'


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def unpack(folder: Path, workload: str = "image-classification") -> None:
    """Lay submissions/ and rules/ into `folder`."""
    with lzma.open(PACKED.with_name(f"{workload}.tar.xz")) as file, tarfile.open(fileobj=file) as packed_:
        packed_.extractall(folder, filter="data")


class Measured:
    """The submission on disk; paths are relative to the submitter's folder."""

    def __init__(self, original: Path, folder: Path) -> None:
        self.submissions = folder / "submissions"
        shutil.copytree(original, self.submissions)
        self.root = next(self.submissions.glob("inference/*/*"))
        result = next(self.root.glob("results/*/*"))
        self.system, self.workload = result.parts[-2:]
        self.framework = next(self.root.glob("src/*/*")).name
        scenarios = {path.name for path in result.iterdir()}
        self.marks = {
            "{scenario}": f"results/{self.system}/{self.workload}/{min(scenarios, key='SingleStream'.__ne__)}",
            "{result}": f"results/{self.system}/{self.workload}",
            "{ours}": f"assay/{self.system}/{self.workload}",
            "{source}": f"src/{self.workload}/{self.framework}",
            "{system}": self.system,
        }
        self.watch()

    def watch(self) -> None:
        """Lay a steady machine's samples beside each run, which was packed before there were any."""
        for log in self.root.glob("assay/*/*/*/*/log.txt"):
            lines = [json.loads(line.removeprefix(TOKEN)) for line in log.read_text().splitlines()]
            path = log.with_name("observation.json")
            path.write_bytes(document(Observation, observation(lines)))
            stated = {"path": path.relative_to(self.root).as_posix(), "sha256": sha(path.read_bytes())}
            record = log.with_name("record.json")
            record.write_text(json.dumps(json.loads(record.read_bytes()) | {"observation": stated}, indent=2) + "\n")
        self.seal()

    def path(self, name: str) -> Path:
        for mark, value in self.marks.items():
            name = name.replace(mark, value)
        return self.root / name

    def write(self, name: str, content: bytes | str) -> None:
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def edit_json(self, name: str, changes: dict[str, Any]) -> None:
        path = self.path(name)
        body = json.loads(path.read_bytes())
        for place, value in changes.items():
            put(body, place, value)
        path.write_text(json.dumps(body, indent=2) + "\n")

    def edit_line(self, name: str, key: str, change: Callable[[dict[str, Any]], dict[str, Any] | None]) -> None:
        """Change the first line of `key` in a log; None removes it."""
        path = self.path(name)
        lines = path.read_bytes().splitlines(keepends=True)
        at = next(n for n, line in enumerate(lines) if f'"key": "{key}"'.encode() in line)
        changed = change(json.loads(lines[at].removeprefix(TOKEN.encode())))
        lines[at : at + 1] = [] if changed is None else [f"{TOKEN}{json.dumps(changed)}\n".encode()]
        path.write_bytes(b"".join(lines))

    def say(self, name: str, **values: Any) -> None:
        """Make a log say other values for keys."""
        for key, value in values.items():
            self.edit_line(name, key, lambda record, value=value: record | {"value": value})

    def value(self, name: str, key: str) -> Any:
        """The value of the first line of `key` in a log."""
        lines = self.path(name).read_text().splitlines()
        line = next(line for line in lines if f'"key": "{key}"' in line)
        return json.loads(line.removeprefix(TOKEN))["value"]

    def chosen(self, known: Latencies, places: list[int]) -> Latencies:
        """Some of a run's samples, numbered as if there were no others."""
        columns = (known.issued, known.latency, known.sample, known.query, known.first_token)
        issued, latency, sample, query, first = (array(one.typecode, (one[p] for p in places)) for one in columns)
        issued = array("Q", (at - issued[0] for at in issued))
        return Latencies(issued, latency, sample, array(query.typecode, range(len(places))), first)

    def latencies(self, name: str) -> Latencies:
        return read_latencies(Tree(self.root, load(ROUND).limits), self.path(name).relative_to(self.root).as_posix())

    def put_latencies(self, name: str, known: Latencies, times: float = 1.0, keep: int | None = None) -> None:
        """Write latencies, each `times` as long, the first `keep` of them."""
        count = len(known) if keep is None else keep
        issued = [0, *known.issued[:count]]
        columns = (
            [after - before for before, after in pairwise(issued)],
            [round(times * latency) for latency in known.latency[:count]],
            [sample | query << 32 for sample, query in zip(known.sample, known.query, strict=True)][:count],
            list(known.first_token[:count]),
        )
        self.write(name, packed(columns))

    def apply(self, edits: list[Edit]) -> None:
        """Apply a rule card's example."""
        for edit in edits:
            self._apply(edit)
            if edit.seal and not edit.file.endswith(("record.json", "manifest.json")):
                self.rebind(self.path(edit.file))
        if edits and all(edit.seal for edit in edits):
            self.seal()

    def _apply(self, edit: Edit) -> None:
        path = self.path(edit.file)
        if edit.latencies is not None:
            self.put_latencies(edit.file, self.latencies(edit.file), edit.latencies.times, edit.latencies.keep)
        elif edit.line is not None:
            self.edit_line(edit.file, edit.line, lambda record: None if edit.remove else _set(record, edit))
        elif edit.link is not None:
            path.unlink()
            path.symlink_to(edit.link)
        elif edit.copy_of is not None:
            self.write(edit.file, self.path(edit.copy_of).read_bytes())
        elif edit.write is not None:
            self.write(edit.file, edit.write)
        elif edit.remove:
            path.unlink()
        else:
            self.edit_json(edit.file, edit.set)

    def rebind(self, *changed: Path) -> None:
        """Bring the digests of records that name a changed file up to date, as a forger would."""
        names = {path.relative_to(self.root).as_posix(): path for path in changed}
        for record in self.root.glob("assay/*/*/*/*/record.json"):
            body = json.loads(record.read_bytes())
            stated = [body["log"], *body["files"], *filter(None, [body.get("observation")])]
            bound = [entry for entry in stated if entry["path"] in names]
            for entry in bound:
                path = names[entry["path"]]
                if path.is_file() and not path.is_symlink():
                    entry["sha256"] = sha(path.read_bytes())
            if bound:
                record.write_text(json.dumps(body, indent=2) + "\n")

    def seal(self) -> None:
        """Write the manifest's digests over everything there is, as a forger would."""
        path = self.path("{ours}/manifest.json")
        body = json.loads(path.read_bytes())
        folders = [self.path(name) for name in ("{result}", "{ours}", "{source}", "systems")]
        files = [file for folder in folders for file in sorted(folder.rglob("*"))]
        body["files"] = [
            {"path": file.relative_to(self.root).as_posix(), "sha256": sha(file.read_bytes())}
            for file in files
            if file.is_file() and not file.is_symlink() and file != path
        ]
        path.write_text(json.dumps(body, indent=2) + "\n")

    def forge(self, *changed: str) -> None:
        """Make every digest agree again after files were changed."""
        self.rebind(*map(self.path, changed))
        self.seal()

    def open(self) -> None:
        """Make it a submission to the open division, records, logs and all."""
        there = self.root.parents[1] / "open" / self.root.name
        there.parent.mkdir()
        self.root = self.root.rename(there)
        for path in [*self.root.glob("assay/*/*/*/*/record.json"), *self.root.glob("systems/*.json")]:
            path.write_text(path.read_text().replace('"division": "closed"', '"division": "open"'))
        logs = list(self.root.glob("assay/*/*/*/*/log.txt"))
        for log in logs:
            log.write_text(log.read_text().replace('"submission_division", "value": "closed"', OPEN))
        self.rebind(*logs)
        self.seal()

    def check(self, below: str = "") -> Report:
        return check(self.path(below) if below else self.submissions)


def _set(record: dict[str, Any], edit: Edit) -> dict[str, Any]:
    for place, value in edit.set.items():
        put(record, place, record[place] + value if edit.add else value)
    return record


def named(report: Report) -> set[str]:
    """The rules that object."""
    return {finding.rule.removeprefix("assay-inference-") for finding in report.findings}


def errors(report: Report) -> list[Finding]:
    return [finding for finding in report.findings if finding.severity == "error"]
