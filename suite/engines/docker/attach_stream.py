"""The stream of an attached container, both ways, over a local socket, TCP or TLS.

The engine's own client waits for the socket below TLS to become readable while the bytes already lie decrypted above
it, and never gives up on an engine that went silent; so the frames are read here.
Format: https://docs.docker.com/reference/api/engine/ (ContainerAttach, "Stream format").
"""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from collections.abc import Iterator
from typing import Any

from rules.errors import MachineError

MAX_FRAME = 16 << 20  # bytes; the engine sends at most 32 KiB at once
_HEADER = struct.Struct(">B3sL")  # stream, three zeros, length
_CHUNK = 64 << 10
_SEND_S = 30


class AttachStream:
    """One attached container's standard input, output and error."""

    def __init__(self, handed_out: Any) -> None:
        """Take what the engine's client hands out: a socket (TLS), or a file over one (local, TCP)."""
        self._handed_out = handed_out  # its end would close the socket
        self._socket: socket.socket = getattr(handed_out, "_sock", handed_out)
        self._rest = b""

    def send(self, data: bytes) -> None:
        self._socket.settimeout(_SEND_S)
        self._socket.sendall(data)

    def frames(self, deadline: float) -> Iterator[tuple[int, bytes]]:
        while self._holds(_HEADER.size, deadline):
            stream, zeros, size = _HEADER.unpack_from(self._rest)
            if stream not in (1, 2) or zeros != bytes(3) or size > MAX_FRAME:
                raise MachineError(
                    "the engine's answer is not the output of an attached container",
                    fix="check that DOCKER_HOST leads to a Docker engine, and check any proxy between",
                )
            if not self._holds(_HEADER.size + size, deadline):
                return
            data = self._rest[_HEADER.size : _HEADER.size + size]
            self._rest = self._rest[_HEADER.size + size :]
            yield stream, data

    def _holds(self, size: int, deadline: float) -> bool:
        """Receive until so many bytes are there; return False where the stream ends before."""
        while len(self._rest) < size:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            # The timeout of a TLS socket counts only where nothing decrypted is left.
            self._socket.settimeout(left)
            if not (data := self._socket.recv(_CHUNK)):
                return False
            self._rest += data
        return True

    def close(self) -> None:
        """End the connection, both ways; the supervisor in the container takes it as the sign to stop."""
        for end in (lambda: self._socket.shutdown(socket.SHUT_RDWR), self._socket.close, self._handed_out.close):
            with contextlib.suppress(OSError):
                end()
