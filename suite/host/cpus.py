"""Which of a machine's processors a run gets, in the kernel's format."""

from __future__ import annotations

from collections.abc import Sequence

from rules.errors import UsageError


def last_cpus(threads: int, cpus: Sequence[int]) -> str:
    """Return the last `threads` of `cpus`, which rise, in the kernel's format: the first is left to the host.

    Raises UsageError where they are too few.
    """
    if threads > len(cpus):
        raise UsageError(
            f"{threads} threads declared, and there are {len(cpus)} CPUs",
            fix=f"declare --threads {len(cpus)} or fewer",
        )
    chosen = cpus[len(cpus) - threads :]
    if chosen[-1] - chosen[0] == threads - 1:
        return str(chosen[0]) if threads == 1 else f"{chosen[0]}-{chosen[-1]}"
    return ",".join(map(str, chosen))
