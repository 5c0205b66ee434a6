"""How a client joins a namespace: its session restored if there was one, then the middlewares, one after the other.

Source: JavaScript, ``Namespace._add`` of ``socket.io``.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from antiphon.cluster.recovery import RecoveryFailure, RestoredSession
from antiphon.errors import ConnectionRefused
from antiphon.server.connection import Connection
from antiphon.server.fanout import Message
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

    __slots__ = ("_auth", "_connection", "_nsp", "_restored", "_socket", "_task")

    def __init__(self, nsp: Namespace, connection: Connection, auth: Mapping[str, object]) -> None:
        self._nsp = nsp
        self._connection = connection
        self._auth = auth
        self._socket: Socket | None = None
        self._restored: RestoredSession[Message] | None = None
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Go on until the socket has joined, was refused, or something has to be waited for."""
        self._nsp.waiting.add(self)
        self._connection.add_waiting(self._nsp.name, self)
        pid, offset = self._auth.get("pid"), self._auth.get("offset")
        if not self._nsp.keeps_packets or not isinstance(pid, str):
            self._run(Socket(self._nsp, self._connection, self._auth), 0)
            return
        # The client may know sooner than we that its old connection is dead.
        previous = self._nsp.pids.get(pid)
        if previous is not None and previous.conn is not self._connection.conn:
            previous.conn.close(discard=True)
        restored = self._nsp.adapter.restore_session(pid, offset if isinstance(offset, str) else None)
        if isinstance(restored, Awaitable):
            self._wait(self._await_session(restored))
        else:
            self._run(self._build(restored), 0)

    def _wait(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._task = self._nsp.server.start_task(coroutine, name=f"admission to {self._nsp.name}")

    async def _await_session(self, restored: Awaitable[RestoredSession[Message] | RecoveryFailure]) -> None:
        try:
            result = await restored
        except Exception:
            logger.exception("the session of a client of %s could not be restored", self._nsp.name)
            result = "unknown session"
        self._run(self._build(result), 0)

    def _build(self, restored: RestoredSession[Message] | RecoveryFailure) -> Socket:
        if isinstance(restored, RestoredSession):
            self._restored = restored
            return Socket(self._nsp, self._connection, self._auth, restored.session)
        socket = Socket(self._nsp, self._connection, self._auth)
        socket.recovery_failure = restored
        return socket

    def _run(self, socket: Socket, index: int) -> None:
        """Call the middlewares from ``index`` on."""
        self._socket = socket
        recovery = self._nsp.server.options.recovery
        middlewares = self._nsp.registry.middlewares
        if socket.recovered and recovery is not None and recovery.skip_middlewares:
            index = len(middlewares)
        try:
            while index < len(middlewares):
                index += 1
                result = middlewares[index - 1](socket)
                if inspect.isawaitable(result):
                    self._wait(self._await_middleware(socket, result, index))
                    return
        except Exception as error:  # noqa: BLE001 - whatever it was, the client is not let in
            self._refuse(socket, error)
        else:
            self._admit(socket)

    async def _await_middleware(self, socket: Socket, result: Awaitable[object], index: int) -> None:
        try:
            await result
        except Exception as error:  # noqa: BLE001
            self._refuse(socket, error)
        else:
            self._run(socket, index)

    def _forget(self) -> None:
        self._nsp.waiting.discard(self)
        self._connection.remove_waiting(self._nsp.name)

    def _admit(self, socket: Socket) -> None:
        self._forget()
        if self._restored is not None:
            for message in self._nsp.adapter.missed(self._restored):
                socket.conn.send_message(message)
        self._nsp.join(socket)

    def _refuse(self, socket: Socket, error: Exception) -> None:
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
        except Exception as failure:  # noqa: BLE001 - the data of the refusal cannot be encoded
            self._nsp.server.report(failure, "middleware", socket)
            self._connection.send(Packet(PacketType.CONNECT_ERROR, self._nsp.name, {"message": message}))
        socket.abandon()

    def cancel(self) -> None:
        """Give up: the client has gone."""
        self._forget()
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
        if self._socket is not None:
            self._socket.abandon()
        if self._restored is not None:
            # It was not the client's last word.
            self._nsp.adapter.persist_session(self._restored.session)
