"""The recipes of CONTRIBUTING.md for a rule and a renderer: what they show works as it stands there."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

import checker.report.render
import rules.round
from checker.cli import check as check_cli
from checker.core.log_rules import compile_rules
from checker.core.mllog import LogRecord
from rules.cards import Example
from rules.ruleset import load
from suite.cli import app
from tests.differential import passing
from tests.unit.by_table import mistakes

RECIPES = (Path(__file__).parents[3] / "CONTRIBUTING.md").read_text()
ROUND = "mlperf-training/5.1"


def shown(heading: str, language: str) -> str:
    section = RECIPES.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    found = re.search(rf"```{language}\n(.*?)```", section, re.DOTALL)
    assert found is not None
    return found[1]


def test_a_rule_is_a_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "rules"
    shutil.copytree(rules.round.ROOT, root, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    shutil.copytree(rules.round.ROOT.parent / "docs", tmp_path / "docs")
    (root / "assay" / "1.0" / "cards" / "9-added.yaml").write_text(shown("Add a rule", "yaml"))
    monkeypatch.setattr(rules.round, "ROOT", root)
    load.cache_clear()
    try:
        assert [mistake for mistake in mistakes() if "assay-momentum" in mistake] == []
        card = load("assay/1.0").card("assay-momentum")
        program = compile_rules([card], {}, {}, {}, "closed")

        def objects(example: Example) -> bool:
            lines = [
                LogRecord("", line.time_ms, line.event, line.key, line.value, line.metadata, number)
                for number, line in enumerate(example.log or (), 1)
            ]
            return bool(list(program.judge(lines)))

        assert not objects(card.passes)
        assert objects(card.fails)
    finally:
        monkeypatch.undo()
        load.cache_clear()


def test_a_renderer_is_a_module_and_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "csv.py").write_text(shown("Add a renderer", "python"))
    monkeypatch.setattr(checker.report.render, "__path__", [*checker.report.render.__path__, str(tmp_path)])
    monkeypatch.setattr(check_cli, "FORMATS", (*check_cli.FORMATS, "csv"))
    root = passing.organisation(tmp_path / "round" / "Example", ROUND)
    (root / "systems" / "box.json").write_text(json.dumps({}))
    done = CliRunner().invoke(app, ["check", str(tmp_path / "round"), "--round", ROUND, "--format", "csv"])
    assert 'system-members,"Example/systems/box.json",\n' in done.stdout


def test_every_format_has_its_module() -> None:
    folder = Path(checker.report.render.__file__).parent
    missing = [name for name in check_cli.FORMATS if not (folder / f"{name}.py").is_file()]
    assert missing == []
