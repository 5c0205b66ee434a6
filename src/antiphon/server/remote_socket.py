"""A socket that is connected to another server of the cluster, or to this one.

Source: JavaScript, ``RemoteSocket`` of ``socket.io``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from antiphon.cluster.selection import BroadcastFlags
from antiphon.errors import SocketDisconnected
from antiphon.event import AnyEvent
from antiphon.server.broadcast import BroadcastOperator
from antiphon.server.handshake import Handshake
from antiphon.socketio.broadcast_acks import Responses
from antiphon.types import AckFunction, Room, SocketId

if TYPE_CHECKING:
    from antiphon.server.namespace import Namespace

__all__ = ["RemoteSocket"]


class RemoteSocket:
    """What is known of a socket elsewhere, and what can be done to it. Made by adapters for ``fetch_sockets``.

    Attributes:
        id: the public identifier.
        handshake: what was known when it connected. It has ``auth``, which may be a secret.
        rooms: the rooms that it was in when it was asked for.
        data: the data of the application, as it was then; a copy.
    """

    __slots__ = ("_flags", "_nsp", "data", "handshake", "id", "rooms")

    def __init__(
        self,
        nsp: Namespace,
        sid: SocketId,
        handshake: Handshake,
        rooms: Collection[Room],
        data: Mapping[str, object],
        flags: BroadcastFlags = BroadcastFlags(),  # noqa: B008 - it never changes
    ) -> None:
        self._nsp = nsp
        self._flags = flags
        self.id: SocketId = sid
        self.handshake: Handshake = handshake
        self.rooms: frozenset[Room] = frozenset(rooms)
        self.data: Mapping[str, object] = data

    def __repr__(self) -> str:
        return f"<RemoteSocket {self.id} in {self._nsp.name}>"

    @property
    def _operator(self) -> BroadcastOperator:
        return BroadcastOperator(self._nsp, frozenset((self.id,)), flags=self._flags)

    def timeout(self, seconds: float) -> RemoteSocket:
        """Limit how long the next emit waits for its acknowledgement."""
        flags = self._operator.timeout(seconds).flags
        return RemoteSocket(self._nsp, self.id, self.handshake, self.rooms, self.data, flags)

    def emit(self, event: str | AnyEvent, *args: object, ack: AckFunction | None = None) -> Awaitable[None]:
        """Emit an event to this client; returns and raises as :meth:`BroadcastOperator.emit`.

        Args:
            event: its name.
            args: any number of values.
            ack: called with an error (or None) and the first argument of the acknowledgement.
        """
        if ack is None:
            return self._operator.emit(event, *args)

        def answered(error: Exception | None, responses: Responses[object]) -> object:
            if error is None and not responses:
                error = SocketDisconnected()
            return ack(error, responses[0] if responses else None)

        return self._operator.emit(event, *args, ack=answered)

    async def emit_with_ack(self, event: str | AnyEvent, *args: object, timeout: float | None = None) -> object:
        """Emit an event and wait for its acknowledgement.

        Returns:
            The first argument of the acknowledgement.

        Raises:
            AckTimeout: it did not come in time.
            SocketDisconnected: the client is gone.
        """
        responses = await self._operator.emit_with_ack(event, *args, timeout=timeout)
        if not responses:
            raise SocketDisconnected
        return responses[0]

    def join(self, *rooms: Room | Iterable[Room]) -> None:
        """Make the socket join rooms."""
        self._operator.sockets_join(*rooms)

    def leave(self, *rooms: Room | Iterable[Room]) -> None:
        """Make the socket leave rooms."""
        self._operator.sockets_leave(*rooms)

    def disconnect(self, close: bool = False) -> None:
        """Disconnect the client from this namespace, or close its connection."""
        self._operator.disconnect_sockets(close)
