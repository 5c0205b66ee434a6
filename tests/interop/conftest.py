"""Fixtures for the tests with the official clients."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from antiphon import Namespace, Server, Socket
from antiphon.socketio.msgpack_parser import MsgPackParser
from interop_driver import HERE, TRANSPORTS, Client, Node, Reports, node_process, until
from support import Certificate, Running, serving


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = None
    if shutil.which("node") is None:
        missing = "needs Node.js"
    elif not (HERE / "node_modules").is_dir():
        missing = "needs the official packages: run npm ci in tests/interop"
    for item in items:
        if missing and HERE in Path(item.path).parents:
            item.add_marker(pytest.mark.skip(reason=missing))


@pytest.fixture(params=list(TRANSPORTS))
def transport(request: pytest.FixtureRequest) -> str:
    """Each way to carry packets; with "upgrade" from polling to WebSocket."""
    return str(request.param)


@dataclass
class Stage:
    """A server that is running, and what its handlers have seen."""

    io: Server
    running: Running
    seen: Reports = field(default_factory=lambda: Reports("the server"))

    @property
    def url(self) -> str:
        return self.running.url

    def watch(self, socket: Socket) -> None:
        """Note what ends a socket."""
        name = socket.nsp.name

        @socket.on("disconnecting")
        def disconnecting(reason: str, description: str | None) -> None:
            self.seen.add("disconnecting", nsp=name, reason=reason, rooms=set(socket.rooms), id=socket.id)

        @socket.on("disconnect")
        def disconnect(reason: str, description: str | None) -> None:
            self.seen.add("disconnect", nsp=name, reason=reason, description=description, id=socket.id)

    def socket(self, client: Client, nsp: str = "/") -> Socket:
        """Return the server's side of a client."""
        return self.io.of(nsp).sockets[client.id]  # type: ignore[index]

    def clear(self) -> None:
        """Make the server as good as new."""
        for session in list(self.io.engine.sockets.values()):
            session.close(discard=True)
        for namespace in self.io._namespaces.values():
            namespace.off()
            namespace.end()
        self.io.parents.clear()
        self.io.sockets = Namespace(self.io, "/")
        self.io._namespaces = {"/": self.io.sockets}
        self.io.sockets.begin()
        self.io._exception_handler = None


SERVERS: dict[str, Callable[[], Server]] = {
    "plain": Server,
    "msgpack": lambda: Server(parser=MsgPackParser()),
    "short heartbeat": lambda: Server(ping_interval=0.3),
    "socket.io 2": lambda: Server(allow_eio3=True),
}


@pytest.fixture(scope="session")
def shared_servers() -> Iterator[Callable[[str, str], tuple[Server, Running]]]:
    """One server of each kind for each way of serving: starting one for each test takes too long."""
    with contextlib.ExitStack() as stack:
        servers: dict[tuple[str, str], tuple[Server, Running]] = {}

        def get(way: str, kind: str) -> tuple[Server, Running]:
            if (way, kind) not in servers:
                io = SERVERS[kind]()
                servers[way, kind] = io, stack.enter_context(serving(io, way))
            return servers[way, kind]

        yield get


@pytest.fixture
def stage_of(
    way: str, shared_servers: Callable[[str, str], tuple[Server, Running]], node: Node
) -> Iterator[Callable[[str], Stage]]:
    """Give a server of a kind that others have used, or will use; each test registers handlers of its own."""
    stages: list[Stage] = []

    def get(kind: str) -> Stage:
        stages.append(Stage(*shared_servers(way, kind)))
        return stages[-1]

    yield get
    clients = bool(node.clients)
    node.forget_clients()
    for stage in stages:
        with contextlib.suppress(AssertionError):
            until(lambda: not (clients and stage.io.engine.sockets), 0.3)  # noqa: B023 - called at once
        stage.running.call(stage.clear)


@pytest.fixture
def stage(stage_of: Callable[[str], Stage]) -> Stage:
    """A server with default options."""
    return stage_of("plain")


@pytest.fixture
def serve(way: str, node: Node) -> Iterator[Callable[..., Stage]]:
    """Serve a server with options of its own until the test ends."""
    with contextlib.ExitStack() as stack:

        def start(
            io: Server | None = None, *, tls: Certificate | None = None, app: Any = None, **options: Any
        ) -> Stage:
            io = io or Server(**options)
            return Stage(io, stack.enter_context(serving(app or io, way, tls)))

        yield start
        node.forget_clients()


@pytest.fixture(scope="session")
def shared_node() -> Iterator[Node]:
    with node_process() as node:
        yield node


@pytest.fixture
def new_node() -> Callable[[], contextlib.AbstractContextManager[Node]]:
    """Start another process with clients."""
    return node_process


@pytest.fixture
def node(shared_node: Node) -> Iterator[Node]:
    """A Node.js process with the official clients."""
    yield shared_node
    shared_node.forget_clients()


@pytest.fixture
def start(node: Node, transport: str) -> Callable[..., Client]:
    """Start an official client by the transport of the test; it need not be let in."""

    def start(stage: Stage, nsp: str = "/", **options: Any) -> Client:
        return node.client(stage.url + nsp, transports=TRANSPORTS[transport], **options)

    return start


@pytest.fixture
def connect(start: Callable[..., Client], transport: str) -> Callable[..., Client]:
    """Connect an official client by the transport of the test, and wait until it is there."""

    def connect(stage: Stage, nsp: str = "/", *, upgraded: bool = True, **options: Any) -> Client:
        client = start(stage, nsp, **options)
        client.expect_connect()
        if transport == "upgrade" and upgraded:
            client.expect("upgrade", transport="websocket")
        return client

    return connect
