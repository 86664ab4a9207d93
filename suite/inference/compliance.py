"""Compliance runs on our own results: what LoadGen is told, and the verdict files that MLPerf's layout wants.

A verdict is computed by the checker's `families/assay/inference/compliance.py`, which judges it again from the logs.
A system under test runs in LoadGen's own process: it could read `audit.config`, the job or LoadGen's log and behave
for the length of a test. What it cannot do is behave in a test and be as fast as in the performance run, nor change
what LoadGen wrote of the latter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import checker.machine.use
from checker.core.tree import Tree
from checker.families.assay.inference.answers import read_answers
from checker.families.assay.inference.compliance import Fault, PerformanceTest, verdict
from checker.families.assay.inference.rules.tests import judged
from checker.families.assay.inference.runs import measured
from checker.families.assay.inference.submission import InferenceSubmission
from checker.machine.steadiness import told as told_of
from rules.compliance import Test, compliance_rules
from rules.ruleset import load
from rules.scenarios import scenario_named
from rules.serving import Seeds, loadgen_rules, serving_rules
from rules.text import printable


def told(ruleset: str, test: Test, scenario: str) -> tuple[str | None, Seeds]:
    """Return `audit.config` and the seeds of `test`: what LoadGen is told beside the performance run's `user.conf`.

    A blank on either side of `=`, without which LoadGen ignores a line.
    """
    rules, loadgen = compliance_rules(ruleset), loadgen_rules(ruleset)
    name = scenario_named(scenario).loadgen
    same = f"*.{name}.performance_issue_same"
    seed, target = "*.*.accuracy_log_rng_seed", "*.*.accuracy_log_sampling_target"
    one, six = rules.TEST01, rules.TEST06
    settings = {
        "TEST04": {f"*.{name}.performance_issue_unique": 0, same: 1, f"{same}_index": rules.TEST04.index},
        "TEST01": {seed: one.accuracy_log_rng_seed, target: one.target},
        "TEST06": {
            seed: six.accuracy_log_rng_seed,
            target: six.samples,
            "*.*.min_query_count": six.samples,
            "*.*.min_duration": 0,
        },
    }
    if test not in settings:  # the test is other seeds
        return None, loadgen.alternate[0]
    return "".join(f"{key} = {value}\n" for key, value in {"*.*.mode": 2, **settings[test]}.items()), loadgen.seeds


def verify(root: Path, ruleset: str, system: str, workload: str, scenario: str, test: Test) -> list[Fault]:
    """Judge `test` from the logs in the submitter's folder `root` and write MLPerf's verdict files beside them.

    Return what it objects to. Raises RefusedError where a log that it needs is not there.
    """
    tree, rules = Tree(root, load(ruleset).limits), compliance_rules(ruleset)
    folder, ours = f"results/{system}/{workload}/{scenario}", f"assay/{system}/{workload}/{scenario}"
    tokens = serving_rules(ruleset, workload).tokens
    reference = measured(tree, folder, ours, scenario, "performance", tokens)
    run = measured(tree, folder, ours, scenario, test, tokens)
    accuracy = read_answers(tree, f"{ours}/accuracy/mlperf_log_accuracy.json") if test in ("TEST01", "TEST06") else []
    logged = read_answers(tree, f"{folder}/{test}/accuracy/mlperf_log_accuracy.json") if accuracy else []
    found = verdict(test, rules, rules.workloads[workload], reference, run, accuracy, logged)
    for name, text in files(test, scenario, reference, run, found).items():
        (root / folder / test / name).write_text(text)
    return [fault for faults in found.values() for fault in faults]


def off_pace(root: Path, ruleset: str, folder: str, scenario: str, test: str) -> str:
    """Say how `test` failed in the result `folder` below `root`, and what was seen to disturb the machine meanwhile.

    Nothing where it passed, or where it failed for something else than its pace.
    """
    rules = load(ruleset)
    result = InferenceSubmission(root, "", Tree(root, rules.limits), rules).read(folder)
    its = result.scenarios[scenario]
    faults = [fault for part in (judged(result, its, test) or {}).values() for fault in part]
    if not faults or not all(fault.pace for fault in faults):
        return ""
    seen = checker.machine.use.disturbed(its.runs[test], rules.steadiness)
    by = f" while the machine was disturbed: {told_of(seen)}" if seen else ""
    return printable(f"{faults[0].message} ({faults[0].found}){by}")


def files(
    test: str, scenario: str, reference: PerformanceTest, run: PerformanceTest, found: Mapping[str, Sequence[Fault]]
) -> dict[str, str]:
    """Return the verdict files of a test, by name, in the words that MLCommons' checker looks for."""
    if test == "TEST06":
        skipped = scenario_named(scenario).is_one_query
        said = {
            "First token": "Skipped" if skipped else str(not found["first token"]),
            "EOS": str(not found["EOS"]),
            "Sample length": str(not found["sample length"]),
        }
        lines = [f"{name} check pass: {passed}" for name, passed in said.items()]
        return {"verify_accuracy.txt": "\n".join([*lines, *_said(found["accuracy"])]) + "\n"}
    if test == "seeds":
        return {}
    texts = {"verify_performance.txt": [f"reference score = {reference.score}", f"test score = {run.score}"]}
    texts = {"verify_accuracy.txt": []} | texts if test == "TEST01" else texts
    return {
        name: "\n".join([*lines, *_said(found[name[7:-4]]), "TEST FAIL" if found[name[7:-4]] else "TEST PASS"]) + "\n"
        for name, lines in texts.items()
    }


def _said(faults: Iterable[Fault]) -> list[str]:
    return [f"{fault.message}: {fault.expected} wanted, {fault.found} found" for fault in faults]
