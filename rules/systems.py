"""The name of a system follows from what the program saw of it: it enters the seeds, so nobody may choose it."""

from __future__ import annotations

import re


def system_name(processor: str, architecture: str, cpus: int, target: str, framework: str) -> str:
    """Return e.g. `amd-epyc-7763-64c_cpu_jax`: processor and logical CPUs, target, framework.

    `processor` is the kernel's model name; where it has none, the architecture stands in.
    """
    words = re.sub(r"\(.*?\)|@.*|\b(processor|cpu|\d+-core)\b", " ", processor.lower())
    slug = re.sub(r"[^a-z0-9]+", "-", words).strip("-")[:40].strip("-") or architecture
    return f"{slug}-{cpus}c_{target}_{framework}"
