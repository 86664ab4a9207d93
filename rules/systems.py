"""What a system is called, and how many nodes it has.

The name follows from what the program saw of it: it enters the seeds, so nobody may choose it.
"""

from __future__ import annotations

import re
from typing import Any

MOST_NODES = 10**9  # more than any machine has; what is beyond it is no count


def system_name(processor: str, architecture: str, cpus: int, target: str, framework: str) -> str:
    """Return e.g. `amd-epyc-7763-64c_cpu_jax`: processor and logical CPUs, target, framework.

    `processor` is the kernel's model name; where it has none, the architecture stands in.
    """
    words = re.sub(r"\(.*?\)|@.*|\b(processor|cpu|\d+-core)\b", " ", processor.lower())
    slug = re.sub(r"[^a-z0-9]+", "-", words).strip("-")[:40].strip("-") or architecture
    return f"{slug}-{cpus}c_{target}_{framework}"


def node_count(value: Any) -> int | None:
    """Return a description's `number_of_nodes`, often written as text; None where it is no count."""
    if (isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,10}\s*", value)) or (
        isinstance(value, float) and value.is_integer()
    ):
        value = int(value)
    return value if type(value) is int and 1 <= value <= MOST_NODES else None
