"""The load of ``antiphon bench``: many clients that do the same."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import math
import random
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from antiphon._console.connection import Connection
from antiphon._console.histogram import Histogram
from antiphon._console.output import told, why_disconnected
from antiphon.client.manager import Manager
from antiphon.client.socket import ClientSocket
from antiphon.errors import AntiphonError, TransportError

__all__ = ["Load", "LoadTest", "Mode", "Tally"]

Mode: TypeAlias = Literal["ack", "echo", "listen", "emit"]

_LATE: Final = 5.0
"""Seconds that answers may come after the end."""
_STOPPED: Final = 0.5
"""The same, for somebody who wants it to end."""
_UPGRADE: Final = 10.0
_GOODBYE: Final = 3.0
_now = time.perf_counter


@dataclass(frozen=True, slots=True)
class Load:
    """What the clients do.

    Attributes:
        clients: how many there are.
        duration: seconds, after all have connected.
        mode: ``ack`` waits for acknowledgements, ``echo`` for events, ``listen`` only listens, ``emit`` only sends.
        event: what is sent.
        reply: what is waited for in the mode ``echo``.
        size: characters that are sent with each event.
        in_flight: how many events of one client may wait for their answers.
        rate: events per second of one client; None for as many as there can be.
        connect_rate: clients that begin to connect within a second.
    """

    clients: int
    duration: float
    mode: Mode
    event: str
    reply: str
    size: int
    in_flight: int
    rate: float | None
    connect_rate: float


@dataclass(slots=True)
class Tally:
    """What was counted.

    Attributes:
        begun: clients that have begun to connect.
        connected: clients that have connected.
        failed: clients that could not, by reason.
        lost: clients whose connection was lost, by reason.
        transports: what the connections are made by.
        connect_times: from the beginning until the server has let the client in.
        sent: events.
        received: answers, or events in the mode ``listen``.
        skipped: events that were due, but as many as there may be waited for their answers.
        in_time: what was received (sent, in the mode ``emit``) until the end, on which the rate rests.
        latencies: from an event to its answer.
        errors: what could not be sent, by reason.
        seconds: how long it was measured.
        busy: the share of that in which this process used a processor.
    """

    begun: int = 0
    connected: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    transports: Counter[str] = field(default_factory=Counter)
    connect_times: Histogram = field(default_factory=Histogram)
    sent: int = 0
    received: int = 0
    skipped: int = 0
    in_time: int = 0
    latencies: Histogram = field(default_factory=Histogram)
    errors: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    busy: float = 0.0

    @property
    def settled(self) -> int:
        """How many clients have connected, or have failed to."""
        return self.connected + self.failed.total()


class LoadTest:
    """Connects the clients, lets them work, and counts.

    Args:
        connection: how they connect.
        load: what they do.

    Attributes:
        tally: the counts, which may be looked at while it runs.
        phase: ``connecting``, ``working``, ``waiting`` for late answers, or ``done``.
        stopped: set it to end early.
    """

    def __init__(self, connection: Connection, load: Load) -> None:
        self.load: Load = load
        self.tally: Tally = Tally()
        self.phase: Literal["connecting", "working", "waiting", "done"] = "connecting"
        self.stopped: asyncio.Event = asyncio.Event()
        self._began = 0.0
        self._connection = connection
        self._visitors: list[_Visitor] = []

    @property
    def elapsed(self) -> float:
        """Seconds since the clients began to work."""
        return self.tally.seconds or (_now() - self._began if self._began else 0.0)

    async def run(self) -> None:
        """Do all of it."""
        try:
            await self._connect_all()
            if self.tally.connected and not self.stopped.is_set():
                await self._measure()
        finally:
            self.phase = "done"
            await self._leave_all()

    async def _connect_all(self) -> None:
        began = _now()
        connecting: set[asyncio.Task[None]] = set()
        for number in range(self.load.clients):
            delay = began + number / self.load.connect_rate - _now()
            if delay > 0 and await self._stops_within(delay):
                break
            visitor = _Visitor(self._connection, self.load, self.tally)
            self._visitors.append(visitor)
            connecting.add(asyncio.ensure_future(visitor.connect()))
            self.tally.begun += 1
            await asyncio.sleep(0)
        stopping = asyncio.ensure_future(self._stop())
        connected = asyncio.ensure_future(_all_done(connecting))
        await asyncio.wait([stopping, connected], return_when=asyncio.FIRST_COMPLETED)
        connected.cancel()
        stopping.cancel()
        for task in connecting:
            task.cancel()

    async def _stop(self) -> None:
        await self.stopped.wait()

    async def _stops_within(self, seconds: float) -> bool:
        deadline = _now() + seconds
        # The timers of uvloop count whole milliseconds from the beginning of a turn: they may be early.
        while not self.stopped.is_set() and (left := deadline - _now()) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self.stopped.wait()
        return self.stopped.is_set()

    async def _measure(self) -> None:
        working = [visitor for visitor in self._visitors if visitor.is_connected]
        self.tally.transports.update(visitor.transport_name for visitor in working)
        # What has been made so far will stay; the collector need not look at it while there is something to measure.
        gc.collect()
        gc.freeze()
        self.phase = "working"
        self._began, processor = _now(), time.process_time()
        for visitor in working:
            visitor.begin()
        await self._stops_within(self.load.duration)
        for visitor in working:
            visitor.end()
        tally = self.tally
        tally.seconds = _now() - self._began
        tally.busy = (time.process_time() - processor) / tally.seconds
        tally.in_time = tally.sent if self.load.mode == "emit" else tally.received
        gc.unfreeze()
        self.phase = "waiting"
        # Without them the slowest would not count.
        deadline = _now() + (_STOPPED if self.stopped.is_set() else _LATE)
        while _now() < deadline and any(visitor.is_waiting for visitor in working):  # noqa: ASYNC110 - in no hurry
            await asyncio.sleep(0.02)

    async def _leave_all(self) -> None:
        leaving = [asyncio.ensure_future(visitor.leave()) for visitor in self._visitors]
        if leaving:
            await asyncio.wait(leaving, timeout=_GOODBYE)


async def _all_done(tasks: set[asyncio.Task[None]]) -> None:
    if tasks:
        await asyncio.wait(tasks)


class _Visitor:
    """One client."""

    __slots__ = (
        "_due",
        "_interval",
        "_leaving",
        "_load",
        "_manager",
        "_payload",
        "_sending",
        "_socket",
        "_starts",
        "_tally",
        "_task",
        "_timer",
        "_waiting",
    )

    def __init__(self, connection: Connection, load: Load, tally: Tally) -> None:
        self._load = load
        self._tally = tally
        self._payload = ("x" * load.size,) if load.size else ()
        self._interval = 0.0 if load.rate is None else 1 / load.rate
        self._due = 0.0
        self._sending = self._leaving = False
        self._waiting = 0
        self._starts: deque[float] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._manager: Manager = connection.manager(reconnection=False, fail_fast=True)
        self._socket: ClientSocket = connection.socket(self._manager)
        self._socket.on("disconnect", self._on_disconnect)

    # The connection

    async def connect(self) -> None:
        """Connect, and wait until the transport does not change any more."""
        began = _now()
        connected: list[float] = []
        self._socket.on("connect", lambda: connected.append(_now()))
        upgraded = asyncio.Event()
        for event in ("upgrade", "upgrade_error", "close"):
            self._manager.on(event, upgraded.set)
        try:
            await self._socket
        except AntiphonError as error:
            self._tally.failed[told(error)] += 1
            return
        engine = self._manager.engine
        offered = () if engine is None or engine.handshake is None else engine.handshake.upgrades
        if engine is not None and engine.transport.name == "polling" and self._wants(offered):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_UPGRADE):
                    await upgraded.wait()
        self._tally.connect_times.add((connected[0] if connected else _now()) - began)
        self._tally.connected += 1

    def _wants(self, offered: object) -> bool:
        return "websocket" in self._manager.options.transports and isinstance(offered, list) and "websocket" in offered

    @property
    def is_connected(self) -> bool:
        """Whether it can work."""
        return self._socket.connected

    @property
    def transport_name(self) -> str:
        """What the connection is made by."""
        return self._manager.transport_name

    def _on_disconnect(self, reason: str, details: TransportError | None) -> None:
        self._sending = False
        self._waiting = 0
        if not self._leaving:
            self._tally.lost[why_disconnected(reason, details)] += 1

    async def leave(self) -> None:
        """Disconnect."""
        self._leaving = True
        self.end()
        self._socket.disconnect()
        await self._manager.finish(at_once=True)

    # The work

    def begin(self) -> None:
        """Begin to work."""
        load, mode = self._load, self._load.mode
        if mode == "listen":
            self._socket.on("*", self._on_any)
            return
        if mode == "echo":
            self._socket.on(load.reply, self._on_reply)
        self._sending = True
        if load.rate is not None:
            # So that not all send at the same time.
            self._due = asyncio.get_running_loop().time() + random.random() * self._interval  # noqa: S311
            self._schedule()
        elif mode == "emit":
            self._task = asyncio.ensure_future(self._pour())
        else:
            for _ in range(load.in_flight):
                self._send()

    def end(self) -> None:
        """Send nothing more."""
        self._sending = False
        if self._timer is not None:
            self._timer.cancel()
        if self._load.mode == "listen":
            self._socket.off("*")

    @property
    def is_waiting(self) -> bool:
        """Whether answers have yet to come, or something has yet to be sent."""
        if self._load.mode == "emit":
            engine = self._manager.engine
            return self.is_connected and engine is not None and not engine.is_drained
        return self._waiting > 0

    def _schedule(self) -> None:
        self._timer = asyncio.get_running_loop().call_at(self._due, self._on_due)

    def _on_due(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._sending and self._due <= now:
            self._due += self._interval
            if self._is_full():
                self._tally.skipped += 1
            else:
                self._send()
        if self._sending:
            self._schedule()

    def _is_full(self) -> bool:
        if self._load.mode == "emit":
            return self._manager.engine is None or not self._manager.engine.is_drained
        return self._waiting >= self._load.in_flight

    def _send(self) -> None:
        began = _now()
        try:
            if self._load.mode == "ack":
                self._socket.emit(self._load.event, *self._payload, ack=lambda *_: self._on_answer(began))
            else:
                self._socket.emit(self._load.event, *self._payload)
        except AntiphonError as error:
            self._refuse(error)
            return
        self._tally.sent += 1
        if self._load.mode == "ack":
            self._waiting += 1
        elif self._load.mode == "echo":
            self._waiting += 1
            self._starts.append(began)

    def _refuse(self, error: AntiphonError) -> None:
        """Take it that nothing can be sent: it would fail again."""
        self._tally.errors[told(error)] += 1
        self._sending = False

    async def _pour(self) -> None:
        """Send as fast as the server reads."""
        socket, event, payload, tally = self._socket, self._load.event, self._payload, self._tally
        try:
            while self._sending:
                await socket.emit(event, *payload)
                tally.sent += 1
        except AntiphonError as error:
            self._refuse(error)

    def _on_answer(self, began: float) -> None:
        tally = self._tally
        tally.latencies.add(_now() - began)
        tally.received += 1
        self._waiting -= 1
        if self._sending and not self._interval:
            self._send()

    def _on_reply(self, *_args: object) -> None:
        # Replies come in the order of what they reply to.
        if self._starts:
            self._on_answer(self._starts.popleft())

    def _on_any(self, *_args: object) -> None:
        self._tally.received += 1


def per_second(count: int, seconds: float) -> float:
    """Return a rate; 0 if there was no time."""
    return count / seconds if seconds > 0 and math.isfinite(seconds) else 0.0
