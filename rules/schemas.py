"""Export of the document models as JSON Schemas: `rules/schemas/*.json`, which anybody can validate with."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from rules.documents import Manifest, ParityCertificate, RunRecord, SystemDescription
from rules.observation import Observation
from rules.serving_documents import OutputsCertificate, SearchRecord, ServingRecord, ServingSystem

FOLDER = Path(__file__).parent / "schemas"
MODELS: dict[str, type[BaseModel]] = {
    "manifest": Manifest,
    "observation": Observation,
    "outputs-certificate": OutputsCertificate,
    "parity-certificate": ParityCertificate,
    "run-record": RunRecord,
    "search-record": SearchRecord,
    "serving-record": ServingRecord,
    "serving-system": ServingSystem,
    "system-description": SystemDescription,
}


def exported(name: str) -> str:
    """Return the schema of the model `name` as the text of its file."""
    body = MODELS[name].model_json_schema(by_alias=True)
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **body}
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


def export() -> list[Path]:
    """Write every schema; return the files."""
    FOLDER.mkdir(exist_ok=True)
    written = []
    for name in sorted(MODELS):
        path = FOLDER / f"{name}.json"
        path.write_text(exported(name))
        written.append(path)
    return written


@cache
def schema(name: str) -> dict[str, Any]:
    """Return the published schema `name`."""
    loaded: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return loaded
