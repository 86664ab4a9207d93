"""The one way to a result, with a toy procedure that is killed before any change to the file system, and goes on."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, NoReturn

import pytest

from rules.documents import Attempt, Document, ImageIdentity
from rules.errors import UsageError
from suite import procedures
from suite.engines.base import Host, RunEnvironment
from suite.harness import probe
from suite.images.matrix import Suite
from suite.inference.procedure import Inference
from suite.inputs.settings import Tuned
from suite.result import produce
from suite.result.context import RunContext
from suite.result.machine import Personal
from suite.result.plan import Plan
from suite.result.procedure import Procedure
from suite.result.request import Request
from suite.result.staging import Work
from suite.targets.data import NOTHING, Emulation, ExecutionMode
from suite.training.procedure import Training
from tests.unit.suite.test_submission import IMAGE, stopped_at

RUNS = 2
FACTS = probe.facts()


class Dice(Plan):
    """A die is thrown, a few times."""

    SUITE: ClassVar[str] = "dice"
    throws: int

    @property
    def source(self) -> str:
        return f"src/{self.workload}"


class DiceWork(Work):
    RUNS: ClassVar[str] = "throws"
    ATTEMPT: ClassVar[type[Document]] = Attempt
    plan: Dice

    def records(self) -> list[str]:
        return [f"{self.plan.results}/throw_{number}.json" for number in range(self.plan.throws)]


class Table(RunContext):
    def judge(self, finished: object) -> NoReturn:
        raise AssertionError("no box runs here")


class Throwing(Procedure):
    """A third procedure, all of it: what runs, what it writes, what follows from it."""

    IMAGES: ClassVar[Suite] = "training"
    PLAN: ClassVar[type[Plan]] = Dice
    WORK: ClassVar[type[Work]] = DiceWork
    CONTEXT: ClassVar[type[RunContext]] = Table
    ruleset = "dice/1.0"
    tuned: ClassVar[Mapping[str, Tuned]] = {"jax": Tuned(threads=1, memory_mib=64)}
    rules: Any = SimpleNamespace(data={})
    thrown: ClassVar[int] = -1  # a file handle: writing to it is no change that a kill could come before

    @classmethod
    def suits(cls, request: Request) -> bool:
        return True

    def smoke(self, short: Emulation) -> NoReturn:
        raise NotImplementedError

    def source(self) -> dict[str, bytes]:
        return {"dice.py": b"4  # chosen by a fair die"}

    def plan(self, common: Mapping[str, Any], there: RunEnvironment) -> Dice:
        return Dice(**common, cpuset="0", throws=self.request.runs or RUNS)

    def changed(self, work: DiceWork) -> list[str]:
        there = len(list(work.final.glob("throw_*.json")))
        return [] if there == work.plan.throws else [f"with {there} throws"]

    def evidence(self, plan: Dice) -> dict[str, bytes]:
        return {"fair.json": b"{}"}

    def execute(self, context: RunContext) -> None:
        for number, record in enumerate(context.work.records()):
            if not context.work.at(record).exists():
                attempts = context.work.start(str(number))
                os.write(self.thrown, f"{number}\n".encode())
                said = {"attempts": [attempt.outcome for attempt in attempts], "at": time.time_ns()}
                context.work.keep({record.replace("json", "txt"): b"4", record: json.dumps(said).encode()})

    def complete(self, work: DiceWork, staged: Path) -> None:
        (staged / work.plan.results / "sum.txt").write_text(str(4 * work.plan.throws))


@dataclass(frozen=True)
class Nowhere:
    """An engine, and what runs the images that it has."""

    image: ClassVar[ImageIdentity] = IMAGE
    interpreter: ClassVar[None] = None
    environment: ClassVar[dict[str, str]] = {}
    version: ClassVar[str] = "0"
    versions: ClassVar[dict[str, str]] = {}
    bill: ClassVar[dict[str, bytes]] = {"sbom.cdx.json": b"{}"}

    def environment_of(self, *_: object) -> RunEnvironment:
        return RunEnvironment(Nowhere(), FACTS, Host(1, "x", "x", "2", "x"), {}, range(1))  # type: ignore[arg-type]

    def taken(self) -> nullcontext[None]:
        return nullcontext()


def asked(output: Path, **changes: Any) -> Request:
    request = Request(
        "dice", "jax", "cpu", "open", "acme", None, [], None, None, None, None, output, False, False, False
    )
    return replace(request, **changes)


def throw(request: Request) -> Path:
    engine: Any = SimpleNamespace(environment=Nowhere().environment_of)
    means = produce.Means(Throwing(request), engine, ExecutionMode(NOTHING, ""))
    return produce._result(means, Personal(), "jax", {}, lambda: None)


def test_a_procedure_is_a_line_of_the_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained, served = asked(tmp_path, workload="image-classification"), asked(tmp_path, workload="text-generation")
    assert procedures.procedure(trained) is Training
    assert procedures.procedure(replace(trained, scenario="Offline")) is Inference
    assert procedures.procedure(served) is Inference
    assert Inference(served).request.scenario == "all"
    monkeypatch.setattr(procedures, "PROCEDURES", (Throwing, *procedures.PROCEDURES))
    assert procedures.procedure(asked(tmp_path)) is Throwing


def test_a_framework_that_only_infers_is_pointed_to_its_scenarios(tmp_path: Path) -> None:
    wanted = asked(tmp_path, workload="image-classification", framework="onnxruntime")
    with pytest.raises(UsageError, match=r"give a scenario, e\.g\. --scenario all"):
        Training(wanted).frameworks()
    assert Inference(wanted).frameworks() == ["onnxruntime"]
    with pytest.raises(UsageError, match="unknown framework 'nope'"):
        Training(replace(wanted, framework="nope")).frameworks()


@pytest.mark.parametrize("name", ["all", "nope"])
def test_an_unknown_target_is_refused_before_anything_is_made(tmp_path: Path, name: str) -> None:
    wanted = asked(tmp_path / "out", workload="image-classification", framework="all", target=name)
    with pytest.raises(UsageError, match=f"unknown target '{name}'") as said:
        produce.produce(Training, wanted, print)
    assert "all" not in said.value.fix
    assert not (tmp_path / "out").exists()


@pytest.fixture
def thrown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file with a line per throw, of this process and of those that die."""
    path = tmp_path / "thrown"
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
    monkeypatch.setattr(Throwing, "thrown", handle)
    yield path
    os.close(handle)


def whole(root: Path) -> list[Path]:
    """The results in the tree, each with exactly the files of its manifest."""
    found = sorted(root.glob("dice/open/acme/results/*/dice"))
    for result in found:
        top = root / "dice/open/acme"
        listed = {file["path"]: file["sha256"] for file in json.loads((result / "manifest.json").read_bytes())["files"]}
        there = {path.relative_to(top).as_posix(): path for path in top.rglob("*") if path.is_file()}
        del there[(result / "manifest.json").relative_to(top).as_posix()]
        assert {name: sha256(path.read_bytes()).hexdigest() for name, path in there.items()} == listed
    return found


def test_a_result_has_its_runs_what_stands_beside_them_and_what_follows(tmp_path: Path, thrown: Path) -> None:
    result = throw(asked(tmp_path / "out"))
    assert whole(tmp_path / "out") == [result]
    names = {"throw_0.json", "throw_0.txt", "throw_1.json", "throw_1.txt", "sum.txt", "fair.json", "sbom.cdx.json"}
    assert {path.name for path in result.iterdir()} == names | {"manifest.json"}
    assert throw(asked(tmp_path / "out")) == result  # judged again
    assert thrown.read_text() == "0\n1\n"
    with pytest.raises(UsageError, match="measured with 2 throws"):
        throw(asked(tmp_path / "out", runs=3))


def unfinished(root: Path) -> bool:
    """Whether a result was begun that is not the one in the tree."""
    begun = list(root.glob(".work/dice/**/plan.json"))
    there = {path.read_bytes() for path in root.glob("dice/**/throw_*.json")}
    return bool(begun) and not there & {path.read_bytes() for path in begun[0].parent.rglob("throw_*.json")}


@pytest.mark.parametrize("again", [False, True])
def test_killed_before_any_change_it_goes_on_to_one_result(tmp_path: Path, thrown: Path, again: bool) -> None:
    """With nothing there, and in place of an earlier result, which is never lost."""
    step, died = 0, True
    while died:
        root = tmp_path / str(step)
        if again:
            throw(asked(root))
        os.truncate(thrown, 0)
        died = stopped_at(step, None, lambda root=root: throw(asked(root, replace=again)))  # type: ignore[arg-type]
        before = Counter(thrown.read_text().split())
        kept = {path.name[6] for path in root.glob(".work/dice/**/throw_*.json") if ".staged" not in str(path)}
        assert len(whole(root)) <= 1, step
        if again and died:
            assert whole(root) or list(root.glob(".replaced/*/dice/open/acme/results/*/dice/manifest.json")), step
        os.truncate(thrown, 0)
        if died:
            throw(asked(root, replace=again and unfinished(root), resume=True))
        [result] = whole(root)
        anew = set(thrown.read_text().split())
        assert not anew & kept, step  # what has its record is not made again
        said = [json.loads((result / f"throw_{number}.json").read_bytes())["attempts"] for number in range(RUNS)]
        assert {str(number) for number in range(RUNS) if said[number]} == before.keys() & anew, step  # cut short, noted
        assert sum(map(len, said)) <= 1, step
        assert not list(root.glob(".work/dice/**/throw_*")), step
        assert not [path for path in (root / "dice").rglob("*") if path.name.startswith(".")], step
        step += 1
    assert step > 40
