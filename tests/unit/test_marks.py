"""What a clone alone can run is told by marks, so that CI runs the rest where the published rounds are."""

from __future__ import annotations

from pathlib import Path

TESTS = Path(__file__).parents[1]
SOURCES = ("tests.corpus.rounds import unpacked", "tests.unit.inference.published import")  # of published rounds


def test_every_module_that_uses_published_rounds_is_marked() -> None:
    users = [path for path in TESTS.rglob("test_*.py") if any(source in path.read_text() for source in SOURCES)]
    users.remove(Path(__file__))
    assert len(users) > 5
    assert [path.name for path in users if "pytest.mark.corpus" not in path.read_text()] == []
