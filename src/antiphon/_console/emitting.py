"""``antiphon emit``: one event, and the end."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Sequence
from typing import Final

from antiphon._console.connection import Connection
from antiphon._console.output import plain_json, told
from antiphon.client.options import ManagerOptionsDict
from antiphon.client.socket import ClientSocket
from antiphon.client.transport import Transport
from antiphon.errors import AckTimeout, AntiphonError, TransportError

__all__ = ["emit"]

_GOODBYE: Final = 6.0
"""Seconds that the end of the connection may take."""


async def emit(connection: Connection, event: str, args: Sequence[object], *, asks: bool, timeout: float) -> int:
    """Send an event; return the exit code.

    Args:
        connection: how to connect.
        event: its name.
        args: its arguments.
        asks: wait for the acknowledgement, and print it.
        timeout: seconds for the connection, and again for the answer.
    """
    options = ManagerOptionsDict(reconnection=False, fail_fast=True, timeout=timeout)
    if "transports" not in connection.options:
        # Who sends by polling is told that the server has it; and one event is not worth another transport.
        options["upgrade"] = False
        options["try_all_transports"] = True
    manager = connection.manager(**options)
    socket = connection.socket(manager)
    try:
        try:
            async with asyncio.timeout(timeout):
                await socket
        except TimeoutError:
            raise TransportError(f"the server has not let the client in within {timeout:g} s") from None
        if asks:
            for answer in await _ask(socket, event, args, timeout):
                sys.stdout.write(plain_json(answer) + "\n")
            sys.stdout.flush()
        else:
            await _send(socket, event, args, timeout)
    except AntiphonError as error:
        sys.stderr.write(f"antiphon: {told(error)}\n")
        return 1
    finally:
        socket.disconnect()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE):
                await manager.finish(at_once=True)
    return 0


async def _ask(socket: ClientSocket, event: str, args: Sequence[object], timeout: float) -> Sequence[object]:
    """Return the arguments of the acknowledgement."""
    answered: asyncio.Future[Sequence[object]] = asyncio.get_running_loop().create_future()

    def answer(error: Exception | None, *values: object) -> None:
        if isinstance(error, AckTimeout):
            answered.set_exception(AckTimeout(f"{event} was not answered within {timeout:g} s"))
        elif error is not None:
            answered.set_exception(error)
        else:
            answered.set_result(values)

    socket.timeout(timeout).emit(event, *args, ack=answer)
    return await answered


async def _send(socket: ClientSocket, event: str, args: Sequence[object], timeout: float) -> None:
    """Send an event, and find out that the server has read it.

    Raises:
        TransportError: this is not certain.
    """
    lost: list[TransportError] = []

    def on_disconnect(reason: str, details: TransportError | None) -> None:
        if reason != "io client disconnect":
            lost.append(details or TransportError(reason))

    socket.on("disconnect", on_disconnect)
    try:
        async with asyncio.timeout(timeout):
            await socket.emit(event, *args)
    except TimeoutError:
        raise TransportError(f"the server has not read {event} within {timeout:g} s") from None
    if lost:
        raise TransportError(f"the connection was lost, and {event} with it perhaps: {lost[0]}")
    engine = socket.io.engine
    transport = None if engine is None else engine.transport
    socket.disconnect()
    await socket.io.wait_closed()
    if transport is not None and not _is_confirmed(transport):
        raise TransportError(f"the server has not said goodbye, so it may not have read {event}")


def _is_confirmed(transport: Transport) -> bool:
    # A request is answered. A WebSocket is closed by the server when it has read all that was before.
    return transport.name == "polling" or getattr(transport, "close_code", None) is not None
