"""The official verdict on MLPerf Inference is the modular checker's own: every model and round, spoiled in every way.

`ASSAY_DIFFERENTIAL=all` runs every mutation, some 20,000; otherwise a few of each kind.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from checker.families.mlperf_inference.modular.case import SubmitterFacts
from checker.families.mlperf_inference.walk import ResultFolder, read_submitter
from rules.inference import inference_rules
from rules.ruleset import load
from tests.differential import inference_mutations, inference_oracle, inference_passing
from tests.differential.inference_mutations import Mutation, Target
from tests.differential.inference_verdicts import differences

ALL = os.environ.get("ASSAY_DIFFERENTIAL") == "all"
ROUNDS = [f"mlperf-inference/{version}" for version in ("5.0", "5.1", "6.0", "6.1")]
# Round, model, type of system, division, scenario that is spoiled, by an endpoint's logs or not.
BASES = [
    ("5.1", "resnet", "edge", "closed", "Offline", False),
    ("5.1", "resnet", "edge", "closed", "MultiStream", False),
    ("5.1", "stable-diffusion-xl", "both", "closed", "Server", False),
    ("5.1", "llama2-70b-99", "datacenter", "closed", "Interactive", False),
    ("5.0", "3d-unet-99.9", "edge", "open", "SingleStream", False),
    ("5.0", "dlrm-v2-99.9", "datacenter", "network", "Server", False),
    ("6.0", "resnet", "edge", "closed", "SingleStream", False),
    ("6.0", "gpt-oss-120b", "datacenter", "closed", "Server", False),
    ("6.1", "whisper", "datacenter", "closed", "Offline", False),
    ("6.1", "dlrm-v3", "both", "closed", "Offline", False),
    ("6.1", "e2e-rag-qna", "datacenter", "closed", "Offline", False),
    ("6.1", "qwen3-vl-235b-a22b", "datacenter", "closed", "Interactive", False),
    ("6.1", "qwen3-vl-235b-a22b", "datacenter", "closed", "Interactive", True),
    ("6.1", "gpt-oss-120b", "datacenter", "closed", "Server", True),
    ("6.1", "wan-2.2-t2v-a14b", "datacenter", "closed", "SingleStream", True),
    ("6.1", "llama3.1-8b-edge", "edge", "open", "Offline", True),
]
# What a tree spoiled twice may not allow: the second finds the first's ruins.
RUINS = (OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError)


@pytest.fixture(scope="module", autouse=True)
def official() -> None:
    inference_oracle.modules()


def spoiled(
    tmp_path: Path, round_name: str, base: Callable[[Path], Path], place: ResultFolder, acts: list[Mutation]
) -> Path:
    root = tmp_path / "round"
    if root.exists():
        shutil.rmtree(root)
    folder = base(root)
    submitter = SubmitterFacts(
        read_submitter(place.division, folder, load(round_name).limits), inference_rules(round_name)
    )
    target = Target(folder, place, submitter.paths(place), inference_rules(round_name))
    for _, act in acts:
        if len(acts) == 1:
            act(target)
            continue
        try:
            act(target)
        except RUINS:
            continue
    return root


@pytest.mark.parametrize("round_name", ROUNDS)
def test_every_model_passes_as_it_does_there(round_name: str, tmp_path: Path) -> None:
    rules = inference_rules(round_name)
    for model, of in rules.models.items():
        for kind in of.scenarios:
            for division in ("closed", "open", "network"):
                for endpoints in (False, True) if of.endpoints else (False,):
                    root = tmp_path / model / kind / division / str(endpoints)
                    inference_passing.submission(root, round_name, model, kind, division, endpoints=endpoints)
                    assert differences(root, round_name) == [], (model, kind, division, endpoints)


@pytest.mark.parametrize("base", BASES, ids=lambda base: "-".join(str(part) for part in base))
def test_a_result_spoiled_in_one_way(base: tuple[str, str, str, str, str, bool], tmp_path: Path) -> None:
    version, model, kind, division, scenario, endpoints = base
    round_name = f"mlperf-inference/{version}"
    rules = inference_rules(round_name)
    ways = inference_mutations.endpoints_mutations(rules) if endpoints else inference_mutations.mutations(rules, ALL)
    for way in ways if ALL else random.Random(str(base)).sample(ways, 60):
        root = spoiled(
            tmp_path,
            round_name,
            lambda root: inference_passing.submission(root, round_name, model, kind, division, endpoints=endpoints),
            ResultFolder(division, "Example", "box", model, scenario),
            [way],
        )
        assert differences(root, round_name) == [], way[0]


@pytest.mark.parametrize("version", ["5.1", "6.0"])
def test_a_result_with_a_link_in_its_place(version: str, tmp_path: Path) -> None:
    round_name = f"mlperf-inference/{version}"
    place = ResultFolder("closed", "Example", "box", "resnet", "Offline")
    ways = list(inference_mutations.of_links())
    for name, act in ways if ALL else random.Random(version).sample(ways, 80):
        root = spoiled(
            tmp_path,
            round_name,
            lambda root: inference_passing.submission(root, round_name, place.benchmark, "edge"),
            place,
            [(name, act)],
        )
        assert differences(root, round_name) == [], name


@pytest.mark.parametrize("seed", range(400 if ALL else 12))
def test_a_result_spoiled_in_several_ways_at_once(seed: int, tmp_path: Path) -> None:
    luck = random.Random(seed)
    round_name = luck.choice(ROUNDS)
    rules = inference_rules(round_name)
    model = luck.choice([name for name, of in rules.models.items() if of.scenarios])
    of = rules.models[model]
    kind, division = luck.choice(list(of.scenarios)), luck.choice(("closed", "closed", "open", "network"))
    endpoints = of.endpoints and luck.random() < 0.4
    scenario = luck.choice([*of.scenarios[kind].required, *of.scenarios[kind].optional])
    ways = inference_mutations.endpoints_mutations(rules) if endpoints else inference_mutations.mutations(rules)
    options = {name: luck.random() < 0.3 for name in ("submission_exceptions", "extra_files")}
    for _ in range(10):
        some = luck.sample(ways, luck.choice((2, 2, 3, 5)))
        root = spoiled(
            tmp_path,
            round_name,
            lambda root: inference_passing.submission(root, round_name, model, kind, division, endpoints=endpoints),
            ResultFolder(division, "Example", "box", model, scenario),
            some,
        )
        assert differences(root, round_name, **options) == [], [name for name, _ in some]


def test_the_comparison_sees_a_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inference_passing.submission(tmp_path, ROUNDS[1])
    monkeypatch.setattr("checker.families.mlperf_inference.modular.performance.NS", 1_000_001)
    assert differences(tmp_path, ROUNDS[1]) != []
