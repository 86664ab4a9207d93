"""What a submitter may choose is no error: other limits, other bases, changed source with its own certificate."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.checker.submissions import Built, at, errors, put, said
from tests.unit.checker.test_forgeries import COMMAND, NONE, OPEN, Body, Records, every, resource, rewrite

CLOSED: dict[str, Any] = {}
CHOICES: list[tuple[str, dict[str, Any], dict[str, Any], set[str]]] = [
    (
        "--threads",
        {"threads": 2, "container.cpuset": "0-1", "arguments": f"{COMMAND} --threads 2".split()},
        CLOSED,
        set(),
    ),
    ("--memory", {"container.memory_bytes": 3 << 30, "arguments": f"{COMMAND} --memory 3072".split()}, CLOSED, set()),
    ("--data", {"arguments": f"{COMMAND} --data /mine --system-file box.yaml".split()}, CLOSED, set()),
    ("--runs", {"arguments": f"{COMMAND} --runs 5".split()}, CLOSED, set()),
    ("a limit above the machine's memory", {"container.memory_bytes": 1 << 35}, CLOSED, set()),
    ("a peak at the limit", {"memory.peak_bytes": 1 << 31}, CLOSED, set()),
    ("no peak from the kernel", {"memory.source": "process ru_maxrss", "memory.peak_bytes": 3 << 30}, CLOSED, set()),
    (
        "a base from a registry",
        {"image.base": "registry", "image.base_lock_sha256": NONE},
        CLOSED,
        {"assay-image-base"},
    ),
    (
        "a package the archive had dropped",
        {
            "image.base_lock_sha256": NONE,
            "image.drift": [{"package": "libc6", "locked": "2.41-1", "used": "2.41-2"}],
        },
        CLOSED,
        {"assay-image-base", "assay-image-drift"},
    ),
    ("wheels of one's own", {"image.wheel_lock_sha256": NONE}, OPEN, {"assay-image-wheels-open"}),
    ("an environment of one's own", {"environment.MALLOC_ARENA_MAX": "1"}, OPEN, {"assay-environment-open"}),
]


@pytest.mark.parametrize(
    ("changes", "settings", "said_of"), [case[1:] for case in CHOICES], ids=[c[0] for c in CHOICES]
)
def test_a_choice_is_at_most_looked_at(
    changes: dict[str, Any], settings: dict[str, Any], said_of: set[str], built: Callable[..., Built]
) -> None:
    submission = built(**settings)

    def choose(records: Records, body: Body) -> None:
        for place, value in changes.items():
            put(body, place, value)
        next(record for record in records if record["key"] == "threads")["value"] = body["threads"]

    every(submission, choose)
    submission.seal()
    report = submission.check()
    assert errors(report) == [], said(report)
    assert {finding.rule for finding in report.findings} == said_of, said(report)


def test_changed_source_with_its_own_certificate_is_looked_at_and_passes(built: Callable[..., Built]) -> None:
    submission = built()
    resource(submission, lambda files: files.update({"suite/harness/extra.py": b"x = 1\n"}))
    submission.seal()
    report = submission.check()
    assert report.passed, said(report)
    assert {finding.rule for finding in report.findings} == {"assay-source-published"}


@pytest.mark.parametrize("framework", ["pytorch", "tensorflow", "jax"])
def test_every_framework_of_the_round_passes(framework: str, built: Callable[..., Built]) -> None:
    report = built(framework=framework).check()
    assert report.findings == [], said(report)


def test_a_diverged_run_may_end_with_weights_that_are_no_numbers(built: Callable[..., Built]) -> None:
    submission = built(samples=[at(1), at(2), at(3), at(1), at(2)])
    path = submission.path("{result}/result_1.safetensors")
    path.write_bytes(path.read_bytes()[:-4] + struct.pack("<f", float("nan")))

    def diverged(_: Records, body: Body) -> None:
        body["outcome"] = "diverged"

    rewrite(submission, 1, diverged)
    submission.seal()
    assert "assay-weights-form" not in {finding.rule for finding in submission.check().findings}


def test_in_the_open_division_the_model_may_be_another(built: Callable[..., Built]) -> None:
    submission = built(**OPEN)
    for run in range(3):
        path = submission.path(f"{{result}}/result_{run}.safetensors")
        path.write_bytes(path.read_bytes().replace(b"head.bias", b"tail.bias"))
    submission.seal()
    assert "assay-weights-form" not in {finding.rule for finding in submission.check().findings}


def test_the_bill_may_list_packages_of_the_base(built: Callable[..., Built]) -> None:
    submission = built()
    path = submission.path("{result}/sbom.cdx.json")
    body = json.loads(path.read_bytes())
    body["components"].append({"name": "bash", "purl": "pkg:deb/debian/bash@5.2.15-2%2Bb13?arch=amd64"})
    path.write_text(json.dumps(body))
    submission.seal()
    assert submission.check().findings == []
