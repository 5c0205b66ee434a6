"""What a client has seen, and what is left of it."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from chaos_proxy import ChaosProxy, Manner

WAIT = 20.0
"""Seconds until something that is waited for counts as missing."""

QUICK: dict[str, Any] = {"reconnection_delay": 0.01, "reconnection_delay_max": 0.05, "timeout": 3}
"""Come back at once."""

TRANSPORTS: dict[str, list[str]] = {
    "polling": ["polling"],
    "websocket": ["websocket"],
    "upgrade": ["polling", "websocket"],
}


async def true(condition: Callable[[], object], within: float = WAIT) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        await asyncio.sleep(0.002)


async def cut_off(proxy: ChaosProxy, witness: Witness, manner: Manner = "rst") -> None:
    """Cut until the client has noticed: polling may be between two requests, and does not mind then."""
    before = len(witness.disconnects)
    while len(witness.disconnects) == before:
        proxy.cut(manner)
        await asyncio.sleep(0.01)


def until(condition: Callable[[], object], within: float = WAIT) -> None:
    """Wait until something is true, blocking."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.002)


class Witness:
    """Counts what a client gets, of either face, and sees that nothing comes twice.

    Args:
        socket: the client.

    Attributes:
        connects: how often it was connected.
        disconnects: the reasons why it was not any more.
        errors: why it could not connect.
        greetings: how the server has called the client in each connection.
        ticks: how many ticks have come in each connection.
        problems: what should not have been.
    """

    def __init__(self, socket: Any) -> None:
        # The first connection was there before anybody could listen.
        self.connects = int(socket.connected)
        self.disconnects: list[str] = []
        self.errors: list[Any] = []
        self.greetings: list[str] = []
        self.ticks: Counter[str] = Counter()
        self.problems: list[str] = []
        self._socket = socket
        self._handlers = {
            "connect": self._connect,
            "disconnect": self._disconnect,
            "connect_error": self._connect_error,
            "greeting": self._greeting,
            "tick": self._tick,
        }
        for event, handler in self._handlers.items():
            socket.on(event, handler)

    def _connect(self) -> None:
        self.connects += 1
        if self.connects != len(self.disconnects) + 1:
            self.problems.append(f"connect {self.connects} after {len(self.disconnects)} times disconnect")

    def _disconnect(self, reason: str) -> None:
        self.disconnects.append(reason)
        if self.connects != len(self.disconnects):
            self.problems.append(f"disconnect {len(self.disconnects)} after {self.connects} times connect")

    def _connect_error(self, error: Exception) -> None:
        self.errors.append(error)

    def _greeting(self, name: str) -> None:
        if name in self.greetings:
            self.problems.append(f"greeted twice as {name}")
        self.greetings.append(name)

    def _tick(self, name: str, number: int, padding: object = None) -> None:
        self.ticks[name] += 1
        if number != self.ticks[name]:
            self.problems.append(f"tick {number} of {name} came as number {self.ticks[name]}")

    @property
    def is_greeted(self) -> bool:
        """Whether the last event of connecting has come."""
        return 0 < self.connects == len(self.greetings)

    def forget(self) -> None:
        """Forget what is only a list of what has come."""
        self.greetings.clear()
        self.ticks.clear()
        self.errors.clear()
        self.disconnects[:] = [""] * len(self.disconnects)

    def check(self) -> None:
        """Fail if something came twice, or not in order, or if there are more handlers than there were."""
        assert self.problems == []
        for event, handler in self._handlers.items():
            assert self._socket.listeners(event) == [handler]


class Residue:
    """What is there before a client, so that what is left of it can be told.

    File descriptors are named by what they are of, for a number may be given to another one.
    """

    def __init__(self, *, but: Iterable[threading.Thread] = ()) -> None:
        self._threads = set(threading.enumerate()) | set(but)
        self._files = _files()
        try:
            self._tasks = asyncio.all_tasks()
        except RuntimeError:
            self._tasks = set()

    def tasks(self) -> list[str]:
        """Return the tasks that are new."""
        return [repr(task) for task in asyncio.all_tasks() - self._tasks - {asyncio.current_task()}]

    def threads(self) -> list[str]:
        """Return the threads that are new."""
        return [thread.name for thread in set(threading.enumerate()) - self._threads]

    def files(self) -> list[str]:
        """Return the file descriptors that are new."""
        return sorted(_files() - self._files)


def _files() -> set[str]:
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            # The one that has listed the others.
            continue
        # Pipes are those to the servers.
        if not target.startswith(("/proc/", "/dev/", "pipe:")):
            found.add(target)
    return found


def sessions() -> Counter[str]:
    """Count the sessions, and the connections of sessions, that are in memory."""
    gc.collect()
    kinds = [type(thing) for thing in gc.get_objects()]
    ours = [kind for kind in kinds if kind.__name__ in ("Engine", "Polling", "WebSocket")]
    return Counter(kind.__name__ for kind in ours if str(kind.__module__).startswith("antiphon.client"))


class Memory:
    """Measures what is allocated, as long as it is there."""

    def __init__(self) -> None:
        tracemalloc.start()

    def now(self) -> int:
        """Return the bytes; the least of several looks, for the proxy has a buffer of 256 kB whenever it reads."""
        gc.collect()
        looks = []
        for _ in range(10):
            looks.append(tracemalloc.get_traced_memory()[0])
            time.sleep(0.002)
        return min(looks)

    def close(self) -> None:
        tracemalloc.stop()
