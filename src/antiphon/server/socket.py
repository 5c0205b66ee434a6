"""One client in one namespace.

Source: JavaScript, ``Socket`` of ``socket.io`` (``server-socket-instance.md``).
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from threading import get_ident
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar, TypeVarTuple, overload

from antiphon.cluster.recovery import RecoveryFailure, RestoredSession
from antiphon.cluster.selection import BroadcastFlags, BroadcastOptions
from antiphon.common.tasks import FAILURES
from antiphon.errors import AckTimeout, ConfigurationError, SocketDisconnected
from antiphon.event import AnyEvent, Event
from antiphon.server.adapter import DELIVERED
from antiphon.server.connection import Connection
from antiphon.server.engine_socket import EngineSocket
from antiphon.server.fanout import Message
from antiphon.server.handshake import Handshake
from antiphon.server.request import Request
from antiphon.server.snapshot import snapshot
from antiphon.server.socket_emitter import SocketEmitter
from antiphon.server.socket_recovery import FINAL, SocketRecovery
from antiphon.server.socket_rooms import SocketRooms
from antiphon.socketio.acks import PendingAcks
from antiphon.socketio.broadcast_acks import BroadcastAcks
from antiphon.socketio.packet import RESERVED_EVENTS, Packet, PacketType, check_event_name
from antiphon.socketio.parser import Encoded
from antiphon.types import AckFunction, DisconnectReason, Room, SocketId

if TYPE_CHECKING:
    from antiphon.server.namespace import Namespace

__all__ = ["AckCallback", "Socket"]

logger: logging.Logger = logging.getLogger("antiphon.server")

Ts = TypeVarTuple("Ts")
R = TypeVar("R")

_ENDED_BY_SERVER: Final = ("server namespace disconnect", "server shutting down", "forced server close")
"""The reasons after which nothing that the client has sent is of interest any more."""

_TURNS: Final = 2
"""Turns of the event loop that an end waits for, before Python 3.12: in one the catch-all listeners begin, in the next
the handlers."""

_PLAIN: Final = BroadcastFlags()

AckCallback: TypeAlias = "Callable[[AckTimeout | SocketDisconnected | None, Sequence[Any]], None]"
"""Gets an error (or None) and the arguments of an acknowledgement."""


class Socket(SocketRooms):
    """A client in a namespace. It is made by the server; handlers get it.

    Attributes:
        id: the public identifier, also the name of the room that only this socket is in.
        nsp: the namespace.
        conn: the Engine.IO session.
        client: the connection, which may have a socket in other namespaces too.
        connected: False before the client was told, and after the end.
    """

    __slots__ = ("_acks", "_auth", "_data", "_issued", "_recovery", "client", "conn", "id")

    connected: bool

    def __init__(
        self,
        nsp: Namespace,
        client: Connection,
        auth: Mapping[str, object],
        restored: RestoredSession[Message] | None = None,
    ) -> None:
        super().__init__(nsp)
        self.client: Connection = client
        self.conn: EngineSocket = client.conn
        conn = self.conn
        self._auth = auth
        self._issued = nsp.server.now()
        self._data: dict[str, object] | None = None
        self._acks: PendingAcks | None = None
        self._recovery: SocketRecovery | None = None
        if restored is not None:
            session = restored.session
            self.id: SocketId = session.sid
            self._recovery = SocketRecovery(session.pid, session.start, restored.after, recovered=True)
            self._data = dict(session.data)
            nsp.adapter.add_all(self.id, session.rooms)
            return
        if conn.protocol == 3:
            # What Socket.IO 2 clients compute by themselves; later ones get an id that does not betray the session.
            self.id = SocketId(conn.id if nsp.name == "/" else f"{nsp.name}#{conn.id}")
        else:
            self.id = SocketId(secrets.token_urlsafe(15))
        start = nsp.adapter.recovery_offset
        if start is not None and conn.protocol != 3:
            self._recovery = SocketRecovery(secrets.token_urlsafe(15), start, start, recovered=False)

    def __repr__(self) -> str:
        return f"<Socket {self.id} in {self.nsp.name}{'' if self.connected else ', disconnected'}>"

    def _itself(self) -> Socket:
        return self

    # Attributes

    @property
    def disconnected(self) -> bool:
        """The opposite of ``connected``."""
        return not self.connected

    @property
    def request(self) -> Request:
        """The request that opened the session."""
        return self.conn.request

    @property
    def data(self) -> dict[str, object]:
        """A place for the application to keep what belongs to this socket."""
        if self._data is None:
            self._data = {}
        return self._data

    @data.setter
    def data(self, data: dict[str, object]) -> None:
        if not isinstance(data, dict):
            # It is copied when the session is kept for recovery, and sent to other servers.
            raise ConfigurationError(f"socket.data is a dictionary, not {data!r}; keep other things in it by a name")
        self._data = data

    @property
    def rooms(self) -> frozenset[Room]:
        """The rooms that the socket is in; its own id is one of them."""
        if self._extras is not None and self._extras.last_rooms is not None:
            return self._extras.last_rooms
        return self.nsp.adapter.socket_rooms(self.id)

    @property
    def handshake(self) -> Handshake:
        """What is known from the moment the socket connected."""
        return Handshake.build(self.request, self.conn.remote_address, self._auth, self._issued)

    @property
    def recovered(self) -> bool:
        """Whether the client came back to its session: with the same id, rooms and data, and with what it missed."""
        return self._recovery is not None and self._recovery.recovered

    @property
    def recovery_failure(self) -> RecoveryFailure | None:
        """Why the client could not come back to its session; None if it did not try, or could."""
        return None if self._recovery is None else self._recovery.failure

    @recovery_failure.setter
    def recovery_failure(self, failure: RecoveryFailure) -> None:
        if self._recovery is not None:
            self._recovery.failure = failure

    @property
    def pid(self) -> str | None:
        """The secret by which the client may come back; None without connection state recovery."""
        return None if self._recovery is None else self._recovery.pid

    def replayed(self, after: str) -> None:
        """Be told that the client is being sent what it has missed after an offset."""
        if self._recovery is not None:
            self._recovery.replay = after

    # Emitting

    @overload
    def emit(self, event: Event[tuple[*Ts], object], *args: *Ts, ack: AckFunction | None = None) -> Awaitable[None]: ...
    @overload
    def emit(self, event: str, *args: object, ack: AckFunction | None = None) -> Awaitable[None]: ...
    def emit(self, event: str | AnyEvent, *args: object, ack: AckFunction | None = None) -> Awaitable[None]:
        """Emit an event to this client.

        Args:
            event: its name.
            args: any number of values that the parser can encode; binary may be anywhere in them.
            ack: called with the arguments of the acknowledgement. To wait for it, use :meth:`emit_with_ack`.

        Returns:
            Something to await until the transport has taken the data; there is no need to. In another thread than that
            of the event loop, something that does not wait.

        Raises:
            ReservedEventError: the protocol keeps this name for itself.
            EncodeError: the data cannot be put on the wire.
        """
        if type(event) is not str or event in RESERVED_EVENTS:
            event = check_event_name(event)
        conn = self.conn
        if ack is None and get_ident() == conn.thread:
            nsp = self.nsp
            encode = nsp.encode_event_payload
            text = encode([event, *args])
            if type(text) is bytes:
                send = conn.send_text
                send(nsp.event_prefix + text)
                return conn
            if type(text) is Encoded:
                conn.send_message(Message.with_attachments(b"45", nsp.wire_prefix, text))
                return conn
        return self._emit_slowly(event, args, ack)

    def _emit_slowly(self, event: str, args: Sequence[object], ack: AckFunction | None) -> Awaitable[None]:
        # A function of its own: the one inside would cost every emit the cells of what it uses.
        callback: AckCallback | None = None
        if ack is not None:
            function = ack

            def callback(error: Exception | None, answer: Sequence[object]) -> None:
                if error is None:
                    self.nsp.call_ack(function, event, answer, self)

        self.send_event([event, *args], _PLAIN, callback)
        return self.conn if get_ident() == self.conn.thread else DELIVERED

    def send_event(self, packet: list[object], flags: BroadcastFlags, callback: AckCallback | None) -> None:
        """Send an event to this client, from any thread.

        Args:
            packet: its name and arguments.
            flags: how it is carried.
            callback: is called with an error (or None) and the arguments of the acknowledgement.
        """
        nsp = self.nsp
        if get_ident() != self.conn.thread:
            # The thread may go on and change the data; and it is to know at once what cannot be encoded.
            nsp.check_encodable(packet)
            nsp.server.call_from_thread(self.send_now, snapshot(packet), flags, callback)
        else:
            self.send_now(packet, flags, callback)

    def send_now(self, packet: list[object], flags: BroadcastFlags, callback: AckCallback | None) -> int | None:
        """Do the same in the thread of the event loop; return the id of the acknowledgement that is waited for."""
        nsp, conn = self.nsp, self.conn
        if callback is None:
            if nsp.keeps_packets and (self.connected or self._ended):
                # So it is kept, and reaches the client when it comes back.
                nsp.adapter.broadcast(packet, BroadcastOptions(frozenset((self.id,)), flags=flags))
                return None
            ack_id = None
        else:
            ack_id = nsp.next_ack_id()
        data = packet
        if self._recovery is not None and callback is None and isinstance(packet[-1], str):
            # Emitted by a middleware: it is not kept, but the client would take its text for an offset.
            data = [*packet, self._recovery.seen]
        message = nsp.encode_event(data, ack_id, compress=flags.compress)
        if callback is not None and ack_id is not None and not self._await_ack(ack_id, callback, flags.timeout):
            return None
        if not flags.volatile or conn.writable:
            conn.send_message(message)
        if nsp.outgoing_listeners:
            self.notify_outgoing(packet)
        return ack_id

    def forget_ack(self, ack_id: int | None) -> None:
        """Do not wait for an acknowledgement any more."""
        if ack_id is not None and self._acks is not None:
            self._acks.discard(ack_id)

    def _await_ack(self, ack_id: int, callback: AckCallback, timeout: float | None) -> bool:
        """Have ``callback`` called with the outcome, once; False if that was done at once."""
        if self._ended:
            callback(SocketDisconnected(), ())
            return False
        acks = self._pending_acks()
        timer = None if timeout is None else asyncio.get_running_loop().call_later(timeout, acks.expire, ack_id)

        def finish(error: AckTimeout | SocketDisconnected | None, answer: Sequence[object]) -> None:
            if timer is not None:
                timer.cancel()
            callback(error, answer)

        acks.add(ack_id, finish)
        return True

    def _pending_acks(self) -> PendingAcks:
        if self._acks is None:
            self._acks = PendingAcks()
        return self._acks

    def expect_ack(self, ack_id: int, acks: BroadcastAcks) -> None:
        """Wait for the acknowledgement of a broadcast."""
        sid = self.id

        def finish(error: AckTimeout | SocketDisconnected | None, answer: Sequence[object]) -> None:
            if error is None:
                acks.answer(answer[0] if answer else None, sid)
            else:
                acks.leave(sid)

        pending = self._pending_acks()
        pending.add(ack_id, finish)
        acks.on_done(lambda: pending.discard(ack_id))

    def send(self, *args: object) -> Awaitable[None]:
        """Emit a ``message`` event."""
        return self.emit("message", *args)

    def write(self, *args: object) -> Awaitable[None]:
        """Emit a ``message`` event. The same as :meth:`send`."""
        return self.emit("message", *args)

    @overload
    async def emit_with_ack(self, event: Event[tuple[*Ts], R], *args: *Ts, timeout: float | None = None) -> R: ...
    @overload
    async def emit_with_ack(self, event: str, *args: object, timeout: float | None = None) -> object: ...
    async def emit_with_ack(self, event: str | AnyEvent, *args: object, timeout: float | None = None) -> object:
        """Emit an event and wait for its acknowledgement.

        Args:
            event: its name.
            args: any number of values that the parser can encode.
            timeout: seconds to wait, as with :meth:`timeout`; None for as long as the client stays.

        Returns:
            The first argument of the acknowledgement, None if it has none.

        Raises:
            AckTimeout: it did not come in time.
            SocketDisconnected: the client left before it answered.
            ReservedEventError: the protocol keeps this name for itself.
            EncodeError: the data cannot be put on the wire.
        """
        return await SocketEmitter(self, _PLAIN).emit_with_ack(check_event_name(event), *args, timeout=timeout)

    def timeout(self, seconds: float) -> SocketEmitter:
        """Limit how long the next emit waits for its acknowledgement.

        Raises:
            ConfigurationError: it is not a number of seconds.
        """
        return SocketEmitter(self, _PLAIN).timeout(seconds)

    @property
    def volatile(self) -> SocketEmitter:
        """Drop the next event if the transport could not take it at once."""
        return SocketEmitter(self, _PLAIN).volatile

    def compress(self, compress: bool) -> SocketEmitter:
        """Say whether the next event may be compressed, where compression is enabled."""
        return SocketEmitter(self, _PLAIN).compress(compress)

    def send_ack(self, ack_id: int, args: Sequence[object]) -> None:
        """Answer an event; handlers do it by what they return."""
        conn, nsp = self.conn, self.nsp
        if get_ident() != conn.thread:
            # As for what is emitted: the thread may go on and change it, and is to know at once what cannot be encoded.
            nsp.check_encodable(args)
            nsp.server.call_from_thread(self.send_ack, ack_id, snapshot(args))
            return
        encode = nsp.encode_payload
        text = encode(args)
        if type(text) is bytes:
            send = conn.send_text
            # Formatting all three at once takes longer.
            send(nsp.ack_prefix + b"%d" % ack_id + text)
        elif type(text) is Encoded:
            conn.send_message(Message.with_attachments(b"46", nsp.wire_prefix + b"%d" % ack_id, text))
        else:
            conn.send_message(nsp.encode_ack(args, ack_id))

    # Beginning and end

    def on_packet(self, packet: Packet) -> None:
        """Take a packet of this namespace."""
        if packet.type is PacketType.EVENT:
            if isinstance(packet.data, list):
                self.on_event(packet.data, packet.id)
        elif packet.type is PacketType.ACK:
            answer = packet.data if isinstance(packet.data, list) else []
            if packet.id is not None and self._acks is not None:
                self._acks.resolve(packet.id, answer)
        else:
            self.on_close("client namespace disconnect")

    def on_connect(self) -> None:
        """Tell the client that it is connected."""
        self.connected = True
        self.nsp.adapter.add_all(self.id, (self.id,))
        data: dict[str, str] | None = None
        if self.conn.protocol != 3:
            data = {"sid": self.id}
            if self._recovery is not None:
                data["pid"] = self._recovery.pid
                if not self._recovery.recovered:
                    self._recovery.start = self.nsp.adapter.recovery_offset or self._recovery.start
        self.client.send(Packet(PacketType.CONNECT, self.nsp.name, data))
        self.client.joined(self)

    def on_close(self, reason: DisconnectReason, description: str | None = None) -> None:
        """End the socket: tell the handlers, leave the rooms."""
        by_server = reason in _ENDED_BY_SERVER
        if self._deferred and not by_server:
            self._start_deferred()
        if not self.connected or self._ended:
            return
        if by_server or not self._awaits_handlers():
            self._end(reason, description)
        elif self._ending is None:
            self._more().ending = (reason, description)
            self.client.left(self)
            asyncio.get_running_loop().call_soon(self._end_late, _TURNS)

    @property
    def _ending(self) -> tuple[DisconnectReason, str | None] | None:
        """Why and how the socket ends, if that is put off."""
        return None if self._extras is None else self._extras.ending

    def _end_late(self, turns: int) -> None:
        """End once the handlers of what the client sent before have begun."""
        if turns and self._awaits_handlers():
            asyncio.get_running_loop().call_soon(self._end_late, turns - 1)
        else:
            self.end_now()

    def end_now(self) -> None:
        """End if that is put off, whoever still has to begin."""
        ending = self._ending
        if ending is not None and not self._ended:
            self._end(*ending)

    def _end(self, reason: DisconnectReason, description: str | None) -> None:
        self._ended = True
        late = self._has_started_late("disconnecting")
        self.fire("disconnecting", reason, description)
        recovery = self._recovery
        if recovery is not None and reason not in FINAL:
            self._persist(recovery)
        if late:
            # Before Python 3.12 they start in the next turn of the loop: they are to find the rooms as they were.
            self._more().last_rooms = self.rooms
        self._leave()
        self.client.left(self)
        self.connected = False
        if self._acks is not None:
            self._acks.disconnect()
        if late:
            asyncio.get_running_loop().call_soon(self._tell_end, reason, description)
        else:
            self.fire("disconnect", reason, description)

    def _tell_end(self, reason: DisconnectReason, description: str | None) -> None:
        """Tell of the end once the handlers of ``disconnecting`` have begun."""
        self._more().last_rooms = None
        self.fire("disconnect", reason, description)

    def _persist(self, recovery: SocketRecovery) -> None:
        try:
            session = recovery.session(self.id, self.rooms, self._data or {}, self.conn.confirmed_at)
            self.nsp.adapter.persist_session(session)
        except FAILURES:
            # It ends all the same.
            logger.exception("the session of %s in %s could not be kept", self.id, self.nsp.name)

    def abandon(self) -> None:
        """End a socket that was not let in; nobody is told."""
        if not self._ended:
            self._ended = True
            self._leave()
            if self._acks is not None:
                self._acks.disconnect()

    def _leave(self) -> None:
        self._cancel_tasks()
        self.off_any_outgoing()
        self.nsp.forget(self)

    def disconnect(self, close: bool = False) -> None:
        """Disconnect the client from this namespace.

        Args:
            close: close the connection too, and with it the client's sockets in every namespace.
        """
        if not self.connected or self._ended or self._ending is not None:
            return
        if get_ident() != self.conn.thread:
            self.nsp.server.call_from_thread(self.disconnect, close)
        elif close:
            self.client.disconnect()
        else:
            self.client.send(Packet(PacketType.DISCONNECT, self.nsp.name))
            self.on_close("server namespace disconnect")
