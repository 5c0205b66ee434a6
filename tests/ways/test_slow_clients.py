"""Clients that begin something and do not go on."""

from __future__ import annotations

import socket
import time

import aiohttp
import pytest

from antiphon import Server
from antiphon.uvicorn._http import HTTPProtocol
from support import Running, serving


def connect(running: Running) -> socket.socket:
    return socket.create_connection(("127.0.0.1", running.port), timeout=20)


def read_to_the_end(connection: socket.socket) -> bytes:
    received = b""
    while piece := connection.recv(4096):
        received += piece
    return received


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HTTPProtocol, "headers_timeout", 0.3)


@pytest.mark.parametrize("begun", [b"", b"GET /socket.io/?EIO=4 HTTP/1.1\r\nHo"], ids=["nothing", "half a head"])
@pytest.mark.usefixtures("hasty")
def test_a_head_that_does_not_come_is_answered_408(begun: bytes) -> None:
    with serving(Server(), "fast") as running, connect(running) as connection:
        connection.sendall(begun)
        assert read_to_the_end(connection).startswith(b"HTTP/1.1 408 ")


@pytest.mark.usefixtures("hasty")
def test_half_a_second_request_is_answered_408() -> None:
    with serving(Server(), "fast") as running, connect(running) as connection:
        connection.sendall(b"GET /elsewhere HTTP/1.1\r\nHost: a\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 404 ")
        connection.sendall(b"GET /else")
        assert b"HTTP/1.1 408 " in read_to_the_end(connection)


@pytest.mark.usefixtures("hasty")
async def test_a_poll_may_wait_longer_than_a_head() -> None:
    with serving(Server(ping_interval=1.0), "fast") as running:
        url = f"{running.url}/socket.io/?EIO=4&transport=polling"
        async with aiohttp.ClientSession() as session:
            async with session.get(url) as opened:
                sid = (await opened.text()).split('"')[3]
            began = time.monotonic()
            async with session.get(f"{url}&sid={sid}") as poll:
                assert await poll.text() == "2"
            assert time.monotonic() - began > 0.5


async def test_a_body_that_does_not_come_ends_with_its_session(way: str) -> None:
    with serving(Server(ping_interval=0.2, ping_timeout=0.6), way) as running:
        url = f"{running.url}/socket.io/?EIO=4&transport=polling"
        async with aiohttp.ClientSession() as session, session.get(url) as opened:
            sid = (await opened.text()).split('"')[3]
        with connect(running) as connection:
            path = f"/socket.io/?EIO=4&transport=polling&sid={sid}"
            connection.sendall(f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n4abc".encode())
            assert connection.recv(4096).startswith(b"HTTP/1.1 400 ")
