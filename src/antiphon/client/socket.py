"""The client in one namespace.

Source: JavaScript, ``Socket`` of ``socket.io-client`` (``client-socket-instance.md``).
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import random
from collections.abc import Awaitable, Callable, Generator, Mapping
from threading import get_ident
from types import TracebackType
from typing import TYPE_CHECKING, Any

from antiphon.client.backoff import Backoff
from antiphon.client.options import Auth, SocketOptions, check_auth
from antiphon.client.socket_emitting import ClientSocketEmitting
from antiphon.client.socket_events import Answers, Waits
from antiphon.client.states import SOCKET_TRANSITIONS, Machine, SocketInput, SocketState
from antiphon.errors import (
    AntiphonError,
    ConfigurationError,
    ConnectError,
    ConnectionRefused,
    Disconnected,
    EncodeError,
    TransportError,
)
from antiphon.socketio.packet import Packet, PacketType
from antiphon.types import SocketId

if TYPE_CHECKING:
    from antiphon.client.engine import Engine
    from antiphon.client.manager import Manager

__all__ = ["ClientSocket"]

logger: logging.Logger = logging.getLogger("antiphon.client")


class _UntilClosed:
    """Waits until the connection is gone, if nobody else needs it."""

    __slots__ = ("_io",)

    def __init__(self, io: Manager) -> None:
        self._io = io

    def __await__(self) -> Generator[Any, None, None]:
        return self._io.wait_closed().__await__()


class ClientSocket(ClientSocketEmitting):
    """The client in one namespace of a server. :func:`connect` makes it, and :meth:`Manager.socket`.

    It connects in the background, and again when the connection is lost. It may be awaited until it is connected, and
    used in ``async with``, which disconnects in the end.

    Besides what the server emits there are the events ``connect()``, also after each reconnection,
    ``connect_error(error)``, a :class:`ConnectError` or a :class:`ConnectionRefused`, and ``disconnect(reason,
    details)``, where the details are a :class:`TransportError` or None.

    Attributes:
        io: the manager, which has the events of reconnection.
        nsp: the namespace.
        id: what the server calls this client in the namespace; another one after each connection, unless it was
            recovered; None while there is none.
        connected: events go both ways.
        recovered: the server has restored id, rooms and what was missed.
        auth: sent with each connection; may be changed.
        send_buffer: how many events wait for the connection is its length.
        receive_buffer: what came before the connection to the namespace was confirmed.
    """

    __slots__ = (
        "__weakref__",
        "_asked",
        "_auth",
        "_auth_backoff",
        "_auth_timer",
        "_connect_waiters",
        "_ever_connected",
        "_failure",
        "_given_up",
        "_joins",
        "_last_offset",
        "_machine",
        "_pid",
        "id",
        "on_end",
        "recovered",
    )

    connected: bool

    def __init__(self, io: Manager, nsp: str, options: SocketOptions) -> None:
        super().__init__(io, nsp, options)
        self.id: SocketId | None = None
        self.recovered: bool = False
        self._auth: Auth = options.auth
        self._auth_backoff = Backoff(io.backoff.shortest, io.backoff.longest, io.backoff.jitter)
        self._auth_timer: asyncio.TimerHandle | None = None
        self._machine = Machine(SocketState.INACTIVE, SOCKET_TRANSITIONS)
        self._pid: str | None = None
        self._last_offset: str | None = None
        self._joins = 0
        # The session on which the server was asked to let us in, and has not answered; and whether that was given up.
        self._asked: Engine | None = None
        self._given_up = False
        self._ever_connected = False
        self._failure: Exception | None = None
        self.on_end: Callable[[Exception, bool], None] | None = None
        """Is told when it does not connect by itself any more: why, and whether that was wanted."""
        self._connect_waiters: list[asyncio.Future[None]] = []

    def __repr__(self) -> str:
        return f"<ClientSocket {self.nsp} at {self.io.address.origin}, {self.state.value}>"

    # State

    @property
    def state(self) -> SocketState:
        """How the socket stands."""
        return self._machine.state

    @property
    def active(self) -> bool:
        """Whether it is connected, or connects by itself."""
        return self._machine.state is not SocketState.INACTIVE

    @property
    def disconnected(self) -> bool:
        """The opposite of ``connected``."""
        return not self.connected

    def _is_over(self) -> bool:
        return not self.active

    @property
    def auth(self) -> Auth:
        """What the server gets with each connection to the namespace; a function is asked each time."""
        return self._auth

    @auth.setter
    def auth(self, auth: Auth) -> None:
        check_auth(auth)
        self._auth = auth

    # Connecting

    def connect(self) -> ClientSocket:
        """Connect, if it does not do so by itself. What is returned may be awaited, until it is connected."""
        if self._machine.state is SocketState.INACTIVE:
            self._thread = get_ident()
            self._failure = None
            self._machine.feed(SocketInput.CONNECT)
            try:
                self.io.open()
            except ConfigurationError:
                self._machine.feed(SocketInput.DISCONNECT)
                raise
            if self.io.is_open:
                self.on_open()
        return self

    def open(self) -> ClientSocket:
        """Connect. The same as :meth:`connect`."""
        return self.connect()

    def __await__(self) -> Generator[Any, None, ClientSocket]:
        """Wait until it is connected, however many attempts that takes.

        Who stops waiting before the first connection was made (by a timeout, say) disconnects it.

        Raises:
            ConnectionRefused: the server does not let the client in.
            ConnectError: the connection was given up.
            Disconnected: :meth:`disconnect` was called, or :meth:`connect` was not.
        """
        return self._wait_connected().__await__()

    async def _wait_connected(self) -> ClientSocket:
        if self.connected:
            return self
        if not self.active:
            raise self._failure or Disconnected("the socket is not connected; call connect() first")
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._connect_waiters.append(waiter)
        self._holding += 1
        try:
            await waiter
        except asyncio.CancelledError:
            if not self._ever_connected:
                self.disconnect()
            raise
        except AntiphonError:
            # Who is told that there will be no connection finds nothing left of it.
            await self.io.wait_closed()
            raise
        finally:
            self._connect_waiters.remove(waiter)
            self._holding -= 1
            if self._held and not self._holding and self._is_listened_to():
                # Who has waited gets to register the rest of his handlers first.
                asyncio.get_running_loop().call_soon(self.release)
        return self

    async def __aenter__(self) -> ClientSocket:
        try:
            return await self.connect()
        except asyncio.CancelledError:
            # There will be no other end to wait in until nothing is left.
            await self.io.finish(at_once=True)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.disconnect()
        await self.io.finish(at_once=kind is not None)

    def disconnect(self) -> Awaitable[None]:
        """Disconnect. It does not connect again by itself.

        Returns:
            Something to await until the connection is gone; there is no need to.
        """
        if self.active:
            was_connected = self.connected
            if was_connected:
                self._send(Packet(PacketType.DISCONNECT, self.nsp))
            waiting = self._waiting()
            self._leave(SocketInput.DISCONNECT)
            if self.connected:
                self._on_close("io client disconnect", None)
            error = Disconnected("disconnected by the client", "io client disconnect")
            self._become_inactive(error, waiting, quietly=True, told="disconnect" if was_connected else "")
        return _UntilClosed(self.io)

    def close(self) -> Awaitable[None]:
        """Disconnect. The same as :meth:`disconnect`."""
        return self.disconnect()

    def _leave(self, given: SocketInput) -> None:
        """Stop connecting by itself; the manager closes the connection if no other socket needs it."""
        self._machine.feed(given)
        self._given_up = self._asked is not None and self._asked is self.io.engine
        if self._auth_timer is not None:
            self._auth_timer.cancel()
            self._auth_timer = None
        self.io.release(self)

    def _waiting(self) -> tuple[list[asyncio.Future[None]], Waits]:
        """Return who waits for something now."""
        return list(self._connect_waiters), self._waits_now()

    def _become_inactive(
        self,
        error: Exception,
        waiting: tuple[list[asyncio.Future[None]], Waits],
        *,
        quietly: bool = False,
        told: str = "connect_error",
    ) -> None:
        """Tell those who have waited for something that it will not come; see :meth:`_end_waits`."""
        connects, waits = waiting
        for waiter in connects:
            if not waiter.done():
                waiter.set_exception(error)
        self._end_waits(waits, error, told, quietly=quietly)
        if self.active:
            # A handler has connected again. What he waits for, and what he has emitted, belongs to that.
            return
        self._failure = error
        if self.on_end is not None:
            self.on_end(error, quietly)
        # Who waits for an answer is told that there is none; so the event must not be sent after all.
        kept = [buffered for buffered in self.send_buffer if buffered.ack_id is None]
        self.send_buffer.clear()
        self.send_buffer.extend(kept)
        self._fail_acks(error)
        self._wake_senders()

    # What the manager tells

    def on_open(self) -> None:
        """Be told that there is a connection: join the namespace."""
        if self._machine.state is SocketState.WAITING:
            self._machine.feed(SocketInput.OPENED)
            self._join()

    def _join(self) -> None:
        self._joins += 1
        if self._given_up and self._asked is self.io.engine:
            # To ask again before the server has answered would be a breach of the protocol.
            return
        try:
            auth = self._auth() if callable(self._auth) else self._auth
        except Exception as error:  # noqa: BLE001 - a function of the user
            self._on_auth_failure(error)
            return
        if inspect.isawaitable(auth):
            self.io.start(self._await_auth(auth, self._joins))
        else:
            self._send_connect(auth)

    async def _await_auth(self, answer: Awaitable[Mapping[str, Any] | None], join: int) -> None:
        try:
            auth = await answer
        except Exception as error:  # noqa: BLE001 - a function of the user
            if join == self._joins and self._machine.state is SocketState.JOINING:
                self._on_auth_failure(error)
            return
        if join == self._joins and self._machine.state is SocketState.JOINING:
            self._send_connect(auth)

    def _send_connect(self, auth: object) -> None:
        data: dict[str, Any] | None = None
        if auth is not None and not isinstance(auth, Mapping):
            self._on_auth_failure(ConfigurationError(f"auth must be a dictionary, not {auth!r}"))
            return
        if self._pid is not None:
            data = {"pid": self._pid}
            if self._last_offset is not None:
                data["offset"] = self._last_offset
        if auth is not None:
            data = {**(data or {}), **auth}
        try:
            self._send(Packet(PacketType.CONNECT, self.nsp, data))
            self._asked, self._given_up = self.io.engine, False
        except EncodeError as error:
            self._on_auth_failure(error)

    def _on_auth_failure(self, error: Exception) -> None:
        """Take it that there is nothing to authenticate with: what the function asks may be down for a while."""
        refused = ConnectionRefused(f"the function that makes auth has failed: {error!r}")
        refused.__cause__ = error
        if isinstance(error, AntiphonError) or not self.io.options.reconnection or self.io.options.fail_fast:
            self._refuse(refused)
            return
        delay = self._auth_backoff.next_delay(random.random())  # noqa: S311 - only to spread attempts
        logger.warning(
            "%s%s: the function that makes auth has failed, trying again in %.1f s",
            self.io.address.origin,
            self.nsp,
            delay,
            exc_info=error,
        )
        self.fire("connect_error", refused)
        if self._machine.state is SocketState.JOINING:
            self._auth_timer = asyncio.get_running_loop().call_later(delay, self._rejoin, self._joins)

    def _rejoin(self, join: int) -> None:
        self._auth_timer = None
        if join == self._joins and self._machine.state is SocketState.JOINING:
            self._join()

    def take_late_answer(self, packet: Packet) -> bool:
        """Take the answer to having asked to be let in, if that was given up meanwhile.

        Returns:
            False if it was not: :meth:`on_packet` takes it.
        """
        is_late = self._given_up and self._asked is self.io.engine
        self._asked, self._given_up = None, False
        if is_late:
            if packet.type is PacketType.CONNECT:
                # Else the server would keep a socket that nobody has.
                self._send(Packet(PacketType.DISCONNECT, self.nsp))
            if self._machine.state is SocketState.JOINING:
                self._join()
        return is_late

    def on_packet(self, packet: Packet) -> None:
        """Take a packet of this namespace."""
        kind, data = packet.type, packet.data
        if kind is PacketType.EVENT:
            if isinstance(data, list):
                self.receive_event(data, packet.id)
        elif kind is PacketType.ACK:
            callback = self._acks.pop(packet.id, None) if packet.id is not None else None
            if callback is not None and isinstance(data, list):
                callback(None, data)
        elif kind is PacketType.CONNECT:
            self._on_connect(data if isinstance(data, dict) else {})
        elif kind is PacketType.DISCONNECT:
            self._on_server_disconnect()
        elif kind is PacketType.CONNECT_ERROR:
            # Servers that are not the official one send a text.
            refusal = data if isinstance(data, dict) else {"message": data}
            self._refuse(ConnectionRefused(str(refusal.get("message")), refusal.get("data")))

    def receive_event(self, data: list[Any], ack_id: int | None) -> None:
        """Take an event. Its last argument is its offset, if the server can recover connections."""
        if self._pid is not None and len(data) > 1 and type(data[-1]) is str:
            self._last_offset = data[-1]
        self.on_event(data, ack_id)

    def _on_connect(self, data: dict[str, Any]) -> None:
        sid, pid = data.get("sid"), data.get("pid")
        if self._machine.state is not SocketState.JOINING:
            return
        if not sid:
            self._refuse(ConnectionRefused("the server speaks Socket.IO 2; take a newer server"))
            return
        self.id = SocketId(str(sid))
        self.recovered = pid is not None and pid == self._pid
        self._pid = pid
        self._answers = Answers(self)
        self._auth_backoff.reset()
        self._machine.feed(SocketInput.JOINED)
        self.connected = True
        self._ever_connected = True
        self._choose_engine()
        logger.info("%s%s: connected by %s as %s", self.io.address.origin, self.nsp, self.io.transport_name, self.id)
        self._held = self._holding > 0
        for waiter in self._connect_waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._deliver_buffered()
        self._flush()
        self._send_queued(again=True)
        if self.connected:
            self.fire("connect")

    def _on_server_disconnect(self) -> None:
        waiting = self._waiting()
        self._leave(SocketInput.DISCONNECT)
        self._on_close("io server disconnect", None)
        error = Disconnected("the server has disconnected the socket", "io server disconnect")
        self._become_inactive(error, waiting, quietly=True, told="disconnect")

    def _refuse(self, error: ConnectionRefused) -> None:
        logger.warning("%s%s: the server refuses the connection: %s", self.io.address.origin, self.nsp, error)
        self._leave(SocketInput.REFUSED)
        self.fire("connect_error", error)
        if not self.active:
            self._become_inactive(error, self._waiting())

    def on_connect_error(self, error: ConnectError) -> None:
        """Be told that an attempt to connect has failed."""
        if not self.connected:
            self.fire("connect_error", error)

    def on_lost(self, reason: str, error: TransportError | None) -> None:
        """Be told that the connection is gone."""
        if self._machine.allows(SocketInput.LOST):
            self._machine.feed(SocketInput.LOST)
            self._on_close(reason, error)

    def on_given_up(self, error: ConnectError | Disconnected) -> None:
        """Be told that no attempt to connect follows."""
        if self.active:
            self._machine.feed(SocketInput.GIVE_UP)
            self._become_inactive(error, self._waiting())

    def _on_close(self, reason: str, error: TransportError | None) -> None:
        self._start_deferred()
        self._answers.end()
        was_connected, self.connected = self.connected, False
        self.id = None
        self._engine = None
        self._joins += 1
        if was_connected:
            # JavaScript tells it also if the namespace was being joined; then there are more ends than beginnings.
            self.fire("disconnect", reason, error)
        self._fail_acks(Disconnected(f"the connection was lost: {error or reason}", reason))
