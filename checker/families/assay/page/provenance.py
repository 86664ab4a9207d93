"""What a result was made of and where: image, source, data, weights, container, machine; and how to re-check it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from checker.families.assay.page.evidence import JudgedResult, ResultEvidence, RunEvidence
from checker.report.page.layout import code, facts, folded, listing, note, section, table
from checker.report.page.markup import Child, Markup, fragment, tag
from checker.report.page.quantity import NOT_STATED, count, fixed, mebibytes
from rules.documents import ImageIdentity, Record, RunRecord, SystemDescription

UNSTATED = frozenset({"", "unknown", "not stated"})
NEEDLESS = frozenset({"n/a", "na", "not applicable"})
LISTED = 500  # versions, layers, variables


def provenance_section(results: Sequence[ResultEvidence]) -> Markup:
    """Return the provenance of every result, and how to check it again."""
    paths = sorted({result.path for result in results})
    records = [record for result in results if (record := result.first()) is not None]
    images = sorted({(r.image.framework, r.image.target) for r in records if r.image is not None})
    commands = ["assay check PATH"]
    commands += [f"assay images prove --framework {framework} --target {target}" for framework, target in images[:20]]
    return section(
        "provenance",
        "Provenance",
        tag("p", "Digests are SHA-256. A row that says “differs between runs” holds the first run's value first."),
        [_provenance(result) for result in results],
        folded(
            "Check it again",
            tag(
                "p",
                "The first command judges again, where PATH is the folder that this page was made from; the others "
                "build each image twice from its locks and show that the digests above come out.",
            ),
            tag("ul", [tag("li", code(command)) for command in commands], class_="plain"),
            tag("p", "Results on this page, below PATH: ", [fragment(code(path), " ") for path in paths[:50]]),
        ),
    )


def _provenance(result: ResultEvidence) -> Markup:
    record = result.first()
    hyperparameters = record.hyperparameters if record else {}
    every_run = folded("Weights and clocks of every run", _weights(result.runs))
    return provenance(result, (), every_run, "Hyperparameters", hyperparameters)


def provenance(
    result: JudgedResult[Any],
    measured_with: Iterable[tuple[str, Child]],
    every_run: Markup,
    parameters: str,
    values: Mapping[str, bool | float | str],
) -> Markup:
    """Return what a result was made of; what `measured_with`, its runs and its parameters are is its suite's."""
    records = [record.model for record in result.found.records]
    document, manifest = result.found.system_document, result.found.manifest
    system = _described(document.model if document else None)
    if not records:
        sentence = "No run record of this result could be read; nothing is known of its provenance."
        return fragment(tag("h3", result.name), tag("p", sentence, class_="missing"), system)
    record, box = records[0], records[0].container
    files = manifest.model.files if manifest else []
    return fragment(
        tag("h3", result.name),
        facts(
            [
                *measured_with,
                *_made_of(records),
                ("Source", _same(records, lambda r: r.source_sha256)),
                ("Network", box.network),
                ("Root", "read-only" if box.read_only else "writable"),
                ("User", box.user),
                ("Capabilities dropped", ", ".join(box.cap_drop) or "none"),
                ("Security options", ", ".join(box.security_opt) or "none"),
                ("Limits", f"cores {box.cpuset}; {mebibytes(box.memory_bytes)} MiB; {count(box.pids)} processes"),
                ("Engine", box.engine),
                ("Written by", f"Assay {record.assay}"),
            ]
        ),
        every_run,
        folded("Data", listing("Data files", ("File", "SHA-256 of the decompressed bytes"), _codes(record.data))),
        _layers(record.image),
        folded(
            f"Packages ({len(record.versions)})",
            listing("Packages", ("Package", "Version"), sorted(record.versions.items())[:LISTED]),
        ),
        folded(
            f"Arguments, environment, {parameters.lower()}",
            tag("p", "Arguments: ", code(shlex.join(record.arguments[:LISTED])) if record.arguments else "none"),
            listing("Environment", ("Variable", "Value"), _codes(dict(sorted(record.environment.items())))),
            table(parameters, ("Key", "Value"), [(n, _value(v)) for n, v in sorted(values.items())[:LISTED]]),
        ),
        folded("System", system),
        folded(
            f"Files of the result ({len(files)})",
            listing("As the manifest lists them", ("File", "SHA-256"), ((f.path, code(f.sha256)) for f in files)),
        ),
    )


def _codes(texts: Mapping[str, str]) -> Iterator[tuple[str, Child]]:
    return ((name, code(text)) for name, text in islice(texts.items(), LISTED))


def _same(records: Sequence[Record], value: Callable[[Record], str]) -> Child:
    """Return the value all records share, or the first one's and that others differ."""
    values = list(dict.fromkeys(value(record) for record in records))
    if len(values) == 1:
        return code(values[0])
    return fragment(code(values[0]), tag("strong", f" differs between runs: {len(values)} values"))


def _made_of(records: Sequence[Record]) -> list[tuple[str, Child]]:
    """Return what ran: the image by its digests, or the interpreter of an uncontained run."""
    image = records[0].image
    if image is None:
        interpreter = records[0].interpreter if isinstance(records[0], RunRecord) else None
        version = f"{interpreter.implementation} {interpreter.version}" if interpreter else NOT_STATED
        return [("Image", "none: not contained"), ("Interpreter", version)]
    return [
        ("Image", _same(records, lambda r: r.image.config_digest if r.image else "none")),
        ("Base", f"{image.base}, {image.architecture}"),
        ("Base lock", _same(records, lambda r: r.image.base_lock_sha256 if r.image else "none")),
        ("Wheel lock", _same(records, lambda r: r.image.wheel_lock_sha256 if r.image else "none")),
        ("Drift", _drift(image)),
    ]


def _layers(image: ImageIdentity | None) -> Markup | None:
    diff_ids = image.diff_ids[:LISTED] if image else ()
    return folded("Image layers (diff ids)", tag("ol", [tag("li", code(d)) for d in diff_ids])) if image else None


def _drift(image: ImageIdentity) -> Child:
    if not image.drift:
        return "none: every base package as locked"
    changed = [f"{drift.package} {drift.locked} → {drift.used}" for drift in image.drift[:LISTED]]
    return tag("ul", [tag("li", code(one)) for one in changed], class_="plain")


def _weights(runs: Sequence[RunEvidence]) -> Markup:
    rows = []
    for run in runs:
        initial = run.record.initial_weights_sha256 if run.record else run.digests.get("initial_weights_sha256")
        final = run.record.final_weights.sha256 if run.record and run.record.final_weights else None
        logged = run.digests.get("final_weights_sha256")
        digests = [code(digest) if digest else NOT_STATED for digest in (initial, logged, final)]
        gap = None if run.clock_gap_s is None else 1000 * run.clock_gap_s
        rows.append((str(run.index), *digests, fixed(gap, 1)))
    heads = ("Run", "Initial weights", "Final weights, by the log", "Final weights, by the record", "Clock gap, ms")
    return fragment(
        table("Weights and clocks", heads, rows, words=(1, 2, 3)),
        note("Clock gap: largest difference between a line's own time and the host's receipt of it."),
    )


def _value(value: bool | float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else count(value)


def _described(description: SystemDescription | None) -> Markup:
    """Return a system's description: what was stated and what the program saw."""
    if description is None:
        return tag("p", "The system description could not be read.", class_="missing")
    stated = description.model_dump(by_alias=True, exclude={"assay"})
    seen = description.assay.model_dump()
    seen["memory_bytes"] = f"{mebibytes(seen['memory_bytes'])} MiB"
    seen["cpu_flags"] = " ".join(description.assay.cpu_flags[:LISTED])
    missing = [name for name, value in stated.items() if str(value).strip().lower() in UNSTATED]
    needless = [name for name, value in stated.items() if str(value).strip().lower() in NEEDLESS]
    rows = [(name, _stated(value)) for name, value in stated.items() if name not in {*missing, *needless}]
    return fragment(
        listing("As described (MLPerf's fields)", ("Field", "Value"), rows),
        tag("p", tag("strong", "Not stated: "), ", ".join(missing) or "nothing", "."),
        tag("p", tag("strong", "Does not apply: "), ", ".join(needless), ".") if needless else None,
        listing("As captured by the program", ("Field", "Value"), ((n, _stated(v)) for n, v in seen.items())),
    )


def _stated(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return count(value)
    return str(value) or NOT_STATED
