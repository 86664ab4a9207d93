"""accuracy.txt as both official checkers read it.

A metric below its target on any line fails, also after one that met it; reading stops once every metric met its target
and a hash was seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

from checker.core.findings import Violation
from rules.inference import InferenceRules

HASH = re.compile(r"hash=(\w+)$")
Patterns = dict[str, re.Pattern[str]]


@cache
def _pattern(round_name: str, metric: str, expression: str) -> re.Pattern[str]:  # noqa: ARG001 - the names are the key
    return re.compile(expression)


def patterns(rules: InferenceRules, metrics: Iterable[str]) -> Patterns:
    """Return the expressions of metrics' lines."""
    return {name: _pattern(rules.name, name, rules.package.metrics[name]) for name in metrics}


def values_of(lines: Iterable[str], known: Patterns) -> dict[str, float]:
    """Return the last value of each metric; ValueError for one that is no number."""
    found = ((name, pattern.match(line)) for line in lines for name, pattern in known.items())
    return {name: float(match[1]) for name, match in found if match is not None}


@dataclass
class AccuracyText:
    """What reading comes to, of metrics that reach `targets` and stay within `limits`."""

    path: str
    targets: Mapping[str, float]
    limits: Mapping[str, float]
    values: dict[str, str] = field(default_factory=dict)
    met: set[str] = field(default_factory=set)
    hashed: bool = False
    problems: list[Violation] = field(default_factory=list)
    line: int = 0  # that is being read

    def read(self, lines: Iterable[str], rules: InferenceRules) -> None:
        """Take in lines; ValueError for a value that is no number."""
        wanted, bounded = patterns(rules, self.targets), patterns(rules, self.limits)
        for self.line, line in enumerate(lines, 1):
            self.hashed |= HASH.match(line) is not None
            for metric, expression in wanted.items():
                if match := expression.match(line):
                    if float(match[1]) >= self.targets[metric]:
                        self.met.add(metric)
                    else:
                        self._object("the accuracy is too low", self._least(metric), match[1])
                    self.values[metric] = match[1]
            for metric, expression in bounded.items():
                if (match := expression.match(line)) and float(match[1]) > self.limits[metric]:
                    expected = f"{metric} of at most {self.limits[metric]:.9g}"
                    self._object("the value is above its upper limit", expected, match[1])
            if self.hashed and len(self.met) == len(self.targets):
                break

    def absent(self) -> Iterator[Violation]:
        """Yield what is said of metrics that no line gives."""
        for metric in self.targets:
            if metric not in self.values:
                yield Violation("the accuracy is not there", self._least(metric), "no such line", self.path)

    def unhashed(self) -> Iterator[Violation]:
        """Yield what is said of a text without a hash."""
        if not self.hashed:
            what = "there is no hash of the accuracy log: a line hash=…, nothing else on it"
            yield Violation(what, "hash=<SHA-256 of the whole accuracy log>", "none", self.path)

    def _least(self, metric: str) -> str:
        return f"{metric} of at least {self.targets[metric]:.9g}"

    def _object(self, what: str, expected: str, found: str) -> None:
        self.problems.append(Violation(what, expected, found, self.path, self.line))
