"""A connection to the local engine that may go silent at any moment, as one across a network would."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import threading

import pytest


class Proxy:
    """A TCP port that leads to the local engine, as a machine across a network would."""

    def __init__(self, tls: ssl.SSLContext | None = None):
        self.silent = threading.Event()  # nothing passes any more, and nobody is told
        self._tls = tls
        self._engine = engine_socket()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._connect, args=[near], daemon=True).start()

    def _connect(self, near):
        with contextlib.suppress(OSError):
            if self._tls:
                near = self._tls.wrap_socket(near, server_side=True)
            far = socket.socket(socket.AF_UNIX)
            far.connect(self._engine)
            self._open += [near, far]
            threading.Thread(target=self._pass, args=[far, near], daemon=True).start()
            self._pass(near, far)

    def _pass(self, source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if self.silent.is_set():
                    return
                sink.sendall(data)
        if not self.silent.is_set():
            with contextlib.suppress(OSError):
                sink.shutdown(socket.SHUT_RDWR if self._tls else socket.SHUT_WR)

    def close(self):
        self._listener.close()
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


def engine_socket():
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if not host.startswith("unix://"):
        pytest.skip("the engine is no local one")
    return host.removeprefix("unix://")
