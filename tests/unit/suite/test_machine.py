"""What a person says of the machine, in `system.yaml`."""

from __future__ import annotations

from pathlib import Path

import pytest

from rules.errors import UsageError
from suite.result.machine import personal

LAUGHS = "\n".join(["a0: &a0 [x, x, x, x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 4)}]" for n in range(1, 9))])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cooling: 2001-99-99", "month must be in 1..12"),
        ("cooling: [air]", "cooling: Input should be a valid string"),
        ("colour: red", "colour: Extra inputs are not permitted"),
        ("[air]", "the file: Input should be a valid dictionary"),
        (LAUGHS, "a0: Extra inputs are not permitted"),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "system.yaml"
    file.write_text(text)
    with pytest.raises(UsageError, match=r"system\.yaml: ") as refused:
        personal(file)
    assert said in str(refused.value)
    assert len(str(refused.value)) < 300 + len(str(file))
