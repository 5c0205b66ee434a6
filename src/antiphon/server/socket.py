"""One client in one namespace.

Source: JavaScript, ``Socket`` of ``socket.io`` (``server-socket-instance.md``).
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from threading import get_ident
from typing import TYPE_CHECKING, Any, overload

from antiphon.errors import AckTimeout, SocketDisconnected
from antiphon.server.broadcast import BroadcastOperator, flatten
from antiphon.server.connection import Connection
from antiphon.server.engine_socket import EngineSocket
from antiphon.server.handlers import (
    EAGER,
    Ack,
    Handler,
    HandlerFunction,
    HandlerFunctionT,
    Handlers,
    answer_of,
    check_listened_name,
)
from antiphon.server.handshake import Handshake
from antiphon.server.request import Request
from antiphon.server.socket_emitter import AckFunction, SocketEmitter
from antiphon.socketio.acks import PendingAcks
from antiphon.socketio.packet import RESERVED_EVENTS, Packet, PacketType, check_event_name, event_name
from antiphon.types import DisconnectReason, Room, SocketId

if TYPE_CHECKING:
    from antiphon.server.namespace import Namespace

__all__ = ["Socket"]

_ENDED_BY_SERVER = ("server namespace disconnect", "server shutting down", "forced server close")
"""The reasons after which nothing that the client has sent is of interest any more."""


class Socket:
    """A client in a namespace. It is made by the server; handlers get it.

    Attributes:
        id: the public identifier, also the name of the room that only this socket is in.
        nsp: the namespace.
        connected: False before the client was told, and after the end.
    """

    __slots__ = ("_acks", "_auth", "_conn", "_connection", "_data", "_deferred", "_ending", "_handlers", "_issued",
                 "_unstarted", "connected", "id", "nsp")  # fmt: skip

    def __init__(self, nsp: Namespace, connection: Connection, auth: Mapping[str, object]) -> None:
        self.nsp = nsp
        self.connected = False
        self._connection = connection
        self._conn = conn = connection.conn
        if conn.protocol == 3:
            # What Socket.IO 2 clients compute by themselves; later ones get an id that does not betray the session.
            self.id = SocketId(conn.id if nsp.name == "/" else f"{nsp.name}#{conn.id}")
        else:
            self.id = SocketId(secrets.token_urlsafe(15))
        self._auth = auth
        self._issued = nsp.server.now()
        self._data: dict[str, object] | None = None
        self._handlers: Handlers | None = None
        self._acks: PendingAcks | None = None
        self._ending = False
        self._unstarted = 0
        self._deferred: deque[tuple[list[object], int | None]] | None = None

    def __repr__(self) -> str:
        return f"<Socket {self.id} in {self.nsp.name}{'' if self.connected else ', disconnected'}>"

    # Attributes

    @property
    def disconnected(self) -> bool:
        """The opposite of ``connected``."""
        return not self.connected

    @property
    def conn(self) -> EngineSocket:
        """The Engine.IO session."""
        return self._conn

    @property
    def request(self) -> Request:
        """The request that opened the session."""
        return self._conn.request

    @property
    def data(self) -> dict[str, object]:
        """A place for the application to keep what belongs to this socket."""
        if self._data is None:
            self._data = {}
        return self._data

    @data.setter
    def data(self, data: dict[str, object]) -> None:
        self._data = data

    @property
    def rooms(self) -> frozenset[Room]:
        """The rooms that the socket is in; its own id is one of them."""
        return self.nsp.rooms.of(self.id)

    @property
    def handshake(self) -> Handshake:
        """What is known from the moment the socket connected."""
        return Handshake.build(self.request, self._conn.remote_address, self._auth, self._issued)

    # Listening

    @overload
    def on(self, event: str, *, thread: bool = False) -> Callable[[HandlerFunctionT], HandlerFunctionT]: ...
    @overload
    def on(self, event: str, handler: HandlerFunctionT, *, thread: bool = False) -> HandlerFunctionT: ...
    def on(self, event: str, handler: HandlerFunctionT | None = None, *, thread: bool = False) -> object:
        """Register a handler of an event, directly or as a decorator.

        Besides what the client emits there are ``disconnecting(reason, description)``, while the rooms are still
        joined, ``disconnect(reason, description)``, and ``error(exception)``.

        Args:
            event: its name.
            handler: gets the arguments of the event; what it returns is the acknowledgement.
            thread: run a plain function in a worker thread, because it blocks.

        Raises:
            ConfigurationError: the handler cannot be one.
        """
        return self._register(event, handler, thread=thread, once=False)

    @overload
    def once(self, event: str, *, thread: bool = False) -> Callable[[HandlerFunctionT], HandlerFunctionT]: ...
    @overload
    def once(self, event: str, handler: HandlerFunctionT, *, thread: bool = False) -> HandlerFunctionT: ...
    def once(self, event: str, handler: HandlerFunctionT | None = None, *, thread: bool = False) -> object:
        """Register a handler that is called once at most; otherwise as :meth:`on`."""
        return self._register(event, handler, thread=thread, once=True)

    def _register(self, event: str, handler: HandlerFunctionT | None, *, thread: bool, once: bool) -> object:
        check_listened_name(event, "socket.on")

        def register(function: HandlerFunctionT) -> HandlerFunctionT:
            if self._handlers is None:
                self._handlers = Handlers()
            self._handlers.add(event, Handler(function, lead=0, thread=thread, once=once))
            return function

        return register if handler is None else register(handler)

    def off(self, event: str | None = None, handler: HandlerFunction | None = None) -> None:
        """Drop one handler of an event, all handlers of an event, or all handlers."""
        if self._handlers is not None:
            self._handlers.remove(event, handler)

    # Emitting

    def emit(self, event: str, *args: object, ack: AckFunction | None = None) -> Awaitable[None]:
        """Emit an event to this client.

        Args:
            event: its name.
            args: any number of values that the parser can encode; binary may be anywhere in them.
            ack: called with the arguments of the acknowledgement. To wait for it, use :meth:`emit_with_ack`.

        Returns:
            Something to await until the transport has taken the data; there is no need to.

        Raises:
            ReservedEventError: the protocol keeps this name for itself.
            EncodeError: the data cannot be put on the wire.
        """
        if type(event) is not str or event in RESERVED_EVENTS:
            check_event_name(event)
        conn = self._conn
        if get_ident() != conn.thread:
            self._emit_from_thread(event, args, ack)
            return conn
        if ack is None:
            nsp = self.nsp
            encode = nsp.encode_plain
            text = encode([event, *args])
            if text is not None:
                send = conn.send_text
                send(nsp.event_prefix + text)
                return conn
        self._emit_now(event, args, ack)
        return conn

    def _emit_from_thread(self, event: str, args: Sequence[object], ack: AckFunction | None) -> None:
        call = self.nsp.server.call_from_thread
        if ack is not None:
            call(self._emit_now, event, args, ack)
            return
        # Encoded here, for the thread may go on and change the data.
        message = self.nsp.encode_event_in_thread([event, *args])
        call(lambda: self._conn.send_message(message))

    def _emit_now(self, event: str, args: Sequence[object], ack: AckFunction | None) -> None:
        if ack is None:
            self._conn.send_message(self.nsp.encode_event([event, *args], None))
        else:
            self.send_with_ack(event, args, lambda error, answer: None if error else ack(*answer), None)

    def send(self, *args: object) -> Awaitable[None]:
        """Emit a ``message`` event."""
        return self.emit("message", *args)

    async def emit_with_ack(self, event: str, *args: object) -> object:
        """Emit an event and wait for its acknowledgement, without a limit; see :meth:`timeout`.

        Returns:
            The first argument of the acknowledgement, None if it has none.

        Raises:
            SocketDisconnected: the client left before it answered.
            ReservedEventError: the protocol keeps this name for itself.
            EncodeError: the data cannot be put on the wire.
        """
        return await self.timeout(None).emit_with_ack(event, *args)

    def timeout(self, seconds: float | None) -> SocketEmitter:
        """Limit how long the next emit waits for its acknowledgement."""
        return SocketEmitter(self, seconds)

    def send_with_ack(
        self,
        event: str,
        args: Sequence[object],
        callback: Callable[[AckTimeout | SocketDisconnected | None, Sequence[object]], object],
        timeout: float | None,
    ) -> int:
        """Emit an event and have ``callback`` called with the outcome, once; return the id of the acknowledgement."""
        ack_id = self.nsp.next_ack_id()
        message = self.nsp.encode_event([event, *args], ack_id)
        if self._acks is None:
            self._acks = PendingAcks()
        acks, loop = self._acks, asyncio.get_running_loop()
        if not self.connected:
            callback(SocketDisconnected(), ())
            return ack_id
        timer = None if timeout is None else loop.call_later(timeout, acks.expire, ack_id)

        def finish(error: AckTimeout | SocketDisconnected | None, answer: Sequence[object]) -> None:
            if timer is not None:
                timer.cancel()
            try:
                callback(error, answer)
            except Exception as failure:  # noqa: BLE001 - the user's callback must not stop the reader
                self.report(failure, "acknowledgement")

        acks.add(ack_id, finish)
        self._conn.send_message(message)
        return ack_id

    def forget_ack(self, ack_id: int) -> None:
        """Do not wait for an acknowledgement any more."""
        if self._acks is not None:
            self._acks.discard(ack_id)

    def send_ack(self, ack_id: int, args: Sequence[object]) -> None:
        """Answer an event; handlers do it by what they return."""
        conn, nsp = self._conn, self.nsp
        if get_ident() != conn.thread:
            nsp.server.call_from_thread(self.send_ack, ack_id, args)
            return
        encode = nsp.encode_plain
        text = encode(args)
        if text is not None:
            send = conn.send_text
            send(b"%s%d%s" % (nsp.ack_prefix, ack_id, text))
        else:
            conn.send_message(nsp.encode_ack(list(args), ack_id))

    # Broadcasting

    def to(self, *rooms: Room | Iterable[Room]) -> BroadcastOperator:
        """Select everyone in these rooms but this socket."""
        return self.broadcast.to(*rooms)

    def in_(self, *rooms: Room | Iterable[Room]) -> BroadcastOperator:
        """Do the same as :meth:`to`."""
        return self.broadcast.to(*rooms)

    def except_(self, *rooms: Room | Iterable[Room]) -> BroadcastOperator:
        """Select everyone but this socket and those in these rooms."""
        return self.broadcast.except_(*rooms)

    @property
    def broadcast(self) -> BroadcastOperator:
        """Everyone in the namespace but this socket."""
        return BroadcastOperator(self.nsp, except_=frozenset((self.id,)))

    # Rooms

    def join(self, *rooms: Room | Iterable[Room]) -> None:
        """Join a room, or several; nothing happens after the end."""
        names = list(flatten(rooms))
        if get_ident() != self._conn.thread:
            self.nsp.server.call_from_thread(self.join, names)
        elif self.connected:
            self.nsp.rooms.join(self.id, names)

    def leave(self, *rooms: Room | Iterable[Room]) -> None:
        """Leave a room, or several."""
        names = list(flatten(rooms))
        if get_ident() != self._conn.thread:
            self.nsp.server.call_from_thread(self.leave, names)
            return
        for room in names:
            self.nsp.rooms.leave(self.id, room)

    # What arrives

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

    def on_event(self, data: list[object], ack_id: int | None) -> None:
        """Start the handlers of an event: those of the namespace first, then those of the socket.

        Args:
            data: the name and the arguments; the list is ours to change.
            ack_id: set if the client asked for an acknowledgement.
        """
        if self._unstarted or self._deferred:
            self._defer(data, ack_id)
            return
        name = data[0]
        if type(name) is not str:
            name = event_name(name)
        find = self.nsp.handlers.get
        shared = find(name)
        own = None if self._handlers is None else self._handlers.get(name)
        if own is None:
            if shared is None:
                return
            handler = shared[0]
            if handler.is_plain and len(shared) == 1 and handler.needs <= len(data) <= handler.accepts:
                data[0] = self
                self._call(handler, name, data, ack_id)
                return
        elif shared is None:
            handler = own[0]
            if handler.is_plain and len(own) == 1 and handler.needs < len(data) <= handler.accepts + 1:
                del data[0]
                self._call(handler, name, data, ack_id)
                return
        self._invoke_all(name, shared or [], own or [], data, ack_id)

    def _call(self, handler: Handler, name: str, arguments: list[object], ack_id: int | None) -> None:
        """Call a plain handler, the only one of its event: what nearly all events come to."""
        try:
            function = handler.function
            result = function(*arguments)
            if ack_id is not None:
                self.send_ack(ack_id, answer_of(result))
        except Exception as error:  # noqa: BLE001 - it goes to the user's hook, never up the reader
            self.report(error, name)

    def _invoke_all(
        self, name: str, shared: list[Handler], own: list[Handler], data: list[object], ack_id: int | None
    ) -> None:
        ack = None
        if ack_id is not None:
            ack = Ack(self, ack_id)
            ack.expect([*shared, *own])
        for handler in shared:
            if handler.once:
                self.nsp.handlers.discard(name, handler)
            handler.invoke(self, name, [self, *data[1:]], ack)
        for handler in own:
            if handler.once and self._handlers is not None:
                self._handlers.discard(name, handler)
            handler.invoke(self, name, data[1:], ack)

    def fire(self, event: str, *args: object) -> None:
        """Call the handlers of an event that the server itself emits."""
        shared = self.nsp.handlers.get(event)
        own = None if self._handlers is None else self._handlers.get(event)
        self._invoke_all(event, shared or [], own or [], [event, *args], None)

    def on_error(self, error: Exception) -> None:
        """Tell the ``error`` handlers."""
        self.fire("error", error)

    def report(self, error: Exception, event: str) -> None:
        """Log what a handler raised, and tell the user's hook. The connection goes on."""
        self.nsp.server.report(error, event, self)

    # Tasks. Before Python 3.12 a task starts in the next turn of the loop: events that come in between have to wait, or
    # their handlers would start before those of earlier events.

    def start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run an async handler."""
        if not EAGER:
            self._unstarted += 1
        self.nsp.server.start(coroutine)

    def started(self) -> None:
        """Be told that an async handler is about to start."""
        self._unstarted -= 1
        if self._deferred:
            asyncio.get_running_loop().call_soon(self._resume)

    def _defer(self, data: list[object], ack_id: int | None) -> None:
        if self._deferred is None:
            self._deferred = deque()
        self._deferred.append((data, ack_id))

    def _resume(self) -> None:
        waiting = self._deferred
        while waiting and not self._unstarted and self.connected:
            self._deferred = None
            self.on_event(*waiting.popleft())
            self._deferred = waiting
        if waiting and not self.connected:
            waiting.clear()

    def _start_deferred(self) -> None:
        """Start the handlers of what the client sent before it left."""
        waiting, self._deferred = self._deferred, None
        while waiting and self.connected:
            self._unstarted = 0
            self.on_event(*waiting.popleft())

    # Beginning and end

    def on_connect(self) -> None:
        """Tell the client that it is connected."""
        self.connected = True
        self.nsp.rooms.join(self.id, (self.id,))
        data = None if self._conn.protocol == 3 else {"sid": self.id}
        self._connection.send(Packet(PacketType.CONNECT, self.nsp.name, data))
        self._connection.joined(self)

    def on_close(self, reason: DisconnectReason, description: str | None = None) -> None:
        """End the socket: tell the handlers, leave the rooms."""
        if self._deferred and reason not in _ENDED_BY_SERVER:
            self._start_deferred()
        if not self.connected or self._ending:
            return
        self._ending = True
        self.fire("disconnecting", reason, description)
        self.nsp.forget(self)
        self._connection.left(self)
        self.connected = False
        if self._acks is not None:
            self._acks.disconnect()
        self.fire("disconnect", reason, description)

    def disconnect(self, close: bool = False) -> None:
        """Disconnect the client from this namespace.

        Args:
            close: close the connection too, and with it the client's sockets in every namespace.
        """
        if not self.connected or self._ending:
            return
        if get_ident() != self._conn.thread:
            self.nsp.server.call_from_thread(self.disconnect, close)
        elif close:
            self._connection.disconnect()
        else:
            self._connection.send(Packet(PacketType.DISCONNECT, self.nsp.name))
            self.on_close("server namespace disconnect")
