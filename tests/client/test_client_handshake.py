"""The WebSocket handshake of the Python client, where the network fails in the middle."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import socket
import struct
import warnings

import aiofastnet
import pytest
from picows import WSListener

from antiphon.client._handshake import HandshakeProtocol
from antiphon.client.address import Address
from antiphon.client.network import Network
from antiphon.client.options import ClientOptions
from antiphon.common.picows_protocol import make_protocol


def connected_pair() -> tuple[socket.socket, socket.socket]:
    """Make two connected TCP sockets."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
    near.setblocking(False)
    return near, far


def numbered(number: int) -> socket.socket:
    """Make a socket with this file descriptor."""
    made = socket.socket()
    if made.fileno() == number:
        return made
    with made:
        os.dup2(made.fileno(), number)
    return socket.socket(fileno=number)


def make_websocket() -> object:
    """Make the protocol of picows, which speaks after the handshake."""
    return make_protocol(
        WSListener,
        logging.getLogger("antiphon.client"),
        max_frame_size=1000,
        read_buffer_size=1000,
        client_of=("localhost", "/"),
        extra_headers={},
    )


async def test_a_connection_that_is_reset_before_the_request_leaves_nothing_behind() -> None:
    """A new socket may have the number of the one before it, and can be used."""
    loop = asyncio.get_running_loop()
    near, far = connected_pair()
    number = near.fileno()
    far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    far.close()
    handshake = HandshakeProtocol(make_websocket())
    await aiofastnet.create_connection(loop, lambda: handshake, sock=near)
    with pytest.raises(ConnectionError):
        await asyncio.wait_for(handshake.wait(), 20)
    # The transport closes its socket in the turn after it has told of the end.
    for _ in range(10):
        await asyncio.sleep(0)
    assert near.fileno() == -1
    with socket.create_server(("127.0.0.1", 0)) as listener, numbered(number) as following:
        following.setblocking(False)
        await loop.sock_connect(following, listener.getsockname())


async def test_nothing_is_asked_on_a_connection_that_is_given_up() -> None:
    """Who connects may be cancelled when the connection is there, before the request is sent."""
    loop = asyncio.get_running_loop()
    failures: list[dict[str, object]] = []
    loop.set_exception_handler(lambda _, context: failures.append(context))

    class GivenUp(HandshakeProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            connecting.cancel()
            super().connection_made(transport)

    given_up = GivenUp(make_websocket())
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # It closes a socket of its own at once.
        connecting = loop.create_task(aiofastnet.create_connection(loop, lambda: given_up, *listener.getsockname()))
        await asyncio.wait([connecting])
        with listener.accept()[0] as far:
            far.setblocking(False)
            assert await asyncio.wait_for(loop.sock_recv(far, 1000), 20) == b""
    assert connecting.cancelled()
    assert failures == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_who_is_cancelled_while_it_connects_leaves_no_socket(host: str) -> None:
    """In whatever turn of the event loop that is: with the socket of asyncio's own race it may be forgotten."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        network = Network(Address.parse(f"http://{host}:{listener.getsockname()[1]}"), ClientOptions())
        for turns in range(1_000):
            connecting = asyncio.create_task(network.connect())
            for _ in range(turns):
                await asyncio.sleep(0)
            connecting.cancel()
            await asyncio.wait([connecting])
            if not connecting.cancelled():
                connecting.result().close()
                break
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                del connecting
                gc.collect()
        assert 0 < turns < 999
