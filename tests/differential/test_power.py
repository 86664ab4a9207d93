"""Power sessions, spoiled in every way: our eleven checks, the phase and the metric are MLCommons' power checker's."""

from __future__ import annotations

import copy
import hashlib
import json
import random
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from checker.core.links import LinkedTree
from checker.families.mlperf_inference.power.check import judge_power
from checker.families.mlperf_inference.power.logs import moment
from checker.families.mlperf_inference.power.session import RECORDED, Session, judge_session
from checker.loadgen.detail_log import read_detail
from rules.power import power_rules
from rules.ruleset import load
from tests.corpus.rounds import unpacked
from tests.differential.power_oracle import checker, phase_answer, session_answers

pytestmark = pytest.mark.corpus

ROUND = "mlperf-inference/5.1"
BASES = {
    "one channel, warnings": "open/GATEOverflow/results/TRIGKEY_Mini_PC_Ryzen_5_5560-ctuning_cpp_tflite-cpu"
    "-tflite_vmaster-default_config/mobilenet-v1-precision_float-1.0-160/singlestream",
    "two channels, clean": "closed/Lenovo/results/SR680a_V3_B200SXMx8_TRT/whisper/Offline",
}
RANDOM = 60  # edits at random of each base
KEPT = 60  # lines of the daemon's log around what matters

Edit = Callable[[Path], None]


@pytest.fixture(scope="module", params=BASES)
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published power result, its long logs cut, recorded anew."""
    source = unpacked("inference_v5.1") / BASES[request.param]
    folder = tmp_path_factory.mktemp("power") / source.name
    shutil.copytree(source / "performance", folder / "performance")
    _shorten(folder / "performance")
    return folder


def _shorten(folder: Path) -> None:
    log = folder / "power" / "ptd_logs.txt"
    lines = log.read_text().splitlines(keepends=True)
    marks = [i for i, line in enumerate(lines) if "Go with mark" in line or "Completed test" in line]
    kept = {i + n for i in (30, *marks) for n in range(-KEPT // 2, KEPT // 2)} | set(range(KEPT))
    log.write_text("".join(line for i, line in enumerate(lines) if i in kept))
    for run in ("ranging", "run_1"):
        samples = folder / run / "spl.txt"
        lines = samples.read_text().splitlines(keepends=True)
        samples.write_text("".join(lines[:20] + lines[len(lines) // 2 :: 40]))
        detail = folder / run / "mlperf_log_detail.txt"
        lines = detail.read_text().splitlines(keepends=True)
        detail.write_text("".join(line for line in lines if '"loaded_qsl_set"' not in line))
    record_anew(folder)


def record_anew(folder: Path) -> None:
    for name in ("client.json", "server.json"):
        path = folder / "power" / name
        document = json.loads(path.read_text())
        for recorded in document["results"]:
            if recorded in RECORDED:
                document["results"][recorded] = hashlib.sha1((folder / recorded).read_bytes()).hexdigest()
        path.write_text(json.dumps(document))


def compare(folder: Path) -> list[str]:
    """Return where ours and the official answer differ."""
    theirs = session_answers(folder / "performance")
    tree = LinkedTree(folder.parent, load(ROUND).limits)
    ours = dict.fromkeys(theirs, "pass")
    found = list(judge_session(Session(tree, f"{folder.name}/performance", power_rules(ROUND))))
    for rule, problem, tolerated in found:
        name = rule
        if rule == "power-sources":
            name = "client sources" if (problem.path or "").endswith("client.json") else "server sources"
        if rule == "power-tolerated":
            name = "power-daemon-log" if (problem.path or "").endswith("ptd_logs.txt") else "power-phases"
        ours[name] = "warn" if tolerated else "fail"
    different = [f"{name}: {ours.get(name)} for {theirs.get(name)}" for name in {*ours, *theirs}
                 if ours.get(name) != theirs.get(name)]  # fmt: skip
    log = read_detail(tree, f"{folder.name}/performance/run_1/mlperf_log_detail.txt")
    if log.stops is None:
        mine = judge_power(tree, folder.name, log.__getitem__, 100.0, power_rules(ROUND))
        passed, metric = phase_answer(folder, log, 100.0)
        if (mine.outcome.answer == "pass") != passed or mine.metric != metric:
            different.append(f"phase: {mine.outcome.answer} {mine.metric} for {passed} {metric}")
    return different


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield place
    if isinstance(value, dict):
        for name in value:
            yield from places(value[name], (*place, name))
    elif isinstance(value, list):
        for index in range(len(value)):
            yield from places(value[index], (*place, index))


VALUES = (
    None,
    True,
    False,
    0,
    1,
    -1,
    3,
    0.5,
    1e300,
    "",
    "x",
    "Stop",
    "SR,A,Auto",
    "SR,V,300",
    [],
    {},
    [[]],
    [{}],
    77,
    8,
)


def spoil_json(path: Path, chance: random.Random) -> None:
    document = json.loads(path.read_text())
    where = chance.choice([p for p in places(document) if p])
    holder = document
    for part in where[:-1]:
        holder = holder[part]
    what = chance.randrange(5)
    if what == 0:
        del holder[where[-1]]
    elif what == 1 and isinstance(holder, list):
        holder.insert(where[-1], copy.deepcopy(holder[where[-1]]))
    elif what == 2 and isinstance(holder[where[-1]], int | float):
        holder[where[-1]] += chance.choice((0.79, 0.81, -5, 3600, 1))
    else:
        holder[where[-1]] = chance.choice(VALUES)
    path.write_text(json.dumps(document))


LINES = (
    "07-12-2025 23:30:00.000: ERROR: USB.\n",
    "07-12-2025 23:30:00.000: ERROR: other\n",
    "ERROR: no time\n",
    "ERROR:\n",
    "07-12-2025 23:20:00.000: WARNING: early\n",
    "07-12-2025 23:30:00.000: WARNING: x\n",
    "07-12-2025 23:30:00.000: WARNING: \n",
    "07-12-2025 23:30:00.000: WARNING: Uncertainty 1.20%, which is above 1.00% limit for the last sample!\n",
    "WARNING: Uncertainty 123%, which is above 1.00% limit for the last sample!\n",
    "99-99-2025 23:30:00.000: x\n",
    "Time\n",
    "Time,x,Watts,1\n",
    "Time,07-12-2025 23:30:00.000,Watts,-5\n",
    "Time,07-12-2025 23:30:00.000,Watts,nan,V,1,A,1,PF,1\n",
    ':::MLLOG {"key": "x", "value": "power_begin"}\n',
    "\udcff",
    "\n",
    "\r\n",
)


def spoil_lines(path: Path, chance: random.Random) -> None:
    lines = path.read_text(errors="surrogateescape").splitlines(keepends=True)
    at = chance.randrange(len(lines))
    what = chance.randrange(6)
    if what == 0:
        del lines[at]
    elif what == 1:
        lines.insert(at, chance.choice(LINES))
    elif what == 2:
        lines[at] = lines[at][: chance.randrange(len(lines[at]))] + "\n"
    elif what == 3:
        digits = [i for i, c in enumerate(lines[at]) if c.isdigit()]
        if digits:
            i = chance.choice(digits[:40])
            lines[at] = lines[at][:i] + chance.choice("0123456789") + lines[at][i + 1 :]
    elif what == 4:
        lines = lines[:at]
    else:
        other = chance.randrange(len(lines))
        lines[at], lines[other] = lines[other], lines[at]
    path.write_text("".join(lines), errors="surrogateescape")


TEXTS = ("power/ptd_logs.txt", "run_1/spl.txt", "ranging/spl.txt", "run_1/mlperf_log_detail.txt")
TEXTS += ("ranging/mlperf_log_detail.txt", "power/ptd_logs.txt")


def test_published_sessions_as_they_are(base: Path) -> None:
    assert compare(base) == []


def test_sessions_spoiled_at_random(base: Path, tmp_path: Path) -> None:
    different = {}
    answers = set()
    for seed in range(RANDOM):
        chance = random.Random(seed)
        folder = tmp_path / str(seed) / base.name
        shutil.copytree(base, folder)
        for _ in range(chance.choice((1, 1, 2))):
            if chance.random() < 0.5:
                spoil_json(folder / "performance" / "power" / chance.choice(("client.json", "server.json")), chance)
            else:
                spoil_lines(folder / "performance" / chance.choice(TEXTS), chance)
        if found := compare(folder):
            different[seed] = found
        answers |= set(session_answers(folder / "performance").items())
        shutil.rmtree(folder)
    assert different == {}
    assert {name for name, answer in answers if answer == "fail"} >= {"power-meter", "power-phases", "power-checksums"}


def edit_json(side: str, change: Callable[[dict[str, Any]], Any]) -> Edit:
    def edit(folder: Path) -> None:
        path = folder / "performance" / "power" / f"{side}.json"
        document = json.loads(path.read_text())
        change(document)
        path.write_text(json.dumps(document))

    return edit


def edit_text(name: str, change: Callable[[str], str]) -> Edit:
    def edit(folder: Path) -> None:
        path = folder / "performance" / name
        path.write_text(change(path.read_text()))
        record_anew(folder / "performance")

    return edit


def files(change: Callable[[Path], Any]) -> Edit:
    return lambda folder: change(folder / "performance")


def _set(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda document: document.__setitem__(name, value)


def _weaker(text: str) -> str:
    return "".join(line.replace(f"Watts,{line.split(',')[3]}", "Watts,1.0") if line.startswith("Time") else line
                   for line in text.splitlines(keepends=True))  # fmt: skip


def _both(folder: Path, change: Callable[[str], str]) -> None:
    for run in ("ranging", "run_1"):
        edit_text(f"{run}/spl.txt", change)(folder)


NAMED: dict[str, Edit] = {
    "debug": edit_json("server", _set("debug", True)),
    "debug null": edit_json("server", _set("debug", None)),
    "debug absent": edit_json("server", lambda d: d.pop("debug", None)),
    "no meters": edit_json("server", _set("ptd_config", [])),
    "meter unknown": edit_json("server", lambda d: d["ptd_config"][0].update(device_type=1)),
    "meter of two channels with one": edit_json(
        "server", lambda d: d["ptd_config"][0].update(device_type=77, command=["-c", "1"], channel=[1])
    ),
    "meter of two channels": edit_json(
        "server", lambda d: d["ptd_config"][0].update(device_type=77, command=["-c", "1,2"], channel=[1, 2])
    ),
    "meter of two channels, none named": edit_json(
        "server", lambda d: d["ptd_config"][0].update(device_type=77, command=["x"], channel=None)
    ),
    "identifier in another form": edit_json(
        "client", lambda d: d["uuid"].update(client="{" + d["uuid"]["client"].upper() + "}")
    ),
    "old daemon": edit_json(
        "server",
        lambda d: [m.update(reply=m["reply"].replace("1.11.1", "1.10.0")) for m in d["ptd_messages"]],
    ),
    "other releases": edit_json("client", lambda d: d["sources"].update({"client.py": "0" * 40})),
    "clocks apart by 0.8 s": edit_json("client", lambda d: d["phases"]["testing"][0].__setitem__(0, 0.0)),
    "member missing": edit_json("server", lambda d: d.pop("modules")),
    "timezone no number": edit_json("server", _set("timezone", "east")),
    "a file more": files(lambda f: (f / "run_1" / "notes.txt").write_text("x")),
    "a trace more": files(lambda f: (f / "run_1" / "mlperf_log_trace.json").write_text("")),
    "no ranging": files(lambda f: shutil.rmtree(f / "ranging")),
    "no samples file": files(lambda f: (f / "run_1" / "spl.txt").unlink()),
    "no client log": files(lambda f: (f / "power" / "client.log").unlink()),
    "no client json": files(lambda f: (f / "power" / "client.json").unlink()),
    "server json a list": files(lambda f: (f / "power" / "server.json").write_text("[]")),
    "server json not UTF-8": files(lambda f: (f / "power" / "server.json").write_bytes(b"\xff")),
    "power a file": files(lambda f: (shutil.rmtree(f / "power"), (f / "power").write_text(""))),
    "testing weaker": edit_text("run_1/spl.txt", _weaker),
    "both weaker": lambda folder: _both(folder, _weaker),
    "no samples at all": lambda folder: _both(folder, lambda _: ""),
    "uncertainty off": edit_text("power/ptd_logs.txt", lambda t: t.replace("is activated", "is off")),
    "line ends of Windows": edit_text("power/ptd_logs.txt", lambda t: t.replace("\n", "\r\n")),
    "power factor missing": edit_text("run_1/spl.txt", lambda t: t.replace(",PF,", ";PF;")),
    "no query count": edit_text("run_1/mlperf_log_detail.txt", lambda t: t.replace("result_query_count", "x")),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMED)
def test_named_edits(base: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / base.name
    shutil.copytree(base, folder)
    NAMED[name](folder)
    assert compare(folder) == []


def _span(folder: Path, run: str) -> tuple[str, str]:
    values = {}
    for line in (folder / "performance" / run / "mlperf_log_detail.txt").read_text().splitlines():
        record = json.loads(line.removeprefix(":::MLLOG"))
        values[record["key"]] = record["value"]
    return values["power_begin"], values["power_end"]


@pytest.mark.parametrize("offset_s", [-1.0, 0.5, 1.0, 60.0, 790.0, 810.0, -790.0, -810.0])
@pytest.mark.parametrize("text", ["Uncertainty 1.20%, which is above 1.00% limit for the last sample!", "another"])
def test_a_warning_counts_where_the_official_scan_looks(base: Path, tmp_path: Path, offset_s: float, text: str) -> None:
    folder = tmp_path / base.name
    shutil.copytree(base, folder)
    begin, end = map(moment, _span(folder, "run_1"))
    at = begin + timedelta(seconds=offset_s) if offset_s > 0 else end + timedelta(seconds=offset_s)
    log = folder / "performance" / "power" / "ptd_logs.txt"
    stamp = at.strftime("%m-%d-%Y %H:%M:%S.%f")[:-3]
    lines = log.read_text().splitlines(keepends=True)
    kept = [line for line in lines if "ERROR" not in line and "WARNING" not in line]
    log.write_text("".join([*kept, f"{stamp}: WARNING: {text}\n"]))
    record_anew(folder / "performance")
    assert compare(folder) == []


def test_the_source_is_the_one_we_follow() -> None:
    module = checker()
    fixed = power_rules(ROUND)
    assert fixed.versions == module.SUPPORTED_VERSION
    assert fixed.meters == module.SUPPORTED_MODEL
    assert fixed.tolerated_ranging == module.COMMON_ERROR_RANGING
    assert fixed.sources == json.loads((Path(module.__file__).parent / "sources_checksums.json").read_text())
