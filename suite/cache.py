"""Where the program keeps what it can fetch or compute again."""

from __future__ import annotations

from suite.images.cache import folder, locked, publish, scratch
from suite.images.cache import root as cache_dir

__all__ = ["cache_dir", "folder", "locked", "publish", "scratch"]
