"""The two faces of the client, asyncio and blocking, so that one test is written for both.

A test runs in a thread of its own and calls methods as those of the blocking client. For the asyncio client they are
called in the thread of an event loop, and what has to be awaited is.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import inspect
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import antiphon
import antiphon.sync
from antiphon import ClientEmitter, ClientSocket
from antiphon.sync import Emitter, Socket
from hosts import RecordingRelay
from interop_driver import WAIT, Reports, until

__all__ = ["QUICK", "AsyncioFace", "BlockingFace", "Connect", "Face", "Guest", "Remote"]

QUICK: dict[str, Any] = {"reconnection_delay": 0.02, "reconnection_delay_max": 0.1}
"""Delays that do not make a test last."""

_OWN_EVENTS = ("connect", "connect_error", "disconnect")
_AWAITED = ("disconnect", "close")
"""What returns something that may be awaited, and need not be."""


class Remote:
    """An object of a client, used from the thread of the test.

    Attributes:
        face: where it lives.
        target: the object.
    """

    def __init__(self, face: Face, target: Any) -> None:
        self.face = face
        self.target = target

    def __getattr__(self, name: str) -> Any:
        value = self.face.call(getattr, self.target, name)
        if not inspect.ismethod(value):
            return self.face.wrap(value)
        return lambda *args, **options: self.face.wrap(self.face.run(value, *args, **options))

    def put(self, name: str, value: object) -> None:
        """Set an attribute."""
        self.face.call(setattr, self.target, name, value)

    def begin(self, name: str, *args: Any, **options: Any) -> concurrent.futures.Future[Any]:
        """Call a method that waits, without waiting for it; it has begun to wait when this returns."""
        return self.face.begin(getattr(self.target, name), *args, **options)


class Guest(Remote):
    """A client in one namespace.

    Attributes:
        seen: the events that it has got, as far as they are noted: its own ones always are.
    """

    def __init__(self, face: Face, target: Any, noting: Sequence[str] = ()) -> None:
        super().__init__(face, target)
        self.seen = Reports(repr(target))
        face.call(self._note, [*_OWN_EVENTS, *noting])

    def _note(self, events: Sequence[str]) -> None:
        for event in events:
            self.target.on(event, self.noter(event))

    def note(self, *events: str) -> None:
        """Note events of these names from now on."""
        self.face.call(self._note, events)

    def noter(self, event: str) -> Callable[..., None]:
        """Return a handler that notes what it gets under this name."""

        def note(*args: object) -> None:
            self.seen.add("event", event=event, args=list(args))

        return note

    def expect(self, event: str, within: float = WAIT) -> list[Any]:
        """Wait for the next event of this name that was noted, and return its arguments."""
        return self.seen.expect_event(event, within)

    def all(self, event: str) -> list[list[Any]]:
        """Return the arguments of all events of this name so far."""
        return [report["args"] for report in list(self.seen.all) if report["event"] == event]

    def count(self, event: str) -> int:
        return self.seen.count("event", event=event)

    def watch(self, *events: str) -> None:
        """Note events of the manager."""
        manager = self.face.call(getattr, self.target, "io")
        for event in events:
            self.face.call(manager.on, event, self.noter(event))

    @property
    def core(self) -> ClientSocket:
        """The socket of the asyncio client, which the blocking one has inside."""
        return self.target if isinstance(self.target, ClientSocket) else self.target._core

    @property
    def buffered(self) -> int:
        """How many events wait for the connection."""
        return len(self.core.send_buffer)

    def rest(self, relay: RecordingRelay) -> None:
        """Wait until a poll is on its way through a relay, and nothing else; WebSocket needs no waiting."""
        engine = self.core.io.engine
        assert engine is not None
        if engine.transport.name == "polling":
            until(lambda: engine.transport.writable and not engine.write_buffer and relay.is_asking)

    def use(self, transport: str) -> None:
        """Wait until a transport is in use."""
        until(lambda: self.io.transport_name == transport)


class Face(ABC):
    """One of the two faces."""

    name: str

    def __init__(self) -> None:
        self.guests: list[Guest] = []
        self.managers: list[Remote] = []
        self.problems: list[str] = []

    @abstractmethod
    def call(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Call a function where the objects of this face live, and return what it returns."""

    @abstractmethod
    def run(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Do the same, and await what it returns if it has to be."""

    @abstractmethod
    def begin(self, function: Callable[..., Any], *args: Any, **options: Any) -> concurrent.futures.Future[Any]:
        """Do the same without waiting for the outcome; it has begun to wait for something when this returns."""

    @abstractmethod
    def make_socket(self, url: str, **options: Any) -> Any:
        """Return the socket of a new client, which does not connect yet."""

    @abstractmethod
    def make_manager(self, url: str, **options: Any) -> Any:
        """Return a new manager."""

    @abstractmethod
    def begin_to_connect(self, target: Any) -> None:
        """Let a socket connect in the background."""

    @abstractmethod
    def leftovers(self) -> list[str]:
        """Return what should be gone when every client has been closed."""

    def wrap(self, value: Any) -> Any:
        """Return an object of the client so that a test can use it; anything else as it is."""
        if isinstance(value, ClientSocket | Socket):
            known = next((guest for guest in self.guests if guest.target is value), None)
            return known or self._keep(Guest(self, value))
        if isinstance(value, antiphon.Manager | antiphon.sync.Manager | ClientEmitter | Emitter):
            return Remote(self, value)
        return value

    def _keep(self, guest: Guest) -> Guest:
        self.guests.append(guest)
        return guest

    def prepare(self, url: str, noting: Sequence[str] = (), **options: Any) -> Guest:
        """Make a client that does not connect yet."""
        return self._keep(Guest(self, self.call(self.make_socket, url, **options), noting))

    def start(self, url: str, noting: Sequence[str] = (), **options: Any) -> Guest:
        """Make a client that connects in the background."""
        guest = self.prepare(url, noting, **options)
        self.call(self.begin_to_connect, guest.target)
        return guest

    def connect(self, url: str, noting: Sequence[str] = (), **options: Any) -> Guest:
        """Make a client, and wait until it is connected."""
        guest = self.start(url, noting, **options)
        until(lambda: guest.target.connected or not guest.target.active)
        assert guest.target.connected, f"it was not connected: {guest.seen.all}"
        guest.expect("connect")
        return guest

    def manager(self, url: str, **options: Any) -> Remote:
        """Make a manager."""
        manager = Remote(self, self.call(self.make_manager, url, **options))
        self.managers.append(manager)
        return manager

    def leave(self) -> None:
        """Close every client, and see that nothing is left of them."""
        for remote in [*self.guests, *self.managers]:
            remote.disconnect()
        self.guests.clear()
        self.managers.clear()
        until(lambda: not self.leftovers(), 8)
        problems, self.problems = self.problems, []
        assert not problems, "\n".join(problems)


class AsyncioFace(Face):
    """``antiphon.connect``, in an event loop in a thread."""

    name = "asyncio"

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(lambda _loop, context: self.problems.append(repr(context)))
        self._thread = threading.Thread(target=self.loop.run_forever, name="asyncio-face", daemon=True)
        self._thread.start()

    def _submit(self, coroutine: Coroutine[Any, Any, Any]) -> concurrent.futures.Future[Any]:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    def call(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        async def call() -> list[Any]:
            # In a list, for what is returned may be awaitable.
            return [function(*args, **options)]

        return self._submit(call()).result(WAIT + 5)[0]

    async def _await(self, function: Callable[..., Any], args: Any, options: Any) -> list[Any]:
        result = function(*args, **options)
        if inspect.iscoroutine(result) or (
            getattr(function, "__name__", "") in _AWAITED and inspect.isawaitable(result)
        ):
            result = await result
        return [result]

    def run(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        return self._submit(self._await(function, args, options)).result(WAIT + 5)[0]

    def begin(self, function: Callable[..., Any], *args: Any, **options: Any) -> concurrent.futures.Future[Any]:
        async def begin() -> Any:
            return (await self._await(function, args, options))[0]

        future = self._submit(begin())
        # Its task was made before this one, and so has begun.
        self.call(int)
        return future

    def make_socket(self, url: str, **options: Any) -> Any:
        return antiphon.connect(url, auto_connect=False, **options)

    def make_manager(self, url: str, **options: Any) -> Any:
        return antiphon.Manager(url, **options)

    def begin_to_connect(self, target: Any) -> None:
        target.connect()

    def leftovers(self) -> list[str]:
        async def tasks() -> list[str]:
            return [repr(task) for task in asyncio.all_tasks() if task is not asyncio.current_task()]

        return list(self._submit(tasks()).result(WAIT))

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(5)
        self.loop.close()


class BlockingFace(Face):
    """``antiphon.sync.connect``."""

    name = "blocking"

    def call(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        return function(*args, **options)

    def run(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        return function(*args, **options)

    def begin(self, function: Callable[..., Any], *args: Any, **options: Any) -> concurrent.futures.Future[Any]:
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()

        def run() -> None:
            try:
                future.set_result(function(*args, **options))
            except BaseException as error:  # noqa: BLE001 - the test gets it
                future.set_exception(error)

        thread = threading.Thread(target=run, name="waiting", daemon=True)
        thread.start()
        until(lambda: future.done() or _is_waiting(thread))
        return future

    def make_socket(self, url: str, **options: Any) -> Any:
        return antiphon.sync.connect(url, auto_connect=False, **options)

    def make_manager(self, url: str, **options: Any) -> Any:
        return antiphon.sync.Manager(url, **options)

    def begin_to_connect(self, target: Any) -> None:
        target.begin()

    def leftovers(self) -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread.name.startswith("antiphon-")]

    def close(self) -> None:
        pass


def _is_waiting(thread: threading.Thread) -> bool:
    """Say whether a thread waits for another one."""
    with contextlib.suppress(KeyError):
        frame = sys._current_frames()[thread.ident or 0]
        return frame.f_code.co_name == "wait" and frame.f_code.co_filename == threading.__file__
    return False


Connect = Callable[..., Guest]
"""Makes a client of a server or a relay: the fixtures ``start`` and ``connect``."""
