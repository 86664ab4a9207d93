"""What the parts of the builder hand to one another: layers on disk, and digests of files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layer:
    """One uncompressed layer of an image on disk; `diff_id` is the SHA-256 of its bytes."""

    path: Path
    diff_id: str


def sha256_of(path: Path) -> str:
    """Return the hex SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
