"""A program in a terminal that nobody sees: a pty, and pyte, which knows what the screen would show."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence

import pyte

PATIENCE = 20.0
"""Seconds until a test fails."""


class Terminal:
    """Runs a program, types into it, and looks at its screen.

    Args:
        command: the program, with its arguments.
        columns: of the screen.
        lines: of the screen.
        environment: what differs from that of this process.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        columns: int = 100,
        lines: int = 30,
        environment: Mapping[str, str | None] | None = None,
    ) -> None:
        self.screen = pyte.HistoryScreen(columns, lines, history=1000)
        self._stream = pyte.ByteStream(self.screen)
        self.output = bytearray()
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        changed = {
            "TERM": "xterm-256color",
            "COLORTERM": None,
            "NO_COLOR": None,
            "COLUMNS": None,
            "LINES": None,
            **(environment or {}),
        }
        inherited = {name: value for name, value in os.environ.items() if name not in changed}
        self.process = subprocess.Popen(
            list(command),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**inherited, **{name: value for name, value in changed.items() if value is not None}},
            # The pty becomes its controlling terminal, so that Ctrl-C is a signal.
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0) and None,  # noqa: PLW1509 - it does not lock
        )
        os.close(theirs)
        self._pty = ours
        self._open = True

    @property
    def text(self) -> str:
        """What the screen shows, and what has left it at its top."""
        above = ("".join(line[x].data for x in range(self.screen.columns)) for line in self.screen.history.top)
        return "\n".join(line.rstrip() for line in (*above, *self.screen.display))

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._pty, text.encode())

    def read(self, seconds: float) -> None:
        """Take what the program prints within this time."""
        deadline = time.monotonic() + seconds
        while self._open and (left := deadline - time.monotonic()) > 0:
            if not select.select([self._pty], [], [], left)[0]:
                return
            try:
                data = os.read(self._pty, 65_536)
            except OSError:
                data = b""
            if not data:
                self._open = False
                return
            self.output += data
            self.feed(data)
            # A program may ask where the cursor is; pyte does not answer by itself.
            if b"\x1b[6n" in data:
                os.write(self._pty, b"\x1b[%d;%dR" % (self.screen.cursor.y + 1, self.screen.cursor.x + 1))

    def feed(self, data: bytes) -> None:
        """Put what was printed on the screen."""
        self._stream.feed(data)

    def wait_until(self, condition: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
        """Read until something is so."""
        deadline = time.monotonic() + patience
        while not condition():
            assert time.monotonic() < deadline, f"not within {patience} s: {what}; the screen shows:\n{self.text}"
            assert self._open or condition(), f"it has ended before: {what}; the screen shows:\n{self.text}"
            self.read(0.05)

    def wait_for(self, *texts: str) -> None:
        """Read until the screen shows all of this."""
        for text in texts:
            self.wait_until(lambda text=text: text in self.text, repr(text))

    def wait_end(self) -> int:
        """Wait until the program has ended, and return its exit code."""
        deadline = time.monotonic() + PATIENCE
        while self._open and time.monotonic() < deadline:
            self.read(0.05)
        return self.process.wait(PATIENCE)

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.type("\x03")

    def close(self) -> None:
        """End the program, if it has not ended."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        os.close(self._pty)
