"""Rules on the form of a log's lines: the reader found the flaws, these report them."""

from __future__ import annotations

from checker.judges.registry import flaws

for name in ("log-line", "log-json", "log-members", "log-workload"):
    flaws("log", name)
