"""The seed of a run follows from who runs what, so nobody can shop for a lucky one."""

from __future__ import annotations

import hashlib


def run_seed(salt: str, submitter: str, system: str, workload: str, division: str, run: int) -> int:
    """Return the 32-bit seed of run `run` (from 0): SHA-256 of the six parts joined by `|`, first 4 bytes."""
    text = "|".join((salt, submitter, system, workload, division, str(run)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
