"""One Engine.IO session on its transports: the state machine of the core, driven.

Source: JavaScript, ``Socket`` of ``engine.io``.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Generator
from threading import get_ident
from typing import TYPE_CHECKING, Any, Protocol

from antiphon.common.signatures import check_plain
from antiphon.engineio import v3
from antiphon.engineio.packet import (
    MESSAGE,
    PING,
    PONG,
    PROBE_PONG,
    Binary,
    Packet,
    PacketType,
    WirePacket,
    decode_text,
    encode_base64,
)
from antiphon.engineio.session import Action, CloseReason, Probe, ProbeAction, Session, SessionState
from antiphon.errors import ConfigurationError, PacketError
from antiphon.server.engine_socket_events import EVENTS, EngineSocketEvents
from antiphon.server.fanout import Message
from antiphon.server.heartbeat import Timer
from antiphon.server.polling import Polling
from antiphon.server.request import Request
from antiphon.server.transport import Transport

if TYPE_CHECKING:
    from antiphon.server.engine import Engine

__all__ = ["CLOSED", "EngineListener", "EngineSocket"]

logger: logging.Logger = logging.getLogger("antiphon.engine")

_MESSAGE_TYPE = MESSAGE[0]
_INVALID_TEXT = 1007


class EngineListener(Protocol):
    """What sits above an Engine.IO session."""

    def receive_text(self, data: bytes) -> None:
        """Take the text of a message (UTF-8)."""
        ...

    def receive_binary(self, data: bytes) -> None:
        """Take a binary message."""
        ...

    def closed(self, reason: CloseReason, description: str | None) -> None:
        """Be told that the session has ended."""
        ...


class EngineSocket(Timer):
    """A session and the transport that it uses now.

    Attributes:
        id: the session identifier; it is a secret of this client.
        request: the request that opened the session.
        transport: the transport in use.
        listener: what sits above.
        receive_text: takes a text packet from the transport. The floor above may put itself here, to see packets first;
            it passes on to :meth:`take_text` what it does not know.
        send_text: sends a text packet, type byte first.
        send_message: sends a message.
        thread: the thread of the event loop; the only one that may send.
        upgraded: whether it has changed its transport.
    """

    __slots__ = ("_engine", "_events", "_probe", "_session", "_unwatched", "id", "listener", "receive_text", "request",
                 "send_message", "send_text", "thread", "transport", "upgraded")  # fmt: skip

    def __init__(self, engine: Engine, sid: str, request: Request, transport: Transport, protocol: int) -> None:
        super().__init__()
        options = engine.options
        self.id: str = sid
        self.request: Request = request
        supports_binary = not request.query.get("b64")
        request.release()
        self.listener: EngineListener = CLOSED
        self.upgraded: bool = False
        self.thread: int = get_ident()
        self._engine = engine
        self._events: EngineSocketEvents | None = None
        self._probe: ProbeSocket | None = None
        self._session = Session(
            protocol=protocol,
            ping_interval=options.ping_interval,
            ping_timeout=options.ping_timeout,
            now=engine.deadlines.now(),
        )
        self.receive_text: Callable[[bytes], None] = self.take_text
        # What takes text packets, while they are looked at for a sign of life.
        self._unwatched: Callable[[bytes], None] | None = None
        self._use(transport, supports_binary=supports_binary)
        self._schedule()

    def _use(self, transport: Transport, *, supports_binary: bool) -> None:
        self.transport: Transport = transport
        transport.owner = self
        self.send_text: Callable[[bytes], None] = transport.send_text
        self.send_message: Callable[[Message], None] = transport.send_message
        if transport.name == "websocket" and not supports_binary:
            self.send_message = self._send_as_text
        if self._events is not None:
            self._events.tap_sending()

    def _send_as_text(self, message: Message) -> None:
        """Send a message to a client that asks for base64. JavaScript: ``supportsBinary``."""
        send = self.transport.send_text
        for packet in message.packets:
            send(self._as_text(packet))

    def _as_text(self, packet: WirePacket) -> bytes:
        lead = b"b4" if self.protocol == 3 else b"b"
        return lead + encode_base64(packet.data) if isinstance(packet, Binary) else packet

    def _schedule(self) -> None:
        self._engine.deadlines.schedule(self, self._session.deadline)

    @property
    def protocol(self) -> int:
        """The revision of Engine.IO, 3 or 4."""
        return self._session.protocol

    @property
    def ready_state(self) -> str:
        """``open``, ``closing`` or ``closed``."""
        return self._session.state.value

    @property
    def confirmed_at(self) -> float:
        """When the latest ping was sent that the client has answered, on the clock of the event loop."""
        return self._session.confirmed_at

    @property
    def remote_address(self) -> str:
        """The address of the peer."""
        return self.request.client[0] if self.request.client else ""

    @property
    def writable(self) -> bool:
        """Whether a packet would leave now, and not wait."""
        return self._session.state is SessionState.OPEN and self.transport.writable

    def send(self, data: str | bytes) -> None:
        """Send a message: text as str, binary as bytes."""
        if isinstance(data, str):
            self.send_text(MESSAGE + data.encode())
        else:
            self.send_message(Message(None, (data,)))

    def __await__(self) -> Generator[object, None, None]:
        """Wait until the transport has taken all that was sent, and give the event loop a turn in any case."""
        yield None
        waiting = self.begin_wait()
        if waiting is not None:
            yield from waiting

    def begin_wait(self) -> Generator[object, None, None] | None:
        """Return what waits until the transport has taken all that has been sent by now; None if it has."""
        drained = self.transport.drained()
        return None if drained is None else self._wait(self.transport, drained)

    def _wait(self, transport: Transport, drained: Awaitable[None]) -> Generator[object, None, None]:
        yield from drained.__await__()
        # After an upgrade the new transport has it, and may not have written it yet.
        if self.transport is not transport and (waiting := self.begin_wait()) is not None:
            yield from waiting

    # Listening

    def on(self, event: str, listener: Callable[..., object] | None = None) -> Any:
        """Register a listener, directly or as a decorator.

        Events:
            upgrade: the session has changed its transport; gets the new one.
            packet: a packet has come; gets a :class:`~antiphon.engineio.packet.Packet`.
            packet_create: a packet is sent; gets it. JavaScript: ``packetCreate``.
            drain: what was sent has been taken by the transport.
            heartbeat: a ping was answered.
            close: the session has ended; gets the reason and a description.

        Raises:
            ConfigurationError: there is no such event.
        """
        return self._listen(event, listener, once=False)

    def once(self, event: str, listener: Callable[..., object] | None = None) -> Any:
        """Register a listener that is called once at most; otherwise as :meth:`on`."""
        return self._listen(event, listener, once=True)

    def _listen(self, event: str, listener: Callable[..., object] | None, *, once: bool) -> object:
        if event not in EVENTS:
            raise ConfigurationError(f"an Engine.IO session has the events {', '.join(EVENTS)}, not {event!r}")
        if self._events is None:
            self._events = EngineSocketEvents(self)
        events = self._events

        def register(function: Callable[..., object]) -> Callable[..., object]:
            check_plain(function, f"a listener of a session's {event} event")
            events.add(event, function, once=once)
            return function

        return register if listener is None else register(listener)

    def off(self, event: str, listener: Callable[..., object] | None = None) -> None:
        """Drop a listener of an event, or all of them."""
        if self._events is not None:
            self._events.remove(event, listener)

    # What the transport reports

    def take_text(self, data: bytes) -> None:
        """Take a text packet, type byte first."""
        if data and data[0] == _MESSAGE_TYPE:
            if self._session.state is SessionState.OPEN:
                self.listener.receive_text(data[1:])
            return
        try:
            self.receive_packet(v3.decode_text(data) if self.protocol == 3 else decode_text(data))
        except PacketError as error:
            self.receive_error(error)

    def receive_binary(self, data: bytes) -> None:
        """Take a binary frame."""
        if self._session.state is not SessionState.OPEN:
            return
        if self._unwatched is not None:
            self._notice()
        if self.protocol == 3:
            try:
                self.receive_packet(v3.decode_binary(data))
            except PacketError as error:
                self.receive_error(error)
        else:
            if self._events is not None:
                self._events.fire("packet", Packet(PacketType.MESSAGE, data, binary=True))
            self.listener.receive_binary(data)

    def receive_packet(self, packet: Packet) -> None:
        """Take a decoded packet."""
        if self._events is not None and (packet.binary or packet.type is not PacketType.MESSAGE):
            self._events.fire("packet", packet)
        if self._unwatched is not None and packet.type is not PacketType.PONG:
            self._notice()
        action = self._session.on_packet(packet.type, self._engine.deadlines.now())
        if action is Action.DELIVER:
            if packet.binary:
                self.listener.receive_binary(packet.data)
            else:
                self.receive_text(MESSAGE + packet.data)
        elif action is Action.HEARTBEAT:
            self._schedule()
            if self._events is not None:
                self._events.fire("heartbeat")
        elif action is Action.ANSWER_PING:
            self._schedule()
            self.send_text(PONG)
        elif action is Action.TRANSPORT_CLOSE:
            self.finish("transport close")
        elif action is Action.TRANSPORT_ERROR:
            self.finish("transport error", "invalid heartbeat direction")

    def _watch(self) -> None:
        """See whether anything comes before the pong. It costs nothing while no pong is awaited."""
        if self._unwatched is None:
            self._unwatched, self.receive_text = self.receive_text, self._receive_watched

    def _receive_watched(self, data: bytes) -> None:
        receive = self._unwatched or self.take_text
        if self.receive_text == self._receive_watched:
            # Otherwise somebody has put himself before us meanwhile, and passes everything on to us for ever.
            self.receive_text, self._unwatched = receive, None
        if data[:1] != PONG:
            self._notice()
        receive(data)

    def _notice(self) -> None:
        """Take a sign of life, if that changes anything."""
        if self._session.on_sign_of_life(self._engine.deadlines.now()):
            self._schedule()

    def receive_error(self, error: PacketError) -> None:
        """Take something that was no packet."""
        self.finish("parse error", str(error))

    def receive_garbled(self) -> None:
        """Take text that is not UTF-8. Source: RFC 6455, section 8.1."""
        self.transport.close_code = _INVALID_TEXT
        self.finish("transport error", "invalid UTF-8")

    def transport_closed(self, transport: Transport) -> None:
        """Be told that the peer has closed the transport, or has taken the close packet."""
        if transport is self.transport:
            self.finish("forced close" if self._session.state is SessionState.CLOSING else "transport close")

    def transport_failed(self, transport: Transport, description: str, reason: CloseReason = "transport error") -> None:
        """Be told that the transport cannot go on."""
        if transport is self.transport:
            self.finish(reason, description)

    def on_timer(self, now: float) -> None:
        """Send a ping, or end the session."""
        action = self._session.on_timer(now)
        if action is Action.SEND_PING:
            self._schedule()
            self._watch()
            self.send_text(PING)
        elif action is Action.PING_TIMEOUT:
            self.finish("ping timeout")
        elif action is Action.DISCARD:
            self.finish("forced close")

    # Upgrade

    def probe(self, transport: Transport, *, supports_binary: bool) -> bool:
        """Let a transport probe for an upgrade; False if there is, or was, one already.

        Args:
            transport: the new one.
            supports_binary: False if its request asked for base64 (``b64`` in its query).
        """
        if self._probe is not None or self.upgraded or self._session.state is SessionState.CLOSED:
            return False
        self._probe = ProbeSocket(self, self._engine, transport, supports_binary=supports_binary)
        return True

    def probe_failed(self) -> None:
        """Go on with the transport in use."""
        self._probe = None

    def upgrade(self, transport: Transport, *, supports_binary: bool) -> None:
        """Go on with the new transport; what the old one has not sent goes first."""
        old, self._probe, self.upgraded = self.transport, None, True
        self._use(transport, supports_binary=supports_binary)
        unsent = old.retire()
        if old.name == "websocket":
            # It may read on until it is closed.
            old.owner = CLOSED
        if unsent:
            if not supports_binary:
                unsent = [self._as_text(packet) for packet in unsent]
            transport.send_packets(unsent)
        if self._events is not None:
            self._events.fire("upgrade", transport)
        if self._session.state is SessionState.CLOSING:
            transport.close()
            self.finish("forced close")

    # How it ends

    def close(self, *, discard: bool = False) -> None:
        """End the session; the client is told.

        Args:
            discard: do not wait for a poll to tell it.
        """
        begun = self._session.begin_close(self._engine.deadlines.now())
        if discard:
            self.finish("forced close")
        elif begun:
            self.receive_text = self.send_text = self.send_message = _ignore
            self._unwatched = None
            if self.transport.close():
                self.finish("forced close")
            else:
                self._schedule()

    def finish(self, reason: CloseReason, description: str | None = None) -> None:
        """End the session now; the listener is told once."""
        if not self._session.finish():
            return
        self._engine.deadlines.cancel(self)
        self._engine.forget(self)
        self.receive_text = self.send_text = self.send_message = _ignore
        self._unwatched = None
        if self._probe is not None:
            self._probe.fail()
        self.transport.discard()
        level = logging.INFO if reason in ("transport error", "parse error", "slow consumer") else logging.DEBUG
        logger.log(level, "session of %s closed: %s%s", self.remote_address, reason, _because(description))
        self.listener.closed(reason, description)
        self.listener = CLOSED
        if self._events is not None:
            self._events.fire("close", reason, description)


class ProbeSocket(Timer):
    """A transport that probes, until it takes over or fails."""

    __slots__ = ("_engine", "_probe", "_socket", "_supports_binary", "_transport")

    def __init__(self, socket: EngineSocket, engine: Engine, transport: Transport, *, supports_binary: bool) -> None:
        super().__init__()
        self._socket = socket
        self._engine = engine
        self._transport = transport
        self._supports_binary = supports_binary
        self._probe = Probe(upgrade_timeout=engine.options.upgrade_timeout, now=engine.deadlines.now())
        transport.owner = self
        engine.deadlines.schedule(self, self._probe.deadline)

    def receive_text(self, data: bytes) -> None:
        """Take a text packet of the new transport."""
        try:
            packet = decode_text(data)
        except PacketError:
            self.fail()
            return
        self.receive_packet(packet)

    def receive_binary(self, data: bytes) -> None:
        """Take a binary frame: nothing of the kind belongs into a probe."""
        self.receive_packet(Packet(PacketType.MESSAGE, data, binary=True))

    def receive_packet(self, packet: Packet) -> None:
        """Take a decoded packet."""
        now = self._engine.deadlines.now()
        action = self._probe.on_packet(packet, now)
        if action is ProbeAction.ANSWER:
            self._transport.send_text(PROBE_PONG)
            # At once, not a tenth of a second later: the client waits for its poll to end.
            self._release_poll()
            self._engine.deadlines.schedule(self, self._probe.deadline)
        elif action is ProbeAction.UPGRADE:
            self._engine.deadlines.cancel(self)
            self._socket.upgrade(self._transport, supports_binary=self._supports_binary)
        else:
            self.fail()

    def receive_error(self, error: PacketError) -> None:  # noqa: ARG002 - the probe fails whatever it was
        """Take something that was no packet."""
        self.fail()

    def transport_closed(self, transport: Transport) -> None:  # noqa: ARG002 - it can only be this one
        """Be told that the peer has closed the new transport."""
        self.fail()

    def transport_failed(
        self,
        transport: Transport,  # noqa: ARG002 - it can only be this one
        description: str,  # noqa: ARG002 - the session goes on, whatever it was
        reason: CloseReason = "transport error",  # noqa: ARG002
    ) -> None:
        """Be told that the new transport cannot go on."""
        self.fail()

    def on_timer(self, now: float) -> None:
        """Free the pending poll, or give up."""
        if self._probe.on_timer(now) is ProbeAction.FAIL:
            self.fail()
        else:
            self._release_poll()
            self._engine.deadlines.schedule(self, self._probe.deadline)

    def _release_poll(self) -> None:
        polling = self._socket.transport
        if isinstance(polling, Polling):
            polling.release()

    def fail(self) -> None:
        """Close the new transport; the session goes on with the old one."""
        self._engine.deadlines.cancel(self)
        self._transport.owner = CLOSED
        self._transport.discard()
        self._socket.probe_failed()


class _Closed:
    """Takes what comes after the end."""

    def receive_text(self, data: bytes) -> None: ...
    def receive_binary(self, data: bytes) -> None: ...
    def receive_packet(self, packet: Packet) -> None: ...
    def receive_error(self, error: PacketError) -> None: ...
    def transport_closed(self, transport: Transport) -> None: ...
    def transport_failed(self, transport: Transport, description: str, reason: CloseReason = ...) -> None: ...
    def closed(self, reason: CloseReason, description: str | None) -> None: ...


CLOSED = _Closed()
"""The owner of a transport, and the listener of a session, that nobody waits for any more."""


def _ignore(_data: object) -> None:
    """Take what comes after the end."""


def _because(description: str | None) -> str:
    return f" ({description})" if description else ""
