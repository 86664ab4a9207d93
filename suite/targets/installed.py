"""Say which Python this is and what is installed for it, as JSON on standard output.

Runs alone, as the text of `python -c`, under any Python: it imports nothing of Assay.
"""

from __future__ import annotations

import json
import platform
import re
import sys
from importlib.metadata import distributions


def main() -> None:
    """Print it. Of a distribution that is there twice, the first on the path counts: that one is imported."""
    found: dict[str, str] = {}
    for one in distributions():
        name, version = one.metadata["Name"], one.metadata["Version"]
        if name and version:
            found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), version)
    said = {
        "path": sys.executable,
        "implementation": platform.python_implementation(),
        "version": platform.python_version(),
        "distributions": dict(sorted(found.items())),
    }
    print(json.dumps(said))


if __name__ == "__main__":
    main()
