"""JSON documents of a submission: read within bounds, validated against their published schema, then typed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import islice
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from checker.core.findings import Violation, brief
from checker.core.strict_json import JsonError, Lines, depth_of, loads
from checker.core.tree import RefusedError, Tree
from rules import schemas
from rules.text import printable

M = TypeVar("M", bound=BaseModel)
M_co = TypeVar("M_co", bound=BaseModel, covariant=True)
MOST = 5  # problems reported per document
VALUES = 200_000  # in one document; a list of a million takes gigabytes to refuse


@dataclass
class ValidDocument(Generic[M_co]):
    """A valid document, with what is needed to point into it."""

    path: str
    raw: bytes
    model: M_co

    def line(self, *place: str | int) -> int:
        """Return the line of the member at `place`."""
        return self._lines.line(place)

    @cached_property
    def _lines(self) -> Lines:
        return Lines(self.raw)

    def value(self, *place: str | int) -> Any:
        """Return the member at `place`; None where what it is a member of is None."""
        found: Any = self.model
        for name in place:
            found = getattr(found, str(name)) if isinstance(found, BaseModel) else found and found[name]
        return found

    def cited(self, *place: str | int) -> str:
        """Return file and line of the member at `place`, as a sentence names them."""
        return f"{self.path.rpartition('/')[2]} line {self.line(*place)}"

    def problem(self, message: str, expected: Any, found: Any, *place: str | int) -> Violation:
        """Return a problem with the member at `place`; `expected` and `found` are values or, as text, words."""
        return Violation(message, words(expected), words(found), self.path, self.line(*place))

    def require(self, message: str, wanted: Any, *place: str | int) -> Iterator[Violation]:
        """Yield a problem where the member at `place` is not `wanted`."""
        if (found := self.value(*place)) != wanted:
            yield self.problem(message, wanted, found, *place)


def words(value: Any) -> str:
    """Return what was expected or found, a value or words already, as a problem says it."""
    return printable(str(value)) if isinstance(value, str | BaseModel) else brief(value)


def read_json(tree: Tree, path: str) -> tuple[bytes, Any]:
    """Return a file's bytes and decoded JSON; RefusedError or JsonError where either cannot be had."""
    raw = tree.read(path, tree.limits.document_bytes)
    if raw.count(b",") >= VALUES:  # cheaper than reading them, and never too few
        raise JsonError(f"it holds more than {VALUES:,} values")
    value = loads(raw)
    if depth_of(value) > tree.limits.json_depth:
        raise JsonError(f"it is nested more than {tree.limits.json_depth} deep")
    return raw, value


def read_document(tree: Tree, path: str, kind: str, model: type[M]) -> tuple[ValidDocument[M] | None, list[Violation]]:
    """Read the document `path` of the schema `kind`; None and the reasons where it cannot be used."""
    try:
        raw, value = read_json(tree, path)
    except RefusedError as error:
        return None, [Violation(f"the file {error}", f"a {kind} document", "", path)]
    except JsonError as error:
        return None, [Violation(f"the file is not usable JSON: {error}", f"a {kind} document", "", path, error.line)]
    try:
        return ValidDocument(path, raw, model.model_validate_json(raw)), []
    except ValidationError as error:
        refused = error
    # The schema, slow on long lists, only explains; what it takes and the model does not, such as 1.0 for 1, is rare.
    problems = [_schema_problem(path, raw, one) for one in islice(_errors(kind, value), MOST)]
    if not problems:
        faults = refused.errors(include_url=False, include_input=False, include_context=False)
        problems = [_model_problem(path, raw, value, one) for one in faults[:MOST]]
    return None, problems


@cache
def _validator(kind: str) -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(schemas.schema(kind))


def _errors(kind: str, value: Any) -> Any:
    return _validator(kind).iter_errors(value)


def _schema_problem(path: str, raw: bytes, error: Any) -> Violation:
    place = list(error.absolute_path)
    where = ".".join(map(str, place)) or "the document"
    wanted, rule = error.validator_value, error.validator
    if rule == "required":
        missing = next((name for name in wanted if name not in error.instance), "a member")
        line = Lines(raw).line(place)
        return Violation(f"{printable(where)} lacks '{missing}'", f"member '{missing}'", "nothing", path, line)
    if rule == "additionalProperties":
        extra = next((n for n in error.instance if n not in error.schema.get("properties", {})), "a member")
        return Violation(
            f"{printable(where)} has an unknown member {brief(extra)}",
            "only members of the schema",
            brief(extra),
            path,
            Lines(raw).line([*place, extra]),
        )
    words = {
        "type": f"of type {wanted}",
        "pattern": f"text like {wanted}",
        "const": brief(wanted),
        "enum": f"one of {', '.join(map(brief, wanted))}" if isinstance(wanted, list) else "",
        "minimum": f"at least {wanted}",
        "minItems": f"at least {wanted} elements",
    }
    expected = words.get(rule, f"valid by {rule}")
    return Violation(
        f"{printable(where)} is not as the schema wants it",
        expected,
        brief(error.instance),
        path,
        Lines(raw).line(place),
    )


def _model_problem(path: str, raw: bytes, value: Any, error: Any) -> Violation:
    place = [part for part in error["loc"] if isinstance(part, str | int)]
    where = ".".join(map(str, place)) or "the document"
    for part in place:
        inside = part in value if isinstance(value, dict) else isinstance(value, list) and part in range(len(value))
        value = value[part] if inside else value
    return Violation(f"{printable(where)}: {error['msg']}", error["type"], brief(value), path, Lines(raw).line(place))
