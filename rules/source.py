"""What the digests of the source that ran cover: all that its numbers pass through, and apart from it the transport."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

TRANSPORT = "suite/harness/transport/"  # starts the harness, says how far it is: no step can differ by it


def source_digests(files: Mapping[str, str]) -> dict[str, str]:
    """Return `source_sha256` and `transport_sha256` of source files, given their SHA-256 by relative path."""
    carried = {name for name in files if name.startswith(TRANSPORT)}
    return {
        "source_sha256": listing_sha256({name: files[name] for name in files.keys() - carried}),
        "transport_sha256": listing_sha256({name: files[name] for name in carried}),
    }


def listing_sha256(files: Mapping[str, str]) -> str:
    """Return the SHA-256 over lines `<sha256>  <relative path>`, sorted by path."""
    lines = (f"{digest}  {name}\n" for name, digest in sorted(files.items()))
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
