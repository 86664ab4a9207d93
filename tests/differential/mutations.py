"""Named ways to spoil a log or a submission, so that two checkers can be compared on what they say of it.

`LOGS` maps a name to a function from a log's bytes to the spoiled bytes (None: it does not apply); `per_key` yields
those that spoil one key's lines; `TREES` maps a name to a function that spoils an organisation's folder in place.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.differential import linking

TOKEN = b":::MLLOG "
Spoil = Callable[[bytes], bytes | None]
SpoilTree = Callable[[Path], object]
Lines = list[tuple[bytes, dict[str, Any] | None]]


def parsed(log: bytes) -> Lines:
    """Return each line with its record, None for one that has none."""
    found: Lines = []
    for line in log.splitlines(keepends=True):
        _, token, body = line.rpartition(TOKEN)
        try:
            found.append((line, json.loads(body) if token else None))
        except ValueError:
            found.append((line, None))
    return found


def joined(lines: Lines) -> bytes:
    """Return lines as a log again."""
    return b"".join(line for line, _ in lines)


def written(record: Any) -> bytes:
    """Return a record as a line."""
    return TOKEN + json.dumps(record).encode() + b"\n"


def change(log: bytes, key: str, edit: Callable[[dict[str, Any]], None], every: bool = False) -> bytes | None:
    """Edit the record of the first line (or every line) of `key`."""
    lines, done = parsed(log), False
    for at, (_, record) in enumerate(lines):
        if record is not None and record["key"] == key and (every or not done):
            edit(record)
            lines[at] = (written(record), record)
            done = True
    return joined(lines) if done else None


def keys_of(log: bytes) -> list[str]:
    """Return the keys of a log, each once, in order."""
    return list(dict.fromkeys(record["key"] for _, record in parsed(log) if record is not None))


def _set(member: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def edit(record: dict[str, Any]) -> None:
        record[member] = value

    return edit


def _drop(log: bytes, key: str) -> bytes:
    return joined([line for line in parsed(log) if line[1] is None or line[1]["key"] != key])


def _twice(log: bytes, key: str, value: Any = ...) -> bytes:
    lines: Lines = []
    done = False
    for line, record in parsed(log):
        lines.append((line, record))
        if record is not None and record["key"] == key and not done:
            lines.append((written({**record, **({} if value is ... else {"value": value})}), None))
            done = True
    return joined(lines)


def _moved(log: bytes, key: str, to_end: bool) -> bytes:
    lines = parsed(log)
    mine = [line for line in lines if line[1] is not None and line[1]["key"] == key]
    rest = [line for line in lines if line[1] is None or line[1]["key"] != key]
    return joined([*rest, *mine] if to_end else [*mine, *rest])


def _without(member: str) -> Callable[[dict[str, Any]], None]:
    return lambda record: record.pop(member, None)


def _metadata(**members: Any) -> Callable[[dict[str, Any]], None]:
    return lambda record: record["metadata"].update(members)


VALUES: dict[str, Any] = {
    "null": None,
    "true": True,
    "false": False,
    "empty": "",
    "text": "other",
    "digits": "8",
    "zero": 0,
    "one": 1,
    "negative": -1,
    "fraction": 0.5,
    "huge": 10**30,
    "list": [1],
    "object": {"a": 1},
}


def per_key(key: str) -> Iterator[tuple[str, Spoil]]:
    """Yield the mutations of one key."""
    yield f"drop {key}", lambda log: _drop(log, key)
    yield f"twice {key}", lambda log: _twice(log, key)
    yield f"twice-other {key}", lambda log: _twice(log, key, "another")
    yield f"first {key}", lambda log: _moved(log, key, to_end=False)
    yield f"last {key}", lambda log: _moved(log, key, to_end=True)
    for name, value in VALUES.items():
        yield f"value-{name} {key}", lambda log, value=value: change(log, key, _set("value", value))
    yield f"nan {key}", lambda log: change(log, key, _set("value", float("nan")))
    yield f"infinity {key}", lambda log: change(log, key, _set("value", float("inf")))
    yield f"bare-metadata {key}", lambda log: change(log, key, _set("metadata", {}))
    yield f"text-metadata {key}", lambda log: change(log, key, _set("metadata", "status samples_count"))
    yield f"null-metadata {key}", lambda log: change(log, key, _set("metadata", None))
    for member in ("time_ms", "key", "value", "metadata", "namespace", "event_type"):
        yield f"without-{member} {key}", lambda log, member=member: change(log, key, _without(member))
    for name, time in (
        ("text", "12:00"),
        ("digits", "1700000000000"),
        ("null", None),
        ("huge", 10**400),
        ("nan", "nan"),
    ):
        yield f"time-{name} {key}", lambda log, time=time: change(log, key, _set("time_ms", time))


def _replace_line(log: bytes, number: int, line: bytes) -> bytes:
    lines = log.splitlines(keepends=True)
    lines[number % len(lines)] = line
    return b"".join(lines)


def _shifted(log: bytes, key: str, by: float) -> bytes | None:
    def edit(record: dict[str, Any]) -> None:
        record["time_ms"] += by

    return change(log, key, edit)


def _prefixed(log: bytes, prefix: bytes) -> bytes:
    return b"".join(prefix + line for line in log.splitlines(keepends=True))


LOGS: dict[str, Spoil] = {
    "as it is": lambda log: log,
    "empty": lambda _: b"",
    "binary": lambda _: bytes(range(256)) * 40,
    "only text": lambda _: b"no such lines\n" * 10,
    "truncated": lambda log: log[: len(log) * 2 // 3],
    "truncated in a line": lambda log: log[: log.index(b"run_stop") + 3],
    "no end of line": lambda log: log.rstrip(b"\n"),
    "BOM": lambda log: b"\xef\xbb\xbf" + log,
    "UTF-16": lambda log: log.decode("latin-1").encode("utf-16"),
    "CR": lambda log: log.replace(b"\n", b"\r"),
    "CRLF": lambda log: log.replace(b"\n", b"\r\n"),
    "latin-1": lambda log: log.replace(b"Example", b"Ex\xe9mple").replace(b"NVIDIA", b"NV\xcdDIA"),
    "next-line byte at the end": lambda log: log.replace(b"}\n", b"}\x85\n"),
    "blanks around": lambda log: log.replace(b"\n", b" \t\x1f\n"),
    "vertical tab before": lambda log: log.replace(TOKEN, TOKEN + b"\x0b", 1),
    "launcher prefix": lambda log: _prefixed(log, b"[1,0]<stdout>: 12:00:00 "),
    "token twice on a line": lambda log: _prefixed(log, b":::MLLOG broken "),
    "two records on a line": lambda log: log.replace(b"\n:::MLLOG", b" :::MLLOG", 1),
    "token without blank": lambda log: log.replace(TOKEN, b":::MLLOG", 1),
    "bad JSON": lambda log: _replace_line(log, 5, TOKEN + b'{"key": "x",}\n'),
    "bad JSON that names the batch size": lambda log: log + TOKEN + b'{"key": "global_batch_size",}\n',
    "bad JSON that names eval_accuracy": lambda log: _replace_line(log, -1, TOKEN + b"eval_accuracy\n"),
    "other key that names eval_accuracy": lambda log: (
        written({"key": "tracked_stats", "value": 1, "time_ms": 1, "metadata": {"file": "eval_accuracy.py"}}) + log
    ),
    "other key that names global_batch_size": lambda log: (
        log + written({"key": "note", "value": "global_batch_size", "time_ms": 1, "metadata": {}})
    ),
    "null line": lambda log: log + TOKEN + b"null\n",
    "list line": lambda log: log + TOKEN + b"[1]\n",
    "number line": lambda log: log + TOKEN + b"1\n",
    "text line": lambda log: log + TOKEN + b'"x"\n',
    "bare token": lambda log: log + TOKEN + b"\n",
    "deep nesting": lambda log: log + TOKEN + b"[" * 100_000 + b"\n",
    "raw control character": lambda log: log.replace(b'"namespace": ""', b'"namespace": "\x01"', 1),
    "half a surrogate": lambda log: log.replace(b'"namespace": ""', b'"namespace": "\\ud800"', 1),
    "member twice": lambda log: log.replace(b'"namespace": ""', b'"key": "other", "namespace": ""', 1),
    "integer of 5000 digits": lambda log: log.replace(b'"namespace": ""', b'"namespace": ' + b"9" * 5000, 1),
    "key is a list": lambda log: change(log, "cache_clear", _set("key", [1])),
    "key is null": lambda log: change(log, "cache_clear", _set("key", None)),
    "status aborted": lambda log: change(log, "run_stop", _metadata(status="aborted")),
    "status in capitals": lambda log: change(log, "run_stop", _metadata(status="SUCCESS")),
    "status a list": lambda log: change(log, "run_stop", _metadata(status=[1])),
    "run_stop before run_start in time": lambda log: _shifted(log, "run_stop", -1e9),
    "time backwards": lambda log: _shifted(log, "block_start", -5000),
    "init takes an hour": lambda log: _shifted(log, "init_start", -3_600_000),
    "wrong batch size": lambda log: change(log, "global_batch_size", _set("value", 77)),
    "batch size a float": lambda log: change(
        log, "global_batch_size", lambda record: record.update(value=float(record["value"]))
    ),
    "other benchmark": lambda log: change(log, "submission_benchmark", _set("value", "resnet")),
    "no such benchmark": lambda log: change(log, "submission_benchmark", _set("value", "nothing")),
    "benchmark a list": lambda log: change(log, "submission_benchmark", _set("value", ["x"])),
    "open division": lambda log: change(log, "submission_division", _set("value", "open")),
    "no such division": lambda log: change(log, "submission_division", _set("value", "ajar")),
    "evaluations at no place": lambda log: change(log, "eval_accuracy", _set("metadata", {"file": "a", "lineno": 1})),
    "evaluation place is text": lambda log: change(
        log, "eval_accuracy", _metadata(samples_count="10", epoch_num="10"), every=True
    ),
    "evaluation place is null": lambda log: change(
        log, "eval_accuracy", _metadata(samples_count=None, epoch_num=None), every=True
    ),
    "evaluated much too early": lambda log: change(
        log, "eval_accuracy", _metadata(samples_count=8, epoch_num=0.01), every=True
    ),
    "evaluated at nothing": lambda log: change(
        log, "eval_accuracy", _metadata(samples_count=0, epoch_num=0), every=True
    ),
    "seed a text of digits": lambda log: change(log, "seed", _set("value", "12")),
    "seed a fraction": lambda log: change(log, "seed", _set("value", 12.7)),
    "seed of no file": lambda log: change(log, "seed", _set("metadata", {"lineno": 1})),
    "seed's file a list": lambda log: change(log, "seed", _metadata(file=["a"])),
    "the same seed twice": lambda log: _twice(log, "seed"),
    "no seed": lambda log: _drop(log, "seed"),
}


def _logs(root: Path) -> list[Path]:
    return sorted(root.glob("results/*/*/result_*.txt"))


def _folder(root: Path) -> Path:
    return _logs(root)[0].parent


def _system(root: Path) -> Path:
    return sorted(root.glob("systems/*.json"))[0]


def _json(edit: Callable[[dict[str, Any]], Any]) -> SpoilTree:
    def spoil(root: Path) -> None:
        path = _system(root)
        document = json.loads(path.read_text())
        changed = edit(document)
        path.write_text(json.dumps(document if changed is None else changed))

    return spoil


def _some_logs(spoil: Spoil, count: int) -> SpoilTree:
    def spoil_tree(root: Path) -> None:
        for path in _logs(root)[:count]:
            spoiled = spoil(path.read_bytes())
            if spoiled is not None:
                path.write_bytes(spoiled)

    return spoil_tree


def _setting(member: str, value: Any) -> Callable[[dict[str, Any]], Any]:
    def edit(document: dict[str, Any]) -> None:
        document[member] = value

    return edit


def _power(root: Path) -> None:
    from tests.differential.passing import text

    for log in _logs(root):
        folder = log.parent / "power" / log.stem
        folder.mkdir(parents=True)
        record = next(record for _, record in parsed(log.read_bytes()) if record and record["key"] == "run_start")
        start = record["time_ms"]

        def line(key: str, value: Any, at: float) -> dict[str, Any]:
            return {"namespace": "", "time_ms": at, "event_type": "", "key": key, "value": value, "metadata": {}}

        for node in range(2):
            readings = [line("power_reading", 1000 + 10 * i + node, start + 1000 * i) for i in range(1, 90)]
            lines = [line("power_measurement_start", None, start), *readings]
            lines += [line("power_measurement_stop", None, start + 91_000), line("conversion_eff", 0.9, start + 91_001)]
            (folder / f"node_{node}.txt").write_text(text(lines))
        (folder / "sw_0.txt").write_text(
            text([line("interconnect_power_est", 300, start), line("conversion_eff", 1, start)])
        )


def _then(first: SpoilTree, second: SpoilTree) -> SpoilTree:
    def both(root: Path) -> None:
        first(root)
        second(root)

    return both


def _at(pattern: str, act: Callable[[Path], Any]) -> SpoilTree:
    def spoil(root: Path) -> None:
        act(sorted(root.glob(pattern))[0])

    return spoil


TREES: dict[str, SpoilTree] = {
    "as it is": lambda root: None,
    "a log missing": lambda root: _logs(root)[0].unlink(),
    "no log": lambda root: [path.unlink() for path in _logs(root)],
    "a log more": lambda root: shutil.copy(_logs(root)[0], _folder(root) / "result_99.txt"),
    "a log of another name": lambda root: _logs(root)[0].rename(_folder(root) / "run_0.txt"),
    "a log that is a folder": lambda root: (_folder(root) / "result_x.txt").mkdir(),
    "other files beside": lambda root: (_folder(root) / "notes.md").write_text("x"),
    "hidden log beside": lambda root: (_folder(root) / ".result_1.txt").write_text("x"),
    "a folder more": lambda root: (_folder(root) / "sub").mkdir(),
    "an empty system": lambda root: (root / "results" / "other").mkdir(),
    "an undescribed system": lambda root: (root / "results" / "other" / "rgat").mkdir(parents=True),
    "a hidden system": lambda root: (root / "results" / ".git" / "objects").mkdir(parents=True),
    "an unknown benchmark": lambda root: (_folder(root).parent / "nonsense").mkdir(),
    "a file among systems": lambda root: (root / "results" / "README.md").write_text("x"),
    "no systems": lambda root: shutil.rmtree(root / "systems"),
    "no results": lambda root: shutil.rmtree(root / "results"),
    "no description": lambda root: _system(root).unlink(),
    "description is no JSON": lambda root: _system(root).write_text("{"),
    "description has a BOM": lambda root: (
        _system(root).write_bytes(b"\xef\xbb\xbf" + _system(root).read_bytes()) and None
    ),
    "description is latin-1": lambda root: _system(root).write_bytes(b'{"submitter": "\xe9"}'),
    "description is a list": _json(lambda document: list(document)),
    "description is a number": _json(lambda document: 5),
    "description is a text": _json(lambda document: "status"),
    "description is empty": _json(lambda document: {}),
    "description twice": lambda root: shutil.copy(_system(root), root / "systems" / "unused.json"),
    "description hidden": lambda root: shutil.copy(_system(root), root / "systems" / ".hidden.json"),
    "other description broken": lambda root: (root / "systems" / "unused.json").write_text("["),
    "description a folder": lambda root: (root / "systems" / "folder.json").mkdir(),
    "no division": _json(lambda document: document.pop("division")),
    "division open": _json(_setting("division", "open")),
    "division Closed": _json(_setting("division", "Closed")),
    "division null": _json(_setting("division", None)),
    "no status": _json(lambda document: document.pop("status")),
    "status onprem": _json(_setting("status", "onprem")),
    "status a list": _json(_setting("status", ["Preview"])),
    "member missing": _json(lambda document: document.pop("cooling")),
    "accelerators a number": _json(_setting("accelerators_per_node", 8)),
    "core count null": _json(_setting("host_processor_core_count", None)),
    "nodes a number": _json(_setting("number_of_nodes", 1)),
    "nodes text": _json(_setting("number_of_nodes", "two")),
    "nodes NaN": _json(_setting("number_of_nodes", float("nan"))),
    "submitter null": _json(_setting("submitter", None)),
    "the same seeds": lambda root: [shutil.copy(_logs(root)[0], path) for path in _logs(root)[1:3]],
    "bypass of the system": lambda root: (
        _some_logs(LOGS["evaluated much too early"], 99)(root),
        (_folder(root).parent / "package_checker_params").write_text("rcp-bypass"),
    ),
    "bypass with a newline": lambda root: (
        _some_logs(LOGS["evaluated much too early"], 99)(root),
        (_folder(root) / "package_checker_params").write_text("rcp-bypass\n"),
    ),
    "both bypasses": lambda root: (
        _some_logs(LOGS["evaluated much too early"], 99)(root),
        _some_logs(LOGS["no seed"], 2)(root),
        (_folder(root) / "package_checker_params").write_text("rcp-bypass\nseed-checker-bypass"),
        (_folder(root).parent / "package_checker_params").write_text("rcp-bypass"),
    ),
    "parameters not UTF-8": lambda root: (_folder(root) / "package_checker_params").write_bytes(b"\xff"),
    "published scaling": lambda root: (_folder(root) / "scaling.json").write_text('{"scaling_factor": 2.0}'),
    "published scaling, open": _then(
        _json(_setting("division", "open")),
        lambda root: (_folder(root) / "scaling.json").write_text('{"scaling_factor": 2.0}'),
    ),
    "published scaling broken, open": _then(
        _json(_setting("division", "open")), lambda root: (_folder(root) / "scaling.json").write_text("x") and None
    ),
    **linking.spoils("results", "results/*/*", "results/*/*/result_1.txt", "systems/*.json"),
    "a link to another system": lambda root: (root / "results/other").symlink_to(_folder(root).parent.name),
    "a link to results among systems": lambda root: (root / "results/other").symlink_to("."),
    "a link to a log more": lambda root: (_folder(root) / "result_x.txt").symlink_to(_logs(root)[0].name),
    "a link to nowhere beside logs": lambda root: (_folder(root) / "notes").symlink_to("nowhere"),
    "a description that is a link": lambda root: (root / "systems/other.json").symlink_to(_system(root).name),
    "parameters that are a link": lambda root: (
        _some_logs(LOGS["evaluated much too early"], 99)(root),
        (root / "bypass").write_text("rcp-bypass"),
        (_folder(root) / "package_checker_params").symlink_to("../../../bypass"),
    ),
    "power": _power,
    "power that is a link": _then(_power, linking.spoils("results/*/*/power")["link for results/*/*/power moved"]),
    "power of a run that is a link": _then(
        _power, linking.spoils("results/*/*/power/result_1")["link for results/*/*/power/result_1 by 9 links"]
    ),
    "power of a run that leads nowhere": _then(
        _power, linking.spoils("results/*/*/power/result_1")["link for results/*/*/power/result_1 to nowhere"]
    ),
    "power of a node that is a link": _then(
        _power, linking.spoils("results/*/*/power/*/node_0.txt")["link for results/*/*/power/*/node_0.txt moved"]
    ),
    "power of one run missing": _then(_power, _at("results/*/*/power/result_1", shutil.rmtree)),
    "power of two runs missing": _then(
        _then(_power, _at("results/*/*/power/result_1", shutil.rmtree)),
        _at("results/*/*/power/result_2", shutil.rmtree),
    ),
    "power node missing": _then(_power, _at("results/*/*/power/result_2/node_1.txt", Path.unlink)),
    "power node misnumbered": _then(
        _power, _at("results/*/*/power/result_2/node_1.txt", lambda path: path.rename(path.with_name("node_7.txt")))
    ),
    "power node unnumbered": _then(
        _power, _at("results/*/*/power/result_2/node_1.txt", lambda path: path.rename(path.with_name("node_a.txt")))
    ),
    "power empty": lambda root: (_folder(root) / "power").mkdir(),
    "power a file": lambda root: (_folder(root) / "power").write_text("x"),
    **{f"{name}, in one log": _some_logs(spoil, 1) for name, spoil in LOGS.items()},
    **{f"{name}, in two logs": _some_logs(spoil, 2) for name, spoil in LOGS.items()},
    **{f"{name}, in all logs": _some_logs(spoil, 99) for name, spoil in LOGS.items()},
}
