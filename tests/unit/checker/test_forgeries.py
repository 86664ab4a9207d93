"""A forger who knows the format: each forgery re-makes every digest after the edit, and a rule names it all the same.

A forgery is a function that edits a valid submission; `@forgery(rule)` says which rule names it and how grave it is.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.unit.checker.submissions import TOKEN, Built, Settings, at, put, said, sha, text_of

Records = list[dict[str, Any]]
Body = dict[str, Any]


@dataclass(frozen=True)
class Forgery:
    """What is forged, and what the checker has to say of it."""

    forge: Callable[[Built], None]
    rule: str
    severity: str
    settings: dict[str, Any]


FORGERIES: list[Forgery] = []


def forgery(rule: str, severity: str = "error", **settings: Any) -> Callable[[Callable[[Built], None]], Any]:
    """Add the decorated edit to the forgeries that `rule` names; `settings` are those of the submission."""

    def add(forge: Callable[[Built], None]) -> Callable[[Built], None]:
        FORGERIES.append(Forgery(forge, rule, severity, settings))
        return forge

    return add


def rewrite(submission: Built, run: int, change: Callable[[Records, Body], None]) -> None:
    """Let `change` edit the records and the provenance record of one run; the record names the new log."""
    log, record = (submission.path(f"{{result}}/result_{run}.{suffix}") for suffix in ("txt", "json"))
    records = [json.loads(line.removeprefix(TOKEN.encode())) for line in log.read_bytes().splitlines()]
    body = json.loads(record.read_bytes())
    change(records, body)
    log.write_bytes(text_of(records))
    record.write_text(json.dumps(body, indent=2) + "\n")
    submission.rebind(run)


def runs(submission: Built) -> range:
    return range(len(submission.settings.samples))


def first(records: Records, key: str) -> int:
    """The position of the first record of `key`."""
    return next(n for n, record in enumerate(records) if record["key"] == key)


# Times, receipts, attempts and evaluations.


@forgery("assay-outcome")
def a_run_is_given_up_before_its_budget_is_spent(submission: Built) -> None:
    def change(records: Records, body: Body) -> None:
        records[first(records, "run_stop")]["metadata"]["status"] = "aborted"
        body["outcome"] = "target-not-reached"

    rewrite(submission, 0, change)


def times(records: Records, scale: float) -> None:
    """Let everything after run_start happen `scale` times as slowly."""
    start = records[first(records, "run_start")]["time_ms"]
    for record in records[first(records, "run_start") :]:
        record["time_ms"] = start + int((record["time_ms"] - start) * scale)


@forgery("assay-step-times")
def a_run_takes_a_thousandth_of_its_steps_time(submission: Built) -> None:
    for run in runs(submission):
        rewrite(submission, run, lambda records, _: times(records, 0.001))


@forgery("assay-receipts-score")
def a_run_takes_a_thousandth_of_its_receipts_time(submission: Built) -> None:
    def change(records: Records, body: Body) -> None:
        times(records, 0.001)
        body["steps"]["seconds"] = [second / 1000 for second in body["steps"]["seconds"]]

    for run in runs(submission):
        rewrite(submission, run, change)


@forgery("assay-score")
def a_run_takes_no_time(submission: Built) -> None:
    def change(records: Records, body: Body) -> None:
        times(records, 0)
        received = body["receipts"][first(records, "run_start")]
        body["receipts"] = [min(receipt, received) for receipt in body["receipts"]]
        body["steps"]["seconds"] = [1e-9] * len(body["steps"]["seconds"])

    rewrite(submission, 0, change)


@forgery("assay-step-times")
def all_blocks_but_the_first_take_no_time(submission: Built) -> None:
    def change(records: Records, _: Body) -> None:
        end = records[first(records, "block_stop")]["time_ms"]
        for record in records[first(records, "block_stop") : first(records, "run_stop") + 1]:
            record["time_ms"] = end

    rewrite(submission, 0, change)


@forgery("assay-step-times")
def a_record_has_step_times_of_another_length(submission: Built) -> None:
    rewrite(submission, 0, lambda _, body: body["steps"]["seconds"].pop())


@forgery("assay-step-times")
def a_record_has_no_step_times(submission: Built) -> None:
    rewrite(submission, 0, lambda _, body: body.update(steps=None))


@forgery("assay-step-share", "warning")
def step_times_are_made_up(submission: Built) -> None:
    def change(_: Records, body: Body) -> None:
        body["steps"]["seconds"] = [0.001] * len(body["steps"]["seconds"])

    rewrite(submission, 0, change)


@forgery("assay-receipts-score")
def the_clock_starts_late_and_stops_early(submission: Built) -> None:
    """Within two seconds of every receipt."""

    def change(records: Records, _: Body) -> None:
        begin, end = first(records, "run_start"), first(records, "run_stop")
        for record in records[begin:end]:
            record["time_ms"] = max(record["time_ms"], records[begin]["time_ms"] + 1900)
        for record in records[begin : end + 1]:
            record["time_ms"] = min(record["time_ms"], records[end]["time_ms"] - 400)

    for run in runs(submission):
        rewrite(submission, run, change)


@forgery("assay-receipts-clock")
def a_line_is_received_before_it_was_written(submission: Built) -> None:
    def change(records: Records, _: Body) -> None:
        records[first(records, "run_start")]["time_ms"] += 200
        records[first(records, "block_start")]["time_ms"] += 200

    rewrite(submission, 0, change)


@forgery("assay-receipts-delay", "warning")
def everything_before_the_clock_is_dated_a_minute_earlier(submission: Built) -> None:
    """It looks as if all those lines had come a minute late; a reviewer is told."""

    def change(records: Records, _: Body) -> None:
        for record in records[first(records, "run_start") :]:
            record["time_ms"] -= 60_000
        for record in records[: first(records, "run_start")]:
            record["time_ms"] -= 120_000

    rewrite(submission, 0, change)


@forgery("assay-receipts-dates")
def a_log_is_dated_1970(submission: Built) -> None:
    def change(records: Records, _: Body) -> None:
        for record in records:
            record["time_ms"] -= 1_789_000_000_000

    for run in runs(submission):
        rewrite(submission, run, change)


@forgery("assay-receipts-dates")
def receipts_are_of_another_year(submission: Built) -> None:
    def change(_: Records, body: Body) -> None:
        body["receipts"] = [receipt - 3e7 for receipt in body["receipts"]]

    for run in runs(submission):
        rewrite(submission, run, change)


@forgery("assay-receipts-dates")
def receipts_are_no_times_at_all(submission: Built) -> None:
    rewrite(submission, 0, lambda _, body: body.update(receipts=[1e300] * len(body["receipts"])))


@forgery("assay-receipts-runs")
def one_run_has_receipts_of_a_minute_later(submission: Built) -> None:
    def change(_: Records, body: Body) -> None:
        body["receipts"] = [receipt + 60 for receipt in body["receipts"]]

    rewrite(submission, 2, change)


@forgery("assay-runs-apart")
def runs_were_made_at_the_same_time_by_their_logs(submission: Built) -> None:
    """The receipts are apart, as they have to be."""

    def change(records: Records, _: Body) -> None:
        for record in records:
            record["time_ms"] -= 600_000

    rewrite(submission, 1, change)


@forgery("assay-runs-apart")
def runs_were_made_in_another_order(submission: Built) -> None:
    def change(records: Records, body: Body) -> None:
        for record in records:
            record["time_ms"] += 86_400_000
        body["receipts"] = [receipt + 86_400 for receipt in body["receipts"]]

    rewrite(submission, 0, change)


@forgery("assay-convergence", samples=[at(0)] * 4 + [10**9])
def four_runs_too_fast_and_one_that_never_arrives(_: Built) -> None:
    """The fifth counts as the slowest and is dropped; it hides nothing."""


@forgery("assay-diverged")
def a_slow_run_is_cut_after_an_evaluation_and_called_diverged(submission: Built) -> None:
    def change(records: Records, body: Body) -> None:
        cut, stop = first(records, "eval_stop") + 1, first(records, "run_stop")
        seen = records[cut - 1]["metadata"]["samples_count"]
        records[stop]["metadata"] |= {"status": "aborted", "samples_count": seen}
        del records[cut:stop], body["receipts"][cut:stop]
        body["steps"]["seconds"] = body["steps"]["seconds"][: seen // 128]
        body |= {"outcome": "diverged", "explanation": "the loss stopped being finite"}

    rewrite(submission, 3, change)


@forgery("assay-diverged")
def a_run_called_diverged_counts_samples_it_did_not_see(submission: Built) -> None:
    def change(records: Records, body: Body) -> None:
        cut, stop = first(records, "block_stop") + 1, first(records, "run_stop")
        records[stop]["metadata"] |= {"status": "aborted", "samples_count": 128}
        del records[cut:stop], body["receipts"][cut:stop]
        body["steps"]["seconds"] = body["steps"]["seconds"][: at(0) // 128]
        body |= {"outcome": "diverged", "explanation": "the loss stopped being finite"}

    rewrite(submission, 3, change)


def metric(value: float) -> Callable[[Built], None]:
    """Return the forgery that the last evaluation of run 0 found `value`."""

    def forge(submission: Built) -> None:
        def change(records: Records, _: Body) -> None:
            [*_, last] = (record for record in records if record["key"] == "eval_accuracy")
            last["value"] = value

        rewrite(submission, 0, change)

    forge.__name__ = f"the_metric_is_{value}"
    return forge


for value in (0.90000001, 0.9239978, 1, True):
    forgery("assay-accuracy")(metric(value))


def losses(values: Callable[[int, int], float], name: str) -> Callable[[Built], None]:
    """Return the forgery that the mean loss of block n in run i is `values(i, n)`."""

    def forge(submission: Built) -> None:
        for run in runs(submission):

            def change(records: Records, _: Body, run: int = run) -> None:
                blocks = (record for record in records if record["key"] == "train_loss")
                for position, record in enumerate(blocks):
                    record["value"] = values(run, position)

            rewrite(submission, run, change)

    forge.__name__ = name
    return forge


forgery("assay-loss")(losses(lambda run, n: 1e300 * (run + 1 + n), "losses_are_beyond_single_precision"))
forgery("assay-loss")(losses(lambda run, n: 0, "losses_are_zero"))
forgery("assay-loss")(losses(lambda run, n: 1.0 + run, "losses_never_change"))
forgery("assay-loss")(losses(lambda run, n: 1 + n + run, "losses_are_integers"))
forgery("assay-runs-distinct")(
    losses(lambda run, n: 0.3 - n / 10 + 1e-9 * run, "losses_are_those_of_run_0_with_a_jitter")
)


@forgery("assay-runs-distinct", samples=[at(3)] * 5)
def evaluations_are_those_of_run_0(submission: Built) -> None:
    kept: list[float] = []

    def change(records: Records, _: Body) -> None:
        evaluations = [record for record in records if record["key"] == "eval_accuracy"]
        kept[:] = kept or [record["value"] for record in evaluations]
        for record, value in zip(evaluations, kept, strict=True):
            record["value"] = value

    for run in runs(submission):
        rewrite(submission, run, change)


@forgery("assay-runs-distinct")
def step_times_are_those_of_run_0(submission: Built) -> None:
    kept: list[float] = []

    def change(_: Records, body: Body) -> None:
        seconds = body["steps"]["seconds"]
        kept[:] = kept or seconds
        body["steps"]["seconds"] = [*kept[: len(seconds)], *seconds[len(kept) :]]

    for run in runs(submission):
        rewrite(submission, run, change)


@forgery("assay-runs-distinct", samples=[at(2)] * 5)
def times_are_those_of_run_0_at_another_hour(submission: Built) -> None:
    kept: list[int] = []

    def change(records: Records, _: Body) -> None:
        begin = records[0]["time_ms"]
        kept[:] = kept or [record["time_ms"] - begin for record in records]
        for record, after in zip(records, kept, strict=True):
            record["time_ms"] = begin + after

    for run in runs(submission):
        rewrite(submission, run, change)


@forgery("assay-runs-distinct", samples=[at(2)] * 5)
def receipts_are_those_of_run_0_at_another_hour(submission: Built) -> None:
    kept: list[float] = []

    def change(_: Records, body: Body) -> None:
        begin = body["receipts"][0]
        kept[:] = kept or [receipt - begin for receipt in body["receipts"]]
        body["receipts"] = [begin + after for after in kept]

    for run in runs(submission):
        rewrite(submission, run, change)


@forgery("assay-results-distinct")
def a_result_of_another_framework_has_the_course_of_the_first(submission: Built) -> None:
    other = Built(submission.submissions, Settings(framework="jax")).build()
    for run in runs(other):
        source = submission.path(f"{{result}}/result_{run}.txt").read_bytes().splitlines()
        values = [json.loads(line[len(TOKEN) :])["value"] for line in source if b'"train_loss"' in line]

        def change(records: Records, _: Body, values: list[float] = values) -> None:
            blocks = [record for record in records if record["key"] == "train_loss"]
            for record, value in zip(blocks, values, strict=True):
                record["value"] = value + 1e-8

        rewrite(other, run, change)
    other.seal()


@forgery("assay-runs-alike")
def one_run_takes_more_steps_per_call(submission: Built) -> None:
    rewrite(submission, 1, lambda _, body: body["steps"].update(steps_per_call=26))


@forgery("assay-runs-alike")
def one_run_was_emulated(submission: Built) -> None:
    rewrite(submission, 1, lambda _, body: body.update(emulated=True))


@forgery("assay-runs-alike")
def one_run_measured_its_memory_otherwise(submission: Built) -> None:
    rewrite(submission, 1, lambda _, body: body["memory"].update(source="process ru_maxrss"))


def attempted(outcome: str) -> Callable[[Built], None]:
    """Return the forgery that run 3 is the second attempt after one that ended as `outcome`."""

    def forge(submission: Built) -> None:
        attempt = {"outcome": outcome, "explanation": "too slow"}
        rewrite(submission, 3, lambda _, body: body.update(earlier_attempts=[attempt]))

    forge.__name__ = f"a_run_that_ended_as_{outcome}_is_repeated"
    return forge


for outcome in ("success", "target-not-reached", "diverged"):
    forgery("assay-attempts")(attempted(outcome))
for outcome in ("crashed", "interrupted", "timeout"):
    forgery("assay-attempts-made", "warning")(attempted(outcome))


# Image, weights, parity, system and limits.


def every(submission: Built, change: Callable[[Records, Body], None]) -> None:
    """Forge all runs alike, as a forger does who knows that they are compared."""
    for run in runs(submission):
        rewrite(submission, run, change)


def recorded(rule: str, changes: dict[str, Any], severity: str = "error", **settings: Any) -> None:
    """Add the forgery that puts `changes` (a.b -> value) into every record."""

    def forge(submission: Built) -> None:
        def change(_: Records, body: Body) -> None:
            for place, value in changes.items():
                put(body, place, value)

        every(submission, change)

    forge.__name__ = "record_" + "_".join(f"{place}_{str(value)[:24]}" for place, value in changes.items())
    forgery(rule, severity, **settings)(forge)


def described(rule: str, changes: dict[str, Any], severity: str = "error") -> None:
    """Add the forgery that puts `changes` into the system's description."""

    def forge(submission: Built) -> None:
        submission.edit_json("systems/{system}.json", changes)

    forge.__name__ = "system_" + "_".join(f"{place}_{str(value)[:24]}" for place, value in changes.items())
    forgery(rule, severity)(forge)


def certified(rule: str, name: str, change: Callable[[Body], None]) -> None:
    """Add the forgery that lets `change` edit the parity certificate."""

    def forge(submission: Built) -> None:
        path = submission.path("{result}/parity.json")
        body = json.loads(path.read_bytes())
        change(body)
        path.write_text(json.dumps(body))

    forge.__name__ = f"certificate_{name}"
    forgery(rule)(forge)


OPEN: dict[str, Any] = {"division": "open", "samples": [at(1), at(2), at(3)]}
NONE = "0" * 64

for machine in ("mips", "arm64"):
    recorded("assay-image", {"image.architecture": machine})
recorded("assay-image", {"target": "tpu", "image.target": "tpu"})
recorded("assay-image", {"image.diff_ids": []})
recorded("assay-image", {"image.diff_ids": [NONE, NONE]})
recorded("assay-image", {"image.versions": {}})
recorded("assay-image", {"image.versions.torch": "99.0"})
recorded("assay-image-wheels", {"image.wheel_lock_sha256": NONE})
recorded("assay-image-wheels-open", {"image.wheel_lock_sha256": NONE}, "warning", **OPEN)
recorded("assay-image-base", {"image.base_lock_sha256": NONE}, "warning")
recorded("assay-image-base", {"image.base": "registry", "image.base_lock_sha256": NONE}, "warning", **OPEN)
recorded("assay-sbom-agrees", {"image.versions.numpy": "1.0"}, **OPEN)
recorded("assay-sbom-agrees", {"image.config_digest": NONE})
recorded("assay-environment", {"environment.LD_PRELOAD": "/tmp/fast.so"})
recorded("assay-environment", {"environment.OMP_NUM_THREADS": "64"})
recorded("assay-environment", {"environment": {}})
recorded("assay-environment-source", {"environment.LD_PRELOAD": "/tmp/fast.so"}, **OPEN)
recorded("assay-environment-source", {"environment.PYTHONPATH": "/evil"}, **OPEN)
recorded("assay-environment-open", {"environment.OMP_NUM_THREADS": "64"}, "warning", **OPEN)
recorded("assay-limits", {"threads": 2})
recorded("assay-limits", {"container.cpuset": "0-63"})
recorded("assay-limits", {"container.cpuset": "7"})
recorded("assay-limits", {"container.cpuset": "all"})
recorded("assay-limits", {"container.memory_bytes": 1 << 50})
recorded("assay-limits", {"container.engine": "Podman 5"})
recorded("assay-limits", {"memory.peak_bytes": 0})
recorded("assay-limits", {"memory.peak_bytes": 1 << 40})
recorded("assay-limits", {"memory": None})
recorded("assay-hardening", {"container.user": " 0:0"})
recorded("assay-hardening", {"container.user": "00:1"})
recorded("assay-hardening", {"container.security_opt": ["no-new-privileges:true", "seccomp=unconfined"]})
recorded("assay-hardening", {"container.cap_drop": []})
recorded("assay-record-agrees", {"hyperparameters.opt_nesterov": True})
recorded("assay-hyperparameter-form", {"hyperparameters.global_batch_size": 128.0})
recorded("assay-hyperparameter-form", {"hyperparameters.opt_name": "\x1b[2Jsgd"}, **OPEN)

COMMAND = "assay run image-classification --framework pytorch --target cpu --division closed --submitter acme"
for words in (
    "rm -rf /",
    COMMAND.replace("acme", "rival"),
    COMMAND.replace("closed", "open"),
    COMMAND.replace("pytorch", "jax"),
    f"{COMMAND} --set opt_momentum=0.9",
    f"{COMMAND} --threads 64",
    f"{COMMAND} --memory 64",
    f"{COMMAND} --runs 50",
    f"{COMMAND} --fast yes",
    f"{COMMAND} --submitter acme",
    f"{COMMAND} --round assay/0.9",
    f"{COMMAND} --runs",
):
    recorded("assay-arguments", {"arguments": words.split()})
recorded(
    "assay-arguments",
    {"arguments": COMMAND.replace("closed", "open").split()},
    **OPEN,
    hyperparameters={"opt_momentum": 0.8},
)

described("assay-system-agrees", {"system_name": "other"})
described("assay-system-agrees", {"framework": "pytorch 1.0"})
described("assay-system-agrees", {"number_of_nodes": 512})
described("assay-system-agrees", {"accelerators_per_node": 8, "accelerator_model_name": "B200"})
described("assay-system-agrees", {"host_processor_vcpu_count": "512"})
described("assay-system-status", {"status": "whatever"}, "warning")
described("assay-image", {"assay.architecture": "aarch64"})
described("assay-limits", {"assay.engine": "Docker 99"})

certified("assay-parity-published", "other_frameworks", lambda body: body["frameworks"][1].update(framework="foo"))
certified("assay-parity-published", "two_frameworks", lambda body: body["frameworks"].pop())
certified("assay-parity-published", "no_wheels", lambda body: body["frameworks"][2].update(wheel_lock_sha256=NONE))
certified("assay-parity-published", "no_versions", lambda body: body["frameworks"][2].update(versions={}))
certified("assay-parity-published", "other_weights", lambda body: body.update(initial_weights_sha256=NONE))
certified("assay-parity-published", "one_tensor", lambda body: body.update(gradient_differences={"head.bias": 0.0}))


def _lost(body: Body, change: Callable[[float, int], float]) -> None:
    for side in body["frameworks"]:
        for precision in ("losses_float64", "losses_float32"):
            side[precision] = [change(loss, step) for step, loss in enumerate(side[precision])]


certified("assay-parity", "negative_losses", lambda body: _lost(body, lambda loss, step: -5.0 - step))
certified("assay-parity", "constant_losses", lambda body: _lost(body, lambda loss, step: 1.0))
certified("assay-parity-published", "invented_losses", lambda body: _lost(body, lambda loss, step: 2.3 - step / 50))


def _coarse(body: Body) -> None:
    for side in body["frameworks"]:
        side["losses_float32"] = [loss * 1.001 for loss in side["losses_float32"]]


certified("assay-parity", "another_float32", _coarse)


def resource(submission: Built, change: Callable[[dict[str, bytes]], None]) -> None:
    """Let `change` edit the source's files, by name, and name the new digest wherever it stands."""
    folder = submission.path("{source}")
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for name in files:
        (folder / name).unlink()
    change(files)
    for name, content in files.items():
        submission.write(f"{{source}}/{name}", content)
    digest = sha("".join(f"{sha(content)}  {name}\n" for name, content in sorted(files.items())))

    def named(records: Records, body: Body) -> None:
        records[first(records, "source_sha256")]["value"] = body["source_sha256"] = digest

    every(submission, named)
    submission.edit_json("{result}/parity.json", {"source_sha256": digest})


@forgery("assay-source-published", "warning")
def the_source_is_another_and_all_digests_follow(submission: Built) -> None:
    resource(submission, lambda files: files.update({"suite/harness/train.py": b"fast()\n" * 200}))


def apart(submission: Built, transport: bytes, loop: bytes = b"") -> None:
    """Have records state digests apart, of a transport and of the rest, to which `loop` is added."""
    name = "suite/harness/transport/progress.py"
    carried = sha(f"{sha(transport)}  {name}\n")
    resource(submission, lambda files: files.update({"suite/harness/train.py": files["suite/harness/train.py"] + loop}))
    submission.write(f"{{source}}/{name}", transport)
    every(submission, lambda _, body: body.update(transport_sha256=carried))


@forgery("assay-source-published", "warning")
def the_transport_is_one_that_nobody_read(submission: Built) -> None:
    apart(submission, b"rewrite_the_log()\n")


@forgery("assay-source-digest")
def the_transport_is_changed_after_the_run(submission: Built) -> None:
    apart(submission, b"print()\n")
    submission.write("{source}/suite/harness/transport/progress.py", b"rewrite_the_log()\n")


@forgery("assay-source-digest")
def the_loop_passes_for_transport(submission: Built) -> None:
    apart(submission, b"print()\n")
    submission.path("{source}/suite/harness/train.py").rename(
        submission.path("{source}/suite/harness/transport/train.py")
    )


@forgery("assay-source-files")
def the_source_is_one_readme(submission: Built) -> None:
    def change(files: dict[str, bytes]) -> None:
        files.clear()
        files["README.md"] = b"words\n"

    resource(submission, change)


def weighed(rule: str, name: str, change: Callable[[bytes], bytes], **settings: Any) -> None:
    """Add the forgery that lets `change` edit every run's final weights; log and record name the new digest."""

    def forge(submission: Built) -> None:
        for run in runs(submission):
            path = submission.path(f"{{result}}/result_{run}.safetensors")
            path.write_bytes(change(path.read_bytes()))
            digest = sha(path.read_bytes())

            def rename(records: Records, body: Body, digest: str = digest) -> None:
                records[first(records, "final_weights_sha256")]["value"] = digest
                body["final_weights"]["sha256"] = digest

            rewrite(submission, run, rename)

    forge.__name__ = f"weights_{name}"
    forgery(rule, **settings)(forge)


def _body(raw: bytes) -> int:
    return 8 + int.from_bytes(raw[:8], "little")


def _all(raw: bytes, number: float) -> bytes:
    return raw[: _body(raw)] + struct.pack("<f", number) * ((len(raw) - _body(raw)) // 4)


def _with_last(raw: bytes, number: float) -> bytes:
    return raw[:-4] + struct.pack("<f", number)


weighed("assay-weights-form", "junk", lambda raw: b"final weights" * 20)
weighed("assay-weights-form", "empty", lambda raw: b"")
weighed("assay-weights-form", "cut", lambda raw: raw[:-4])
weighed("assay-weights-form", "longer", lambda raw: raw + b"\0\0\0\0")
weighed("assay-weights-form", "nan", lambda raw: _with_last(raw, float("nan")))
weighed("assay-weights-form", "infinite", lambda raw: _with_last(raw, float("-inf")), **OPEN)
weighed("assay-weights-form", "negative_variance", lambda raw: _all(raw, -1.0), **OPEN)
weighed("assay-weights-form", "renamed", lambda raw: raw.replace(b"head.bias", b"head.bigs"))
weighed("assay-weights-form", "another_shape", lambda raw: raw.replace(b"[10, 64]", b"[64, 10]"))


@forgery("assay-weights-form")
def the_final_weights_are_the_initial_ones(submission: Built) -> None:
    def change(records: Records, body: Body) -> None:
        digest = body["final_weights"]["sha256"]
        body["initial_weights_sha256"] = records[first(records, "initial_weights_sha256")]["value"] = digest
        records[first(records, "warmup_stop")]["metadata"]["weights_sha256"] = digest

    every(submission, change)


def billed(name: str, change: Callable[[Body], None]) -> None:
    """Add the forgery that lets `change` edit the bill of materials."""

    def forge(submission: Built) -> None:
        path = submission.path("{result}/sbom.cdx.json")
        body = json.loads(path.read_bytes())
        change(body)
        path.write_text(json.dumps(body))

    forge.__name__ = f"bill_{name}"
    forgery("assay-sbom-agrees")(forge)


billed("empty", lambda body: [body.pop("components"), body.pop("metadata")])
billed("of_strange_types", lambda body: body.update(components=[1, {"purl": 2}, None], metadata=[]))
billed("without_a_wheel", lambda body: body["components"].pop())
billed("with_one_more", lambda body: body["components"].append({"purl": "pkg:pypi/faster@1.0"}))
billed("of_another_image", lambda body: body["metadata"]["component"].update(version="sha256:" + NONE))


def logged(rule: str, key: str, changes: dict[str, Any], severity: str = "error", **settings: Any) -> None:
    """Add the forgery that puts `changes` into the first record of `key` in every log."""

    def forge(submission: Built) -> None:
        def change(records: Records, _: Body) -> None:
            for place, value in changes.items():
                put(records[first(records, key)], place, value)

        every(submission, change)

    forge.__name__ = f"log_{key}_" + "_".join(f"{place}_{str(value)[:24]}" for place, value in changes.items())
    forgery(rule, severity, **settings)(forge)


logged("assay-known-events", "ruleset", {"key": "opt_secret"})
logged("assay-known-events-open", "ruleset", {"key": "opt_secret"}, "warning", **OPEN)
logged("assay-cache-clear", "cache_clear", {"value": False})
logged("assay-cache-clear", "cache_clear", {"value": 1})
logged("assay-warmup-steps", "warmup_stop", {"value": 10**9})
logged("assay-log-source", "seed", {"metadata.file": "/evil/train.py"})
logged("assay-log-source", "seed", {"metadata.file": "../../../../../systems/testbox_cpu_pytorch.json"})
logged("assay-log-source", "seed", {"metadata.lineno": 10**9})
logged("assay-hyperparameter-form", "global_batch_size", {"value": 128.0})
logged("assay-hyperparameter-form", "gradient_accumulation_steps", {"value": 1000}, **OPEN)
logged("assay-hyperparameter-form", "opt_learning_rate_warmup_steps", {"value": 937}, **OPEN)
logged("assay-hyperparameter-form", "opt_name", {"value": "sgd\x1b[2J"}, **OPEN)
logged("assay-hyperparameters-sane", "opt_base_learning_rate", {"value": 1e300}, **OPEN)


@forgery("assay-warmup-time")
def warm_up_takes_no_time(submission: Built) -> None:
    def change(records: Records, _: Body) -> None:
        records[first(records, "warmup_stop")]["time_ms"] = records[first(records, "warmup_start")]["time_ms"]

    every(submission, change)


@forgery("assay-image-drift", "warning")
def drift_is_declared_in_the_last_run_only(submission: Built) -> None:
    def change(_: Records, body: Body) -> None:
        body["image"]["drift"] = [{"package": "libc6", "locked": "2.41-1", "used": "2.41-2"}]

    rewrite(submission, 4, change)


# All of the above, judged. Forgeries are defined before this line: it is read when they are collected.
@pytest.mark.parametrize("forged", FORGERIES, ids=lambda forged: forged.forge.__name__)
def test_a_forgery_whose_digests_all_agree_is_named(forged: Forgery, built: Callable[..., Built]) -> None:
    submission = built(**forged.settings)
    forged.forge(submission)
    submission.seal()
    report = submission.check()
    assert (forged.rule, forged.severity) in {(f.rule, f.severity) for f in report.findings}, said(report)
