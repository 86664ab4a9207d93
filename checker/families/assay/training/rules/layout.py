"""Rules on the files of a result of training."""

from __future__ import annotations

import re
from collections.abc import Iterator

from checker.core.findings import Problem
from checker.families.assay.checks import check
from checker.families.assay.training.submission import RUN_FILE, TrainingResult

DOCUMENTS = ("manifest.json", "parity.json", "sbom.cdx.json")
OBSERVATION = re.compile(r"observation_(idle|0|[1-9]\d{0,5})\.json")
WANTED = "result_<i>.txt, .json, .safetensors, observation_<i>.json, observation_idle.json, " + ", ".join(DOCUMENTS)


@check("result-files", "result")
def result_files(result: TrainingResult) -> Iterator[Problem]:
    """Judge that a result's folder holds only the files that a result has."""
    for entry in result.tree.files(result.folder):
        name = entry.path.removeprefix(f"{result.folder}/")
        if not RUN_FILE.fullmatch(name) and not OBSERVATION.fullmatch(name) and name not in DOCUMENTS:
            yield Problem("the file does not belong to a result", WANTED, name, entry.path)
