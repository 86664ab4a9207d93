from time import perf_counter

import pytest
import yaml

from rules.hostile_yaml import loads


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\nb: [1.5, 0x1f, 1:30, .inf]\nc: !!binary aGk=\n",
        "base: &base {x: 1, y: 2}\nmine: {<<: *base, y: 3}\nboth: {<<: [*base, {z: 1}]}\n",
        "",
        "? [1, 2]\n: 3\n",
        "a: &a {<<: *a, x: 1}\n",
        "a: {<<: 3}\n",
        "[" * 5000,
    ],
)
def test_what_is_read_is_what_the_safe_reader_reads(text: str) -> None:
    assert _read(loads, text) == _read(yaml.safe_load, text)


def _read(reader: object, text: str) -> object:
    try:
        return reader(text)  # type: ignore[operator]
    except (yaml.YAMLError, TypeError, RecursionError) as error:
        return type(error)


@pytest.mark.parametrize("text", ['a: !!int ""', "a: !!timestamp x", "a: !!float _", "a: !!bool maybe"])
def test_a_value_that_is_none_of_its_tag_is_no_yaml(text: str) -> None:
    with pytest.raises((yaml.YAMLError, ValueError)):
        loads(text)


@pytest.mark.parametrize(
    "text",
    [
        "a0: &a0 {x: 1, y: 2}\n"
        + "".join(f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}\n" for i in range(1, 12)),
        "a: 1" + ":1" * 500_000,
        "a: 1" + ":1" * 500_000 + ".5",
    ],
    ids=["merged", "to base 60", "to base 60, with a fraction"],
)
def test_a_small_text_takes_little_time_and_memory(text: str) -> None:
    began = perf_counter()
    with pytest.raises(yaml.YAMLError):
        loads(text)
    assert perf_counter() - began < 10
