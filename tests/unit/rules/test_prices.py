"""A price list is read, or refused with the place that is wrong; a hostile one does no harm."""

from __future__ import annotations

from pathlib import Path

import pytest

from rules.errors import UsageError
from rules.prices import read_prices

LIST = """
currency: USD
machines:
  - {system: "amd-*", per_hour: 0.5, source: a list, date: 2026-01-31}
  - {system: "*", per_hour: 2, source: another, date: 2026-02-28, includes_energy: false}
energy: {per_kwh: 0.3, source: a tariff, date: 2026-01-01}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "prices.yaml"
    path.write_text(text)
    return path


def test_the_first_machine_that_matches_counts(tmp_path: Path) -> None:
    prices = read_prices(written(tmp_path, LIST))
    amd, other = prices.machine("amd-epyc-2c_cpu_jax"), prices.machine("intel")
    assert amd is not None
    assert other is not None
    assert (amd.per_hour, amd.includes_energy, other.per_hour, other.includes_energy) == (0.5, True, 2.0, False)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "the list"),
        ("currency: dollars", "currency"),
        (LIST.replace("0.5", "-1"), "machines.0.per_hour"),
        (LIST.replace("0.5", ".nan"), "machines.0.per_hour"),
        (LIST.replace("0.5", ".inf"), "machines.0.per_hour"),
        (LIST.replace("2026-01-31", "2026-02-31"), "prices.yaml"),
        (LIST.replace("source: a list,", ""), "machines.0.source"),
        (LIST + "bonus: 1", "bonus"),
        ("!!python/object/apply:os.system [id]", "no YAML"),
        ("[" * 100_000, "no YAML"),
        ("a: &a [x]\nb: &b [*a, *a]\n", "currency"),
        ("currency: [unclosed", "no YAML"),
        ("# " + "x" * (1 << 20), "larger"),
    ],
)
def test_a_list_that_is_none_is_refused_with_its_place(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        read_prices(written(tmp_path, text))


def test_bytes_that_are_no_text_and_a_file_that_is_not_there_are_refused(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for name in ("binary", "nowhere"):
        with pytest.raises(UsageError):
            read_prices(tmp_path / name)
