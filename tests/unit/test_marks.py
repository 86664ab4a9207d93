"""What a clone alone can run is told by marks, so that CI runs the rest where the published rounds are."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
USES = re.compile(r"^from tests\.(corpus\.rounds|unit\.inference\.published) import .*\b(unpacked|take|resnet)\b", re.M)


def test_every_module_that_uses_published_rounds_is_marked() -> None:
    users = [path for path in TESTS.rglob("test_*.py") if USES.search(path.read_text())]
    assert len(users) > 5
    assert [path.name for path in users if "pytest.mark.corpus" not in path.read_text()] == []
