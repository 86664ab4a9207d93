"""Programs of another architecture on this machine: qemu's user-mode emulator, registered with the kernel.

The kernel hands a program of a registered architecture to the emulator (binfmt_misc). The registration holds the
emulator's file open (flag F), so it works in containers that have no such file; it lasts until the machine restarts.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from rules.errors import MachineError
from rules.text import printable
from suite.host import apt, cache
from suite.targets.program import program

BINFMT = Path("/proc/sys/fs/binfmt_misc")
PACKAGE = "qemu-user-static"
KERNEL_NAMES = {"arm64": "aarch64", "amd64": "x86_64"}


Refusal = Callable[[str], str | None]  # why an engine does not run programs of an architecture; None: it does


def ensure(refusal: Refusal, architecture: str, *, local: bool) -> None:
    """Make an engine's machine run programs of `architecture`; `local` says that it is this one.

    Raises MachineError with what to type where that cannot be done from here.
    """
    if refusal(architecture) is None:
        return
    if not local:
        raise MachineError(
            f"the engine's machine cannot run programs for {architecture}: qemu is absent", fix=_by_hand(architecture)
        )
    ensure_here(architecture)
    if (still := refusal(architecture)) is not None:
        raise MachineError(
            f"containers do not run programs for {architecture}, although this machine does: {still}",
            fix=f"see that the engine runs on this machine's kernel; {_by_hand(architecture)}",
        )


def ensure_here(architecture: str) -> None:
    """Make this machine run programs of `architecture`; say on stderr what is installed or registered.

    Raises MachineError with what to type where this user may not, or the kernel refuses.
    """
    if _runs_here(architecture):
        return
    by_hand = _by_hand(architecture)
    if os.geteuid() != 0 or sys.platform != "linux":
        raise MachineError(f"this machine cannot run programs for {architecture}: qemu is absent", fix=by_hand)
    if not _registration(architecture).exists() and (
        why := apt.install(PACKAGE, "runs programs of other architectures")
    ):
        raise MachineError(f"qemu is absent, and {printable(why)}", fix=by_hand)
    _register(architecture, by_hand)
    if not _runs_here(architecture):
        raise MachineError(f"programs for {architecture} do not run here although qemu is registered", fix=by_hand)


def _runs_here(architecture: str) -> bool:
    """Return whether this machine's kernel runs a program of `architecture`, itself or by an emulator."""
    with cache.scratch() as scratch:
        place = scratch / "ends"
        place.write_bytes(program(architecture))
        place.chmod(0o755)
        try:
            return subprocess.run([place], check=False).returncode == 0
        except OSError:
            return False


def _by_hand(architecture: str) -> str:
    return f"there, as root: apt-get install {PACKAGE}, then cat {_registration(architecture)} >{BINFMT}/register"


def _registration(architecture: str) -> Path:
    """Return the file in which Debian's package says how its emulator is registered (binfmt.d(5))."""
    return Path(f"/usr/lib/binfmt.d/qemu-{KERNEL_NAMES[architecture]}.conf")


def _register(architecture: str, by_hand: str) -> None:
    """Tell the kernel of the emulator, after mounting binfmt_misc where it is not."""
    if not (BINFMT / "register").exists():
        subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", BINFMT], capture_output=True, check=False)
    if (BINFMT / f"qemu-{KERNEL_NAMES[architecture]}").exists():
        return
    sys.stderr.write(f"assay: registering qemu for {architecture} with this machine's kernel, until it restarts\n")
    try:
        lines = [line for line in _registration(architecture).read_text().splitlines() if line.startswith(":")]
        with (BINFMT / "register").open("w") as register:
            register.write(lines[0])
    except (OSError, IndexError) as error:
        why = printable(str(error), 200)
        raise MachineError(
            f"qemu for {architecture} could not be registered with the kernel: {why}", fix=by_hand
        ) from None
