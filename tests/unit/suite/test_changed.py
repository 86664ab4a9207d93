"""A finished result is the one asked for only where round, source, settings and image are the same."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rules.documents import RunRecord
from rules.serving_documents import ServingRecord
from suite.inference.procedure import Inference
from suite.training.procedure import Training
from tests.unit.checker.submissions import Settings, document, log_records, run_record
from tests.unit.serving.trees import unpack
from tests.unit.suite.test_procedure import asked


def same(record: Any, **others: Any) -> SimpleNamespace:
    """A plan that asks for what was measured, but for `others`."""
    return SimpleNamespace(**{**{name: getattr(record, name) for name in type(record).model_fields}, **others})


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ({}, []),
        ({"ruleset": "assay/99.0"}, ["with other ruleset"]),
        ({"threads": 99, "runs": 2, "idle_s": 60}, ["with other threads, runs", "without an idle baseline"]),
    ],
)
def test_a_result_of_training_is_compared_with_what_is_asked(
    tmp_path: Path, others: dict[str, Any], said: list[str]
) -> None:
    settings = Settings()
    body = document(RunRecord, run_record(settings, 0, log_records(settings, 0)))
    (tmp_path / "result_0.json").write_bytes(body)
    plan = same(RunRecord.model_validate_json(body), **{"runs": 1, "idle_s": 0, **others})
    procedure = Training(asked(tmp_path, workload="image-classification"))
    assert procedure.changed(SimpleNamespace(final=tmp_path, plan=plan)) == said  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ({}, []),
        ({"ruleset": "assay-inference/99.0"}, ["with other ruleset"]),
        ({"scenarios": {"Offline": None}, "source_sha256": "x"}, ["with other scenarios, source_sha256"]),
    ],
)
def test_a_result_of_inference_is_compared_with_what_is_asked(
    tmp_path: Path, others: dict[str, Any], said: list[str]
) -> None:
    unpack(tmp_path)
    path = sorted(tmp_path.rglob("performance/record.json"))[0]
    ours, top = path.parents[2], path.parents[5]
    final = top / "results" / ours.relative_to(top / "assay")
    scenarios = dict.fromkeys(folder.name for folder in final.iterdir() if folder.is_dir())
    given = {"ours": ours.relative_to(top).as_posix(), "scenarios": scenarios, **others}
    plan = same(ServingRecord.model_validate_json(path.read_bytes()), **given)
    procedure = Inference(asked(tmp_path, workload="image-classification", scenario="all"))
    assert procedure.changed(SimpleNamespace(final=final, top=top, plan=plan)) == said  # type: ignore[arg-type]
