"""The log of a host runner, MLCommons' or EEMBC's: what was measured, window by window, and what the device answered.

Read line by line; of a line only what is known is taken. Runtimes are seconds, energies microjoules.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from checker.core.findings import Violation

LONGEST = 4_000_000  # characters of a line that is looked at
MOST = 100_000  # windows, answers and detections kept of one log
NUMBER = r"(\d{1,18}(?:\.\d{1,18})?)"
WINDOW = re.compile(rf"Performance results for window {NUMBER}:")
INFERENCES = re.compile(rf"# Inferences *: *{NUMBER}\s*$")
RUNTIME = re.compile(rf"Runtime *: *{NUMBER} sec\.")
THROUGHPUT = re.compile(rf"Throughput *: *{NUMBER} inf\./sec\.")
ANSWER = re.compile(r"m-results *: *\[([^\]]*)\]")
LOADING = re.compile(r"Loading file (\S+) segment")
TRIAL = re.compile(rf"Energy data for (?:trial|window) {NUMBER}(?: at time {NUMBER} for {NUMBER} sec\.)?")
ELAPSED = re.compile(rf"Elapsed time *: *{NUMBER}")
TRIAL_INFERENCES = re.compile(rf"^\s*Inferences *: *{NUMBER}\s*$")
ENERGY = re.compile(rf"Energy/Inf\.? *: *{NUMBER} uJ/inf")
POWER = re.compile(rf"Power *: *{NUMBER} mW")
MEDIAN_THROUGHPUT = re.compile(rf"Median throughput is *{NUMBER} inf\./sec\.")
MEDIAN_ENERGY = re.compile(rf"Median energy cost is *{NUMBER} uJ/inf")
TOP_1 = re.compile(rf"Top[- ]1%?\s?[:=] *{NUMBER}")
AUC = re.compile(rf"AUC\s?[:=] *{NUMBER}")
COUNTS = re.compile(r"Accuracy: (\d{1,9}) True positives, (\d{1,9}) False negatives, (\d{1,9}) False positives")
DUTY = re.compile(rf"Average duty cycle: *{NUMBER}")
PERIOD = re.compile(rf"Average period: *{NUMBER} s")
STREAMING = re.compile(rf"Estimated throughput: *{NUMBER} inf\./sec\.")
LENGTH = re.compile(rf"Playing (\S+) \(length = {NUMBER}s\)")
DETECTIONS = re.compile(r"^\[[\d, ]+\]\s*$")
MODEL = re.compile(r"(?:Device model retrieved: *|m-model-\[)([A-Za-z0-9_]+)")
ERROR = re.compile(r"^(?:\S+ ulp-mlperf: )?(ERROR\b.*|.*<<<< below minimum duration.*)$")
LOAD = re.compile(r'Command "bload dut "(.*?)"+')
LAP = re.compile(r"dut: m-lap-us-(\d{1,18})")
START = re.compile(r"dut: m-infer-start-(\d{1,18})")
REPLY = re.compile(r"dut: m-results-\[([^\]]*)\]")


@dataclass
class Window:
    """Inferences timed without a pause; `line` is where the log tells of them."""

    line: int
    inferences: float = 0
    runtime: float | None = None
    throughput: float | None = None


@dataclass
class Trial:
    """One measurement of energy."""

    line: int
    elapsed: float | None = None
    inferences: float | None = None
    energy: float | None = None  # of one inference
    power: float | None = None  # milliwatts


@dataclass
class Answers:
    """What the device answered to one file, segment by segment; `line` is where the log names the file."""

    line: int
    outputs: list[list[float]] = field(default_factory=list)


@dataclass
class RunnerLog:
    """What one text of a runner says: a log, or the summary in results.txt."""

    path: str
    windows: list[Window] = field(default_factory=list)
    trials: list[Trial] = field(default_factory=list)
    answers: dict[str, Answers] = field(default_factory=dict)
    detections: list[float] | None = None  # milliseconds
    played: tuple[str, float] | None = None  # recording and its seconds
    models: list[tuple[str, int]] = field(default_factory=list)  # what the device says it holds, with the line
    errors: list[tuple[str, int]] = field(default_factory=list)
    stated: dict[str, tuple[str, int]] = field(default_factory=dict)  # the last of each metric, as written
    restated: list[tuple[str, str, int]] = field(default_factory=list)  # metric, what was stated before, where again
    counts: tuple[int, int, int] | None = None  # hits, misses, false alarms
    measured: str = ""  # SHA-256 of the lines that tell of measurements, with their times; "" of a log with few

    def number(self, name: str) -> float | None:
        """Return a stated metric."""
        return float(self.stated[name][0]) if name in self.stated else None

    def problem(self, message: str, expected: str, found: str, at: int | str | None = None) -> Violation:
        """Return a problem with this text; `at` is its line, or the metric stated there."""
        line = self.stated.get(at, ("", None))[1] if isinstance(at, str) else at
        return Violation(message, expected, found, self.path, line)


METRICS = {
    "median throughput": MEDIAN_THROUGHPUT,
    "median energy": MEDIAN_ENERGY,
    "top-1": TOP_1,
    "auc": AUC,
    "duty cycle": DUTY,
    "period": PERIOD,
    "streaming throughput": STREAMING,
}
KNOWN = re.compile(
    r"^\[|ulp-ml|dut|: |Energy|Inferences|Runtime|Throughput|Elapsed|Power"
    r"|Median|Top|AUC|Average|Estimated|Playing|ERROR"
)
TELLING = ("ulp-mlperf:", "dut: m-", "Energy data for", "Elapsed time", "Total Energy")
LEAST = 4  # such lines, below which a log could be another's by chance
SIGNS = ("Median", "Top", "AUC", "Average", "Estimated", "Accuracy:")


def read_log(raw: bytes, path: str) -> RunnerLog:
    """Return what a runner's text says; whatever it holds, nothing is raised."""
    log = RunnerLog(path)
    _Reader(log).read(io.TextIOWrapper(io.BytesIO(raw), encoding="utf-8", errors="replace"))
    return log


class _Reader:
    def __init__(self, log: RunnerLog) -> None:
        self.log = log
        self.file: str | None = None
        self.loaded = 0  # the line that names the file
        self.started: int | None = None  # EEMBC: inferences of the window being timed
        self.laps: list[int] = []
        self.digest = hashlib.sha256()
        self.telling = 0

    def read(self, lines: Iterable[str]) -> None:
        for number, line in enumerate(lines, 1):
            if len(line) > LONGEST or KNOWN.search(line) is None:
                continue
            if "dut: m-" in line or "bload dut" in line:
                self._eembc(line, number)
            else:
                self._mlc(line, number)
            if any(sign in line for sign in TELLING) or line[:1] == "[":
                self.digest.update(line.encode("utf-8", "replace"))
                self.telling += 1
        if self.telling >= LEAST:
            self.log.measured = self.digest.hexdigest()

    def _mlc(self, line: str, number: int) -> None:
        log = self.log
        if match := LOADING.search(line):
            self.file, self.loaded = match[1], number
        elif (match := ANSWER.search(line)) and self.file is not None:
            self._answer(match[1])
        elif match := WINDOW.search(line):
            self._window(Window(number))
        elif log.windows and (match := INFERENCES.search(line)):
            log.windows[-1].inferences = float(match[1])
        elif log.windows and "Runtime" in line and (match := RUNTIME.search(line)):
            if log.windows[-1].runtime is None:
                log.windows[-1].runtime = float(match[1])
        elif log.windows and "Throughput" in line and (match := THROUGHPUT.search(line)):
            if log.windows[-1].throughput is None:
                log.windows[-1].throughput = float(match[1])
        elif match := TRIAL.search(line):
            if len(log.trials) < MOST:
                log.trials.append(Trial(number, float(match[3]) if match[3] else None))
        elif log.trials and (match := ELAPSED.search(line)):
            log.trials[-1].elapsed = float(match[1])
        elif log.trials and (match := TRIAL_INFERENCES.search(line)):
            log.trials[-1].inferences = float(match[1])
        elif log.trials and (match := ENERGY.search(line)):
            log.trials[-1].energy = float(match[1])
        elif log.trials and (match := POWER.search(line)):
            log.trials[-1].power = float(match[1])
            log.stated["power"] = (match[1], number)
        elif DETECTIONS.match(line) and log.detections is None:
            parts = line.strip().strip("[]").split(",")
            log.detections = [float(part) for part in parts[:MOST] if part.strip().isdecimal()]
        elif any(sign in line for sign in SIGNS):
            self._stated(line, number)
        elif match := LENGTH.search(line):
            log.played = (match[1], float(match[2]))
        elif match := MODEL.search(line):
            self._model(match[1], number)
        if ("ERROR" in line or "<<<<" in line) and (match := ERROR.match(line)) and len(log.errors) < MOST:
            log.errors.append((match[1].strip(), number))

    def _stated(self, line: str, number: int) -> None:
        for name, pattern in METRICS.items():
            if match := pattern.search(line):
                self._state(name, match[1], number)
        if match := COUNTS.search(line):
            self.log.counts = (int(match[1]), int(match[2]), int(match[3]))
            self._state("counts", match[0], number)

    def _state(self, name: str, value: str, number: int) -> None:
        before = self.log.stated.get(name)
        if before is not None and before[0] != value and len(self.log.restated) < MOST:
            self.log.restated.append((name, before[0], number))
        self.log.stated[name] = (value, number)

    def _eembc(self, line: str, number: int) -> None:
        if match := LOAD.search(line):
            self.file, self.loaded = re.split(r"[/\\]", match[1])[-1], number
        elif match := START.search(line):
            self.started, self.laps = int(match[1]), []
        elif match := LAP.search(line):
            self.laps.append(int(match[1]))
            if self.started is not None and len(self.laps) == 2:
                seconds = (self.laps[1] - self.laps[0]) / 1e6
                rate = self.started / seconds if seconds > 0 else None
                self._window(Window(number, self.started, seconds, rate))
                self.started = None
        elif match := REPLY.search(line):
            self._answer(match[1])
        elif match := MODEL.search(line):
            self._model(match[1], number)

    def _window(self, window: Window) -> None:
        if len(self.log.windows) < MOST:
            self.log.windows.append(window)

    def _model(self, model: str, number: int) -> None:
        if len(self.log.models) < MOST:
            self.log.models.append((model, number))

    def _answer(self, text: str) -> None:
        if self.file is None or len(self.log.answers) >= MOST:
            return
        try:
            output = [float(part) for part in text.split(",") if part.strip()]
        except ValueError:
            return
        self.log.answers.setdefault(self.file, Answers(self.loaded)).outputs.append(output)
