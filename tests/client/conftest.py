"""Fixtures for the tests of the Python client: servers of both kinds, both faces, both transports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from hosts import (  # it makes tests/interop importable
    SERVERS,
    Certificates,
    Host,
    OddServer,
    RecordingRelay,
    make_certificates,
    run_hosts,
    what_is_missing,
)

from faces import QUICK, AsyncioFace, BlockingFace, Connect, Face, Guest  # isort: skip


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session", params=SERVERS)
def hosts(request: pytest.FixtureRequest, certificates: Certificates) -> Iterator[dict[str, Host]]:
    """A server of each variant, in one process."""
    if missing := what_is_missing(request.param):
        pytest.skip(missing)
    with run_hosts(request.param, certificates) as hosts:
        yield hosts


@pytest.fixture
def host(hosts: dict[str, Host]) -> Host:
    """A server without special options."""
    return hosts["plain"]


@pytest.fixture(scope="session")
def faces() -> Iterator[dict[str, Face]]:
    both = AsyncioFace(), BlockingFace()
    yield {face.name: face for face in both}
    for face in both:
        face.close()


@pytest.fixture(params=["asyncio", "blocking"])
def face(request: pytest.FixtureRequest, faces: dict[str, Face]) -> Iterator[Face]:
    """Each face of the client."""
    face = faces[request.param]
    yield face
    face.leave()


@pytest.fixture
def asyncio_face(faces: dict[str, Face]) -> Iterator[Face]:
    """One face, for what is there only once."""
    yield faces["asyncio"]
    faces["asyncio"].leave()


@pytest.fixture(params=["polling", "websocket"])
def transport(request: pytest.FixtureRequest) -> str:
    """Each way to carry packets."""
    return str(request.param)


@pytest.fixture
def start(face: Face, transport: str) -> Connect:
    """Start a client by the transport of the test."""

    def start(place: Host | RecordingRelay, nsp: str = "", **options: Any) -> Guest:
        return face.start(place.url + nsp, **{**QUICK, "transports": [transport], **options})

    return start


@pytest.fixture
def connect(face: Face, transport: str) -> Connect:
    """Connect a client by the transport of the test, and wait until it is there."""

    def connect(place: Host | RecordingRelay, nsp: str = "", **options: Any) -> Guest:
        return face.connect(place.url + nsp, **{**QUICK, "transports": [transport], **options})

    return connect


@pytest.fixture
def relay_to(face: Face) -> Iterator[Callable[[Host], RecordingRelay]]:
    """Put a relay before a server; it is there until the clients have left."""
    with ExitStack() as stack:

        def make(host: Host) -> RecordingRelay:
            return stack.enter_context(closing(RecordingRelay(host)))

        yield make
        face.leave()


@pytest.fixture
def relay(relay_to: Callable[[Host], RecordingRelay], host: Host) -> RecordingRelay:
    """A relay before the plain server."""
    return relay_to(host)


@pytest.fixture
def witness(asyncio_face: Face, host: Host) -> Guest:
    """A client beside the relay, to ask the server."""
    return asyncio_face.connect(host.url, transports=["websocket"], force_new=True)


@pytest.fixture
def odd_server() -> Iterator[OddServer]:
    """A server of another kind."""
    with closing(OddServer()) as server:
        yield server


@pytest.fixture
def relay_by_itself(host: Host) -> Iterator[RecordingRelay]:
    """A relay before the plain server, for clients that the test ends itself."""
    with closing(RecordingRelay(host)) as relay:
        yield relay
