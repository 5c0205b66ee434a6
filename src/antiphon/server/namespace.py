"""A part of the server with its own sockets, rooms and handlers.

Source: JavaScript, ``Namespace`` of ``socket.io``.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from antiphon.cluster.rooms import Rooms
from antiphon.cluster.selection import BroadcastOptions
from antiphon.common.handlers import Ack, Handler
from antiphon.common.tasks import FAILURES, as_exception, is_cancelled_itself
from antiphon.errors import ReservedEventError
from antiphon.server.adapter import Adapter
from antiphon.server.admission import Admission
from antiphon.server.broadcast import Broadcasting, collect_acks, wait_for_acks
from antiphon.server.connection import Connection
from antiphon.server.fanout import Message
from antiphon.server.registry import CONNECTION_EVENTS, Registering, Registry
from antiphon.server.snapshot import snapshot
from antiphon.server.socket import Socket
from antiphon.socketio.broadcast_acks import BroadcastAcks, Responses
from antiphon.socketio.json_parser import JSONParser
from antiphon.socketio.packet import Packet, PacketType, check_event_name
from antiphon.socketio.parser import Encoded
from antiphon.types import AckFunction, SocketId

if TYPE_CHECKING:
    from antiphon.server.server import Server

__all__ = ["Namespace"]

logger: logging.Logger = logging.getLogger("antiphon.server")

_EVERYONE = BroadcastOptions()


class Namespace(Registering, Broadcasting):
    """A namespace. It is made by :meth:`Server.of`.

    A subclass may have its handlers as methods: ``on_connection(self, socket)``, ``on_message(self, socket, text)``;
    see :func:`antiphon.on` for events whose names are not those of methods. Give the class to :meth:`Server.of`.

    Attributes:
        name: with its slash.
        server: the server.
        sockets: the connected sockets of this server, by id.
        waiting: the clients that ask to join, and are not decided about.
        pids: the connected sockets that can be recovered, by the secret of their client.
        adapter: knows who is in which room, and carries broadcasts.
        wire_prefix: what its packets have in front of id and payload; nothing in the main namespace.
        event_prefix: what a plain event starts with on the wire.
        ack_prefix: what a plain acknowledgement starts with on the wire, before its id.
        find_handlers: returns the handlers of an event that every socket shares.
        outgoing_listeners: how many sockets listen to what is emitted.
    """

    def __init__(self, server: Server, name: str) -> None:
        self.name = name
        self.server = server
        self.sockets: dict[SocketId, Socket] = {}
        self.waiting: set[Admission] = set()
        self.pids: dict[str, Socket] = {}
        self.outgoing_listeners: int = 0
        self._registry = Registry()
        self.find_handlers: Callable[[str], list[Handler] | None] = self._registry.events.get
        self._ack_ids = 0
        self.wire_prefix: bytes = b"" if name == "/" else name.encode() + b","
        self.event_prefix: bytes = b"42" + self.wire_prefix
        self.ack_prefix: bytes = b"43" + self.wire_prefix
        parser = server.parser
        self._json = parser if isinstance(parser, JSONParser) else None
        self.encode_payload: Callable[[object], bytes | Encoded | None] = (
            _no_short_way if self._json is None else self._json.encode_payload
        )
        self._keeps_packets = False
        self._has_begun = False
        self.encode_event_payload: Callable[[object], bytes | Encoded | None] = self.encode_payload
        self.adapter: Adapter = self._make_adapter()
        if type(self) is not Namespace:
            self._registry.add_methods(self, Namespace)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}, {len(self.sockets)} sockets>"

    # Its adapter

    def _make_adapter(self) -> Adapter:
        adapter = self.server.make_adapter(self)
        self._keeps_packets = adapter.recovery_offset is not None
        self._choose_path()
        return adapter

    def _choose_path(self) -> None:
        """Let events to one socket take the short way if nobody wants to see or to keep them."""
        plain = not self._keeps_packets and not self.outgoing_listeners
        self.encode_event_payload = self.encode_payload if plain else _no_short_way

    @property
    def keeps_packets(self) -> bool:
        """Whether the adapter keeps what is emitted, for clients that miss it."""
        return self._keeps_packets

    def count_outgoing_listener(self, change: int) -> None:
        """Be told that a socket begins (1) or ends (-1) to listen to what is emitted."""
        self.outgoing_listeners += change
        self._choose_path()

    def begin(self) -> None:
        """Begin: the event loop runs now."""
        if not self._has_begun:
            self._has_begun = True
            self._settle(self.adapter.init(), "init")

    def replace_adapter(self) -> None:
        """Make a new adapter, and give it the rooms of the old one."""
        old = self.adapter
        self.adapter = self._make_adapter()
        for sid, rooms in old.sids.items():
            self.adapter.add_all(sid, rooms)
        if self._has_begun:
            self._settle(old.close(), "close")
            self._settle(self.adapter.init(), "init")

    def end(self) -> None:
        """End: nobody can join any more, or the server has closed."""
        if self._has_begun:
            self._has_begun = False
            self._settle(self.adapter.close(), "close")

    def _settle(self, result: Awaitable[None] | None, what: str) -> None:
        if result is None:
            return

        async def wait(result: Awaitable[None]) -> None:
            try:
                await result
            except FAILURES:
                if is_cancelled_itself():
                    raise
                logger.exception("%s() of the adapter of %s failed", what, self.name)

        self.server.start(wait(result))

    @property
    def rooms(self) -> Rooms:
        """The sockets of this server in each room."""
        return self.adapter.rooms

    # What is registered

    @property
    def registry(self) -> Registry:
        """What has been registered."""
        return self._registry

    def adopt(self, registry: Registry) -> None:
        """Begin with what is registered elsewhere."""
        self._registry.update(registry)

    def share(self, registry: Registry) -> None:
        """Take over what is registered elsewhere, and what will be."""
        registry.update(self._registry)
        self._registry = registry
        self.find_handlers = registry.events.get

    def _warn_of_server_side_event(self, event: str) -> None:
        if type(self.adapter).server_side_emit is Adapter.server_side_emit:
            logger.warning(
                'a handler of "%s" at %s itself gets what other servers emit, and no adapter connects this one to any; '
                'for what clients emit use io.event("%s"), or socket.on("%s")',
                event, self.name, event, event,
            )  # fmt: skip

    # Other servers

    def server_side_emit(self, event: str, *args: object, ack: AckFunction | None = None) -> None:
        """Emit an event to the other servers of the cluster, where handlers of :meth:`on` get it.

        Args:
            event: its name.
            args: any number of values.
            ack: called with an error (or None) and what each server has answered.

        Raises:
            ReservedEventError: the server itself emits events of this name.
        """
        packet = (self._check_server_side(event), *args)
        self.server.call(self._emit_server_side, snapshot(packet), ack)

    def _emit_server_side(self, packet: Sequence[object], ack: AckFunction | None) -> None:
        acks = None
        if ack is not None:
            function, name = ack, str(packet[0])
            acks = collect_acks(
                self.server.options.ack_timeout,
                lambda error, answers: self.call_ack(function, name, (error, answers)),
            )
            acks.expect_servers(1)
        self.adapter.server_side_emit(packet, acks)

    async def server_side_emit_with_ack(self, event: str, *args: object) -> Responses[object]:
        """Emit an event to the other servers of the cluster, and wait for what each answers.

        Returns:
            The answers: none if there is no other server.

        Raises:
            AckTimeout: not every server answered in time; it has the ``responses`` of those who did.
            ReservedEventError: the server itself emits events of this name.
        """
        packet = (self._check_server_side(event), *args)
        self.server.check_thread("server_side_emit_with_ack")

        def begin(acks: BroadcastAcks) -> None:
            # To the adapter each server is a client here, and it tells of all of them at once.
            acks.expect_servers(1)
            self.adapter.server_side_emit(packet, acks)

        return await wait_for_acks(self.server.options.ack_timeout, begin)

    @staticmethod
    def _check_server_side(event: str) -> str:
        name = check_event_name(event)
        if name in (*CONNECTION_EVENTS, "new_namespace"):
            raise ReservedEventError(name)
        return name

    def on_server_side_emit(self, event: Sequence[object], ack: Callable[..., object] | None = None) -> None:
        """Start the handlers of what another server has emitted; adapters call it.

        Args:
            event: its name and arguments.
            ack: sends the answer, if one is wanted.
        """
        name = str(event[0])
        handlers = self._registry.server_side.get(name) or []
        answer = None
        if ack is not None and handlers:
            answer = Ack(_Reply(ack), 0)
            answer.expect(handlers)
        for handler in handlers:
            if handler.once and not self._registry.server_side.discard(name, handler):
                continue
            handler.invoke(self, name, list(event[1:]), answer)

    def announce(self, namespace: Namespace) -> None:
        """Tell the handlers of ``new_namespace``."""
        for handler in self._registry.server_side.get("new_namespace") or ():
            if handler.once and not self._registry.server_side.discard("new_namespace", handler):
                continue
            if handler.is_async and not self.server.is_running:
                # It is started with the server.
                self.server.at_begin(partial(handler.invoke, self, "new_namespace", [namespace], None))
            else:
                handler.invoke(self, "new_namespace", [namespace], None)

    # As the context of handlers

    def report(self, error: Exception, event: str) -> None:
        """Log what a handler of the namespace itself raised, and tell the user's hook."""
        self.server.report(error, event, None)

    def start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run an async handler."""
        self.server.start(coroutine)

    def started(self) -> None:
        """Be told that an async handler is about to start: nothing waits for it here."""

    def call_ack(
        self, function: AckFunction, event: str, arguments: Sequence[object], socket: Socket | None = None
    ) -> None:
        """Call a function of the user with an acknowledgement; it may be async."""
        try:
            result = function(*arguments)
            if inspect.isawaitable(result):
                self.server.start(self._finish_ack(result, event, socket))
        except FAILURES as failure:
            # It goes to the user's hook, never up the reader.
            self.server.report(as_exception(failure), f"acknowledgement of {event}", socket)

    async def _finish_ack(self, result: Awaitable[object], event: str, socket: Socket | None) -> None:
        try:
            await result
        except FAILURES as failure:
            if is_cancelled_itself():
                raise
            self.server.report(as_exception(failure), f"acknowledgement of {event}", socket)

    # Encoding

    def _selection(self) -> tuple[Namespace, BroadcastOptions]:
        return self, _EVERYONE

    def next_ack_id(self) -> int:
        """Return an acknowledgement id that is not in use."""
        ack_id = self._ack_ids
        self._ack_ids += 1
        return ack_id

    def encode_event(self, data: Sequence[object], ack_id: int | None, *, compress: bool = True) -> Message:
        """Encode an event, name first."""
        return self._encode(PacketType.EVENT, data, ack_id, compress=compress)

    def check_acks(self) -> None:
        """Check that acknowledgements of a broadcast can be collected.

        Raises:
            ConfigurationError: they cannot.
        """

    def check_encodable(self, data: Sequence[object]) -> None:
        """Encode an event in another thread than that of the event loop, to see whether that is possible.

        Raises:
            EncodeError: it is not.
        """
        parser = self.server.parser
        if isinstance(parser, JSONParser):
            parser = parser.copy()
        parser.encode(Packet(PacketType.EVENT, self.name, list(data)))

    def encode_ack(self, data: Sequence[object], ack_id: int) -> Message:
        """Encode an acknowledgement."""
        return self._encode(PacketType.ACK, data, ack_id, compress=True)

    def _encode(self, kind: PacketType, data: Sequence[object], ack_id: int | None, *, compress: bool) -> Message:
        if self._json is not None:
            tail = self.wire_prefix if ack_id is None else b"%s%d" % (self.wire_prefix, ack_id)
            encoded = self._json.encode_data(b"4", kind, tail, data)
            return Message(encoded.text, encoded.attachments, compress=compress)
        encoded = self.server.parser.encode(Packet(kind, self.name, list(data), ack_id))
        text = None if encoded.text is None else b"4" + encoded.text
        return Message(text, encoded.attachments, compress=compress)

    # Who comes and goes

    def admit(self, connection: Connection, auth: Mapping[str, object]) -> None:
        """Let a client in that asks to join, unless a middleware refuses it."""
        if self._registry.middlewares or self._keeps_packets:
            Admission(self, connection, auth).begin()
        else:
            self.join(Socket(self, connection, auth))

    def join(self, socket: Socket) -> None:
        """Take a socket in, and tell its client and the handlers."""
        self.sockets[socket.id] = socket
        if socket.pid is not None:
            self.pids[socket.pid] = socket
        socket.on_connect()
        for event in CONNECTION_EVENTS:
            for handler in self._registry.connection.get(event) or ():
                if handler.once and not self._registry.connection.discard(event, handler):
                    continue
                handler.invoke(socket, event, [socket], None)

    def forget(self, socket: Socket) -> None:
        """Drop a socket that has ended, or was not let in."""
        self.adapter.del_all(socket.id)
        if self.sockets.get(socket.id) is socket:
            del self.sockets[socket.id]
        if socket.pid is not None and self.pids.get(socket.pid) is socket:
            del self.pids[socket.pid]
        self.check_empty()

    def check_empty(self) -> None:
        """Tell the server if nobody is here any more, nor waits to be."""
        if not self.sockets and not self.waiting:
            self.server.emptied(self)


class _Reply:
    """Lets a function take what would go to a client as an acknowledgement."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., object]) -> None:
        self._function = function

    def send_ack(self, ack_id: int, args: Sequence[object]) -> None:  # noqa: ARG002 - there is only one
        """Hand the answer over."""
        self._function(*args)


def _no_short_way(_data: object) -> None:
    """Stand in for the short way where there is none."""
