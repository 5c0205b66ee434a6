"""Servers that are killed, started again, and suspended; and clients that are suspended, or find no name."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from chaos_helpers import QUICK, TRANSPORTS, Residue, Witness, sessions, true, until
from chaos_hosts import INTERVAL, TIMEOUT, ChaosServer

import antiphon
from antiphon import ConnectError

HERE = Path(__file__).parent

pytestmark = [pytest.mark.filterwarnings("error::ResourceWarning"), pytest.mark.usefixtures("no_errors")]


@contextlib.asynccontextmanager
async def client(url: str, **options: Any) -> Any:
    """Connect a client, and see that nothing is left of it in the end; yields it and its witness."""
    residue = Residue()
    async with antiphon.connect(url, **{**QUICK, **options}) as socket:
        witness = Witness(socket)
        yield socket, witness
        witness.check()
    assert residue.tasks() == []
    # A closed connection is gone in the next turn of the event loop.
    await asyncio.sleep(0)
    assert residue.files() == []
    assert residue.threads() == []


# Servers


async def test_it_survives_a_server_that_is_killed_fifty_times(
    server: ChaosServer, transport: str, nothing_left: Residue
) -> None:
    async with client(server.url, transports=TRANSPORTS[transport]) as (socket, witness):
        number = 0
        await true(lambda: witness.is_greeted)
        for times in range(1, 51):
            server.kill()
            await true(lambda: not socket.connected)
            for _ in range(5):
                socket.emit("number", number)
                number += 1
            server.start()
            await true(lambda: len(server.numbers) >= number)  # noqa: B023 - waited for at once
            # Each server knows one client only.
            await true(lambda: len(witness.greetings) == times + 1)  # noqa: B023
            assert await socket.emit_with_ack("poke") is True
            assert witness.ticks[socket.id] == 1
            assert (witness.connects, len(witness.disconnects)) == (times + 1, times)
        assert server.numbers == list(range(number))
        # An error knows what it happened to.
        witness.errors.clear()
        assert max(sessions().values()) <= 2


async def test_it_survives_a_server_that_is_suspended(
    pinging_server: ChaosServer, transport: str, nothing_left: Residue
) -> None:
    server = pinging_server
    async with client(server.url, transports=TRANSPORTS[transport], timeout=0.5) as (socket, witness):
        for times in range(1, 3):
            server.suspend()
            await true(lambda: len(witness.disconnects) == times)  # noqa: B023 - waited for at once
            # The attempts find a port that takes connections, and nobody who answers.
            await true(lambda: any("no answer within" in str(error) for error in witness.errors))
            socket.emit("number", times)
            server.resume()
            await true(lambda: len(server.numbers) == times)  # noqa: B023
            assert await socket.emit_with_ack("poke") is True
            witness.errors.clear()
        assert set(witness.disconnects) == {"ping timeout"}
        assert server.numbers == [1, 2]


# Clients


class Program:
    """A client in a process of its own (chaos_client.py)."""

    def __init__(self, *arguments: str, wrapper: tuple[str, ...] = ()) -> None:
        self._process = subprocess.Popen(
            [*wrapper, sys.executable, str(HERE / "chaos_client.py"), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def tell(self, **command: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        self._process.stdin.flush()

    def ask(self, **command: object) -> Any:
        """Ask for a line of JSON."""
        assert self._process.stdout is not None
        self.tell(**command)
        line = self._process.stdout.readline()
        assert line, "the client has ended"
        return json.loads(line)

    def suspend(self) -> None:
        self._process.send_signal(signal.SIGSTOP)
        until(lambda: Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def end(self) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.resume()
        self._process.stdin.close()
        try:
            return self._process.wait(15)
        finally:
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()


@pytest.mark.parametrize("face", ["asyncio", "blocking"])
def test_it_notices_that_it_was_suspended(pinging_server: ChaosServer, transport: str, face: str) -> None:
    server = pinging_server
    program = Program(face, server.url, transport)
    try:
        for times in range(1, 3):
            before = program.ask(do="state")
            departures = server.departures
            program.suspend()
            # The server gives the client up that does not answer the ping, and the client could know by then.
            time.sleep(INTERVAL + TIMEOUT + 0.2)
            until(lambda: server.departures > departures)  # noqa: B023 - waited for at once
            program.resume()
            # What is emitted now must not go into a connection that is none any more.
            program.tell(do="emit", number=times)
            until(lambda: len(server.numbers) == times)  # noqa: B023 - waited for at once
            state = program.ask(do="poke")
            assert state["connects"] == before["connects"] + 1
            assert state["disconnects"] == before["disconnects"] + 1
            assert state["greetings"] == before["greetings"] + 1
            assert state["problems"] == []
        assert server.numbers == [1, 2]
    finally:
        status = program.end()
    # It ends in an orderly way: no exception, no thread that hangs.
    assert status == 0


# Names


async def test_it_tells_that_a_name_cannot_be_resolved(transport: str, nothing_left: Residue) -> None:
    residue = Residue()
    socket = antiphon.connect("http://nobody.invalid:3000", transports=TRANSPORTS[transport], **QUICK)
    witness = Witness(socket)
    await true(lambda: len(witness.errors) >= 5)
    assert socket.active
    for error in witness.errors:
        assert isinstance(error, ConnectError)
        assert str(error).startswith(
            f"cannot connect to http://nobody.invalid:3000 by {transport}: the name of the host cannot be resolved ("
        )
    await socket.disconnect()
    assert residue.tasks() == []
    assert residue.files() == []


@pytest.fixture
def hosts_file(tmp_path: Path) -> Path:
    """A file for programs to have instead of /etc/hosts: they see it in a mount namespace of their own.

    That is the name service of the system, with nothing patched in the client, and nothing changed for others.
    """
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-Urm", "true"], check=False).returncode:
        pytest.skip("needs mount namespaces")
    path = tmp_path / "hosts"
    path.write_text("127.0.0.1 localhost\n")
    return path


@pytest.mark.parametrize("face", ["asyncio", "blocking"])
def test_it_connects_when_the_name_is_there_at_last(
    server: ChaosServer, transport: str, hosts_file: Path, face: str
) -> None:
    mount = f"mount --bind {hosts_file} /etc/hosts && exec "
    wrapper = ("unshare", "-Urm", "sh", "-c", mount + '"$@"', "sh")
    program = Program(face, f"http://somebody.invalid:{server.port}", transport, wrapper=wrapper)
    try:
        until(lambda: len(program.ask(do="errors")) >= 3)
        for error in program.ask(do="errors"):
            assert "the name of the host cannot be resolved" in error
        with hosts_file.open("a") as file:
            file.write("127.0.0.1 somebody.invalid\n")
        program.tell(do="emit", number=7)
        until(lambda: server.numbers == [7])
        assert program.ask(do="poke")["problems"] == []
    finally:
        status = program.end()
    assert status == 0
