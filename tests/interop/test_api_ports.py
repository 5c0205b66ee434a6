"""A server that listens at a port by itself, with the official client: ``io.run`` and ``io.serve``, the fast path."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PROGRAM = """
import asyncio
import sys

from antiphon import Server

io = Server()
io.event("ask")(lambda socket, value: value)


@io.event("close")
async def close(socket):
    await io.close()


async def serve():
    await io.serve(port=0)
    print("closed", flush=True)
    sys.stdin.read()


if sys.argv[1] == "run":
    io.run(port=0)
else:
    asyncio.run(serve())
"""


@contextlib.contextmanager
def listening(how: str, folder: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run the program until the block ends; give its process and port."""
    (folder / "program.py").write_text(PROGRAM)
    command = [sys.executable, "program.py", how]
    with subprocess.Popen(
        command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                    break
            else:
                raise AssertionError("the server did not start")
            yield process, int(found[1])
        finally:
            process.kill()


@pytest.mark.parametrize("how", ["run", "serve"])
@pytest.mark.parametrize("transports", [["polling"], ["websocket"], ["polling", "websocket"]], ids="-".join)
def test_a_server_listens_at_a_port(node, tmp_path, how, transports):
    with listening(how, tmp_path) as (_, port):
        client = node.client(f"http://127.0.0.1:{port}", transports=transports)
        client.expect_connect()
        if len(transports) == 2:
            client.expect("upgrade", transport="websocket")
        assert client.call("ask", b"binary") == [b"binary"]
        node.forget_clients()


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_a_server_that_is_closed_leaves_its_port(node, tmp_path, transport):
    with listening("serve", tmp_path) as (process, port):
        client = node.client(f"http://127.0.0.1:{port}", transports=[transport])
        client.expect_connect()
        client.emit("close")
        client.expect("disconnect")
        assert process.stdout is not None
        assert process.stdout.readline() == "closed\n"
        with socket.socket() as listener:
            # Connections that have just ended do not matter, but another listener would.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", port))
            listener.listen()
        assert process.poll() is None
