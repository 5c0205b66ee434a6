"""The client in one namespace.

Source: JavaScript, ``Socket`` of ``socket.io-client`` (``client-socket-instance.md``).
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from threading import get_ident
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar, TypeVarTuple, overload

from antiphon.client.backoff import Backoff
from antiphon.client.emitter import ClientEmitter, Flags
from antiphon.client.options import Auth, SocketOptions, check_auth
from antiphon.client.retries import QueuedEvent, Retries
from antiphon.client.socket_events import Answers, ClientSocketEvents
from antiphon.client.states import SOCKET_TRANSITIONS, Machine, SocketInput, SocketState
from antiphon.errors import (
    AckTimeout,
    AntiphonError,
    BufferFull,
    ConfigurationError,
    ConnectError,
    ConnectionRefused,
    Disconnected,
    EncodeError,
    TransportError,
)
from antiphon.event import AnyEvent, Event
from antiphon.socketio.packet import RESERVED_EVENTS, Packet, PacketType, check_event_name
from antiphon.socketio.parser import Encoded
from antiphon.types import AckFunction, SocketId

if TYPE_CHECKING:
    from antiphon.client.engine import Engine
    from antiphon.client.manager import Manager

__all__ = ["ClientSocket"]

logger: logging.Logger = logging.getLogger("antiphon.client")

Ts = TypeVarTuple("Ts")
R = TypeVar("R")

AckCallback: TypeAlias = Callable[[Exception | None, Sequence[Any]], None]
"""Called once: with None and the arguments of the answer, or with why there will be none."""

_PLAIN: Final = Flags()


class _Done:
    """Awaits nothing."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, None, None]:
        return
        yield


_DONE: Final = _Done()


class _Buffered:
    """An event that waits for the connection.

    Attributes:
        event: its name and arguments, for the listeners of what is sent.
        encoded: the packet.
        ack_id: of the acknowledgement that is waited for.
        compress: whether it may be compressed.
    """

    __slots__ = ("ack_id", "compress", "encoded", "event")

    def __init__(self, event: Sequence[object], encoded: Encoded, ack_id: int | None, *, compress: bool) -> None:
        self.event = event
        self.encoded = encoded
        self.ack_id = ack_id
        self.compress = compress


class _UntilSent:
    """Waits until what is buffered has been sent, or will not be by itself."""

    __slots__ = ("_socket",)

    def __init__(self, socket: ClientSocket) -> None:
        self._socket = socket

    def __await__(self) -> Generator[Any, None, None]:
        return self._socket.wait_sent().__await__()


class _UntilClosed:
    """Waits until the connection is gone, if nobody else needs it."""

    __slots__ = ("_io",)

    def __init__(self, io: Manager) -> None:
        self._io = io

    def __await__(self) -> Generator[Any, None, None]:
        return self._io.wait_closed().__await__()


class ClientSocket(ClientSocketEvents):
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
        "_ack_ids",
        "_acks",
        "_auth",
        "_auth_backoff",
        "_auth_timer",
        "_connect_waiters",
        "_encode_plain",
        "_engine",
        "_ever_connected",
        "_failure",
        "_joins",
        "_last_offset",
        "_machine",
        "_pid",
        "_prefix",
        "_retries",
        "_sent_waiters",
        "_thread",
        "id",
        "nsp",
        "on_end",
        "options",
        "recovered",
        "send_buffer",
    )

    connected: bool

    def __init__(self, io: Manager, nsp: str, options: SocketOptions) -> None:
        super().__init__(io)
        self.nsp: str = nsp
        self.options: SocketOptions = options
        self.id: SocketId | None = None
        self.recovered: bool = False
        self.send_buffer: deque[_Buffered] = deque()
        self._auth: Auth = options.auth
        self._auth_backoff = Backoff(io.backoff.shortest, io.backoff.longest, io.backoff.jitter)
        self._auth_timer: asyncio.TimerHandle | None = None
        self._machine = Machine(SocketState.INACTIVE, SOCKET_TRANSITIONS)
        self._acks: dict[int, AckCallback] = {}
        self._ack_ids = 0
        self._retries = Retries(options.retries) if options.retries else None
        self._pid: str | None = None
        self._last_offset: str | None = None
        self._joins = 0
        self._ever_connected = False
        self._failure: Exception | None = None
        self.on_end: Callable[[Exception, bool], None] | None = None
        """Is told when it does not connect by itself any more: why, and whether that was wanted."""
        self._connect_waiters: list[asyncio.Future[None]] = []
        self._sent_waiters: list[asyncio.Future[None]] = []
        self._thread = get_ident()
        self._prefix = b"42" if nsp == "/" else b"42%s," % nsp.encode()
        self._encode_plain = io.encode_plain
        self._engine: Engine | None = None
        """The session, while an event may be given to it without further ado."""

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
            self.io.open()
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
        return await self.connect()

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
            self._leave(SocketInput.DISCONNECT)
            if self.connected:
                self._on_close("io client disconnect", None)
            error = Disconnected("disconnected by the client", "io client disconnect")
            self._become_inactive(error, quietly=True, told="disconnect" if was_connected else "")
        return _UntilClosed(self.io)

    def close(self) -> Awaitable[None]:
        """Disconnect. The same as :meth:`disconnect`."""
        return self.disconnect()

    def _leave(self, given: SocketInput) -> None:
        """Stop connecting by itself; the manager closes the connection if no other socket needs it."""
        self._machine.feed(given)
        if self._auth_timer is not None:
            self._auth_timer.cancel()
            self._auth_timer = None
        self.io.release(self)

    def _become_inactive(self, error: Exception, *, quietly: bool = False, told: str = "connect_error") -> None:
        """Tell all who wait for something that it will not come; see :meth:`_end_waits`."""
        self._failure = error
        for waiter in self._connect_waiters:
            if not waiter.done():
                waiter.set_exception(error)
        self._end_waits(error, told, quietly=quietly)
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
        self._leave(SocketInput.DISCONNECT)
        self._on_close("io server disconnect", None)
        error = Disconnected("the server has disconnected the socket", "io server disconnect")
        self._become_inactive(error, quietly=True, told="disconnect")

    def _refuse(self, error: ConnectionRefused) -> None:
        logger.warning("%s%s: the server refuses the connection: %s", self.io.address.origin, self.nsp, error)
        self._leave(SocketInput.REFUSED)
        self.fire("connect_error", error)
        if not self.active:
            self._become_inactive(error)

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
            self._become_inactive(error)

    def _on_close(self, reason: str, error: TransportError | None) -> None:
        self._start_deferred()
        self._answers.end()
        self.connected = False
        self.id = None
        self._engine = None
        self._joins += 1
        self.fire("disconnect", reason, error)
        self._fail_acks(Disconnected(f"the connection was lost: {error or reason}", reason))

    # Emitting

    @overload
    def emit(self, event: Event[tuple[*Ts], object], *args: *Ts, ack: AckFunction | None = None) -> Awaitable[None]: ...
    @overload
    def emit(self, event: str, *args: object, ack: AckFunction | None = None) -> Awaitable[None]: ...
    def emit(self, event: str | AnyEvent, *args: object, ack: AckFunction | None = None) -> Awaitable[None]:
        """Emit an event to the server. While there is no connection, it waits for one (``when_offline``).

        It may be called in another thread than that of the event loop, which it then waits for.

        Args:
            event: its name.
            args: any number of values that the parser can encode; binary may be anywhere in them.
            ack: called with the arguments of the acknowledgement; with ``ack_timeout`` with an error (or None) first.
                To wait for it, use :meth:`emit_with_ack`.

        Returns:
            Something to await until the transport has taken the data; there is no need to.

        Raises:
            ReservedEventError: the protocol keeps this name for itself.
            EncodeError: the data cannot be put on the wire.
            PayloadTooLarge: the server would not take so much at once.
            Disconnected: there is no connection, and ``when_offline`` is ``raise``.
            BufferFull: too many events wait for the connection.
        """
        if type(event) is not str or event in RESERVED_EVENTS:
            event = check_event_name(event)
        engine = self._engine
        if engine is not None and ack is None and get_ident() == self._thread:
            text = self._encode_plain([event, *args])
            if text is not None and not engine.has_ping_expired():
                engine.send_text(self._prefix + text)
                return engine
        return self.emit_with(_PLAIN, event, args, ack)

    def emit_with(
        self, flags: Flags, event: str | AnyEvent, args: Sequence[object], ack: AckFunction | None
    ) -> Awaitable[None]:
        """Emit an event in a special way; see :meth:`emit`."""
        name = check_event_name(event)
        if get_ident() != self._thread:
            self.io.call_in_loop(self.emit_with, flags, name, args, ack)
            return _DONE
        callback: AckCallback | None = None
        if ack is not None:
            function, error_first = ack, self._timeout_of(flags) is not None

            def callback(error: Exception | None, answer: Sequence[Any]) -> None:
                if error_first:
                    self._call_ack(function, name, (error, *answer))
                elif error is None:
                    self._call_ack(function, name, answer)

        self._emit(flags, [name, *args], callback)
        if self.send_buffer:
            return _UntilSent(self)
        return self.io.engine or _DONE

    def _emit(self, flags: Flags, event: list[Any], callback: AckCallback | None) -> int | None:
        """Send an event, or put it into a queue; return the id of the acknowledgement that is waited for."""
        if self._retries is None or flags.volatile:
            return self._send_event(flags, event, callback)
        self._check_room(len(self._retries))
        if not self.connected and self.options.when_offline != "buffer":
            return self._send_event(flags, event, callback)
        # What cannot be encoded is told at once.
        self.io.encode(Packet(PacketType.EVENT, self.nsp, event))
        queued = QueuedEvent(event, compress=flags.compress, timeout=self._timeout_of(flags), settled=callback)
        self._retries.add(queued)
        self._send_queued()
        return None

    def _timeout_of(self, flags: Flags) -> float | None:
        return self.options.ack_timeout if flags.timeout is None else flags.timeout

    def _send_event(self, flags: Flags, event: list[Any], callback: AckCallback | None) -> int | None:
        ack_id = None
        if callback is not None:
            ack_id = self._ack_ids
            self._ack_ids += 1
        encoded = self.io.encode(Packet(PacketType.EVENT, self.nsp, event, ack_id))
        engine = self.io.engine
        if flags.volatile and (engine is None or not engine.transport.writable):
            if callback is not None:
                callback(Disconnected("the event was volatile, and was dropped"), ())
            return None
        buffered = _Buffered(event, encoded, ack_id, compress=flags.compress)
        if self.connected and engine is not None and not engine.has_ping_expired():
            self._expect_ack(ack_id, callback, flags)
            try:
                self._send_buffered(buffered)
            except EncodeError:
                if ack_id is not None:
                    self._acks.pop(ack_id, None)
                raise
        elif self._take_offline(callback):
            self._expect_ack(ack_id, callback, flags)
            self.send_buffer.append(buffered)
        return ack_id

    def _take_offline(self, callback: AckCallback | None) -> bool:
        """Decide whether an event waits for the connection."""
        policy = self.options.when_offline
        if policy == "raise":
            raise Disconnected("there is no connection, and when_offline is 'raise'")
        if policy == "drop":
            if callback is not None:
                callback(Disconnected("there is no connection, and when_offline is 'drop'"), ())
            return False
        self._check_room(len(self.send_buffer))
        return True

    def _check_room(self, count: int) -> None:
        if count >= self.options.send_buffer_size:
            raise BufferFull(f"{count} events wait for the connection to {self.io.address.origin} (send_buffer_size)")

    def _expect_ack(self, ack_id: int | None, callback: AckCallback | None, flags: Flags) -> None:
        if ack_id is None or callback is None:
            return
        timeout = self._timeout_of(flags)
        if timeout is None:
            self._acks[ack_id] = callback
            return
        timer = asyncio.get_running_loop().call_later(timeout, self._expire, ack_id)

        def finish(error: Exception | None, answer: Sequence[Any]) -> None:
            timer.cancel()
            callback(error, answer)

        self._acks[ack_id] = finish

    def _expire(self, ack_id: int) -> None:
        callback = self._acks.pop(ack_id, None)
        if callback is not None:
            self._forget_buffered(ack_id)
            callback(AckTimeout(), ())

    def _forget_buffered(self, ack_id: int) -> None:
        for buffered in self.send_buffer:
            if buffered.ack_id == ack_id:
                self.send_buffer.remove(buffered)
                return

    def _fail_acks(self, error: Exception) -> None:
        """Tell those who wait that no answer will come, unless the event has yet to be sent."""
        waiting = {buffered.ack_id for buffered in self.send_buffer}
        for ack_id in [ack_id for ack_id in self._acks if ack_id not in waiting]:
            self._acks.pop(ack_id)(error, ())

    def _call_ack(self, function: AckFunction, event: str, arguments: Sequence[Any]) -> None:
        """Call a function of the user with an acknowledgement; it may be async."""
        try:
            result = function(*arguments)
            if inspect.isawaitable(result):
                self.io.start(self._finish_ack(result, event))
        except Exception as error:  # noqa: BLE001 - it is logged, and never goes up the reader
            self.report(error, f"acknowledgement of {event}")

    async def _finish_ack(self, result: Awaitable[object], event: str) -> None:
        try:
            await result
        except Exception as error:  # noqa: BLE001
            self.report(error, f"acknowledgement of {event}")

    def _send_buffered(self, buffered: _Buffered) -> None:
        self.notify_outgoing(buffered.event)
        self.io.send_encoded(buffered.encoded, compress=buffered.compress)

    def _send(self, packet: Packet) -> None:
        self.io.send_encoded(self.io.encode(packet))

    def _flush(self) -> None:
        """Send what has waited for the connection."""
        while self.send_buffer and self.connected:
            buffered = self.send_buffer.popleft()
            try:
                self._send_buffered(buffered)
            except EncodeError as error:
                callback = None if buffered.ack_id is None else self._acks.pop(buffered.ack_id, None)
                if callback is not None:
                    callback(error, ())
                else:
                    # The one who emitted it is not here any more.
                    logger.error("%s%s: an event is lost: %s", self.io.address.origin, self.nsp, error)
        if not self.send_buffer:
            self._wake_senders()

    def _wake_senders(self) -> None:
        waiters, self._sent_waiters = self._sent_waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def wait_sent(self) -> None:
        """Wait until what is buffered has been sent, or will not be by itself."""
        while self.send_buffer and self.active:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._sent_waiters.append(waiter)
            await waiter
        engine = self.io.engine
        if engine is not None:
            await engine

    def answer(self, ack_id: int, args: Sequence[object]) -> None:
        """Acknowledge an event."""
        if get_ident() != self._thread:
            self.io.call_in_loop(self.answer, ack_id, args)
        elif self.connected:
            self._send(Packet(PacketType.ACK, self.nsp, list(args), ack_id))

    # At least once

    def _send_queued(self, *, again: bool = False) -> None:
        """Send the next event of the queue, if it may be."""
        queue = self._retries
        queued = queue.next(again=again) if queue is not None and self.connected else None
        if queue is None or queued is None:
            return

        def settle(error: Exception | None, answer: Sequence[Any]) -> None:
            if queue.settle(queued, error):
                if queued.settled is not None:
                    queued.settled(error, answer)
                elif error is not None:
                    logger.error(
                        "%s%s: %r was not acknowledged after %d tries, and is given up: %s",
                        self.io.address.origin,
                        self.nsp,
                        queued.event[0],
                        queued.tries,
                        error,
                    )
            self._send_queued()

        try:
            self._send_event(Flags(queued.timeout, compress=queued.compress), queued.event, settle)
        except EncodeError as error:
            settle(error, ())

    # Acknowledgements that are waited for

    def send(self, *args: object) -> Awaitable[None]:
        """Emit a ``message`` event."""
        return self.emit("message", *args)

    @overload
    async def emit_with_ack(self, event: Event[tuple[*Ts], R], *args: *Ts, timeout: float | None = None) -> R: ...
    @overload
    async def emit_with_ack(self, event: str, *args: object, timeout: float | None = None) -> Any: ...
    async def emit_with_ack(self, event: str | AnyEvent, *args: object, timeout: float | None = None) -> Any:
        """Emit an event and wait for its acknowledgement.

        Args:
            event: its name.
            args: any number of values that the parser can encode.
            timeout: seconds to wait; None for ``ack_timeout``, or else for as long as the connection lasts.

        Returns:
            The first argument of the acknowledgement, None if it has none.

        Raises:
            AckTimeout: it did not come in time.
            Disconnected: the connection was lost before it came.
            ReservedEventError, EncodeError, PayloadTooLarge, BufferFull: as :meth:`emit`.
        """
        return await ClientEmitter(self, _PLAIN).emit_with_ack(check_event_name(event), *args, timeout=timeout)

    async def await_ack(self, flags: Flags, event: str | AnyEvent, args: Sequence[object]) -> Any:
        """Emit an event in a special way, and wait for its acknowledgement; see :meth:`emit_with_ack`."""
        name = check_event_name(event)
        if get_ident() != self._thread:
            raise ConfigurationError("emit_with_ack() is awaited in the event loop of the socket; see antiphon.sync")
        answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def finish(error: Exception | None, answer: Sequence[Any]) -> None:
            if answered.done():
                return
            if error is not None:
                answered.set_exception(error)
            else:
                answered.set_result(answer[0] if answer else None)

        ack_id = self._emit(flags, [name, *args], finish)
        try:
            return await answered
        except asyncio.CancelledError:
            # Who is cancelled does not wait any more.
            if ack_id is not None:
                self._acks.pop(ack_id, None)
            raise

    def timeout(self, seconds: float) -> ClientEmitter:
        """Limit how long the next emit waits for its acknowledgement.

        Raises:
            ConfigurationError: it is not a number of seconds.
        """
        return ClientEmitter(self, _PLAIN).timeout(seconds)

    @property
    def volatile(self) -> ClientEmitter:
        """Drop the next event if the transport could not take it at once."""
        return ClientEmitter(self, _PLAIN).volatile

    def compress(self, compress: bool) -> ClientEmitter:
        """Say whether the next event may be compressed, where compression was agreed on."""
        return ClientEmitter(self, _PLAIN).compress(compress)

    # As the context of handlers

    def _count_outgoing(self, change: int) -> None:  # noqa: ARG002 - the list itself says it
        self._choose_engine()

    def _choose_engine(self) -> None:
        """Decide whether an event may be given to the session without further ado."""
        listeners = [] if self._extras is None else self._extras.any_outgoing
        quick = self.connected and self._retries is None and not listeners
        self._engine = self.io.engine if quick else None

    def report(self, error: Exception, event: str) -> None:
        """Log what a handler raised. The connection goes on."""
        logger.error("the handler of %r in %s failed", event, self.nsp, exc_info=error)
