"""Published rounds for tests: unpacked once into the user's cache, with what the official checkers said of them."""

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

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"


@cache
def unpacked(name: str) -> Path:
    """Return the folder of a published round; skip the test where the corpus is not on this machine."""
    if not (CORPUS / f"{name}.tar.xz").is_file():
        pytest.skip(f"{name}: the corpus of published rounds is not beside this checkout")
    with (CORPUS / "unpack.py").open() as lock:  # tests run in several processes
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run([sys.executable, CORPUS / "unpack.py", name], capture_output=True, text=True, check=True)
    return Path(done.stdout.strip())


@cache
def verdicts(name: str) -> list[dict[str, Any]]:
    """Return recorded official verdicts, e.g. of `training_v5.1.rcp`."""
    with gzip.open(CORPUS / "verdicts" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]
