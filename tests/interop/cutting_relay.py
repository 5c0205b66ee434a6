"""A relay that cuts every connection at random moments: between two bytes, wherever that happens to be."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from collections.abc import Iterator

from interop_driver import Relay


class CuttingRelay(Relay):
    """Cuts all connections after a random number of bytes from the server, then again, ``cuts`` times in all."""

    def __init__(self, *, cuts: int, most_bytes: int, seed: int) -> None:
        self._random = random.Random(seed)
        self._most = most_bytes
        self._lock = threading.Lock()
        self._left = self._random.randint(1, most_bytes)
        self.wanted = cuts
        self.cuts = 0
        super().__init__()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        from_server = any(source is far for _, far in list(self._pairs))
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                allowed = self._take(len(data)) if from_server else len(data)
                sink.sendall(data[:allowed])
                if allowed < len(data):
                    self.cut()
                    return
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def _take(self, size: int) -> int:
        """Return how many of these bytes may pass before the next cut."""
        with self._lock:
            if self.cuts >= self.wanted or size < self._left:
                self._left -= size
                return size
            allowed, self._left = self._left - 1, self._random.randint(1, self._most)
            self.cuts += 1
            return allowed


@contextlib.contextmanager
def cutting_relay(*, cuts: int, most_bytes: int, seed: int) -> Iterator[CuttingRelay]:
    relay = CuttingRelay(cuts=cuts, most_bytes=most_bytes, seed=seed)
    try:
        yield relay
    finally:
        relay.close()
