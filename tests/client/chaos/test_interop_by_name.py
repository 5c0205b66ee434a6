"""Servers of another kind: that of python-socketio, and the official one with the MessagePack parser."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from chaos_helpers import QUICK, Residue, until
from chaos_hosts import HERE, MODULES

import antiphon
import antiphon.sync
from antiphon import ConnectionRefused, SocketState
from antiphon.socketio.msgpack_parser import MsgPackParser

SERVERS = {
    "python-socketio": [sys.executable, "python_socketio_server.py"],
    "msgpack": ["node", "msgpack_server.mjs"],
}

VALUES: list[Any] = [
    "é☃👩‍🚀",
    [1, -1.5, 2**40, None, True, ""],
    {"a": {"b": [[], {}]}},
    b"\x00\xff",
    {"a": [b"deep", {"b": b"deeper"}]},
    "x" * 70_000,
    b"y" * 70_000,
]


@pytest.fixture(scope="session", params=list(SERVERS))
def stranger(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """The name and the URL of a server."""
    name = request.param
    if name == "msgpack" and not (shutil.which("node") and (MODULES / "socket.io-msgpack-parser").is_dir()):
        pytest.skip("the official server is missing: run `npm ci` in tests/interop")
    process = subprocess.Popen(SERVERS[name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=HERE)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield name, f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.stdin.close()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


@pytest.fixture
def url(stranger: tuple[str, str]) -> str:
    return stranger[1]


@pytest.fixture
def options(stranger: tuple[str, str], transports: list[str]) -> dict[str, Any]:
    parser = {"parser": MsgPackParser()} if stranger[0] == "msgpack" else {}
    return {"transports": transports, **QUICK, **parser}


async def test_events_and_acknowledgements(url: str, options: dict[str, Any], nothing_left: Residue) -> None:
    async with antiphon.connect(url, auth={"token": "abc"}, **options) as socket:

        @socket.on("question")
        async def question(*args: object) -> object:
            return args[::-1]

        assert await socket.wait_for("greeting", timeout=10) == (socket.id, {"token": "abc"})
        for value in VALUES:
            socket.emit("echo", value, 1)
            assert await socket.wait_for("echo", timeout=10) == (value, 1)
            assert await socket.emit_with_ack("ask", value, timeout=10) == value
        assert await socket.emit_with_ack("nothing", timeout=10) is None
        answers: list[object] = []
        socket.emit("ask", 1, b"2", "3", ack=lambda *args: answers.extend(args))
        assert await socket.emit_with_ack("join", "room", timeout=10) is True
        assert answers == [1, b"2", "3"]
        # The server asks back, with attachments, and answers with what it was told.
        assert await socket.emit_with_ack("question", "only", timeout=10) == "only"
    assert socket.state is SocketState.INACTIVE


async def test_many_events_come_in_order(url: str, options: dict[str, Any], nothing_left: Residue) -> None:
    async with antiphon.connect(url, **options) as socket:
        seen: list[object] = []
        # python-socketio starts a task for each event, and keeps their order as long as none of them waits.
        socket.on("echo", seen.append)
        for number in range(500):
            socket.emit("echo", number if number % 5 else str(number))
        assert await socket.emit_with_ack("ask", "end", timeout=10) == "end"
        assert seen == [number if number % 5 else str(number) for number in range(500)]


async def test_it_comes_by_the_transport_that_it_wants(
    url: str, options: dict[str, Any], transports: list[str], nothing_left: Residue
) -> None:
    async with antiphon.connect(url, **options) as socket:
        if len(transports) > 1 and socket.io.transport_name != transports[-1]:
            upgraded: list[str] = []
            socket.io.once("upgrade", upgraded.append)
            while not upgraded:
                assert await socket.emit_with_ack("ask", 1, timeout=10) == 1
        assert socket.io.transport_name == transports[-1]


async def test_namespaces_and_rooms(url: str, options: dict[str, Any], nothing_left: Residue) -> None:
    async with antiphon.connect(url, **options) as socket:
        admin = socket.io.socket("/admin", auth={"name": "chief"})
        assert await admin.wait_for("greeting", timeout=10) == (admin.id, {"name": "chief"})
        admin.emit("join", "somewhere")
        assert await admin.wait_for("joined", timeout=10) == "somewhere"
        assert await admin.emit_with_ack("ask", b"x", timeout=10) == b"x"
        await admin.disconnect()
        assert socket.connected


async def test_a_refusal_has_its_message_and_data(url: str, options: dict[str, Any], nothing_left: Residue) -> None:
    with pytest.raises(ConnectionRefused) as caught:
        await antiphon.connect(url, auth={"refuse": True}, **options)
    assert caught.value.message == "not you"
    assert caught.value.data == {"code": 7}


async def test_the_server_disconnects(url: str, options: dict[str, Any], nothing_left: Residue) -> None:
    async with antiphon.connect(url, **options) as socket:
        socket.emit("kick")
        assert (await socket.wait_for("disconnect", timeout=10))[0] == "io server disconnect"
        assert not socket.active
        socket.connect()
        await socket
        assert await socket.emit_with_ack("ask", 1, timeout=10) == 1


def test_the_blocking_client(url: str, options: dict[str, Any]) -> None:
    residue = Residue()
    with antiphon.sync.connect(url, auth={"token": "abc"}, **options) as socket:
        socket.on("question", lambda *args: args[0])
        assert socket.receive(timeout=10) == ("greeting", socket.id, {"token": "abc"})
        for value in VALUES:
            socket.emit("echo", value)
            assert socket.wait_for("echo", timeout=10) == value
            assert socket.emit_with_ack("ask", value, timeout=10) == value
        assert socket.emit_with_ack("question", b"x", timeout=10) == b"x"
        reasons: list[str] = []
        socket.on("disconnect", reasons.append)
        socket.emit("kick")
        until(lambda: reasons)
        assert reasons == ["io server disconnect"]
    assert residue.threads() == []
