"""How a client joins a namespace: its session restored if there was one, then the middlewares, one after the other.

Source: JavaScript, ``Namespace._add`` of ``socket.io``.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Coroutine, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from antiphon.cluster.recovery import RecoveryFailure, RestoredSession
from antiphon.common.tasks import FAILURES, as_exception, close_unawaited, is_cancelled_itself
from antiphon.errors import ConnectionRefused
from antiphon.server.connection import Connection
from antiphon.server.fanout import Message
from antiphon.server.registry import Middleware
from antiphon.server.socket import Socket
from antiphon.socketio.packet import Packet, PacketType

if TYPE_CHECKING:
    from antiphon.server.namespace import Namespace

__all__ = ["Admission"]

logger: logging.Logger = logging.getLogger("antiphon.server")

_REFUSED = "Connection refused"


class Admission:
    """One client that asks to join a namespace. As long as nothing has to be waited for, nothing is.

    Args:
        nsp: the namespace.
        connection: the client.
        auth: what it gave for this namespace.
    """

    __slots__ = ("_auth", "_connection", "_nsp", "_restored", "_result", "_socket", "_task")

    def __init__(self, nsp: Namespace, connection: Connection, auth: Mapping[str, object]) -> None:
        self._nsp = nsp
        self._connection = connection
        self._auth = auth
        self._socket: Socket | None = None
        self._restored: RestoredSession[Message] | None = None
        self._result: object = None
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Go on until the socket has joined, was refused, or something has to be waited for."""
        self._nsp.waiting.add(self)
        self._connection.add_waiting(self._nsp.name, self)
        pid, offset = self._auth.get("pid"), self._auth.get("offset")
        if not self._nsp.keeps_packets or not isinstance(pid, str):
            self._ask(Socket(self._nsp, self._connection, self._auth))
            return
        # The client may know sooner than we that its old connection is dead.
        previous = self._nsp.pids.get(pid)
        if previous is not None and previous.conn is not self._connection.conn:
            previous.conn.close(discard=True)
            # Its session is to be kept before it is asked for.
            previous.end_now()
        for other in list(self._nsp.waiting):
            if other.has_session(pid) and other is not self:
                other.close()
        restored: RestoredSession[Message] | RecoveryFailure | Awaitable[RestoredSession[Message] | RecoveryFailure]
        try:
            restored = self._nsp.adapter.restore_session(pid, offset if isinstance(offset, str) else None)
        except FAILURES:
            logger.exception("the session of a client of %s could not be restored", self._nsp.name)
            restored = "unknown session"
        if isinstance(restored, Awaitable):
            self._wait(self._await_session(restored))
        else:
            self._ask(self._build(restored))

    def _wait(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._task = self._nsp.server.start_task(coroutine, name=f"admission to {self._nsp.name}")

    async def _await_session(self, restored: Awaitable[RestoredSession[Message] | RecoveryFailure]) -> None:
        try:
            result = await restored
        except FAILURES:
            if is_cancelled_itself():
                raise
            logger.exception("the session of a client of %s could not be restored", self._nsp.name)
            result = "unknown session"
        self._ask(self._build(result))

    def _build(self, restored: RestoredSession[Message] | RecoveryFailure) -> Socket:
        if isinstance(restored, RestoredSession):
            self._restored = restored
            return Socket(self._nsp, self._connection, self._auth, restored)
        socket = Socket(self._nsp, self._connection, self._auth)
        socket.recovery_failure = restored
        return socket

    def _ask(self, socket: Socket) -> None:
        """Call the middlewares, and wait for the first that has to be waited for in a task."""
        self._socket = socket
        recovery = self._nsp.server.options.recovery
        skips = socket.recovered and recovery is not None and recovery.skip_middlewares
        middlewares = iter(() if skips else tuple(self._nsp.registry.middlewares))
        try:
            for middleware in middlewares:
                result = middleware(socket)
                if inspect.isawaitable(result):
                    self._result = result
                    self._wait(self._ask_on(socket, result, middlewares))
                    return
                if socket.is_ended:
                    return
        except FAILURES as error:
            # Whatever it was, the client is not let in.
            self._refuse(socket, as_exception(error))
        else:
            self._admit(socket)

    async def _ask_on(self, socket: Socket, result: object, middlewares: Iterator[Middleware]) -> None:
        """Wait, and call the rest of the middlewares."""
        try:
            while True:
                if inspect.isawaitable(result):
                    await result
                if socket.is_ended:
                    return
                middleware = next(middlewares, None)
                if middleware is None:
                    break
                result = middleware(socket)
        except FAILURES as error:
            if is_cancelled_itself():
                raise
            self._refuse(socket, as_exception(error))
        else:
            self._admit(socket)

    def _forget(self) -> None:
        self._nsp.waiting.discard(self)
        self._connection.remove_waiting(self._nsp.name)

    def _admit(self, socket: Socket) -> None:
        if socket.is_ended or socket.conn.ready_state != "open":
            # A middleware has closed the connection.
            self.cancel()
            return
        if self._restored is not None:
            missed = self._nsp.adapter.missed(self._restored)
            if missed is None:
                # It has waited for the middlewares for so long that not all is kept any more. Its next try will tell.
                self._connection.conn.close()
                self.cancel()
                return
            for message in missed:
                socket.conn.send_message(message)
            if missed:
                socket.replayed(self._restored.after)
        self._forget()
        self._nsp.join(socket)

    def _refuse(self, socket: Socket, error: Exception) -> None:
        if socket.is_ended:
            return
        self._forget()
        if isinstance(error, ConnectionRefused):
            message, data = error.message, error.data
            logger.info("%s was refused at %s: %s", socket.conn.remote_address, self._nsp.name, message)
        else:
            # What went wrong may be nothing that a stranger should read.
            message, data = _REFUSED, None
            self._nsp.server.report(error, "middleware", socket)
        payload: object = {"message": message} if data is None else {"message": message, "data": data}
        if socket.conn.protocol == 3:
            payload = message if data is None else data
        try:
            self._connection.send(Packet(PacketType.CONNECT_ERROR, self._nsp.name, payload))
        except FAILURES as failure:
            # The data of the refusal cannot be encoded.
            self._nsp.server.report(as_exception(failure), "middleware", socket)
            self._connection.send(Packet(PacketType.CONNECT_ERROR, self._nsp.name, {"message": message}))
        socket.abandon()

    def has_session(self, pid: str) -> bool:
        """Tell whether it has taken this session out."""
        return self._restored is not None and self._restored.session.pid == pid

    def close(self) -> None:
        """Close the connection: its client has come back on another one."""
        self._connection.conn.close(discard=True)

    def cancel(self) -> None:
        """Give up: the client has gone."""
        self._forget()
        task = self._task
        if task is not None and task is not asyncio.current_task() and not self._nsp.server.closing.spares(task):
            task.cancel()
        # The task may have been cancelled before it could begin to wait for it.
        close_unawaited(self._result)
        if self._restored is not None:
            # It was not the client's last word.
            self._nsp.adapter.persist_session(self._restored.session)
        if self._socket is not None:
            self._socket.abandon()
        else:
            self._nsp.check_empty()
