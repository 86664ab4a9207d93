"""Published results of MLPerf Inference v5.1, copied into small submissions that tests then spoil."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from checker.core.findings import Report
from checker.families.mlperf_inference.review import review
from rules.cards import Edit
from tests.corpus.rounds import unpacked

ROUND = "mlperf-inference/5.1"
RESULT = "results/box/resnet/Offline"
LENOVO = "closed/Lenovo"
EDGE = "SE100_RTX2000E_Ada_16GBx1_TRT"


def take(
    root: Path, submitter: str, system: str, benchmark: str, *, to: str = "", system_as: str = "", as_: str = ""
) -> Path:
    """Copy a published benchmark of a system below `root`, a round's folder; return the submitter's folder."""
    source, base = unpacked("inference_v5.1") / submitter, root / (to or submitter)
    mine, named = system_as or system, as_ or benchmark
    for top in ("results", "measurements", "compliance"):
        if (source / top / system / benchmark).is_dir():
            shutil.copytree(source / top / system / benchmark, base / top / mine / named)
    for path in base.glob(f"measurements/{mine}/{named}/*/{system}*.json"):
        path.rename(path.with_name(path.name.replace(system, mine)))
    description = json.loads((source / "systems" / f"{system}.json").read_text())
    if to:
        description["submitter"] = to.rpartition("/")[2]
    write(base / "systems" / f"{mine}.json", json.dumps(description, indent=1))
    write(base / "code" / named / "README.md", "how it was made\n")
    if (source / "documentation").is_dir():
        shutil.copytree(source / "documentation", base / "documentation", dirs_exist_ok=True)
    if (source / "calibration.md").is_file():
        shutil.copy(source / "calibration.md", base / "calibration.md")
    return base


def resnet(root: Path) -> Path:
    """A passing submission of one edge system, box, with the three scenarios of resnet and their tests."""
    base = take(root, LENOVO, EDGE, "resnet50", to="closed/Example", system_as="box", as_="resnet")
    shutil.move(base / "documentation" / "calibration.md", base / "calibration.md")
    for path in base.glob("documentation/calibration*"):
        path.unlink()
    return base


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def edit_log(path: Path, key: str, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the first message of a key in a detail log."""
    lines = path.read_text().splitlines(keepends=True)
    at = next(i for i, line in enumerate(lines) if f'"key": "{key}"' in line)
    record = json.loads(lines[at].removeprefix(":::MLLOG"))
    change(record)
    lines[at] = f":::MLLOG {json.dumps(record)}\n"
    path.write_text("".join(lines))


def say(path: Path, **values: Any) -> None:
    """Make a detail log say other values; dots and dashes of a key are written as __ and ___ in a keyword."""
    for name, value in values.items():
        edit_log(path, name.replace("__", "."), lambda record, value=value: record.update(value=value))


def apply(base: Path, edit: Edit) -> None:
    """Make a card's edit in a submission."""
    path = base / edit.file.replace("{result}", RESULT)
    path.parent.mkdir(parents=True, exist_ok=True)
    if edit.folder:
        path.mkdir()
    elif edit.size is not None:
        with path.open("wb") as file:
            file.truncate(edit.size)
    elif edit.link is not None:
        path.symlink_to(edit.link)
    elif edit.write is not None:
        path.write_text(edit.write)
    elif edit.copy_of is not None:
        shutil.copy(base / edit.copy_of.replace("{result}", RESULT), path)
    elif edit.replace is not None:
        path.write_text(path.read_text().replace(*edit.replace))
    elif edit.remove:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    elif edit.line is not None:
        edit_log(path, edit.line, lambda record: _set(record, edit))
    else:
        document = json.loads(path.read_text())
        _set(document, edit)
        path.write_text(json.dumps(document))


def _set(record: dict[str, Any], edit: Edit) -> None:
    for place, value in edit.set.items():
        holder, *rest = record, *place.split(".")
        for part in rest[:-1]:
            holder = holder[part]
        holder[rest[-1]] = holder[rest[-1]] + value if edit.add else value


def judged(root: Path) -> Report:
    return review(root, ROUND, jobs=1)


def rules_of(report: Report, *severities: str) -> Counter[str]:
    return Counter(f.rule for f in report.findings if not severities or f.severity in severities)
