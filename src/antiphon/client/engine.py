"""One Engine.IO session, seen from the client.

Source: Engine.IO protocol 4; JavaScript: ``Socket`` of ``engine.io-client``.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Generator
from typing import Any, Final, Literal, Protocol, TypeAlias

import orjson

from antiphon.client._websocket import WebSocket
from antiphon.client.network import Network
from antiphon.client.polling import Polling
from antiphon.client.probe import Probe
from antiphon.client.transport import NOBODY, Outgoing, Transport
from antiphon.engineio.packet import MESSAGE, PONG, Binary, Packet, PacketType, WirePacket, decode_text
from antiphon.errors import PacketError, PayloadTooLarge, TransportError

__all__ = ["Engine", "EngineListener", "Handshake"]

logger: logging.Logger = logging.getLogger("antiphon.client")

ReadyState: TypeAlias = Literal["opening", "open", "closing", "closed"]

_MESSAGE_TYPE: Final = MESSAGE[0]
_WATCH_INTERVAL: Final = 5.0
"""Seconds between two looks at the clock. The timers of the event loop stand still while the computer sleeps."""

_AWAITS_PER_TURN: Final = 100
_MAX_PACKETS: Final = 16
"""Packets in one request: python-socketio's server drops more in silence (``Payload.max_decode_packets``)."""
_CLOSE_TIMEOUT: Final = 3.0
"""Seconds that the last packets may take when the session is closed, besides what a slow link needs for them."""
_SLOWEST: Final = 20_000.0
"""Bytes per second."""

_CLOCK: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC if hasattr(time, "CLOCK_MONOTONIC") else -1)


def now() -> float:
    """Return seconds on a clock that goes on while the computer sleeps, where there is one."""
    return time.clock_gettime(_CLOCK) if _CLOCK >= 0 else time.monotonic()


class Handshake:
    """What the server tells when a session begins.

    Args:
        text: JSON.

    Raises:
        PacketError: it is none, or says nothing sensible.

    Attributes:
        sid: the name of the session.
        upgrades: the transports that the server offers to change to.
        ping_interval: seconds from one ping of the server to the next.
        ping_timeout: seconds that a ping may be late.
        max_payload: bytes that the server takes at once.
    """

    def __init__(self, text: bytes) -> None:
        try:
            data: Any = orjson.loads(text)
            self.sid: str = data["sid"]
            if not isinstance(self.sid, str) or not self.sid:
                raise TypeError
            self.upgrades: list[str] = [str(name) for name in data.get("upgrades") or ()]
            self.ping_interval: float = float(data["pingInterval"]) / 1000
            self.ping_timeout: float = float(data["pingTimeout"]) / 1000
            self.max_payload: float = float(data.get("maxPayload") or math.inf)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise PacketError(f"the handshake of the server is not one of Engine.IO 4: {text[:200]!r}") from error


class EngineListener(Protocol):
    """Who uses a session: a manager."""

    def engine_opened(self) -> None:
        """Be told that there is a session."""
        ...

    def receive_text(self, data: bytes) -> None:
        """Take an Engine.IO text packet: a message, its type byte included."""
        ...

    def receive_binary(self, data: bytes) -> None:
        """Take a binary message."""
        ...

    def engine_pinged(self) -> None:
        """Be told of a heartbeat."""
        ...

    def engine_upgraded(self) -> None:
        """Be told that another transport has taken over."""
        ...

    def engine_upgrade_failed(self, error: TransportError) -> None:
        """Be told that none has."""
        ...

    def engine_failed(self, error: TransportError) -> None:
        """Be told of an error; :meth:`engine_closed` follows."""
        ...

    def engine_closed(self, reason: str, error: TransportError | None) -> None:
        """Be told that the session is over."""
        ...


class Engine:
    """An Engine.IO session, from the first request to the end.

    It may be awaited: until the transport has taken what was sent.

    Args:
        network: how requests are made.
        listener: who uses it.

    Attributes:
        id: the name of the session; empty until there is one.
        ready_state: ``opening``, ``open``, ``closing`` or ``closed``.
        transport: what is in use.
        handshake: what the server has told; None until it has.
        max_payload: bytes that the server takes at once.
        write_buffer: what no transport has taken yet.
        upgrading: another transport is about to take over.
        upgrade_error: why the upgrade failed, if it did.
    """

    def __init__(self, network: Network, listener: EngineListener) -> None:
        self._network = network
        self.listener = listener
        self._loop = asyncio.get_running_loop()
        self.id: str = ""
        self.ready_state: ReadyState = "opening"
        self.handshake: Handshake | None = None
        self.max_payload: float = math.inf
        self.write_buffer: deque[Outgoing] = deque()
        self.upgrading: bool = False
        self.upgrade_error: TransportError | None = None
        self._in_flight = 0
        self._probe: Probe | None = None
        self._ping_delay = math.inf
        self._ping_deadline = math.inf
        self._is_silent = False
        self._timer: asyncio.TimerHandle | None = None
        self._close_timer: asyncio.TimerHandle | None = None
        self._waiters: list[asyncio.Future[None]] = []
        self._awaits = 0
        self._old: list[Transport] = []
        names = list(network.options.transports)
        if network.options.remember_upgrade and network.websocket_worked and "websocket" in names:
            names.remove("websocket")
            names.insert(0, "websocket")
        self._names = names
        self._direct: WebSocket | None = None
        """The WebSocket, when text may be given to it without further ado."""
        self.transport: Transport = self._create(names[0])
        self.transport.listener = self

    def open(self) -> None:
        """Begin to connect."""
        self.transport.open()

    def _create(self, name: str) -> Transport:
        query = {**self._network.query, "EIO": "4", "transport": name}
        if self._network.options.force_base64:
            query["b64"] = "1"
        if self.id:
            query["sid"] = self.id
        return WebSocket(self._network, query) if name == "websocket" else Polling(self._network, query)

    # Sending

    def send_text(self, data: bytes) -> None:
        """Send a message that is text, its type byte included.

        Raises:
            PayloadTooLarge: the server would not take it.
        """
        if len(data) > self.max_payload:
            raise PayloadTooLarge(len(data), int(self.max_payload))
        if self._direct is not None:
            self._direct.send_text(data)
        else:
            self.send([data])

    def send(self, packets: list[WirePacket], *, compress: bool = True) -> None:
        """Send packets.

        Raises:
            PayloadTooLarge: the server would not take one of them; none is sent then.
        """
        for packet in packets:
            size = self._size(packet)
            if size > self.max_payload:
                raise PayloadTooLarge(size, int(self.max_payload))
        if self.ready_state not in ("opening", "open"):
            return
        outgoing = [Outgoing(packet, compress) for packet in packets]
        if self._direct is not None:
            self._direct.send(outgoing)
        else:
            self.write_buffer.extend(outgoing)
            self._flush()

    def _size(self, packet: WirePacket) -> int:
        """Return the bytes that a packet has on the way."""
        if not isinstance(packet, Binary):
            return len(packet)
        size = len(packet.data)
        if self.transport.name == "polling" or self._network.options.force_base64:
            return 1 + (size + 2) // 3 * 4
        return size

    def _flush(self) -> None:
        transport, buffer = self.transport, self.write_buffer
        if not transport.writable or self.upgrading or not buffer or self._in_flight:
            return
        packets = list(buffer)
        if transport.name == "polling":
            # The server takes so many bytes in the body of one request, a separator between two packets included.
            total = -1
            for index, (packet, _) in enumerate(packets):
                total += 1 + self._size(packet)
                if index and (total > self.max_payload or index == _MAX_PACKETS):
                    del packets[index:]
                    break
        self._in_flight = len(packets)
        transport.send(packets)

    def transport_drained(self) -> None:
        """Be told that what was sent is on its way."""
        for _ in range(self._in_flight):
            self.write_buffer.popleft()
        self._in_flight = 0
        if self.write_buffer:
            self._flush()
        elif self.transport.writable:
            self._choose_direct()
            self._wake()
            if self.ready_state == "closing" and not self.upgrading:
                self._close_now("forced close", None)

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    @property
    def is_drained(self) -> bool:
        """Whether the transport has taken all that was sent."""
        return self.ready_state in ("closing", "closed") or (self.transport.writable and not self.write_buffer)

    def __await__(self) -> Generator[Any, None, None]:
        """Wait until the transport has taken what was sent, or the session is over."""
        self._awaits += 1
        if self._awaits % _AWAITS_PER_TURN == 0:
            # Who sends in a loop must not keep everybody else from running, while the server reads fast enough.
            yield
        while not self.is_drained:
            waiter: asyncio.Future[None] = self._loop.create_future()
            self._waiters.append(waiter)
            yield from waiter

    # Receiving

    def receive_text(self, data: bytes) -> None:
        """Take a text packet."""
        if data and data[0] == _MESSAGE_TYPE:
            self.listener.receive_text(data)
            return
        try:
            packet = decode_text(data)
            self._on_packet(packet)
        except PacketError as error:
            self.transport_failed(self.transport.error(str(error)))

    def receive_binary(self, data: bytes) -> None:
        """Take a binary message."""
        self.listener.receive_binary(data)

    def _on_packet(self, packet: Packet) -> None:
        kind = packet.type
        if kind is PacketType.OPEN and self.handshake is None:
            self._on_handshake(Handshake(packet.data))
        elif kind is PacketType.PING:
            self._expect_ping()
            self.send([PONG])
            self.listener.engine_pinged()
        elif kind is PacketType.MESSAGE:
            # Base64 over WebSocket.
            self.listener.receive_binary(packet.data)
        elif kind is PacketType.CLOSE:
            self.transport_closed(self.transport.error("the server has closed the session"))

    def _on_handshake(self, handshake: Handshake) -> None:
        self.handshake = handshake
        self.id = self.transport.query["sid"] = handshake.sid
        self.max_payload = handshake.max_payload
        self._ping_delay = handshake.ping_interval + handshake.ping_timeout
        self.ready_state = "open"
        self._network.websocket_worked = self.transport.name == "websocket"
        self._expect_ping()
        self._watch()
        self._choose_direct()
        self.listener.engine_opened()
        self._flush()
        if self.ready_state == "open" and self._network.options.upgrade:
            for name in handshake.upgrades:
                if name in self._names and name == "websocket" and self.transport.name == "polling":
                    self._begin_upgrade(name)

    # Heartbeats

    def _expect_ping(self) -> None:
        self._ping_deadline = now() + self._ping_delay

    def _watch(self) -> None:
        """Look at the clock, and again in a while."""
        if self._timer is not None:
            self._timer.cancel()
        remaining = self._ping_deadline - now()
        if remaining <= 0 or self._is_silent:
            self._on_silence()
        else:
            self._timer = self._loop.call_later(min(remaining + 0.001, _WATCH_INTERVAL), self._watch)

    def has_ping_expired(self) -> bool:
        """Say whether the server has been silent for too long, although the timer has not fired yet.

        Then the session ends, even if a ping has come meanwhile: something may have been held back for the next one.
        """
        if now() <= self._ping_deadline:
            return self._is_silent
        self._is_silent = True
        self._loop.call_soon(self._watch)
        return True

    def _on_silence(self) -> None:
        handshake = self.handshake
        if handshake is None:
            return
        error = self.transport.error(
            f"no ping from the server for {self._ping_delay:g} s "
            f"(interval {handshake.ping_interval:g} + timeout {handshake.ping_timeout:g})"
        )
        self._close_now("ping timeout", error, at_once=True)

    # Upgrade

    def _begin_upgrade(self, name: str) -> None:
        self._probe = Probe(self._create(name), self)
        self._probe.begin()

    def probe_succeeded(self, probe: Probe) -> None:
        """Be told that the other transport works: stop the present one, then change over."""
        self.upgrading = True
        self._choose_direct()
        self._network.websocket_worked = True
        self.transport.pause(lambda: self._change_over(probe))

    def _change_over(self, probe: Probe) -> None:
        if self._probe is not probe:
            return
        self._probe = None
        old, new = self.transport, probe.transport
        old.listener = NOBODY
        self._old.append(old)
        self.transport = new
        new.listener = self
        probe.confirm()
        self.upgrading = False
        self._choose_direct()
        self.listener.engine_upgraded()
        self._flush()
        if self.ready_state == "closing" and not self.write_buffer:
            self._close_now("forced close", None)

    def probe_failed(self, error: TransportError) -> None:
        """Be told that the other transport does not work: the present one goes on."""
        self._probe = None
        self.upgrade_error = error
        logger.info("%s: no upgrade to %s, polling goes on: %s", self._network.address.origin, error.transport, error)
        if self.upgrading:
            self.upgrading = False
            self.transport.resume()
        self.listener.engine_upgrade_failed(error)
        self._flush()
        if self.ready_state == "closing" and not self.write_buffer:
            self._close_now("forced close", None)

    def _choose_direct(self) -> None:
        """Decide whether text may go to the WebSocket without further ado."""
        transport = self.transport
        self._direct = (
            transport
            if isinstance(transport, WebSocket)
            and not transport.compresses
            and not self.upgrading
            and not self.write_buffer
            and self.ready_state == "open"
            else None
        )

    # The end

    def transport_opened(self) -> None:
        """Be told that packets can be sent: the handshake follows."""

    def transport_failed(self, error: TransportError) -> None:
        """Be told that the transport broke."""
        self._network.websocket_worked = False
        if self.ready_state == "opening" and self._network.options.try_all_transports and len(self._names) > 1:
            origin, name = self._network.address.origin, self._names.pop(0)
            logger.info("%s: %s failed, trying %s: %s", origin, name, self._names[0], error)
            self._old.append(self.transport)
            self.transport.abandon()
            self.transport = self._create(self._names[0])
            self.transport.listener = self
            self.transport.open()
            return
        if self.ready_state != "closed":
            self.listener.engine_failed(error)
            self._close_now("transport error", error)

    def transport_closed(self, error: TransportError) -> None:
        """Be told that the server has closed the transport."""
        self._close_now("transport close", error)

    def close(self) -> None:
        """Close the session when all that was sent is on its way."""
        if self.ready_state == "opening":
            self._close_now("forced close", None)
        elif self.ready_state == "open":
            self.ready_state = "closing"
            self._choose_direct()
            if not self.upgrading and not self.write_buffer:
                self._close_now("forced close", None)
            else:
                size = sum(self._size(packet) for packet, _ in self.write_buffer)
                self._close_timer = self._loop.call_later(_CLOSE_TIMEOUT + size / _SLOWEST, self._stop_closing)

    def _stop_closing(self) -> None:
        """Do not wait any longer until what was sent is on its way."""
        self._close_now("forced close", None, at_once=True)

    def _close_now(self, reason: str, error: TransportError | None, *, at_once: bool = False) -> None:
        """End the session.

        Args:
            reason: what the listener is told.
            error: more about it.
            at_once: do not say goodbye: nobody would hear it.
        """
        if self.ready_state == "closed":
            return
        self.ready_state = "closed"
        self._direct = None
        for timer in (self._timer, self._close_timer):
            if timer is not None:
                timer.cancel()
        probe, self._probe = self._probe, None
        if probe is not None:
            self._old.append(probe.transport)
            probe.transport.abandon()
        if at_once:
            self.transport.abort()
        else:
            self.transport.abandon()
        self.id = ""
        self.write_buffer.clear()
        self._in_flight = 0
        self._wake()
        self.listener.engine_closed(reason, error)

    async def wait_closed(self) -> None:
        """Wait until nothing of the session is left: no request, no connection, no task."""
        while self.ready_state == "closing":
            waiter: asyncio.Future[None] = self._loop.create_future()
            self._waiters.append(waiter)
            await waiter
        for transport in (*self._old, self.transport):
            await transport.wait_closed()
