"""A part of the server with its own sockets, rooms and handlers.

Source: JavaScript, ``Namespace`` of ``socket.io``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, overload

from antiphon.cluster.rooms import Rooms
from antiphon.errors import ConfigurationError
from antiphon.server.broadcast import BroadcastOperator
from antiphon.server.connection import Connection
from antiphon.server.fanout import Message
from antiphon.server.handlers import Handler, HandlerFunction, HandlerFunctionT, Handlers, check_listened_name
from antiphon.server.socket import Socket
from antiphon.socketio.json_parser import JSONParser
from antiphon.socketio.packet import Packet, PacketType
from antiphon.types import Room, SocketId

if TYPE_CHECKING:
    from antiphon.server.server import Server

__all__ = ["Namespace"]

_CONNECTION_EVENTS = ("connect", "connection")


class Namespace:
    """A namespace. It is made by :meth:`Server.of`.

    Attributes:
        name: with its slash.
        server: the server.
        sockets: the connected sockets, by id.
        rooms: who is in which room.
        handlers: the handlers of events that every socket of the namespace shares.
        event_prefix: what a plain event starts with on the wire.
        ack_prefix: what a plain acknowledgement starts with on the wire, before its id.
    """

    def __init__(self, server: Server, name: str) -> None:
        self.name = name
        self.server = server
        self.sockets: dict[SocketId, Socket] = {}
        self.rooms = Rooms()
        self.handlers = Handlers()
        self._connection_handlers = Handlers()
        self._ack_ids = 0
        self._tail = b"" if name == "/" else name.encode() + b","
        self.event_prefix = b"42" + self._tail
        self.ack_prefix = b"43" + self._tail
        parser = server.parser
        self._json = parser if isinstance(parser, JSONParser) else None
        self.encode_plain: Callable[[object], bytes | None] = (
            _no_plain if self._json is None else self._json.dumps_plain
        )

    def __repr__(self) -> str:
        return f"<Namespace {self.name}, {len(self.sockets)} sockets>"

    # Listening

    @overload
    def on(self, event: str, *, thread: bool = False) -> Callable[[HandlerFunctionT], HandlerFunctionT]: ...
    @overload
    def on(self, event: str, handler: HandlerFunctionT, *, thread: bool = False) -> HandlerFunctionT: ...
    def on(self, event: str, handler: HandlerFunctionT | None = None, *, thread: bool = False) -> object:
        """Register a handler of ``connection`` (or ``connect``): it gets each socket that has joined.

        Args:
            event: its name.
            handler: the function; None to decorate one.
            thread: run a plain function in a worker thread, because it blocks.

        Raises:
            ConfigurationError: it is an event of the clients, or the handler cannot be one.
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
        check_listened_name(event, "io.on")
        if event not in _CONNECTION_EVENTS:
            raise ConfigurationError(
                f'a namespace has the event "connection"; for "{event}" of every client use io.event("{event}"), '
                f'for that of one client socket.on("{event}")'
            )

        def register(function: HandlerFunctionT) -> HandlerFunctionT:
            self._connection_handlers.add(event, Handler(function, lead=1, thread=thread, once=once))
            return function

        return register if handler is None else register(handler)

    def off(self, event: str | None = None, handler: HandlerFunction | None = None) -> None:
        """Drop one handler of an event, all handlers of an event, or all handlers."""
        self._connection_handlers.remove(event, handler)
        self.handlers.remove(event, handler)

    @overload
    def event(self, name: str, *, thread: bool = False) -> Callable[[HandlerFunctionT], HandlerFunctionT]: ...
    @overload
    def event(self, name: HandlerFunctionT) -> HandlerFunctionT: ...
    def event(self, name: str | HandlerFunctionT, *, thread: bool = False) -> object:
        """Decorate the handler of an event for every socket of the namespace; it gets the socket first.

        It costs no memory per connection. Without parentheses the event has the name of the function.

        Raises:
            ConfigurationError: the handler cannot be one.
        """
        if not isinstance(name, str):
            return self._register_event(getattr(name, "__name__", ""), name, thread=thread)

        def register(function: HandlerFunctionT) -> HandlerFunctionT:
            return self._register_event(name, function, thread=thread)

        return register

    def _register_event(self, name: str, function: HandlerFunctionT, *, thread: bool) -> HandlerFunctionT:
        handlers = self._connection_handlers if name in _CONNECTION_EVENTS else self.handlers
        handlers.add(name, Handler(function, lead=1, thread=thread))
        return function

    # Emitting

    def to(self, *rooms: Room | Iterable[Room]) -> BroadcastOperator:
        """Select everyone in these rooms."""
        return BroadcastOperator(self).to(*rooms)

    def in_(self, *rooms: Room | Iterable[Room]) -> BroadcastOperator:
        """Do the same as :meth:`to`."""
        return BroadcastOperator(self).to(*rooms)

    def except_(self, *rooms: Room | Iterable[Room]) -> BroadcastOperator:
        """Select everyone but those in these rooms."""
        return BroadcastOperator(self).except_(*rooms)

    def emit(self, event: str, *args: object) -> Awaitable[None]:
        """Emit an event to everyone in the namespace; returns and raises as :meth:`BroadcastOperator.emit`."""
        return BroadcastOperator(self).emit(event, *args)

    def send(self, *args: object) -> Awaitable[None]:
        """Emit a ``message`` event to everyone in the namespace."""
        return self.emit("message", *args)

    # For the floors and siblings around

    def next_ack_id(self) -> int:
        """Return an acknowledgement id that is not in use."""
        ack_id = self._ack_ids
        self._ack_ids += 1
        return ack_id

    def encode_event(self, data: list[object], ack_id: int | None) -> Message:
        """Encode an event, name first."""
        return self._encode(PacketType.EVENT, data, ack_id)

    def encode_event_in_thread(self, data: list[object]) -> Message:
        """Encode an event in another thread than that of the event loop."""
        parser = self.server.parser
        if isinstance(parser, JSONParser):
            parser = parser.copy()
        encoded = parser.encode(Packet(PacketType.EVENT, self.name, data))
        return Message(None if encoded.text is None else b"4" + encoded.text, encoded.attachments)

    def encode_ack(self, data: list[object], ack_id: int) -> Message:
        """Encode an acknowledgement."""
        return self._encode(PacketType.ACK, data, ack_id)

    def _encode(self, kind: PacketType, data: list[object], ack_id: int | None) -> Message:
        if self._json is not None:
            tail = self._tail if ack_id is None else b"%s%d" % (self._tail, ack_id)
            encoded = self._json.encode_data(b"4", kind, tail, data)
            return Message(encoded.text, encoded.attachments)
        encoded = self.server.parser.encode(Packet(kind, self.name, data, ack_id))
        return Message(None if encoded.text is None else b"4" + encoded.text, encoded.attachments)

    def admit(self, connection: Connection, auth: Mapping[str, object]) -> None:
        """Make the socket of a client that asks to join."""
        socket = Socket(self, connection, auth)
        self.sockets[socket.id] = socket
        socket.on_connect()
        for event in _CONNECTION_EVENTS:
            for handler in self._connection_handlers.get(event) or ():
                if handler.once:
                    self._connection_handlers.discard(event, handler)
                handler.invoke(socket, event, [socket], None)

    def forget(self, socket: Socket) -> None:
        """Drop a socket that has ended."""
        self.rooms.leave_all(socket.id)
        self.sockets.pop(socket.id, None)


def _no_plain(_data: object) -> bytes | None:
    """Stand in for the short way where the parser has none."""
    return None
