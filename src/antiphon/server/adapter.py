"""The adapter of a namespace: who is in which room, and how a broadcast reaches everyone.

This one knows the sockets of this server. An adapter that connects several servers is a subclass: it does the same for
the sockets here, and tells the other servers.

Source: JavaScript, ``Adapter`` of ``socket.io-adapter``.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Generator, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from antiphon.cluster.recovery import RecoveryFailure, RestoredSession, Session
from antiphon.cluster.rooms import RoomEvent, Rooms
from antiphon.cluster.selection import BroadcastOptions
from antiphon.common.signatures import check_plain
from antiphon.common.tasks import FAILURES
from antiphon.errors import ConfigurationError
from antiphon.server.engine_socket import EngineSocket
from antiphon.server.fanout import Message
from antiphon.socketio.broadcast_acks import BroadcastAcks
from antiphon.types import Room, SocketId

if TYPE_CHECKING:
    from antiphon.server.namespace import Namespace
    from antiphon.server.remote_socket import RemoteSocket
    from antiphon.server.socket import Socket

__all__ = ["DELIVERED", "Adapter", "AdapterFactory", "Delivery"]

logger: logging.Logger = logging.getLogger("antiphon.adapter")

_EVENTS = ("create-room", "delete-room", "join-room", "leave-room")

RoomListenerT = TypeVar("RoomListenerT", bound=Callable[..., object])


class Delivery:
    """What a broadcast returns: await it to wait until every transport has taken the data."""

    __slots__ = ("_connections",)

    def __init__(self, connections: Sequence[EngineSocket]) -> None:
        self._connections = connections

    def __await__(self) -> Generator[object, None, None]:
        # Who emits in a loop gives others a turn, even if no transport has to be waited for.
        yield None
        # All at once: others may go on sending, and to wait for one after the other would be to wait for that, too.
        waiting = [connection.begin_wait() for connection in self._connections]
        for each in waiting:
            if each is not None:
                yield from each


DELIVERED: Final = Delivery(())
"""A delivery that nobody has to wait for."""


class Adapter:
    """The adapter of one namespace, for the sockets of this server.

    Args:
        nsp: the namespace.

    Attributes:
        nsp: the namespace.
        rooms: the sockets of each room.
    """

    def __init__(self, nsp: Namespace) -> None:
        self.nsp = nsp
        self.rooms: Rooms = Rooms()
        self.__listeners: dict[str, list[Callable[..., object]]] = {}

    @property
    def sids(self) -> Mapping[SocketId, AbstractSet[Room]]:
        """The rooms of each socket."""
        return self.rooms.sids

    # Its life

    def init(self) -> Awaitable[None] | None:
        """Begin: the event loop runs now. It is called once before :meth:`close`. What it returns is awaited."""
        return None

    def close(self) -> Awaitable[None] | None:
        """End: the namespace is gone, or the server closes. It is called once for each :meth:`init`, and awaited."""
        return None

    async def server_count(self) -> int:
        """Return how many servers there are."""
        return 1

    # Events

    def on(self, event: RoomEvent) -> Callable[[RoomListenerT], RoomListenerT]:
        """Register a listener, as a decorator. It must not change any room.

        Events:
            create-room: gets the room.
            delete-room: gets the room.
            join-room: gets the room and the id of the socket.
            leave-room: gets the room and the id of the socket.

        Raises:
            ConfigurationError: there is no such event.
        """
        if event not in _EVENTS:
            raise ConfigurationError(f"an adapter has the events {', '.join(_EVENTS)}, not {event!r}")

        def register(listener: RoomListenerT) -> RoomListenerT:
            check_plain(listener, f"a listener of the adapter's {event} event")
            self.__listeners.setdefault(event, []).append(listener)
            self.rooms.listener = self.__tell
            return listener

        return register

    def off(self, event: RoomEvent, listener: Callable[..., object] | None = None) -> None:
        """Drop a listener of an event, or all of them."""
        kept = [] if listener is None else [known for known in self.__listeners.get(event, ()) if known != listener]
        self.__listeners[event] = kept

    def __tell(self, event: RoomEvent, room: Room, sid: SocketId) -> None:
        arguments = (room,) if event in ("create-room", "delete-room") else (room, sid)
        for listener in self.__listeners.get(event, ()):
            try:
                listener(*arguments)
            except FAILURES:
                logger.exception("a listener of the adapter's %s event failed", event)

    # Rooms

    def add_all(self, sid: SocketId, rooms: Iterable[Room]) -> None:
        """Put a socket into rooms."""
        self.rooms.join(sid, rooms)

    def del_(self, sid: SocketId, room: Room) -> None:
        """Take a socket out of a room."""
        self.rooms.leave(sid, room)

    def del_all(self, sid: SocketId) -> None:
        """Take a socket out of every room."""
        self.rooms.leave_all(sid)

    async def sockets(self, rooms: Collection[Room]) -> set[SocketId]:
        """Return who is in one of these rooms, on any server; everyone if there are none."""
        return {socket.id for socket in self.select(BroadcastOptions(frozenset(rooms)))}

    def socket_rooms(self, sid: SocketId) -> frozenset[Room]:
        """Return the rooms of a socket of this server."""
        return self.rooms.of(sid)

    # Broadcasts

    def broadcast(self, event: Sequence[object], options: BroadcastOptions) -> Awaitable[None]:
        """Send an event to everyone who is selected.

        Args:
            event: its name and arguments.
            options: whom it is for.

        Returns:
            Something to await until the transports here have taken it.

        Raises:
            EncodeError: the data cannot be put on the wire.
        """
        return self.deliver(event, event, options)

    def broadcast_with_ack(self, event: Sequence[object], options: BroadcastOptions, acks: BroadcastAcks) -> None:
        """Send an event to everyone who is selected, and collect what they answer.

        Raises:
            EncodeError: the data cannot be put on the wire.
        """
        ack_id = self.nsp.next_ack_id()
        message = self.nsp.encode_event(event, ack_id, compress=options.flags.compress)
        sockets = self.select(options)
        for socket in sockets:
            socket.expect_ack(ack_id, acks)
        self.__send(sockets, message, event, volatile=options.flags.volatile)
        acks.expect(len(sockets), [socket.id for socket in sockets])

    def deliver(self, event: Sequence[object], data: Sequence[object], options: BroadcastOptions) -> Delivery:
        """Send an event to the sockets here.

        Args:
            event: the event as the application emitted it.
            data: the event as it goes out.
            options: whom it is for.
        """
        return self.deliver_message(self.nsp.encode_event(data, None, compress=options.flags.compress), event, options)

    def deliver_message(self, message: Message, event: Sequence[object], options: BroadcastOptions) -> Delivery:
        """Send an event that is encoded to the sockets here."""
        return self.__send(self.select(options), message, event, volatile=options.flags.volatile)

    def __send(
        self, sockets: Sequence[Socket], message: Message, event: Sequence[object], *, volatile: bool
    ) -> Delivery:
        connections = [socket.conn for socket in sockets]
        if volatile:
            connections = [connection for connection in connections if connection.writable]
        for connection in connections:
            send = connection.send_message
            send(message)
        if self.nsp.outgoing_listeners:
            # Afterwards, for a listener may emit itself.
            for socket in sockets:
                socket.notify_outgoing(event)
        return Delivery(connections)

    def select(self, options: BroadcastOptions) -> Sequence[Socket]:
        """Return the sockets of this server that are selected."""
        sockets = self.nsp.sockets
        if not options.rooms:
            if not options.except_:
                return list(sockets.values())
            excluded = self.rooms.members_of(options.except_)
            return [socket for sid, socket in sockets.items() if sid not in excluded]
        find = sockets.get
        found = [find(sid) for sid in self.rooms.select(options.rooms, options.except_)]
        # A socket may have joined rooms and not be let in yet.
        return [socket for socket in found if socket is not None]

    # What is done to many

    async def fetch_sockets(self, options: BroadcastOptions) -> Sequence[Socket | RemoteSocket]:
        """Return everyone who is selected; those of other servers as :class:`RemoteSocket`."""
        return self.select(options)

    def add_sockets(self, options: BroadcastOptions, rooms: Sequence[Room]) -> None:
        """Make everyone who is selected join rooms."""
        for socket in self.select(options):
            socket.join(rooms)

    def del_sockets(self, options: BroadcastOptions, rooms: Sequence[Room]) -> None:
        """Make everyone who is selected leave rooms."""
        for socket in self.select(options):
            socket.leave(rooms)

    def disconnect_sockets(self, options: BroadcastOptions, close: bool) -> None:
        """Disconnect everyone who is selected."""
        for socket in self.select(options):
            socket.disconnect(close)

    # Other servers

    def server_side_emit(self, event: Sequence[object], acks: BroadcastAcks | None) -> None:
        """Send an event to the other servers: there are none.

        Args:
            event: its name and arguments.
            acks: collects what each of them answers, if that is wanted.
        """
        logger.debug("%r was emitted to the other servers, but no adapter connects this one to any", event[0])
        if acks is not None:
            acks.expect(0)

    # Connection state recovery

    def persist_session(self, session: Session) -> None:
        """Keep a session, so that it can be restored: this adapter cannot."""

    def restore_session(
        self, pid: str, offset: str | None
    ) -> RestoredSession[Message] | RecoveryFailure | Awaitable[RestoredSession[Message] | RecoveryFailure]:
        """Return a session that was kept, and what its client has missed, or why that is not possible.

        Args:
            pid: the secret of the session.
            offset: of the last packet that the client has seen; None if it has seen none.
        """
        del pid, offset
        return "unknown session"

    def missed(self, restored: RestoredSession[Message]) -> list[Message] | None:
        """Return what a client is to be sent now that it has passed the middlewares: what it has missed until now.

        None if that is not kept any more: the client then has to begin anew.
        """
        return restored.missed

    @property
    def recovery_offset(self) -> str | None:
        """The offset at which a session begins now; None if this adapter keeps no packets."""
        return None


AdapterFactory: TypeAlias = Callable[["Namespace"], Adapter]
"""Makes the adapter of a namespace; the class itself is one."""
