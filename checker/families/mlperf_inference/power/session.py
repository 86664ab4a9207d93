"""The eleven checks on a power session, as MLCommons' power checker makes them (mlcommons/power-dev), each on its own.

Client (beside LoadGen) and server (beside the meter) each record a session as JSON. A check that cannot be computed
fails, as there; what it only warns of passes.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from checker.core.findings import Violation, brief
from checker.core.links import LinkedTree
from checker.core.tree import RefusedError
from checker.families.mlperf_inference.power.logs import StampError, load_samples, load_times
from checker.families.mlperf_inference.power.logs import daemon_log as read_daemon_log
from rules.power import PowerRules

RANGING, TESTING = "ranging", "run_1"
CLIENT, SERVER, DAEMON = "power/client.json", "power/server.json", "power/ptd_logs.txt"
MEMBERS = ("version", "timezone", "modules", "sources", "messages", "uuid", "session_name", "results", "phases")
LOGS = ("mlperf_log_detail.txt", "mlperf_log_summary.txt", "spl.txt")
RECORDED = (
    "power/client.log",
    DAEMON,
    "power/server.log",
    *(f"{run}/{name}" for run in (RANGING, TESTING) for name in LOGS),
)  # files whose SHA-1 the two sides record
FAULTS = (KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError, RecursionError, RefusedError)
REPLIES = (  # commands to the meter and what it must answer
    ("SR,A", "Range A changed"),
    ("SR,V", "Range V changed"),
    ("Go,1000,", "Starting untimed measurement, maximum 500000 samples at 1000ms with 0 rampup samples"),
    ("Stop", "Stopping untimed measurement"),
)
THIRD_STOP = "Error: no measurement to stop"


class UnmetError(Exception):
    """A demand of a check that the session does not meet."""

    def __init__(self, problem: Violation) -> None:
        super().__init__(problem.message)
        self.problem = problem


class ToleratedError(UnmetError):
    """What the official checker warns of and passes; its check ends there all the same."""


def demand(holds: bool, message: str, expected: str, found: Any, path: str) -> None:
    """Raise UnmetError unless a demand holds."""
    if not holds:
        raise UnmetError(Violation(message, expected, brief(found), path))


@dataclass
class Session:
    """A power session: `folder` holds power/, ranging/ and run_1/ of one result."""

    tree: LinkedTree
    folder: str
    fixed: PowerRules
    client: dict[str, Any] = field(default_factory=dict)
    server: dict[str, Any] = field(default_factory=dict)
    reading: str = CLIENT  # the file that was read last

    def path(self, name: str) -> str:
        """Return the path in the tree of a file of the session."""
        return f"{self.folder}/{name}"

    def read(self, name: str) -> bytes:
        """Return a file's bytes; RefusedError where it is not read."""
        self.reading = name
        return self.tree.read(self.path(name), self.tree.limits.log_bytes)

    @cached_property
    def ranging(self) -> tuple[float | None, float | None]:
        """When the ranging run's load began and ended, by its detail log."""
        return load_times(self.read(f"{RANGING}/mlperf_log_detail.txt"))

    @cached_property
    def testing(self) -> tuple[float | None, float | None]:
        """When the measured run's load began and ended, by its detail log."""
        return load_times(self.read(f"{TESTING}/mlperf_log_detail.txt"))


def descriptor(session: Session, name: str) -> dict[str, Any]:
    """Return a side's record of the session; UnmetError where it is none, for then no check can be made."""
    path = session.path(name)
    try:
        record = json.loads(session.tree.read(path, session.tree.limits.document_bytes).decode("utf-8"))
    except RefusedError as error:
        raise UnmetError(Violation(f"the session's record {error}", "client.json and server.json", "", path)) from None
    except (ValueError, RecursionError) as error:
        raise UnmetError(Violation("the session's record is not JSON", "JSON", str(error), path)) from None
    demand(isinstance(record, dict), "the session's record is not an object", "an object", record, path)
    missing = sorted(set(MEMBERS) - record.keys())
    demand(not missing, "the session's record lacks members", ", ".join(MEMBERS), ", ".join(missing), path)
    return dict(record)


# The checks, in the official order


def _sources(session: Session, record: dict[str, Any], name: str) -> None:
    """Demand that a side ran an accepted release."""
    stated = record["sources"]
    off = "checksums of another release"
    if isinstance(stated, dict):
        nearest = min(session.fixed.sources, key=lambda known: len(set(known.items()) ^ _hashable(stated)))
        off = ", ".join(sorted(k for k in {*nearest, *stated} if nearest.get(k) != stated.get(k))[:4])
    what = "the measurement did not run with an accepted release of the power client and server"
    demand(any(stated == known for known in session.fixed.sources), what, "known checksums", off, session.path(name))


def _hashable(stated: dict[str, Any]) -> set[tuple[str, Any]]:
    return {(name, value if isinstance(value, str) else None) for name, value in stated.items()}


def meter(session: Session) -> None:
    """Demand an accepted daemon and meter, the expected replies, and ranges set back to what they were."""
    path = session.path(SERVER)
    messages: list[dict[str, str]] = session.server["ptd_messages"]
    identity = next((message["reply"] for message in messages if message["cmd"] == "Identify"), "")
    demand(len(identity) != 0, "the meter's daemon did not say what it is", "an answer to Identify", "none", path)
    version = re.search(r"(?<=version=)(.+?)-", identity)
    stated = "" if version is None else version[1]
    accepted = ", ".join(session.fixed.versions)
    demand(stated in session.fixed.versions, "the daemon's version is not accepted", accepted, stated, path)
    model = identity.split(",")[0]
    known = ", ".join(session.fixed.meters)
    demand(model in session.fixed.meters, "the power meter is not accepted", known, model, path)
    for command, reply in REPLIES:
        _replies(messages, command, reply, path)
    _set_back(messages, path)


def _replies(messages: list[dict[str, str]], command: str, reply: str, path: str) -> None:
    stops = 0
    for message in messages:
        if not message["cmd"].startswith(command):
            continue
        if message["cmd"] == "Stop":
            if stops == 2:
                reply = THIRD_STOP  # nothing is running any more; it stays the expected answer from here on
            stops += 1
        what = f"the meter answered {brief(message['cmd'])} in another way"
        demand(message["reply"] == reply, what, reply, message["reply"], path)


def _set_back(messages: list[dict[str, str]], path: str) -> None:
    initial = messages[2]["reply"]
    amps, volts = _initial(initial, 1, path), _initial(initial, 3, path)
    set_amps = _nth(messages, "SR,A", 3, path), _nth(messages, "SR,A", 4, path)
    set_volts = _nth(messages, "SR,V", 3, path)
    what = "the range was not set back to what it was"
    demand(f"SR,A,{amps}" in set_amps, what, f"SR,A,{amps}", " and ".join(set_amps), path)
    demand(set_volts == f"SR,V,{volts}", what, f"SR,V,{volts}", set_volts, path)


def _initial(reply: str, position: int, path: str) -> str:
    fields = reply.split(",")
    try:
        if fields[position] == "0" and float(fields[position + 1]) > 0:
            return fields[position + 1]
    except (ValueError, IndexError):
        raise UnmetError(Violation("the initial ranges cannot be told", "ranges", brief(reply), path)) from None
    return "Auto"


def _nth(messages: list[dict[str, str]], command: str, number: int, path: str) -> str:
    sent = [message["cmd"] for message in messages if message["cmd"].startswith(command)]
    demand(len(sent) >= number, f"{command} was not sent often enough", f"{number} times", len(sent), path)
    return sent[number - 1]


def identifiers(session: Session) -> None:
    """Demand that both sides name the same client and server."""
    mine, theirs = session.client["uuid"], session.server["uuid"]
    for side in ("client", "server"):
        same = uuid.UUID(mine[side]) == uuid.UUID(theirs[side])
        what = f"client and server disagree about the {side}'s identifier"
        demand(same, what, str(theirs[side]), mine[side], session.path(CLIENT))


def session_name(session: Session) -> None:
    """Demand that both sides name the session alike."""
    mine, theirs = session.client["session_name"], session.server["session_name"]
    what = "client and server name different sessions"
    demand(mine == theirs, what, brief(theirs), mine, session.path(CLIENT))


def phases(session: Session) -> None:
    """Demand that both clocks agree, that loads lie within their phases and that ranging was not the heavier run."""
    ranging, testing = session.client["phases"]["ranging"], session.client["phases"]["testing"]
    _together(session, ranging, session.server["phases"]["ranging"], RANGING)
    _together(session, testing, session.server["phases"]["testing"], TESTING)
    spans = {}
    for run, times in ((RANGING, session.ranging), (TESTING, session.testing)):
        path = session.path(f"{run}/mlperf_log_detail.txt")
        for word, at in zip(("power_begin", "power_end"), times, strict=True):
            demand(at is not None, f"the log lacks {word}", "a time", "none", path)
        assert times[0] is not None
        assert times[1] is not None
        spans[run] = times[0], times[1]
    _within(session, spans[RANGING], ranging, RANGING)
    _within(session, spans[TESTING], testing, TESTING)
    took = {run: end - begin for run, (begin, end) in spans.items()}
    shorter = (took[RANGING] - took[TESTING]) / took[RANGING]
    if shorter > session.fixed.shorter_at_most:
        what = "the measured run is much shorter than the ranging run; what they drew is not compared"
        found = f"{took[TESTING]:,.1f} s after {took[RANGING]:,.1f} s"
        raise ToleratedError(Violation(what, "about as long", found, session.path(f"{TESTING}/mlperf_log_detail.txt")))
    _as_heavy(session, spans)


def _together(session: Session, client: list[Any], server: list[Any], run: str) -> None:
    what = f"client and server record different numbers of phases of {run}"
    demand(len(client) == len(server), what, str(len(server)), len(client), session.path(CLIENT))
    for position, (mine, theirs) in enumerate(zip(client, server, strict=True), 1):
        apart = abs(mine[0] - theirs[0])
        what = f"the clocks of client and server differ at phase {position} of {run}"
        most = f"at most {session.fixed.clock_tolerance_s:g} s"
        demand(apart <= session.fixed.clock_tolerance_s, what, most, f"{apart:.3f} s", session.path(CLIENT))


def _within(session: Session, span: tuple[float, float], phase: list[Any], run: str) -> None:
    """Demand that a load lies in its phase; an hour's slip (daylight saving) is forgiven, as by the official check."""
    for word, at in zip(("begins", "ends"), span, strict=True):
        inside = phase[1][0] < at < phase[2][0] or phase[1][0] < at - 3600 < phase[2][0]
        path = session.path(f"{run}/mlperf_log_detail.txt")
        demand(inside, f"the load {word} outside its phase", f"{phase[1][0]} to {phase[2][0]}", at, path)


def _as_heavy(session: Session, spans: dict[str, tuple[float, float]]) -> None:
    watts = {}
    for run, (begin, end) in spans.items():
        limits = datetime.fromtimestamp(begin, tz=UTC), datetime.fromtimestamp(end, tz=UTC)
        mean = load_samples(session.read(f"{run}/spl.txt"), *limits, with_factor=True).watts
        watts[run] = round(-1.0 if mean is None else mean, 5)
    percent = round((watts[TESTING] / watts[RANGING] - 1) * 100, 2)
    what = "the measured run drew less than the ranging run"
    least = f"at most {session.fixed.lower_at_most_percent:g}% less than {watts[RANGING]:g} W"
    found = f"{watts[TESTING]:g} W, {percent:g}%"
    blind = next((run for run, mean in watts.items() if mean < 0), None)
    if blind is not None and percent <= -session.fixed.lower_at_most_percent:
        missing = f"samples of the {'ranging' if blind == RANGING else 'measured'} run's load"
        what = "the meter took no sample while the load lasted"
        raise UnmetError(Violation(what, missing, "none", session.path(f"{blind}/spl.txt")))
    demand(percent > -session.fixed.lower_at_most_percent, what, least, found, session.path(f"{TESTING}/spl.txt"))


def messages(session: Session) -> None:
    """Demand that both sides record the same conversation, in the same version."""
    mine, theirs = session.client["messages"], session.server["messages"]
    path = session.path(CLIENT)
    what = "the sides record conversations of other lengths"
    demand(len(mine) == len(theirs), what, str(len(theirs)), len(mine), path)
    for position, (one, other) in enumerate(zip(mine, theirs, strict=True)):
        what = f"the sides record another command {position}"
        demand(one["cmd"] == other["cmd"], what, brief(other["cmd"]), one["cmd"], path)
        if one["cmd"] != "time":
            what = f"the sides record another reply to {brief(one['cmd'])}"
            demand(one["reply"] == other["reply"], what, brief(other["reply"]), one["reply"], path)
    versions = []
    for side, line in (("client", theirs[0]["cmd"]), ("server", theirs[0]["reply"])):
        found = re.search(rf"mlcommons\/power {side} v(\d+)$", line)
        demand(found is not None, f"the {side} does not say its version", f"mlcommons/power {side} v<n>", line, path)
        assert found is not None
        versions.append(found[1])
    demand(versions[0] == versions[1], "client and server are of different versions", versions[1], versions[0], path)


def checksums(session: Session) -> None:
    """Demand that every required file is what the two sides recorded; all that lies there is read for it."""
    tree = session.tree
    for entry in tree.files(tree.lead(session.folder).real or session.folder):
        found = entry.kind != "link" or tree.at(entry.path) is not None
        demand(found, "the official check cannot read what lies here", "a file", "a link to nothing", entry.path)
    mine = {name: value for name, value in session.client["results"].items() if name in RECORDED}
    theirs = {name: value for name, value in session.server["results"].items() if name in RECORDED}
    for name in mine.keys() & theirs.keys():
        what = f"client and server recorded different files {name}"
        demand(mine[name] == theirs[name], what, brief(theirs[name]), mine[name], session.path(CLIENT))
    recorded = {**mine, **theirs}
    for name in RECORDED:
        path = session.path(name)
        what = f"neither client nor server recorded {name}"
        demand(name in recorded, what, "its SHA-1", "none", session.path(SERVER))
        digest = hashlib.sha1(session.read(name), usedforsecurity=False).hexdigest()
        what = "the file is not the one that was measured: its SHA-1 does not match the recorded one"
        demand(digest == recorded[name], what, brief(recorded[name]), digest, path)


def daemon_log(session: Session) -> None:
    """Demand a daemon's log without errors while testing, uncertainty checked, and within bounds during the load."""
    path = session.path(DAEMON)
    name = session.server["session_name"]
    load = _load(session)
    int(session.server["timezone"])  # the official checker converts it here, and uses it for nothing
    log = read_daemon_log(session.read(DAEMON), f"{name}")
    ranged = log.ranging_begin is not None and log.ranging_end is not None
    demand(ranged, "the daemon's log does not say when ranging began and ended", "both", "not found", path)
    assert log.ranging_begin is not None
    activated = log.activated()
    demand(activated is not None, "the uncertainty of samples was not checked", "a line that says so", "none", path)
    assert activated is not None
    if not activated[1] < log.ranging_begin:
        what = "checking of uncertainty was switched on only after ranging began"
        raise UnmetError(Violation(what, "before", "after", path, activated[0]))
    fixed = session.fixed
    events = log.events(load, fixed.load_margin_s, fixed.tolerated_ranging, fixed.tolerated_testing)
    for event in events:
        if event.refused:
            what = "the daemon reports what no measurement may show"
            raise UnmetError(Violation(what, "no such line", brief(event.text), path, event.line))
        what = "the daemon reports an error or warning; the official checker reads no further"
        raise ToleratedError(Violation(what, "no such line", brief(event.text), path, event.line))


def _load(session: Session) -> tuple[float, float]:
    begin, end = session.testing
    path = session.path(f"{TESTING}/mlperf_log_detail.txt")
    what = "the log does not say when the load began and ended"
    demand(None not in (begin, end), what, "power_begin and power_end", "not both", path)
    assert begin is not None
    assert end is not None
    return begin, end


def device(session: Session) -> None:
    """Demand an accepted device number, and two channels where the device is the one that has them."""
    path = session.path(SERVER)
    accepted = ", ".join(map(str, sorted(set(session.fixed.meters.values()))))
    for analyzer in session.server["ptd_config"]:
        number = analyzer["device_type"]
        known = number in session.fixed.meters.values()
        demand(known, "the meter's device number is not accepted", accepted, number, path)
        if number == session.fixed.multichannel:
            command = analyzer["command"]
            at = next((position for position in range(len(command)) if command[position] == "-c"), None)
            channels = "" if at is None else command[at + 1]
            both = len(channels.split(",")) == 2 and analyzer["channel"] and len(analyzer["channel"]) == 2
            demand(bool(both), "a meter of several channels is used with one", "two channels", channels, path)


def debug_off(session: Session) -> None:
    """Demand that the server did not run in debug mode."""
    said = session.server.get("debug", False)
    demand(said is False, "the server ran in debug mode", "false", said, session.path(SERVER))


CHECKS: tuple[tuple[str, Callable[[Session], None]], ...] = (
    ("power-sources", lambda session: _sources(session, session.client, CLIENT)),
    ("power-sources", lambda session: _sources(session, session.server, SERVER)),
    ("power-meter", meter),
    ("power-identifiers", identifiers),
    ("power-session-name", session_name),
    ("power-phases", phases),
    ("power-messages", messages),
    ("power-checksums", checksums),
    ("power-daemon-log", daemon_log),
    ("power-device", device),
    ("power-debug", debug_off),
)


def judge_session(session: Session) -> Iterator[tuple[str, Violation, bool]]:
    """Yield (rule, problem, whether it is only warned of) for what the power checker objects to."""
    try:
        session.client = descriptor(session, CLIENT)
        session.server = descriptor(session, SERVER)
    except UnmetError as unmet:
        yield "power-session", unmet.problem, False
        return
    for rule, check in CHECKS:
        try:
            check(session)
        except ToleratedError as tolerated:
            yield "power-tolerated", tolerated.problem, True
        except UnmetError as unmet:
            yield rule, unmet.problem, False
        except FAULTS as error:
            what = "the official check stops on what the session holds"
            cause = str(error) if isinstance(error, (RefusedError, StampError)) else f"{type(error).__name__}: {error}"
            of_file = isinstance(error, (RefusedError, StampError, UnicodeDecodeError))
            path = session.path(session.reading if of_file else CLIENT)
            yield rule, Violation(what, "a session as the power workflow writes it", cause, path), False
