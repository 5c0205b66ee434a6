"""The sending half of a client's socket: what waits for the connection, for an acknowledgement, or to be sent again.

Source: JavaScript, ``Socket`` of ``socket.io-client``: ``emit``, ``sendBuffer``, ``_drainQueue``.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from abc import abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Generator, Sequence
from threading import get_ident
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar, TypeVarTuple, overload

from antiphon.client.emitter import ClientEmitter, Flags
from antiphon.client.options import SocketOptions
from antiphon.client.retries import QueuedEvent, Retries
from antiphon.client.socket_events import ClientSocketEvents
from antiphon.errors import AckTimeout, BufferFull, ConfigurationError, Disconnected, EncodeError
from antiphon.event import AnyEvent, Event
from antiphon.socketio.packet import RESERVED_EVENTS, Packet, PacketType, check_event_name
from antiphon.socketio.parser import Encoded
from antiphon.types import AckFunction

if TYPE_CHECKING:
    from antiphon.client.engine import Engine
    from antiphon.client.manager import Manager

__all__ = ["ClientSocketEmitting"]

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

    def __init__(self, socket: ClientSocketEmitting) -> None:
        self._socket = socket

    def __await__(self) -> Generator[Any, None, None]:
        return self._socket.wait_sent().__await__()


class ClientSocketEmitting(ClientSocketEvents):
    """Emits to the server.

    Attributes:
        nsp: the namespace.
        options: as they were given.
        send_buffer: the events that wait for the connection.
    """

    __slots__ = (
        "_ack_ids",
        "_acks",
        "_encode_payload",
        "_engine",
        "_prefix",
        "_retries",
        "_sent_waiters",
        "_thread",
        "nsp",
        "options",
        "send_buffer",
    )

    def __init__(self, io: Manager, nsp: str, options: SocketOptions) -> None:
        super().__init__(io)
        self.nsp: str = nsp
        self.options: SocketOptions = options
        self.send_buffer: deque[_Buffered] = deque()
        self._acks: dict[int, AckCallback] = {}
        self._ack_ids = 0
        self._retries = Retries(options.retries) if options.retries else None
        self._sent_waiters: list[asyncio.Future[None]] = []
        self._thread = get_ident()
        self._prefix = b"42" if nsp == "/" else b"42%s," % nsp.encode()
        self._encode_payload = io.encode_payload
        self._engine: Engine | None = None
        """The session, while an event may be given to it without further ado."""

    @property
    @abstractmethod
    def active(self) -> bool:
        """Whether it is connected, or connects by itself."""

    def enter_thread(self) -> None:
        """Be told that the event loop of this thread is the one to emit in."""
        self._thread = get_ident()

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
            text = self._encode_payload([event, *args])
            if type(text) is bytes and not engine.has_ping_expired():
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
        while queue is not None and self.connected and (queued := queue.next(again=again)) is not None:
            again = False
            try:
                self._send_event(Flags(queued.timeout, compress=queued.compress), queued.event, self._settler(queued))
            except EncodeError as error:
                # Here and not by the function above: there may be many such events in a row.
                self._settle(queued, error, ())
            else:
                return

    def _settler(self, queued: QueuedEvent) -> AckCallback:
        def settle(error: Exception | None, answer: Sequence[Any]) -> None:
            self._settle(queued, error, answer)
            self._send_queued()

        return settle

    def _settle(self, queued: QueuedEvent, error: Exception | None, answer: Sequence[Any]) -> None:
        """Take the outcome of a try; the one who emitted is told if no other follows."""
        if self._retries is None or not self._retries.settle(queued, error):
            return
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
            # Who is cancelled does not wait any more; what has not been sent is not sent.
            waiting = None if ack_id is None else self._acks.pop(ack_id, None)
            if ack_id is not None and waiting is not None:
                self._forget_buffered(ack_id)
                waiting(Disconnected("nobody waits for the answer any more"), ())
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
