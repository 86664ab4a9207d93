"""What is remembered of rounds, for tests that change the folder they stand in."""

from __future__ import annotations

import sys


def forget() -> None:
    """Have all rounds read anew: whatever `rules` and `checker` keep of them is dropped."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in ("rules", "checker"):
            for value in list(vars(module).values()):
                if hasattr(value, "cache_clear"):
                    value.cache_clear()
