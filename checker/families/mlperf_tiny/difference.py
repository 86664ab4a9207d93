"""What changed between two rounds of MLPerf Tiny, in plain words: benchmarks, targets, runners, files."""

from __future__ import annotations

from collections.abc import Iterator

from checker.explain.difference import changed
from rules.tiny import tiny_rules


def differences(before: str, after: str) -> Iterator[str]:
    """Yield what differs in `after`, headings without indent."""
    old, new = tiny_rules(before), tiny_rules(after)
    yield from (f"{name}: gone" for name in old.benchmarks if name not in new.benchmarks)
    for name, benchmark in new.benchmarks.items():
        was = old.benchmarks[name].model_dump() if name in old.benchmarks else {}
        lines = list(changed(was, benchmark.model_dump()))
        if lines:
            yield f"{name}:" if was else f"{name}: new"
            yield from (f"  {line.removesuffix(', new') if not was else line}" for line in lines)
    lines = list(changed(old.model_dump(exclude={"benchmarks"}), new.model_dump(exclude={"benchmarks"})))
    if lines:
        yield "every result:"
        yield from (f"  {line}" for line in lines)
