"""Debian packages that this machine lacks, installed where that may be done: as root, where there is apt."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys


def install(package: str, why: str) -> str | None:
    """Install a package, saying so on stderr; return apt's last words where that failed, None where it did not."""
    if shutil.which("apt-get") is None:
        return "only on Debian-like systems can it be installed from here"
    sys.stderr.write(f"assay: installing {package}, which {why} (apt-get install)\n")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", package]):
        done = subprocess.run(["apt-get", *command], env=environment, capture_output=True, text=True, check=False)
    return f"apt could not install it: {(done.stdout + done.stderr)[-300:]}" if done.returncode else None
