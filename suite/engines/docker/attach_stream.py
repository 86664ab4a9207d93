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
        """Write to standard input."""
        self._socket.settimeout(_SEND_S)
        self._socket.sendall(data)

    def frames(self, deadline: float) -> Iterator[tuple[int, bytes]]:
        """Yield (1 for stdout or 2 for stderr, bytes) until the stream ends.

        Raises TimeoutError past `deadline` (monotonic seconds), after which a new call goes on where this one stopped;
        MachineError where the bytes are no such stream.
        """
        while True:
            while len(self._rest) < _HEADER.size:
                if not self._receive(deadline):
                    return
            stream, zeros, size = _HEADER.unpack_from(self._rest)
            if stream not in (1, 2) or zeros != bytes(3) or size > MAX_FRAME:
                raise MachineError(
                    "the engine's answer is not the output of an attached container",
                    fix="check that DOCKER_HOST leads to a Docker engine, and check any proxy between",
                )
            while len(self._rest) < _HEADER.size + size:
                if not self._receive(deadline):
                    return
            data = self._rest[_HEADER.size : _HEADER.size + size]
            self._rest = self._rest[_HEADER.size + size :]
            yield stream, data

    def _receive(self, deadline: float) -> bool:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        # The timeout of a TLS socket counts only where nothing decrypted is left.
        self._socket.settimeout(left)
        data = self._socket.recv(_CHUNK)
        self._rest += data
        return bool(data)

    def close(self) -> None:
        """End the connection, both ways; the supervisor in the container takes it as the sign to stop."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError):
            self._socket.close()
        with contextlib.suppress(OSError):
            self._handed_out.close()
