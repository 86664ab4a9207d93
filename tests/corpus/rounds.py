"""Published rounds for tests, in the user's cache, with what the official checkers said of them.

A clone does not hold them: `make corpus` brings them, or they are unpacked from the archives beside the checkout. Every
module that uses them is marked `corpus`, and its tests skip without them.
"""

from __future__ import annotations

import fcntl
import gzip
import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.corpus import bring

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"


@cache
def unpacked(name: str) -> Path:
    """Return the folder of a published round; skip the test where nobody brought it."""
    if (brought := bring.there(name)) is not None:
        return brought
    if not (CORPUS / f"{name}.tar.xz").is_file():
        pytest.skip(f"the published round {name} is not part of a clone: make corpus brings it")
    with (CORPUS / "unpack.py").open() as lock:  # tests run in several processes
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run([sys.executable, CORPUS / "unpack.py", name], capture_output=True, text=True, check=True)
    return Path(done.stdout.strip())


@cache
def verdicts(name: str) -> list[dict[str, Any]]:
    """Return recorded official verdicts, e.g. of `training_v5.1.rcp`; skip the test where they are not there."""
    with gzip.open(_corpus(f"verdicts/{name}.jsonl.gz"), "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def _corpus(name: str) -> Path:
    """Return the path of a file beside the checkout; skip the test where it is not there."""
    if not (CORPUS / name).is_file():
        pytest.skip("what the official checkers said of published rounds is not public; CONTRIBUTING.md says more")
    return CORPUS / name
