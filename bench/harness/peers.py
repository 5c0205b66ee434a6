"""The servers that are measured: how each is started, and which version it is."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

BENCH = Path(__file__).parent.parent
SERVERS = BENCH / "servers"
NPM = BENCH / "npm"
PACKAGES = NPM / "node_modules"

_FASTEST = BENCH / ".venv" / "bin" / "python"
PYTHON = str(_FASTEST) if _FASTEST.exists() else sys.executable
"""What the servers in Python run on; see scripts/fastest-python."""

SERVER_CORE, LOAD_CORE = "0", "1"
STARTUP = 30.0
"""Seconds that a server may take until it listens."""


@dataclass(frozen=True)
class Peer:
    """A server.

    Args:
        name: what the results call it.
        label: what tables and plots call it.
        command: starts it; ``--port`` and more is added.
        version: of what it is made of.
    """

    name: str
    label: str
    command: list[str]
    version: str


@dataclass(frozen=True)
class Running:
    """A server that runs."""

    peer: Peer
    process: subprocess.Popen[bytes]
    port: int


@dataclass(frozen=True)
class Flavour:
    """How servers are started: with these arguments, which the limit does not know."""

    name: str
    arguments: tuple[str, ...] = ()


def _versions(*packages: str) -> str:
    """Return the versions of these packages, and that of Python.

    Raises:
        CalledProcessError: one is not installed.
    """
    code = (
        "import platform, sys; from importlib.metadata import version; "
        "print(', '.join(f'{p} {version(p)}' for p in sys.argv[1:]) + f', Python {platform.python_version()}')"
    )
    return _output(PYTHON, "-c", code, *packages)


def _npm_version(package: str) -> str:
    return str(json.loads((PACKAGES / package / "package.json").read_text())["version"])


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _node() -> Peer | str:
    node = shutil.which("node")
    if node is None or not (PACKAGES / "socket.io").is_dir():
        return "Node.js, or socket.io for it, is not installed"
    label = f"socket.io {_npm_version('socket.io')}, Node.js {_output(node, '--version')}"
    return Peer("node", "Node.js", [node, str(SERVERS / "node_server.mjs")], label)


def _bun() -> Peer | str:
    # The program is in a package for each platform, until the install script of "bun", if it may run, moves it.
    for bun in [PACKAGES / ".bin" / "bun", *sorted(PACKAGES.glob("@oven/bun-*/bin/bun"))]:
        try:
            number = _output(str(bun), "--version")
        except (OSError, subprocess.CalledProcessError):
            continue
        engine = _npm_version("@socket.io/bun-engine")
        label = f"socket.io {_npm_version('socket.io')}, bun-engine {engine}, Bun {number}"
        return Peer("bun", "Bun", [str(bun), str(SERVERS / "bun_server.mjs")], label)
    return "Bun is not installed, or does not run here"


def _python_socketio() -> Peer | str:
    try:
        label = _versions("python-socketio", "uvicorn")
    except subprocess.CalledProcessError:
        return "python-socketio is not installed"
    command = [PYTHON, str(SERVERS / "python_socketio_server.py")]
    return Peer("python-socketio", "python-socketio", command, label)


def _limit() -> Peer | str:
    program = BENCH / "limit_server"
    if not program.exists():
        return "the limit server is not built: there is no C compiler"
    return Peer("limit", "limit in C", [str(program)], "epoll, one thread, checks nothing")


def find_peers() -> tuple[list[Peer], list[str]]:
    """Return the servers that can be started here, ours first, and a line for each that cannot."""
    ours = Peer("antiphon", "Antiphon", [PYTHON, str(SERVERS / "antiphon_server.py")], _versions("antiphon"))
    found: list[Peer] = [ours]
    missing = []
    for peer in (_node(), _bun(), _python_socketio(), _limit()):
        if isinstance(peer, Peer):
            found.append(peer)
        else:
            missing.append(f"left out: {peer}")
    return found, missing


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(peer: Peer, flavour: Flavour) -> Iterator[Running]:
    """Start a server on its core, and stop it at the end."""
    port = free_port()
    command = ["taskset", "-c", SERVER_CORE, *peer.command, "--port", str(port), *flavour.arguments]
    environment = {**os.environ, "PEERS": str(NPM / "package.json"), "NODE_ENV": "production"}
    process = subprocess.Popen(command, env=environment)
    try:
        _wait_until_it_listens(peer, process, port)
        yield Running(peer, process, port)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_it_listens(peer: Peer, process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + STARTUP
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{peer.label} does not answer") from None
            time.sleep(0.05)
        else:
            return


@contextmanager
def all_running(peers: list[Peer], flavour: Flavour) -> Iterator[list[Running]]:
    """Start several servers; those that are not asked anything take no time of the core."""
    with ExitStack() as stack:
        yield [stack.enter_context(running(peer, flavour)) for peer in peers]
