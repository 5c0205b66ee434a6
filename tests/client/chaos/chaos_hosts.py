"""Servers that can be killed, started again on the same port, and suspended."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
MODULES = HERE.parents[1] / "interop" / "node_modules"
KINDS = ("antiphon", "official")

INTERVAL = 0.6
TIMEOUT = 0.6
"""Seconds of a heartbeat that is watched in a test: shorter ones fail on a busy machine."""


def what_is_missing(kind: str) -> str | None:
    """Say in one line what must be installed for a server, None if nothing."""
    if kind == "official" and not (shutil.which("node") and (MODULES / "socket.io").is_dir()):
        return "the official server is missing: run `npm ci` in tests/interop"
    return None


def free_port() -> int:
    """Return a port where nothing listens, and that nobody gets by chance.

    The system gives ports from 32768 on to whoever connects or asks for any port. If the port of a server that is down
    were one of them, another program could get it; and a client that tries again and again would in the end get it for
    itself, and be connected to itself.
    """
    while True:
        port = random.randrange(15_000, 32_000)
        with contextlib.closing(socket.socket()) as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class ChaosServer:
    """A server, Antiphon's or the official one, always on the same port.

    Args:
        kind: ``antiphon`` or ``official``.
        log: where it writes the numbers that it gets.
        interval: seconds from ping to ping.
        timeout: seconds that the pong may take.
    """

    def __init__(self, kind: str, log: Path, interval: float, timeout: float) -> None:
        self.port = free_port()
        self._log = log
        self._log.touch()
        arguments = [str(self.port), str(log), str(interval), str(timeout)]
        self._is_official = kind == "official"
        self._command = (
            ["node", str(HERE / "chaos_server.mjs"), *arguments]
            if self._is_official
            else [sys.executable, str(HERE / "chaos_server.py"), *arguments]
        )
        self._process: subprocess.Popen[bytes] | None = None
        self._pid = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it; it listens when this returns."""
        if self._process is None:
            self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if not self._is_official:
            self._process.stdin.write(b"\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the server did not start"
        self._pid = int(line)

    def kill(self) -> None:
        """End it without any warning; its port is free when this returns."""
        os.kill(self._pid, signal.SIGKILL)
        self._pid = 0
        if self._is_official:
            self._end()
        while self._listens():
            pass

    def _listens(self) -> bool:
        with contextlib.closing(socket.socket()) as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def suspend(self) -> None:
        os.kill(self._pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self._pid, signal.SIGCONT)

    def _lines(self) -> list[bytes]:
        text = self._log.read_bytes()
        # The last line may be half written.
        return text[: text.rfind(b"\n") + 1].split()

    @property
    def numbers(self) -> list[int]:
        """The numbers that have come, in order, over all of its lives."""
        return [int(line) for line in self._lines() if line != b"left"]

    @property
    def departures(self) -> int:
        """How many clients have left, or were given up."""
        return self._lines().count(b"left")

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()

    def close(self) -> None:
        if self._pid:
            with contextlib.suppress(ProcessLookupError):
                self.resume()
        self._end()


@contextlib.contextmanager
def chaos_server(kind: str, log: Path, interval: float = 25, timeout: float = 20) -> Iterator[ChaosServer]:
    """Run a server until the block ends."""
    server = ChaosServer(kind, log, interval, timeout)
    try:
        yield server
    finally:
        server.close()
