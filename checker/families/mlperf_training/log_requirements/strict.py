"""What the rules themselves say of a log: the log requirements its values call for, merged, every type taken seriously.

Here a benchmark's demand on a key replaces the general one, truth values are no numbers, a key logged twice is a
finding whatever its values, and a run that claims success must have reached the target while the clock ran. What is
logged wrongly becomes a problem with its line; nothing stops the judge.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from checker.core.findings import Violation, brief, limited
from checker.families.mlperf_training.log_requirements.demands import (
    FIRST_OF,
    Division,
    StrictKey,
    Test,
    compile_key,
    tests_value,
)
from checker.families.mlperf_training.log_requirements.loose import DIVISION, RAISED
from checker.families.mlperf_training.log_requirements.official import (
    FIRST,
    OfficialRules,
    gathered,
    known_records,
    official_rules,
)
from checker.families.mlperf_training.log_requirements.words import listed, problem
from checker.families.mlperf_training.reading import LogReading, ReadRecord
from rules.expressions import Event, Moment, UndefinedError, same
from rules.log_requirements import Demand, LogRequirements, log_requirements
from rules.round import rulesets
from rules.ruleset import RuleSet, load
from rules.training import FAMILIES

BENCHMARK = "submission_benchmark"
OPEN = "open_common"  # the set that only logs of the open division are judged by
LOADING = (DIVISION, BENCHMARK, "opt_name", "scheduler_type")
SHOWN = 10  # problems noted per key and member; the rest is counted


@dataclass
class MetricTarget:
    """Where a metric stood against its target."""

    key: str
    reached_at: ReadRecord | None = None  # the first line that reaches it
    last_before_stop: tuple[ReadRecord, bool] | None = None
    reached_before_stop: bool = False


class StrictRequirements:
    """The log requirements for one kind of log, merged into one table of keys."""

    def __init__(self, ruleset: RuleSet, laid: tuple[LogRequirements, ...]) -> None:
        self.gathers = next((requirements.gathers for requirements in laid if requirements.gathers), None)
        self.begins = {name: value for requirements in laid for name, value in requirements.begins.items()}
        held = frozenset(self.begins).union(*(requirements.held for requirements in laid))
        demands = {key: demand for requirements in laid for key, demand in requirements.keys.items()}
        stated = {key: demand for requirements in laid for key, demand in requirements.strict.items()}
        # Where the document and the official checker differ the checker rules (§9.1), so what it takes is no error.
        lenient = {key for key in stated if key in demands and not tests_value(demands[key])}
        demands |= stated
        self.clocked = {demand.within.since for demand in demands.values() if demand.within}
        division: Division = "open" if any(requirements.name == OPEN for requirements in laid) else "closed"
        self.keys = {
            key: compile_key(ruleset, key, demand, held, key in lenient, division) for key, demand in demands.items()
        }

    def judge(self, records: list[ReadRecord]) -> Iterator[tuple[str, Violation]]:
        """Yield (rule, problem) of the records of one log."""
        if self.gathers is not None:
            records = [*records, *gathered(records, self.gathers, forgiving=True)]
        run = _Run(self)
        for record in records:
            run.see(record)
        yield from run.end()


class _Run:
    """One log being judged."""

    def __init__(self, log_requirements: StrictRequirements) -> None:
        self.log_requirements = log_requirements
        self.moment = Moment(held=dict(log_requirements.begins))
        self.first: dict[str, Any] = {}  # of keys logged once: the first value
        self.differing: set[str] = set()  # of those: logged again with another value
        self.problems: dict[tuple[str, str, str], list[Violation]] = {}  # rule, key, member
        self.targets = {key: MetricTarget(key) for key, compiled in log_requirements.keys.items() if compiled.reaches}
        self.stop: ReadRecord | None = None

    def see(self, record: ReadRecord) -> None:
        """Judge one line."""
        key = record.key
        compiled = self.log_requirements.keys.get(key)
        if compiled is None:
            return
        moment = self.moment
        moment.event = event = cast("Event", record)
        count = moment.counts[key] = moment.counts.get(key, 0) + 1
        if compiled.demand.occurs == "once":
            if count == 1:
                self.first[key] = record.value
            elif not _alike(record.value, self.first[key]):
                self.differing.add(key)
        for member, rule, test in compiled.tests:
            self._test(compiled, member, rule, test, record)
        if key in self.log_requirements.clocked:
            moment.held[FIRST_OF + key] = min(moment.held.get(FIRST_OF + key, record.time_ms), record.time_ms)
        if compiled.first is not None and count == 1:
            self._test(compiled, "first", compiled.rules["schedule"], compiled.first, record)
        for name, expression in compiled.remembers:
            try:
                moment.held[name] = expression(moment)
            except RAISED:  # whoever asks for it says so
                moment.held.pop(name, None)
        moment.latest[key] = event
        if key == "run_stop" and self.stop is None:
            self.stop = record
        if compiled.reaches is not None:
            self._target(self.targets[key], compiled.reaches, record)

    def _test(self, compiled: StrictKey, member: str, rule: str, test: Test, record: ReadRecord) -> None:
        why = ""
        try:
            if test(self.moment):
                return
        except UndefinedError as error:
            why = str(error)
        except RAISED:
            why = "the value is of the wrong type"
        noted = self.problems.setdefault((rule, compiled.key, member), [])
        if len(noted) < SHOWN:
            found = _found(member, record)
            if compiled.key == BENCHMARK and (others := rounds_of(record.value)):
                found += f", a benchmark of {listed(others, 'and')}: judge it by that round"
            noted.append(problem(compiled.demand, member, compiled.key, found, record.line, why))

    def _target(self, target: MetricTarget, reaches: Test, record: ReadRecord) -> None:
        try:
            reached = reaches(self.moment) is True
        except RAISED:
            reached = False
        if reached and target.reached_at is None:
            target.reached_at = record
        # What another process logs while the clock runs may reach the file only after run_stop.
        if self.stop is None or record.time_ms < self.stop.time_ms:
            target.last_before_stop = record, reached
            target.reached_before_stop |= reached

    def end(self) -> Iterator[tuple[str, Violation]]:
        """Yield what was found, and what only the whole log shows."""
        counts = self.moment.counts
        for (rule, _, _), problems in self.problems.items():
            yield from ((rule, one) for one in limited(problems, SHOWN))
        seen: set[tuple[str, ...]] = set()
        repeated: dict[str, int] = {}
        for key, compiled in self.log_requirements.keys.items():
            demand, count = compiled.demand, counts.get(key, 0)
            rule = compiled.rules["lines"]
            least = {"any": 0, "some": 1, "once": 1}.get(str(demand.occurs), demand.occurs)
            if isinstance(least, int) and count < least:
                yield rule, problem(demand, "occurs", key, f"{count} times" if count else "nowhere", None)
            if demand.occurs == "once" and count > 1:
                last = cast("ReadRecord", self.moment.latest[key])
                if key in self.differing:
                    yield rule, problem(demand, "occurs", key, f"{count} times", last.line)
                else:
                    repeated[key] = count
            either = tuple(sorted({key, *demand.instead}))
            if demand.instead and either not in seen and not any(counts.get(one) for one in either):
                names = " and no ".join(f"'{one}'" for one in either)
                yield rule, Violation(f"no {names} is logged", f"a line of {' or '.join(either)}", "none")
            seen.add(either)
        if repeated:
            yield "mlperf-logged-once", self._repeated(repeated)
        for target in self.targets.values():
            yield from self._reached(target)

    def _repeated(self, repeated: dict[str, int]) -> Violation:
        """Return the one problem of all keys logged again with the value they had, mostly by other ranks."""
        most = max(repeated, key=lambda key: repeated[key])
        keys = listed([f"'{key}'" for key in repeated], "and")
        last = self._at(self.moment.latest[most])
        return Violation(
            f"logged more than once, with the same value: {keys}", "1 line", f"{repeated[most]} lines", line=last
        )

    def _reached(self, target: MetricTarget) -> Iterator[tuple[str, Violation]]:
        compiled, stop, last = self.log_requirements.keys[target.key], self.stop, target.last_before_stop
        status = stop.metadata.get("status") if stop is not None and isinstance(stop.metadata, dict) else None
        wanted = compiled.demand.reaches or ""
        if target.reached_at is None:
            if self.moment.counts.get(target.key):
                said = self.moment.latest[target.key]
                yield (
                    compiled.rules["target"],
                    problem(compiled.demand, "reaches", target.key, f"{brief(said.value)} on the last", self._at(said)),
                )
                if status == "success" and stop is not None:
                    what = "the run claims success and never reached the target"
                    yield "mlperf-status-true", Violation(what, "aborted", '"success"', line=stop.line)
        elif stop is not None and self.log_requirements.gathers is None:
            if not target.reached_before_stop:
                what = f"'{target.key}' reaches the target only after run_stop"
                yield (
                    "mlperf-target-in-time",
                    Violation(what, f"{wanted} before run_stop", "after it", line=target.reached_at.line),
                )
            elif last is not None and not last[1]:
                what = f"'{target.key}' reached the target and lost it again before run_stop"
                yield "mlperf-target-kept", Violation(what, wanted, brief(last[0].value), line=last[0].line)
            if status == "aborted" and target.reached_before_stop:
                what = "the run says aborted and had reached the target"
                yield "mlperf-status-true", Violation(what, "success", '"aborted"', line=stop.line)

    def _at(self, event: Event) -> int:
        return cast("ReadRecord", event).line


def _alike(a: Any, b: Any) -> bool:
    try:
        return a is b or same(a, b)
    except RecursionError:  # nested to the limit
        return False


def _found(member: str, record: ReadRecord) -> str:
    name = member.partition(".")[0]
    if name in ("has", "first") or (name == "holds" and record.value is None):
        metadata = record.metadata
        if not isinstance(metadata, dict):
            return f"metadata is {brief(metadata)}"
        places = {k: v for k, v in metadata.items() if k in POSITIONS}
        return ", ".join(f"{k} {brief(v)}" for k, v in places.items()) or "none of them"
    if name in ("after", "before"):
        return "the other way round"
    if name == "within":
        return "later"
    return brief(record.value)


POSITIONS = ("epoch_num", "samples_count", "step_num", "first_epoch_num", "epoch_count", "status")


class StrictRules:
    """The log requirements of one round as the rules mean them, compiled as they are needed."""

    def __init__(self, round_name: str) -> None:
        self.ruleset = load(round_name)
        self.official: OfficialRules = official_rules(round_name)
        extra = {key for requirements in self.official.log_requirements.values() for key in requirements.given.strict}
        self.known = self.official.known | extra
        self._merged: dict[tuple[str, ...], StrictRequirements] = {}

    def relevant(self, reading: LogReading) -> list[ReadRecord]:
        """Return the records that the log requirements of the round speak of, in either meaning."""
        return known_records(reading, self.known)

    def names(self, records: list[ReadRecord]) -> tuple[str, ...]:
        """Return the log requirements that a log's first values call for, those of unknown names left out."""
        log_requirements = self.official.log_requirements
        first: dict[str, Any] = {}
        for record in records:
            if record.key in LOADING:
                first.setdefault(record.key, record.value)
        names = [FIRST]
        for name in names:  # grows while it is walked
            for key, compiled in log_requirements[name].keys.items():
                following = _following(compiled.demand, first.get(key))
                if following in log_requirements and following not in names:
                    names.append(following)
        return tuple(names)

    def log_requirements(self, names: tuple[str, ...]) -> StrictRequirements:
        """Return these log requirements merged."""
        if names not in self._merged:
            laid = tuple(self.official.log_requirements[name].given for name in names)
            self._merged[names] = StrictRequirements(self.ruleset, laid)
        return self._merged[names]

    def judge(self, reading: LogReading, records: list[ReadRecord]) -> Iterator[tuple[str, Violation]]:
        """Yield (rule, problem) for a log as read; `records` are those the round's log requirements speak of."""
        for malformed in reading.malformed[:SHOWN]:
            what = "a line with the token is no record"
            yield "mlperf-log-readable", Violation(what, "one JSON object", malformed.cause[:80], line=malformed.line)
        if reading.empty:
            yield "mlperf-log-readable", Violation("the log holds no record", "lines that begin with :::MLLOG", "none")
            return
        yield from self.log_requirements(self.names(records)).judge(records)


def rounds_of(benchmark: Any) -> list[str]:
    """Return the rounds that have rules on a benchmark: which round a log that was judged by another may be of."""
    if not isinstance(benchmark, str):
        return []
    rounds = [name for name in rulesets() if load(name).series in FAMILIES]
    return [name for name in rounds if f"closed_{benchmark}" in log_requirements(name)]


def _following(demand: Demand, value: Any) -> str | None:
    if not isinstance(value, str) or demand.loads is None:
        return None
    if isinstance(demand.loads, dict):
        return demand.loads.get(value)
    return demand.loads.replace("{value}", value).replace("{lower}", value.lower())
