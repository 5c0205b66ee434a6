"""Emitting to many: who is selected, and what can be done to them.

Source: JavaScript, ``BroadcastOperator`` of ``socket.io``.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple, overload

from antiphon.cluster.selection import BroadcastFlags, BroadcastOptions
from antiphon.common.tasks import FAILURES, is_cancelled_itself
from antiphon.errors import AckTimeout, ConfigurationError
from antiphon.event import AnyEvent, Event
from antiphon.server.adapter import DELIVERED
from antiphon.server.snapshot import snapshot
from antiphon.socketio.broadcast_acks import AcksCallback, BroadcastAcks, Responses
from antiphon.socketio.packet import check_event_name
from antiphon.types import AckFunction, Room, SocketId

if TYPE_CHECKING:
    from antiphon.server.namespace import Namespace
    from antiphon.server.remote_socket import RemoteSocket
    from antiphon.server.socket import Socket

__all__ = ["BroadcastOperator", "Broadcasting", "check_timeout", "collect_acks", "flatten", "wait_for_acks"]

logger: logging.Logger = logging.getLogger("antiphon.adapter")

Ts = TypeVarTuple("Ts")
R = TypeVar("R")


def flatten(rooms: Iterable[Room | Iterable[Room]]) -> Iterable[Room]:
    """Yield room names out of room names and collections of them.

    Raises:
        ConfigurationError: something is no name.
    """
    for entry in rooms:
        for room in (entry,) if isinstance(entry, str) or not isinstance(entry, Iterable) else entry:
            if not isinstance(room, str):
                raise ConfigurationError(f"a room is a string, not {room!r}; the room of one socket is its id")
            yield room


def check_timeout(seconds: float) -> float:
    """Check a timeout, and return it.

    Raises:
        ConfigurationError: it is not a number of seconds, or too large to be meant.
    """
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= 3600:
        raise ConfigurationError(f"a timeout is a number of seconds, at most 3600, not {seconds!r}")
    return seconds


def collect_acks(timeout: float, callback: AcksCallback) -> BroadcastAcks:
    """Make what collects acknowledgements, for some time: ``callback`` is called once, in time or when it is over."""
    acks = BroadcastAcks(callback)
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        raise ConfigurationError(
            "acknowledgements need the event loop of the server, which does not run here"
        ) from None
    acks.on_done(loop.call_later(timeout, acks.expire).cancel)
    return acks


async def wait_for_acks(timeout: float, begin: Callable[[BroadcastAcks], None]) -> Responses[Any]:
    """Wait for acknowledgements.

    Args:
        timeout: for how long, in seconds.
        begin: asks for them; it is given what collects them.

    Raises:
        AckTimeout: not all of them came in time.
    """
    answered: asyncio.Future[Responses[object]] = asyncio.get_running_loop().create_future()

    def finish(error: AckTimeout | None, answers: Responses[object]) -> None:
        if answered.done():
            return
        if error is not None:
            answered.set_exception(error)
        else:
            answered.set_result(answers)

    acks = collect_acks(timeout, finish)
    try:
        begin(acks)
        return await answered
    finally:
        # Who is cancelled does not wait any more, nor who could not ask.
        acks.cancel()


class Broadcasting(ABC):
    """What can be done to many sockets at once: to those of a server, of a namespace, or of a selection.

    Nothing here changes what it is called on: each modifier returns a new selection.
    """

    __slots__ = ()

    @abstractmethod
    def _selection(self) -> tuple[Namespace, BroadcastOptions]:
        """Return the namespace, and whom of it this is for."""

    # Whom

    def to(self, *rooms: Room | Iterable[Room]) -> BroadcastOperator:
        """Add rooms: everyone who is in one of them is selected. No room at all selects everyone."""
        nsp, (selected, except_, flags) = self._selection()
        return BroadcastOperator(nsp, selected.union(flatten(rooms)), except_, flags)

    def in_(self, *rooms: Room | Iterable[Room]) -> BroadcastOperator:
        """Do the same as :meth:`to`."""
        return self.to(*rooms)

    def except_(self, *rooms: Room | Iterable[Room]) -> BroadcastOperator:
        """Leave out everyone who is in one of these rooms; the id of a socket is a room too."""
        nsp, (selected, except_, flags) = self._selection()
        return BroadcastOperator(nsp, selected, except_.union(flatten(rooms)), flags)

    # How

    @property
    def volatile(self) -> BroadcastOperator:
        """Leave out, of what is emitted next, those whose transport could not take it at once."""
        return self._with_flags(volatile=True)

    @property
    def local(self) -> BroadcastOperator:
        """Select only sockets of this server, not those of the others of a cluster."""
        return self._with_flags(local=True)

    def compress(self, compress: bool) -> BroadcastOperator:
        """Say whether what is emitted next may be compressed, where compression is enabled."""
        return self._with_flags(compress=bool(compress))

    def timeout(self, seconds: float) -> BroadcastOperator:
        """Limit how long what is emitted next waits for acknowledgements.

        Raises:
            ConfigurationError: it is not a number of seconds.
        """
        return self._with_flags(timeout=check_timeout(seconds))

    def _with_flags(self, **changes: Any) -> BroadcastOperator:
        nsp, (selected, except_, flags) = self._selection()
        return BroadcastOperator(nsp, selected, except_, flags._replace(**changes))

    # Emitting

    @overload
    def emit(self, event: Event[tuple[*Ts], object], *args: *Ts, ack: AckFunction | None = None) -> Awaitable[None]: ...
    @overload
    def emit(self, event: str, *args: object, ack: AckFunction | None = None) -> Awaitable[None]: ...
    def emit(self, event: str | AnyEvent, *args: object, ack: AckFunction | None = None) -> Awaitable[None]:
        """Emit an event to everyone who is selected.

        Args:
            event: its name.
            args: any number of values that the parser can encode; binary may be anywhere in them.
            ack: called once with an error (or None) and the :class:`Responses` of those who answered in time. To wait
                for them, use :meth:`emit_with_ack`.

        Returns:
            Something to await until every transport here has taken the data; there is no need to. One slow client makes
            it wait, until that client is dropped. In another thread than that of the event loop, something that does
            not wait.

        Raises:
            ReservedEventError: the protocol keeps this name for itself.
            EncodeError: the data cannot be put on the wire.
        """
        nsp, options = self._selection()
        packet = (check_event_name(event), *args)
        if nsp.server.in_foreign_thread():
            # The thread may go on and change the data; and it is to know at once what cannot be encoded.
            nsp.check_encodable(packet)
            if ack is not None:
                nsp.check_acks()
            nsp.server.call_from_thread(self._emit, nsp, options, snapshot(packet), ack)
            return DELIVERED
        return self._emit(nsp, options, packet, ack)

    def _emit(
        self, nsp: Namespace, options: BroadcastOptions, packet: Sequence[object], ack: AckFunction | None
    ) -> Awaitable[None]:
        if ack is None:
            return nsp.adapter.broadcast(packet, options)
        name, function = str(packet[0]), ack
        acks = collect_acks(
            self._ack_timeout(nsp, options),
            lambda error, answers: nsp.call_ack(function, name, (error, answers)),
        )
        try:
            self._ask(nsp, options, packet, acks)
        except BaseException:
            acks.cancel()
            raise
        return DELIVERED

    @staticmethod
    def _ack_timeout(nsp: Namespace, options: BroadcastOptions) -> float:
        timeout = options.flags.timeout
        return nsp.server.options.ack_timeout if timeout is None else timeout

    def _ask(self, nsp: Namespace, options: BroadcastOptions, packet: Sequence[object], acks: BroadcastAcks) -> None:
        """Broadcast, and collect what is answered."""
        nsp.adapter.broadcast_with_ack(packet, options, acks)
        nsp.server.start(self._count_servers(nsp, options, acks))

    @staticmethod
    async def _count_servers(nsp: Namespace, options: BroadcastOptions, acks: BroadcastAcks) -> None:
        try:
            acks.expect_servers(1 if options.flags.local else await nsp.adapter.server_count())
        except FAILURES:
            if is_cancelled_itself():
                raise
            logger.exception("server_count() of the adapter of %s failed", nsp.name)

    @overload
    async def emit_with_ack(
        self, event: Event[tuple[*Ts], R], *args: *Ts, timeout: float | None = None
    ) -> Responses[R]: ...
    @overload
    async def emit_with_ack(self, event: str, *args: object, timeout: float | None = None) -> Responses[object]: ...
    async def emit_with_ack(self, event: str | AnyEvent, *args: object, timeout: float | None = None) -> Responses[Any]:
        """Emit an event to everyone who is selected, and wait for their acknowledgements.

        Whoever leaves is not waited for any more.

        Args:
            event: its name.
            args: any number of values that the parser can encode.
            timeout: seconds to wait, as with :meth:`timeout`; None for the server's ``ack_timeout``.

        Returns:
            The first argument of each acknowledgement, as they came; its ``missing`` names those who left.

        Raises:
            AckTimeout: not everybody answered in time; it has the ``responses`` of those who did, and who is
                ``missing``.
            ReservedEventError: the protocol keeps this name for itself.
            EncodeError: the data cannot be put on the wire.
        """
        packet = (check_event_name(event), *args)
        nsp, options = self._selection()
        nsp.server.check_thread("emit_with_ack")
        if timeout is not None:
            options = options._replace(flags=options.flags._replace(timeout=check_timeout(timeout)))
        return await wait_for_acks(self._ack_timeout(nsp, options), lambda acks: self._ask(nsp, options, packet, acks))

    def send(self, *args: object) -> Awaitable[None]:
        """Emit a ``message`` event."""
        return self.emit("message", *args)

    def write(self, *args: object) -> Awaitable[None]:
        """Emit a ``message`` event. The same as :meth:`send`."""
        return self.emit("message", *args)

    # What is done to many

    async def all_sockets(self) -> set[SocketId]:
        """Return the ids of everyone in the selected rooms; prefer :meth:`fetch_sockets`."""
        nsp, options = self._selection()
        nsp.server.check_thread("all_sockets")
        return await nsp.adapter.sockets(options.rooms)

    async def fetch_sockets(self) -> Sequence[Socket | RemoteSocket]:
        """Return everyone who is selected, on every server; those of other servers as :class:`RemoteSocket`."""
        nsp, options = self._selection()
        nsp.server.check_thread("fetch_sockets")
        return await nsp.adapter.fetch_sockets(options)

    def sockets_join(self, *rooms: Room | Iterable[Room]) -> None:
        """Make everyone who is selected join rooms."""
        nsp, options = self._selection()
        nsp.server.call(nsp.adapter.add_sockets, options, list(flatten(rooms)))

    def sockets_leave(self, *rooms: Room | Iterable[Room]) -> None:
        """Make everyone who is selected leave rooms."""
        nsp, options = self._selection()
        nsp.server.call(nsp.adapter.del_sockets, options, list(flatten(rooms)))

    def close_room(self, *rooms: Room | Iterable[Room]) -> None:
        """Make everyone leave these rooms."""
        names = list(flatten(rooms))
        if names:
            self.to(names).sockets_leave(names)

    def disconnect_sockets(self, close: bool = False) -> None:
        """Disconnect everyone who is selected.

        Args:
            close: close their connections too, and with them their sockets in every namespace.
        """
        nsp, options = self._selection()
        nsp.server.call(nsp.adapter.disconnect_sockets, options, close)


class BroadcastOperator(Broadcasting):
    """A selection of sockets. It never changes: each method returns a new one, and one may be used many times."""

    __slots__ = ("_nsp", "_options")

    def __init__(
        self,
        nsp: Namespace,
        rooms: frozenset[Room] = frozenset(),
        except_: frozenset[Room] = frozenset(),
        flags: BroadcastFlags = BroadcastFlags(),  # noqa: B008 - it never changes
    ) -> None:
        self._nsp = nsp
        self._options = BroadcastOptions(rooms, except_, flags)

    @property
    def flags(self) -> BroadcastFlags:
        """How what is emitted is carried."""
        return self._options.flags

    def _selection(self) -> tuple[Namespace, BroadcastOptions]:
        return self._nsp, self._options
