"""Objections drafted from a review: complete, stable, and nothing in a submission speaks through them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from checker.families.mlperf_training.review import review
from checker.report.drafts import replace_drafts
from checker.report.objections import Against, coded, fenced, file_name
from suite.cli import app
from tests.differential import passing
from tests.unit.by_table import drafts

ROUND = "mlperf-training/5.1"
RESULT = "results/box/llama2_70b_lora"


@pytest.fixture
def round_(tmp_path: Path) -> Path:
    passing.organisation(tmp_path / "round" / "Example", ROUND)
    return tmp_path / "round"


def spoil(round_: Path, old: str, new: str, run: int = 3) -> int:
    """Replace text in one log; return the line it is on."""
    log = round_ / "Example" / RESULT / f"result_{run}.txt"
    text = log.read_text()
    assert old in text
    log.write_text(text.replace(old, new))
    return next(number for number, line in enumerate(text.splitlines(), 1) if old in line)


def drafted(path: Path) -> dict[str, str]:
    return drafts(path, review(path, ROUND))


def asked(path: Path, folder: Path) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["review", str(path), "--round", ROUND, "--objections", str(folder)])
    return done.exit_code, done.output + (str(done.exception) if done.exception else "")


def test_a_submission_without_fault_gets_an_index_of_no_objections(round_: Path) -> None:
    assert list(drafted(round_)) == ["index.md"]
    assert drafted(round_)["index.md"].startswith("# 0 objections")


@pytest.mark.parametrize("part", ["", "Example", f"Example/{RESULT}", "Example/results/box"])
def test_an_objection_says_against_whom_by_which_section_and_quotes_the_line(round_: Path, part: str) -> None:
    for run in (3, 4):  # one alone is dropped
        line = spoil(round_, '"key": "lora_rank", "value": 16', '"key": "lora_rank", "value": 33', run)
    (text,) = [text for name, text in drafted(round_ / part).items() if "official-log-check" in name]
    assert text.count("Found: `33`") == 2
    for said in ("Organisation: `Example`", "System: `box`", "Benchmark: `llama2_70b_lora`", f"_4.txt`, line {line}: "):
        assert said in text
    assert "mlperf-training/5.1 §9.1 (mlcommons/training_policies" in text
    assert re.search(rf'^> {line}  :::MLLOG .*"lora_rank", "value": 33', text, re.MULTILINE)
    assert "compliance_checker --usage training --ruleset 5.1.0 Example/results/box" in text


def test_file_names_are_the_same_in_every_run_and_name_whom_and_what(round_: Path) -> None:
    spoil(round_, '"status": "success"', '"status": "SUCCESS"')
    names = list(drafted(round_))
    assert names == list(drafted(round_))
    assert any(re.fullmatch(r"Example-box-llama2_70b_lora-run-succeeded-[0-9a-f]{12}\.md", name) for name in names)


def test_a_finding_on_a_description_names_its_system(round_: Path) -> None:
    (round_ / "Example" / "systems" / "box.json").write_text("{}")
    texts = [text for name, text in drafted(round_).items() if name.startswith("Example-box-system-members")]
    assert texts
    assert "- `systems/box.json`: " in texts[0]


HOSTILE = "```` </pre><script>alert(1)</script> @octocat [x](https://evil.example) \\u202e \\u001b[31m ``` # Heading"


def test_no_text_of_a_log_leaves_its_fence_or_its_code(round_: Path) -> None:
    for run in (3, 4):
        spoil(round_, '"key": "lora_rank", "value": 16', f'"key": "lora_rank", "value": "{HOSTILE}"', run)
    texts = drafted(round_)
    assert any("<script>" in text for text in texts.values())  # as code
    for text in texts.values():
        assert outside_code(text).isprintable()
        for active in ("script", "octocat", "evil", "Heading"):
            assert active not in outside_code(text)


def outside_code(text: str) -> str:
    """Return what a Markdown reader takes for prose: without fences and code spans, by CommonMark's rules for both."""
    prose, closing = [], None
    for line in text.removesuffix("\n").split("\n"):
        run = re.match(r"`{3,}", line)
        if closing is None and run and "`" not in line[run.end() :]:
            closing = run[0]
        elif closing is None:
            prose.append(re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", line))
        elif run and len(run[0]) >= len(closing) and not line[run.end() :].strip():
            closing = None
    assert closing is None
    return " ".join(prose)


@given(st.text(min_size=1))
def test_any_text_is_wholly_code(text: str) -> None:
    assert outside_code(coded(text)).strip() == ""


@given(st.lists(st.text(alphabet=st.characters(blacklist_categories=("Cc", "Cs", "Zl", "Zp")))))
def test_no_line_ends_its_fence(lines: list[str]) -> None:
    assert outside_code("\n".join(["before", *fenced(lines), "after"])) == "before after"


def test_a_line_of_megabytes_is_quoted_in_part(round_: Path) -> None:
    for run in (3, 4):
        spoil(round_, '"key": "lora_rank", "value": 16', f'"key": "lora_rank", "value": "{"x" * 3_000_000}"', run)
    texts = drafted(round_)
    assert any("xxxx" in text for text in texts.values())
    assert all(len(text) < 20_000 for text in texts.values())


def test_a_second_run_replaces_its_own_files_and_no_others(round_: Path, tmp_path: Path) -> None:
    spoil(round_, '"status": "success"', '"status": "SUCCESS"')
    spoil(round_, '"lora_rank", "value": 16', '"lora_rank", "value": 33')
    folder = tmp_path / "objections"
    assert asked(round_, folder)[0] == 0
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    gone, edited = sorted(name for name in first if name != "index.md")[:2]
    (folder / edited).write_text("I withdraw this.")
    (folder / "notes.md").write_text("mine")
    spoil(round_, '"status": "SUCCESS"', '"status": "success"')
    spoil(round_, '"lora_rank", "value": 33', '"lora_rank", "value": 16')
    code, said = asked(round_, folder)
    assert code == 0
    assert f"{edited}" not in said  # it is no finding any more, and stays
    assert {p.name for p in folder.iterdir()} == {"index.md", "notes.md", edited}
    assert (folder / edited).read_text() == "I withdraw this."
    assert gone in first


def test_a_draft_that_a_person_changed_is_kept_and_named(tmp_path: Path) -> None:
    replace_drafts(tmp_path, {"a.md": "one\n", "index.md": "list\n"})
    (tmp_path / "a.md").write_text((tmp_path / "a.md").read_text().replace("one", "one, I think"))
    done = replace_drafts(tmp_path, {"a.md": "two\n", "index.md": "list\n"})
    assert (done.written, done.kept) == (["index.md"], ["a.md"])
    assert "one, I think" in (tmp_path / "a.md").read_text()


def test_a_link_in_the_place_of_a_draft_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("precious")
    (tmp_path / "drafts").mkdir()
    (tmp_path / "drafts" / "a.md").symlink_to(tmp_path / "target")
    assert replace_drafts(tmp_path / "drafts", {"a.md": "x\n"}).kept == ["a.md"]
    assert (tmp_path / "target").read_text() == "precious"


@pytest.mark.parametrize("part", ["", "Example", f"Example/{RESULT}", f"Example/{RESULT}/result_0.txt"])
@pytest.mark.parametrize("inside", ["Example", f"Example/{RESULT}/objections"])
def test_nothing_is_written_into_what_is_judged(round_: Path, tmp_path: Path, part: str, inside: str) -> None:
    (tmp_path / "link").symlink_to(round_ / inside)
    before = sorted(round_.rglob("*"))
    code, said = asked(round_ / part, tmp_path / "link")
    assert code != 0
    assert "lies inside" in said
    assert sorted(round_.rglob("*")) == before


def test_names_of_hostile_organisations_stay_plain_file_names() -> None:
    hostile = Against("../../etc", "..", "a/b\n`x`" * 100)
    name = file_name("a-b", hostile, "one")
    assert re.fullmatch(r"[A-Za-z0-9._-]+\.md", name)
    assert not name.startswith(".")
    assert len(name) < 200
    assert name != file_name("a-b", hostile, "two")


def test_copies_of_one_result_are_one_objection_against_it(tmp_path: Path) -> None:
    for name in ("Example", "Other"):
        passing.organisation(tmp_path / name, ROUND, ("llama2_70b_lora", "llama31_8b"))
    texts = {name: text for name, text in drafted(tmp_path).items() if "runs-original" in name}
    assert [name.rpartition("-")[0] for name in texts] == [
        "Other-box-llama2_70b_lora-runs-original",
        "Other-box-llama31_8b-runs-original",
    ]
    assert all(text.count("byte for byte, Example/") == 10 for text in texts.values())
    assert drafted(tmp_path)["index.md"].count(" and 9 more ") == 2
