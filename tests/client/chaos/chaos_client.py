"""A client in a process of its own, which can be suspended: ``python chaos_client.py FACE URL TRANSPORT``.

It takes commands and gives answers as lines of JSON, and ends in an orderly way with its input.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from chaos_helpers import QUICK, Residue, Witness

import antiphon
import antiphon.sync


def answer(witness: Witness, command: dict[str, Any]) -> None:
    """Say what the client has seen."""
    if command["do"] == "errors":
        print(json.dumps([str(error) for error in witness.errors]), flush=True)  # noqa: T201
        return
    told = {
        "connects": witness.connects,
        "disconnects": len(witness.disconnects),
        "greetings": len(witness.greetings),
        "problems": witness.problems,
    }
    print(json.dumps(told), flush=True)  # noqa: T201


async def main(url: str, transport: str) -> None:
    loop = asyncio.get_running_loop()
    residue = Residue()
    socket = antiphon.connect(url, transports=[transport], **QUICK)  # type: ignore[list-item]
    witness = Witness(socket)
    reader = asyncio.StreamReader()
    pipe, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        command = json.loads(line)
        if command["do"] == "emit":
            socket.emit("number", command["number"])
            continue
        if command["do"] == "poke":
            await socket.emit_with_ack("poke")
        elif command["do"] == "state":
            while not (socket.connected and witness.is_greeted):  # noqa: ASYNC110 - as the tests do
                await asyncio.sleep(0.002)
        answer(witness, command)
    await socket.disconnect()
    pipe.close()
    await asyncio.sleep(0)
    assert residue.tasks() == []
    witness.check()


def main_blocking(url: str, transport: str) -> None:
    residue = Residue()
    socket = antiphon.sync.connect(url, transports=[transport], auto_connect=False, **QUICK)  # type: ignore[list-item]
    witness = Witness(socket)
    socket.begin()
    for line in sys.stdin:
        command = json.loads(line)
        if command["do"] == "emit":
            socket.emit("number", command["number"])
            continue
        if command["do"] == "poke":
            socket.emit_with_ack("poke")
        elif command["do"] == "state":
            while not (socket.connected and witness.is_greeted):
                time.sleep(0.002)
        # Handlers run in their own thread: what came before must have been handled.
        done = threading.Event()
        socket.io.worker.submit(done.set)
        done.wait(10)
        answer(witness, command)
    socket.disconnect()
    assert residue.threads() == []
    witness.check()


if __name__ == "__main__":
    if sys.argv[1] == "asyncio":
        asyncio.run(main(*sys.argv[2:]))
    else:
        main_blocking(*sys.argv[2:])
