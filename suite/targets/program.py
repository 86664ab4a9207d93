"""The smallest program of an architecture: it ends at once, and shows that a machine can run such programs."""

from __future__ import annotations

import struct

# Machine of the ELF header (ELF specification and its processor supplements) and code that calls exit(0).
CODE = {
    "amd64": (62, bytes.fromhex("31ff b83c000000 0f05")),  # xor edi, edi; mov eax, 60; syscall
    "arm64": (183, struct.pack("<3I", 0xD2800000, 0xD2800BA8, 0xD4000001)),  # mov x0, 0; mov x8, 93; svc 0
}
_ADDRESS = 0x400000
_HEADERS = 64 + 56


def program(architecture: str) -> bytes:
    """Return an executable for `architecture` that ends with status 0."""
    machine, code = CODE[architecture]
    size = _HEADERS + len(code)
    elf = b"\x7fELF" + bytes((2, 1, 1)) + bytes(9)
    elf += struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, _ADDRESS + _HEADERS, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    return elf + struct.pack("<IIQQQQQQ", 1, 5, 0, _ADDRESS, _ADDRESS, size, size, 0x1000) + code
