"""One client: an Engine.IO session, and its socket in each namespace that it joined.

Source: JavaScript, ``Client`` of ``socket.io``.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from antiphon.common.quoting import quoted
from antiphon.common.tasks import FAILURES, as_exception, close_unawaited, is_cancelled_itself
from antiphon.engineio.session import CloseReason
from antiphon.errors import PacketError
from antiphon.server.engine_socket import EngineSocket
from antiphon.server.fanout import Message
from antiphon.server.heartbeat import Timer
from antiphon.server.request import Request
from antiphon.socketio.json_parser import JSONDecoder, decode_event
from antiphon.socketio.packet import Packet, PacketType
from antiphon.types import DisconnectReason

if TYPE_CHECKING:
    from antiphon.server.admission import Admission
    from antiphon.server.parent_namespace import ParentNamespace
    from antiphon.server.server import Server
    from antiphon.server.socket import Socket

__all__ = ["Connection"]

logger: logging.Logger = logging.getLogger("antiphon.server")

_EVENT: Final = b"42"
_PLAIN_EVENT: Final = b"42["
_BINARY_EVENT: Final = b"45"
_SHORT_BINARY_EVENT: Final = re.compile(rb"45([1-9])-(\d{0,15})\[")
_SLASH: Final = b"/"
_BRACKET: Final = b"["
_COMMA: Final = b","
_LONGEST_SHORT_ID: Final = 16
"""Where the bracket of an event is looked for, for the short way: its id has 15 digits at most."""

_LATE: Final = (PacketType.EVENT, PacketType.ACK, PacketType.DISCONNECT)
"""What may still come for a namespace that the client has left, or was disconnected from."""

_MOST_LEFT: Final = 16
"""The namespaces that a client has left are remembered up to so many, for it may join and leave without end."""


class Connection(Timer):
    """A client. It decodes what arrives and hands it to the socket of the right namespace.

    Attributes:
        conn: the Engine.IO session. JavaScript: ``client.conn``.
    """

    __slots__ = ("_by_prefix", "_decoder", "_joined", "_left", "_root", "_server", "_sockets", "_waiting", "conn")

    def __init__(self, server: Server, conn: EngineSocket) -> None:
        super().__init__()
        self.conn: EngineSocket = conn
        self._server = server
        self._sockets: dict[str, Socket] = {}
        self._by_prefix: dict[bytes, Socket] = {}
        self._root: Socket | None = None
        self._joined = False
        self._waiting: dict[str, Admission | asyncio.Task[None]] | None = None
        # The namespaces that it has left, the latest last.
        self._left: list[str] | None = None
        self._decoder = server.parser.decoder()
        conn.listener = self
        if isinstance(self._decoder, JSONDecoder):
            conn.receive_text = self._receive_packet_text
        deadlines = server.engine.deadlines
        deadlines.schedule(self, deadlines.now() + server.options.connect_timeout)
        if conn.protocol == 3:
            # Socket.IO 2 clients are in the main namespace without asking.
            self._connect("/", {})

    @property
    def request(self) -> Request:
        """The request that opened the session. JavaScript: ``client.request``."""
        return self.conn.request

    # What arrives

    def _receive_packet_text(self, data: bytes) -> None:
        """Take an Engine.IO text packet: the short way for most events."""
        socket = self._root
        bracket, ack_id = 2, None
        if data[:3] != _PLAIN_EVENT:
            if data[:2] != _EVENT:
                if data[:2] != _BINARY_EVENT or not self._expect_attachments(data):
                    self.conn.take_text(data)
                return
            start = 2
            if data[2:3] == _SLASH:
                start = data.find(_COMMA, 3) + 1
                socket = self._by_prefix.get(data[2:start])
            bracket = data.find(_BRACKET, start, start + _LONGEST_SHORT_ID)
            digits = data[start:bracket]
            if digits.isdigit() and bracket > 0:
                ack_id = int(digits)
            elif bracket != start or start == 2:
                self.conn.take_text(data)
                return
        if socket is None or self._decoder.pending is not None:  # type: ignore[attr-defined]
            self.conn.take_text(data)
            return
        try:
            event = decode_event(data[bracket:])
        except PacketError as error:
            self._refuse(error, data)
        else:
            socket.on_event(event, ack_id)

    def _expect_attachments(self, data: bytes) -> bool:
        """Take the text of a binary event of the main namespace the short way; False if it must go the long way."""
        match = _SHORT_BINARY_EVENT.match(data)
        decoder = self._decoder
        if match is None or self._root is None or decoder.pending is not None:  # type: ignore[attr-defined]
            return False
        ack_id = match[2]
        try:
            event = decode_event(data[match.end() - 1 :])
            packet = Packet(PacketType.EVENT, "/", event, int(ack_id) if ack_id else None)
            decoder.expect(packet, int(match[1]))  # type: ignore[attr-defined]
        except PacketError as error:
            self._refuse(error, data)
        return True

    def receive_text(self, data: bytes) -> None:
        """Take the text of a message."""
        try:
            packet = self._decoder.add_text(data)
        except PacketError as error:
            self._refuse(error, data)
        else:
            if packet is not None:
                self._on_packet(packet)

    def receive_binary(self, data: bytes) -> None:
        """Take a binary message."""
        try:
            packet = self._decoder.add_binary(data)
        except PacketError as error:
            self._refuse(error)
        else:
            if packet is not None:
                self._on_packet(packet)

    def _refuse(self, error: PacketError, text: bytes = b"") -> None:
        """Close the connection because of what arrived."""
        try:
            text.decode()
        except UnicodeDecodeError:
            self.conn.receive_garbled()
            return
        logger.info("invalid packet from %s: %s", self.conn.remote_address, error)
        for socket in list(self._sockets.values()):
            socket.on_error(error)
        self.conn.close()

    def _on_packet(self, packet: Packet) -> None:
        nsp, auth = packet.nsp, packet.data
        socket = self._sockets.get(nsp)
        if socket is None and self.conn.protocol == 3:
            nsp, auth = _split_query(nsp)
            socket = self._sockets.get(nsp)
        if socket is None and packet.type is PacketType.CONNECT and not (self._waiting and nsp in self._waiting):
            self._connect(nsp, auth if isinstance(auth, dict) else {})
        elif socket is not None and packet.type not in (PacketType.CONNECT, PacketType.CONNECT_ERROR):
            socket.on_packet(packet)
        elif self._left and nsp in self._left and packet.type in _LATE:
            # Sent before the client knew, or in one write with the end: no reason to end its other namespaces.
            logger.debug("%s packet for %s, which %s has left", packet.type.name, quoted(nsp), self.conn.remote_address)
        else:
            logger.info("unexpected %s packet for %s from %s", packet.type.name, quoted(nsp), self.conn.remote_address)
            self._close("forced close")

    # Namespaces

    def _connect(self, nsp: str, auth: Mapping[str, object]) -> None:
        namespace = self._server.find_namespace(nsp)
        if namespace is not None:
            namespace.admit(self, auth)
        else:
            self._try_parents(nsp, auth, self._server.parents)

    def _try_parents(self, nsp: str, auth: Mapping[str, object], parents: Sequence[ParentNamespace]) -> None:
        """Ask one parent after the other whether it makes this namespace."""
        for index, parent in enumerate(parents):
            try:
                allowed = parent.allows(nsp, auth)
            except FAILURES as error:
                # It goes to the user's hook; the next parent is asked.
                parent.report(as_exception(error), f"of({nsp!r})")
                continue
            if isinstance(allowed, Awaitable):
                task = self._server.start_task(self._await_parent(nsp, auth, allowed, parents[index:]))
                # It may be cancelled before it begins to wait.
                task.add_done_callback(partial(_close_answer, allowed))
                if not task.done():
                    self.add_waiting(nsp, task)
                return
            if allowed:
                self._enter_child(parent, nsp, auth)
                return
        self._refuse_namespace(nsp)

    def _enter_child(self, parent: ParentNamespace, nsp: str, auth: Mapping[str, object]) -> None:
        try:
            namespace = self._server.child_of(parent, nsp)
        except FAILURES as error:
            # The class of the user, or the adapter, cannot be made.
            parent.report(as_exception(error), f"of({nsp!r})")
            self._refuse_namespace(nsp)
        else:
            namespace.admit(self, auth)

    def _refuse_namespace(self, nsp: str) -> None:
        self.send(Packet(PacketType.CONNECT_ERROR, nsp, {"message": "Invalid namespace"}))

    async def _await_parent(
        self, nsp: str, auth: Mapping[str, object], answer: Awaitable[object], parents: Sequence[ParentNamespace]
    ) -> None:
        allowed: object = False
        try:
            allowed = await answer
        except FAILURES as error:
            if is_cancelled_itself():
                raise
            parents[0].report(as_exception(error), f"of({nsp!r})")
        self.remove_waiting(nsp)
        if self.conn.ready_state != "open":
            return
        if allowed:
            self._enter_child(parents[0], nsp, auth)
        else:
            self._try_parents(nsp, auth, parents[1:])

    def add_waiting(self, nsp: str, what: Admission | asyncio.Task[None]) -> None:
        """Remember that this client waits to join a namespace."""
        if self._waiting is None:
            self._waiting = {}
        self._waiting[nsp] = what

    def remove_waiting(self, nsp: str) -> None:
        """Forget that it waits."""
        if self._waiting is not None:
            self._waiting.pop(nsp, None)

    def joined(self, socket: Socket) -> None:
        """Route the packets of a namespace to its new socket."""
        name = socket.nsp.name
        self._sockets[name] = socket
        if name == "/":
            self._root = socket
        else:
            self._by_prefix[socket.nsp.wire_prefix] = socket
        if not self._joined:
            self._joined = True
            self._server.engine.deadlines.cancel(self)

    def left(self, socket: Socket) -> None:
        """Route no more packets to a socket."""
        name = socket.nsp.name
        if self._sockets.get(name) is socket:
            del self._sockets[name]
            if name == "/":
                self._root = None
            else:
                del self._by_prefix[socket.nsp.wire_prefix]
            self._left = [*(other for other in self._left or () if other != name), name][-_MOST_LEFT:]

    def on_timer(self, now: float) -> None:  # noqa: ARG002 - only that it has come matters
        """Close a connection that has not joined any namespace in time."""
        logger.info("%s joined no namespace within connect_timeout", self.conn.remote_address)
        self._close("forced server close")

    # What is sent

    def send(self, packet: Packet) -> None:
        """Send any packet."""
        encoded = self._server.parser.encode(packet)
        text = None if encoded.text is None else b"4" + encoded.text
        self.conn.send_message(Message(text, encoded.attachments))

    # How it ends

    def disconnect(self) -> None:
        """Disconnect every socket, then close the connection."""
        for socket in list(self._sockets.values()):
            socket.disconnect()
        self._close("forced server close")

    def _close(self, reason: DisconnectReason) -> None:
        self._end(reason, None)
        self.conn.close()

    def closed(self, reason: CloseReason, description: str | None) -> None:
        """Be told that the session has ended."""
        self._end(reason, description)

    def _end(self, reason: DisconnectReason, description: str | None) -> None:
        self._server.engine.deadlines.cancel(self)
        waiting, self._waiting = self._waiting, None
        for admission in (waiting or {}).values():
            admission.cancel()
        for socket in list(self._sockets.values()):
            try:
                socket.on_close(reason, description)
            except FAILURES:
                logger.exception("%r did not end as it should", socket)
        self._sockets.clear()
        self._by_prefix.clear()
        self._root = None


def _close_answer(answer: object, _task: asyncio.Task[None]) -> None:
    close_unawaited(answer)


def _split_query(nsp: str) -> tuple[str, dict[str, str]]:
    """Take the query off a namespace: Socket.IO 2 clients authenticate with it."""
    name, _, query = nsp.partition("?")
    return name, dict(parse_qsl(query, keep_blank_values=True))
