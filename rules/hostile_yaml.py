"""YAML from people who may mean harm: the pure reader, within bounds.

The compiled one overflows its stack on deep nesting. Both make a mapping that merges others (`<<: [*a, *a]`) as large
as all of them, so that ten short lines take all memory; and both spend quadratic time on a long number to base 60.
"""

from __future__ import annotations

from typing import Any

import yaml

MERGED = 10_000  # members that come into mappings by merging, over the whole text
LONGEST = 1000  # characters of a number
MERGE = "tag:yaml.org,2002:merge"


class _Loader(yaml.SafeLoader):
    def __init__(self, text: bytes | str) -> None:
        super().__init__(text)
        self._merged = 0
        self._merging: set[int] = set()

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        if id(node) in self._merging:  # it merges itself
            return
        self._merging.add(id(node))
        for key, value in node.value:
            for one in _mappings(value) if key.tag == MERGE else ():
                self.flatten_mapping(one)
                self._merged += len(one.value)
                if self._merged > MERGED:
                    what = f"more than {MERGED:,} members come by merging"
                    raise yaml.constructor.ConstructorError(None, None, what, node.start_mark)
        self._merging.discard(id(node))
        super().flatten_mapping(node)

    def construct_number(self, node: yaml.ScalarNode) -> int | float:
        if len(node.value) > LONGEST:
            what = f"a number of {len(node.value):,} characters"
            raise yaml.constructor.ConstructorError(None, None, what, node.start_mark)
        if node.tag.endswith(":int"):
            return int(self.construct_yaml_int(node))
        return float(self.construct_yaml_float(node))


for _kind in ("int", "float"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_kind}", _Loader.construct_number)


def _mappings(value: yaml.Node) -> list[yaml.MappingNode]:
    inside = value.value if isinstance(value, yaml.SequenceNode) else [value]
    return [one for one in inside if isinstance(one, yaml.MappingNode)]


def loads(text: bytes | str) -> Any:
    """Return what the text says, as `yaml.safe_load`; YAMLError, ValueError or RecursionError where that fails."""
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - it is a SafeLoader
    except (TypeError, AttributeError, LookupError, ArithmeticError) as error:  # of `!!int ""`, `!!timestamp x`, …
        raise yaml.YAMLError(f"{type(error).__name__}: {error}") from None
