"""The same application on every ASGI server that we name."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import socketio

APPLICATION = """
from antiphon import Server, Socket

# At times python-socketio leaves without saying so, and then waits for its poll to end: let it have a ping soon.
io = Server(ping_interval=1)

@io.event("greet")
async def greet(socket: Socket, name: str) -> str:
    return f"hello {name}"
"""

COMMANDS = {
    "uvicorn": ["-m", "uvicorn", "application:io", "--port", "{port}"],
    "uvicorn, fast path": [
        "-m", "uvicorn", "application:io", "--port", "{port}", "--ws", "antiphon.uvicorn:WebSocketProtocol",
    ],
    "hypercorn": ["-m", "hypercorn", "--bind", "127.0.0.1:{port}", "application:io"],
    "granian": ["-m", "granian", "--interface", "asgi", "--port", "{port}", "application:io"],
    "daphne": ["-m", "daphne", "-p", "{port}", "application:io"],
    "antiphon run": ["-m", "antiphon", "run", "application:io", "--port", "{port}"],
}  # fmt: skip


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_listening(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server does not listen"
            time.sleep(0.05)


@contextlib.contextmanager
def running(command: list[str], folder: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    (folder / "application.py").write_text(APPLICATION)
    port = free_port()
    arguments = [sys.executable, *(part.format(port=port) for part in command)]
    # In a group of its own, because some servers start workers, which a kill of the parent alone would leave behind.
    process = subprocess.Popen(
        arguments, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        wait_until_listening(port, process)
        yield port, process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(20)


@pytest.fixture(params=COMMANDS, scope="module")
def port(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with running(COMMANDS[request.param], tmp_path_factory.mktemp("application")) as (number, _):
        yield number


@pytest.mark.parametrize("transports", [["polling"], ["websocket"], ["polling", "websocket"]], ids="-".join)
def test_a_client_is_served(port: int, transports: list[str]) -> None:
    client = socketio.Client(reconnection=False)
    client.connect(f"http://127.0.0.1:{port}", transports=transports, wait_timeout=10)
    try:
        assert client.call("greet", "you", timeout=10) == "hello you"
        assert client.transport() == transports[-1]
    finally:
        client.disconnect()


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_an_interrupted_server_lets_its_clients_go(tmp_path: Path, transport: str) -> None:
    with running(COMMANDS["antiphon run"], tmp_path) as (port, process):
        client = socketio.Client(reconnection=False)
        gone = threading.Event()
        client.on("disconnect", lambda *_: gone.set())
        client.connect(f"http://127.0.0.1:{port}", transports=[transport], wait_timeout=10)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) in (0, -signal.SIGINT)
        # Not client.wait(): that waits for a thread of its own as well, which goes on for half a minute when it polls.
        assert gone.wait(10)
        # Let its thread go, which would wait for half a minute; and it closes neither of these by itself.
        client.eio.queue.put(None)
        for connection in (client.eio.ws, client.eio.http):
            if connection is not None:
                connection.close()
