"""The connection to a server, for any number of namespaces, kept up for as long as one of them needs it.

Source: JavaScript, ``Manager`` of ``socket.io-client`` (``client-manager.md``).
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import random
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar, Unpack

from antiphon.client.address import Address
from antiphon.client.backoff import Backoff
from antiphon.client.engine import Engine
from antiphon.client.network import Network
from antiphon.client.options import ClientOptions, ManagerOptionsDict, SocketOptions, SocketOptionsDict
from antiphon.client.session import Session
from antiphon.client.socket import ClientSocket
from antiphon.client.states import MANAGER_TRANSITIONS, Machine, ManagerInput, ManagerState
from antiphon.common.listeners import Listeners
from antiphon.engineio.packet import Binary, WirePacket
from antiphon.errors import ConfigurationError, ConnectError, Disconnected, PacketError, TransportError
from antiphon.socketio.json_parser import JSONDecoder, JSONParser, decode_event
from antiphon.socketio.packet import Packet, PacketType
from antiphon.socketio.parser import Decoder, Encoded, Parser

__all__ = ["Manager"]

logger: logging.Logger = logging.getLogger("antiphon.client")

T = TypeVar("T")

_PLAIN_EVENT: Final = b"42["
_JOIN_ANSWERS: Final = (PacketType.CONNECT, PacketType.CONNECT_ERROR)
_GRACE: Final = 3.0
"""Seconds that handlers have to finish when the client ends."""


class Manager(Listeners):
    """Keeps a connection to a server, for any number of namespaces.

    It has the events ``open()``, ``close(reason, details)``, ``error(error)``, ``ping()``, ``packet(packet)``,
    ``reconnect_attempt(attempt)``, ``reconnect(attempts)``, ``reconnect_error(error)`` and ``reconnect_failed()``, and
    besides ``upgrade(transport)`` and ``upgrade_error(error)``.

    Args:
        url: where the server is; a path in it is no part of that, it would be the namespace in :func:`connect`.
        options: see :class:`~antiphon.client.options.ClientOptions`.

    Raises:
        ConfigurationError: the URL is none, or an option makes no sense.

    Attributes:
        address: where the server is.
        options: as they were given.
        network: how requests are made; its ``query`` and ``headers`` may be changed between connections.
        backoff: the delays between attempts.
        nsps: the sockets by namespace.
        engine: the session, or the one that is being opened; None before the first one.
    """

    def __init__(self, url: str = "http://localhost:3000", **options: Unpack[ManagerOptionsDict]) -> None:
        super().__init__()
        self.address: Address = Address.parse(url)
        self.options: ClientOptions = ClientOptions.build(options)
        self.network: Network = Network(self.address, self.options)
        given = self.options
        self.backoff: Backoff = Backoff(
            given.reconnection_delay, given.reconnection_delay_max, given.randomization_factor
        )
        self.nsps: dict[str, ClientSocket] = {}
        self.engine: Engine | None = None
        self._parser: Parser = given.make_parser()
        self._decoder: Decoder = self._parser.decoder()
        self._json = self._decoder if isinstance(self._decoder, JSONDecoder) else None
        self._machine = Machine(ManagerState.CLOSED, MANAGER_TRANSITIONS)
        self._root: ClientSocket | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._ending: asyncio.Task[None] | None = None
        self._retired: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"<Manager of {self.address.origin}, {self.state.value}>"

    # State

    @property
    def state(self) -> ManagerState:
        """How the connection stands."""
        return self._machine.state

    @property
    def is_open(self) -> bool:
        """Whether there is a session."""
        return self._machine.state is ManagerState.OPEN

    @property
    def transport_name(self) -> str:
        """What the connection is made by: ``polling`` or ``websocket``; empty if there is none."""
        return "" if self.engine is None else self.engine.transport.name

    # Sockets

    def socket(self, nsp: str = "/", **options: Unpack[SocketOptionsDict]) -> ClientSocket:
        """Return the socket of a namespace; it is made, and connects, if there is none yet.

        Args:
            nsp: the namespace.
            options: see :class:`~antiphon.client.options.SocketOptions`; they count when the socket is made.

        Raises:
            ConfigurationError: the name cannot be that of a namespace, or an option makes no sense.
        """
        if not isinstance(nsp, str) or not nsp:
            raise ConfigurationError(f'the name of a namespace is a string such as "/admin", not {nsp!r}')
        nsp = nsp if nsp.startswith("/") else f"/{nsp}"
        if "," in nsp:
            raise ConfigurationError(f"the name of a namespace has no comma: {nsp!r}")
        given = SocketOptions.build(options)
        socket = self.nsps.get(nsp)
        if socket is None:
            socket = self.nsps[nsp] = ClientSocket(self, nsp, given)
            if nsp == "/":
                self._root = socket
        if self.options.auto_connect:
            socket.connect()
        return socket

    def release(self, socket: ClientSocket) -> None:  # noqa: ARG002 - all that counts is who is left
        """Be told that a socket does not need the connection any more."""
        if not any(other.active for other in self.nsps.values()):
            self.close()

    # Connecting

    def open(self) -> None:
        """Connect, if it is not connected and does not do so already.

        Raises:
            ConfigurationError: no event loop runs here.
        """
        if not self._machine.allows(ManagerInput.OPEN):
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise ConfigurationError(
                "the client needs a running event loop: call connect() in an async function, or take antiphon.sync"
            ) from None
        self._loop = loop
        self._machine.feed(ManagerInput.OPEN)
        self.backoff.reset()
        self._attempt()

    def _attempt(self) -> None:
        self._decoder = self._parser.decoder()
        self._json = self._decoder if isinstance(self._decoder, JSONDecoder) else None
        if self.engine is not None:
            self._retire(self.engine)
        self.engine = engine = Engine(self.network, Session(self))
        if self.options.timeout is not None:
            self._timer = asyncio.get_running_loop().call_later(self.options.timeout, self._on_timeout)
        engine.open()

    def _on_timeout(self) -> None:
        engine = self.engine
        if engine is not None:
            error = engine.transport.error(f"no answer within {self.options.timeout:g} s")
            self._drop_engine()
            self._on_failed_attempt(error)

    def _drop_engine(self) -> None:
        """Close the session without hearing of it."""
        self._stop_timer()
        engine = self.engine
        if engine is not None:
            session = engine.listener
            if isinstance(session, Session):
                session.manager = None
            engine.close()

    def _retire(self, engine: Engine) -> None:
        """Remember that something of a session is left until it is not."""
        gone = asyncio.get_running_loop().create_task(self._bury(engine, self.network.renew()))
        self._retired.add(gone)
        gone.add_done_callback(self._retired.discard)

    @staticmethod
    async def _bury(engine: Engine, close_connections: Callable[[], Awaitable[None]]) -> None:
        await engine.wait_closed()
        await close_connections()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_failed_attempt(self, cause: TransportError) -> None:
        reconnecting, engine = self.state is ManagerState.RECONNECTING, self.engine
        origin = self.address.origin
        error = ConnectError(
            f"cannot connect to {origin} by {cause.transport}: {cause}",
            transport=cause.transport,
            url=origin,
            status=cause.status,
            body=cause.body,
        )
        error.__cause__ = cause.__cause__ or cause
        self.fire("error", error)
        for socket in list(self.nsps.values()):
            if socket.active:
                socket.on_connect_error(error)
        if self.engine is not engine or self.state not in (ManagerState.CONNECTING, ManagerState.RECONNECTING):
            # A handler has disconnected, and may have connected again, which is another attempt.
            return
        if self.options.fail_fast and not reconnecting:
            self._give_up(error)
        else:
            self._reconnect(error)
        if reconnecting:
            self.fire("reconnect_error", error)

    def _reconnect(self, error: ConnectError | Disconnected) -> None:
        """Wait, and try again."""
        if not self.options.reconnection:
            self._give_up(error)
            return
        if self.backoff.attempts >= self.options.reconnection_attempts:
            logger.error("%s: given up after %d attempts: %s", self.address.origin, self.backoff.attempts, error)
            self._give_up(error)
            self.fire("reconnect_failed")
            return
        delay = self.backoff.next_delay(random.random())  # noqa: S311 - only to spread attempts
        logger.warning(
            "%s: attempt %d to connect again in %.1f s: %s", self.address.origin, self.backoff.attempts, delay, error
        )
        self._machine.feed(ManagerInput.RETRY)
        self._timer = asyncio.get_running_loop().call_later(delay, self._on_delay_over)

    def _on_delay_over(self) -> None:
        self._timer = None
        self._machine.feed(ManagerInput.ATTEMPT)
        self.fire("reconnect_attempt", self.backoff.attempts)
        # A handler may have disconnected.
        if self.state is ManagerState.RECONNECTING:
            self._attempt()

    def _give_up(self, error: ConnectError | Disconnected) -> None:
        self._machine.feed(ManagerInput.GIVE_UP)
        self._begin_end()
        for socket in list(self.nsps.values()):
            socket.on_given_up(error)

    # What the session tells

    def engine_opened(self) -> None:
        """Be told that there is a session."""
        self._stop_timer()
        attempts, reconnected = self.backoff.attempts, self.state is ManagerState.RECONNECTING
        self.backoff.reset()
        self._machine.feed(ManagerInput.OPENED)
        self.fire("open")
        for socket in list(self.nsps.values()):
            socket.on_open()
        if reconnected and self.is_open:
            self.fire("reconnect", attempts)

    def receive_text(self, data: bytes) -> None:
        """Take the text of a message, an Engine.IO packet."""
        json, root = self._json, self._root
        try:
            is_plain = data[:3] == _PLAIN_EVENT and not self._watches_packets()
            if root is not None and is_plain and json is not None and json.pending is None and root.active:
                root.receive_event(decode_event(data[2:]), None)
                return
            packet = self._decoder.add_text(data[1:])
        except PacketError as error:
            self._on_garbage(error)
        else:
            if packet is not None:
                self._on_packet(packet)

    def _watches_packets(self) -> bool:
        return self._handlers is not None and self._handlers.get("packet") is not None

    def receive_binary(self, data: bytes) -> None:
        """Take a binary message."""
        try:
            packet = self._decoder.add_binary(data)
        except PacketError as error:
            self._on_garbage(error)
        else:
            if packet is not None:
                self._on_packet(packet)

    def _on_packet(self, packet: Packet) -> None:
        if self._watches_packets():
            # The list goes on to the handlers of the event, which change it.
            data = list(packet.data) if isinstance(packet.data, list) else packet.data
            self.fire("packet", Packet(packet.type, packet.nsp, data, packet.id))
        socket = self.nsps.get(packet.nsp)
        if socket is None:
            return
        is_late = packet.type in _JOIN_ANSWERS and socket.take_late_answer(packet)
        if socket.active and not is_late:
            socket.on_packet(packet)

    def _on_garbage(self, error: PacketError) -> None:
        engine = self.engine
        if engine is None or not self.is_open:
            return
        details = engine.transport.error(f"what the server has sent is no packet: {error}", cause=error)
        self._drop_engine()
        self.engine_closed("parse error", details)

    def engine_closed(self, reason: str, error: TransportError | None) -> None:
        """Be told that the session is over."""
        self._stop_timer()
        if self.state in (ManagerState.CONNECTING, ManagerState.RECONNECTING):
            assert self.engine is not None  # noqa: S101 - it was just closed
            self._on_failed_attempt(error or self.engine.transport.error(reason))
            return
        logger.info("%s: disconnected (%s)%s", self.address.origin, reason, f": {error}" if error else "")
        self.backoff.reset()
        self.fire("close", reason, error)
        for socket in list(self.nsps.values()):
            socket.on_lost(reason, error)
        # A handler may have disconnected.
        if self.is_open:
            self._reconnect(Disconnected(f"the connection was lost: {error or reason}", reason))

    # Sending

    def encode(self, packet: Packet) -> Encoded:
        """Encode a packet.

        Raises:
            EncodeError: the data cannot be put on the wire.
        """
        return self._parser.encode(packet)

    @property
    def encode_payload(self) -> Callable[[object], bytes | Encoded | None]:
        """What encodes an event in a short way; it returns None where there is none."""
        return self._parser.encode_payload if isinstance(self._parser, JSONParser) else _no_short_way

    def send_encoded(self, encoded: Encoded, *, compress: bool = True) -> None:
        """Send a packet.

        Raises:
            PayloadTooLarge: the server would not take it.
        """
        packets: list[WirePacket] = [] if encoded.text is None else [b"4" + encoded.text]
        packets.extend(map(Binary, encoded.attachments))
        if self.engine is not None:
            self.engine.send(packets, compress=compress)

    # The end

    def close(self) -> None:
        """Close the connection, and do not connect again. The sockets are told ``forced close``."""
        if not self._machine.allows(ManagerInput.CLOSE):
            return
        was_open = self.is_open
        self._machine.feed(ManagerInput.CLOSE)
        self._drop_engine()
        self._begin_end()
        if was_open:
            self.fire("close", "forced close", None)
        for socket in list(self.nsps.values()):
            socket.on_lost("forced close", None)
            socket.on_given_up(Disconnected("the connection was closed by the client", "forced close"))

    def disconnect(self) -> None:
        """Close the connection. The same as :meth:`close`."""
        self.close()

    def _begin_end(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._ending = self._loop.create_task(self._end(self._ending))

    async def _end(self, before: asyncio.Task[None] | None) -> None:
        """Wait until nothing is left of what was used."""
        if before is not None and not before.done():
            await asyncio.wait([before])
        engine = self.engine
        if engine is not None and engine.ready_state in ("closing", "closed"):
            await engine.wait_closed()
        if self._retired:
            await asyncio.wait(list(self._retired))
        if self.state in (ManagerState.CLOSED, ManagerState.FAILED):
            await self.network.close()

    async def wait_closed(self) -> None:
        """Wait until nothing is left of the connection, if it was closed; not for the handlers."""
        if self._ending is not None and not self._ending.done():
            await asyncio.shield(self._ending)

    async def finish(self, *, at_once: bool = False) -> None:
        """Wait until the handlers have ended, and nothing is left of the connection.

        If a socket still needs the connection, it is not waited for.

        Args:
            at_once: cancel the handlers; otherwise they have three seconds.
        """
        if any(socket.active for socket in self.nsps.values()):
            return
        current = asyncio.current_task()
        waiting = [task for task in self._tasks if task is not current]
        if waiting and not at_once:
            await asyncio.wait(waiting, timeout=_GRACE)
        for task in waiting:
            if not task.done():
                logger.warning("a handler has not ended in time, and is cancelled: %r", task.get_coro())
                task.cancel()
        if waiting:
            await asyncio.wait(waiting)
        await self.wait_closed()

    # As the context of handlers

    def fire(self, event: str, *args: object) -> None:
        """Call the handlers of an event of the manager itself."""
        handlers = None if self._handlers is None else self._handlers.get(event)
        for handler in handlers or ():
            if handler.once and not (self._handlers is not None and self._handlers.discard(event, handler)):
                continue
            handler.invoke(self, event, list(args), None)

    def report(self, error: Exception, event: str) -> None:
        """Log what a handler raised. The connection goes on."""
        logger.error("the handler of %r of the manager failed", event, exc_info=error)

    def start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run an async handler."""
        loop = asyncio.get_running_loop()
        if sys.version_info >= (3, 12):
            task = asyncio.Task(coroutine, loop=loop, eager_start=True)
            if task.done():
                return
        else:
            task = loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def started(self) -> None:
        """Be told that an async handler is about to start: nothing waits for it here."""

    def call_in_loop(self, function: Callable[..., T], *args: object) -> T:
        """Call a function in the thread of the event loop, and wait for what it returns or raises.

        Raises:
            Disconnected: the event loop does not run any more.
        """
        loop, outcome = self._loop, concurrent.futures.Future[T]()

        def call() -> None:
            try:
                outcome.set_result(function(*args))
            except BaseException as error:  # noqa: BLE001 - it is raised where the call was made
                outcome.set_exception(error)

        if loop is None or not loop.is_running():
            raise Disconnected("the event loop of the socket does not run")
        loop.call_soon_threadsafe(call)
        return outcome.result()


def _no_short_way(_data: object) -> None:
    """Stand in for the short way where there is none."""
