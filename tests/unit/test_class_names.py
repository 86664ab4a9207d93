"""A class name means one thing: on the host side none is defined twice."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONTAINER = ("suite/harness", "suite/serve", "suite/workloads")  # one `Model` per framework there, by its protocol


def defined() -> dict[str, list[str]]:
    """Return, by public class name, the files that define it at their top level."""
    found: dict[str, list[str]] = defaultdict(list)
    for folder in ("checker", "rules", "suite"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.parse(path.read_text()).body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    found[node.name].append(path.relative_to(ROOT).as_posix())
    return found


def test_no_class_name_has_two_meanings() -> None:
    names = defined()
    assert len(names) > 300
    twice = {name: files for name, files in names.items() if len(files) > 1}
    assert {name: files for name, files in twice.items() if not all(file.startswith(CONTAINER) for file in files)} == {}
