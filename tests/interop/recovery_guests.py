"""Clients whose network can be cut, for the tests of connection state recovery."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import pytest

from antiphon import ConnectionStateRecovery, Server, Socket
from cutting_relay import CuttingRelay
from interop_driver import TRANSPORTS, Client, Relay, relay, until

if TYPE_CHECKING:
    from antiphon.server.engine_socket import EngineSocket
    from conftest import Stage

__all__ = ["Gate", "Guest", "Invite", "PreciseRelay", "invite_fixture", "precise_relay"]


class Guest:
    """A client behind a network that can be cut, and the sockets that the server has made for it."""

    def __init__(self, stage: Stage, front: Relay, client: Client, sockets: list[Socket]) -> None:
        self.stage, self.front, self.client, self.sockets = stage, front, client, sockets
        self.upgrades = False

    @property
    def socket(self) -> Socket:
        return self.sockets[-1]

    def emit(self, event: str, *args: object) -> None:
        self.stage.running.call(lambda: self.stage.io.emit(event, *args))

    def hear(self, event: str) -> list[object]:
        """Return the arguments of an event without the offset, which must be there."""
        *args, offset = self.client.expect_event(event)
        assert isinstance(offset, str)
        return args

    def heard(self, event: str) -> list[object]:
        """Return the first argument of each event of this name, of all that have come so far."""
        return [entry["args"][0] for entry in self.client.seen.all if entry.get("event") == event]

    def settle(self, conn: EngineSocket) -> None:
        """Wait until a connection is one that can be cut.

        Between two polls there is nothing to cut, and the server would learn of it much later.
        """
        until(lambda: conn.writable and conn.upgraded == self.upgrades)

    def cut(self, conn: EngineSocket | None = None) -> None:
        """Cut the network, and wait until both sides know; ``conn`` is that of the latest socket if it is not given."""
        connection = self.socket.conn if conn is None else conn
        self.settle(connection)
        self.front.target = None
        self.front.cut()
        self.client.expect("disconnect")
        until(lambda: connection.ready_state == "closed")

    def hold(self) -> None:
        """Let nothing pass any more, as when a cable is pulled: neither side is told.

        A client that is told to give its connection up first waits for what it is sending: it must have sent it all.
        """
        until(lambda: self.client.state()["unsent"] == 0)
        self.front.hold()

    def call(self, function: Callable[[], object]) -> None:
        """Call a function in the thread of the server."""
        self.stage.running.call(function)

    def close_gate(self) -> Gate:
        """Let nobody in any more until the gate is opened."""
        gate = Gate(self)
        self.call(lambda: self.stage.io.use(gate.wait))
        return gate

    def come_back(self) -> None:
        """Let the client come back; a gate may keep it waiting."""
        self.front.target = self.stage.running.port

    def mend(self) -> bool:
        """Let the client come back; say whether it was recovered, as it sees it itself."""
        self.come_back()
        report = self.client.expect("connect")
        recovered = bool(report["recovered"])
        assert recovered == self.socket.recovered
        return recovered


class Gate:
    """A middleware that takes its time.

    Attributes:
        waiting: the sockets that have come, in order.
    """

    def __init__(self, guest: Guest) -> None:
        self._guest = guest
        self._opened = asyncio.Event()
        self.waiting: list[Socket] = []

    async def wait(self, socket: Socket) -> None:
        self.waiting.append(socket)
        await self._opened.wait()

    def expect(self, number: int = 1) -> Socket:
        """Wait until so many have come, and return the latest."""
        until(lambda: len(self.waiting) >= number)
        return self.waiting[-1]

    def open(self) -> None:
        self._guest.call(self._opened.set)


class PreciseRelay(CuttingRelay):
    """A relay that cuts when it is told to."""

    def __init__(self) -> None:
        super().__init__(cuts=0, most_bytes=1, seed=0)

    def cut_after(self, size: int) -> None:
        """Cut every connection after so many bytes more from the server; clients may come back at once."""
        with self._lock:
            self._left = size
            self.wanted = self.cuts + 1


@contextlib.contextmanager
def precise_relay() -> Iterator[PreciseRelay]:
    front = PreciseRelay()
    try:
        yield front
    finally:
        front.close()


Invite = Callable[..., Guest]


@pytest.fixture(name="invite")
def invite_fixture(serve, node, transport) -> Iterator[Invite]:
    """Start a server with recovery and connect a client to it."""
    with relay() as default_front:

        def start(
            recovery: ConnectionStateRecovery | bool = True,
            *,
            front: Relay = default_front,
            prepare: Callable[[Server], object] = lambda io: None,
            client: Mapping[str, object] | None = None,
            **options: object,
        ) -> Guest:
            """Start.

            Args:
                recovery: the option of the server.
                front: what the client connects by.
                prepare: is called with the server before the client comes.
                client: further options of the client.
                options: further options of the server.
            """
            stage = serve(connection_state_recovery=recovery, **options)
            sockets: list[Socket] = []
            stage.io.on("connection", sockets.append)
            prepare(stage.io)
            front.target = stage.running.port
            pause = {"reconnection": True, "reconnectionDelay": 10, "reconnectionDelayMax": 10}
            official = node.client(
                f"{front.url}/",
                transports=TRANSPORTS[transport],
                **{**pause, "randomizationFactor": 0, **(client or {})},
            )
            guest = Guest(stage, front, official, sockets)
            official.expect_connect()
            if transport == "upgrade":
                official.expect("upgrade", transport="websocket")
                guest.upgrades = True
            return guest

        yield start
