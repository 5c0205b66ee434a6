"""What the tests of broadcasts share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from antiphon.server.namespace import Namespace

if TYPE_CHECKING:
    from conftest import Stage
    from interop_driver import Client

END = "the end"


def heard(stage: Stage, *clients: Client, nsp: str = "/") -> list[list[str]]:
    """Return which events each client has got, in order, up to now."""
    stage.running.call(lambda: stage.io.of(nsp).emit(END))
    for client in clients:
        client.expect_event(END)
    return [[event for event in client.seen.events() if event != END] for client in clients]


def target_of(stage: Stage, nsp: str) -> Any:
    """Return what is broadcast by: the server itself for its main namespace."""
    return stage.io if nsp == "/" else stage.io.of(nsp)


def join(stage: Stage, client: Client, *rooms: str, nsp: str = "/") -> None:
    """Put a client into rooms."""
    stage.running.call(lambda: stage.socket(client, nsp).join(rooms))


def pending_acks(namespace: Namespace) -> int:
    """Say how many acknowledgements the sockets of a namespace wait for."""
    return sum(0 if socket._acks is None else len(socket._acks) for socket in namespace.sockets.values())
