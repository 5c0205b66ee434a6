"""Clients beside each other: one of each kind, against a server of ours, in turns."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from harness.peers import BENCH, LOAD_CORE, NPM, PACKAGES, PYTHON, Flavour, Peer, running

PROGRAMS = BENCH / "clients"
PATIENCE = 120.0
"""Seconds that one turn may take."""
LABELS = {"antiphon": "Antiphon", "node": "socket.io-client on Node.js", "python-socketio": "python-socketio"}


@dataclass(frozen=True)
class ClientWorkload:
    """What a client is given to do.

    Args:
        name: what tables call it.
        arguments: of the programs.
        goal: the least ratio to the client of python-socketio that we want; None if there is none.
    """

    name: str
    arguments: tuple[str, ...]
    goal: float | None = None


CLIENT_WORKLOADS = (
    ClientWorkload("one client: echo, 1 in flight", ("--mode", "echo", "--in-flight", "1")),
    ClientWorkload("one client: echo, 16 in flight", ("--mode", "echo", "--in-flight", "16"), 5.0),
    ClientWorkload("one client: listening to a broadcast", ("--mode", "listen"), 5.0),
)

CLIENT_GOALS = {workload.name: workload.goal for workload in CLIENT_WORKLOADS}


def find_clients() -> dict[str, list[str]]:
    """Return how each client that is installed here is started, ours first."""
    found = {"antiphon": [PYTHON, str(PROGRAMS / "antiphon_client.py")]}
    node = shutil.which("node")
    if node is not None and (PACKAGES / "socket.io-client").is_dir():
        found["node"] = [node, str(PROGRAMS / "node_client.mjs")]
    code = "import aiohttp, socketio"
    if subprocess.run([PYTHON, "-c", code], capture_output=True, check=False).returncode == 0:
        found["python-socketio"] = [PYTHON, str(PROGRAMS / "python_socketio_client.py")]
    return found


def measure_clients(
    server: Peer, rounds: int, seconds: float, tell: Callable[[str], None]
) -> dict[str, dict[str, list[dict[str, float]]]]:
    """Give every client its turns with every workload.

    Args:
        server: what they connect to.
        rounds: how many turns each has.
        seconds: how long a turn takes.
        tell: gets what is going on.
    """
    clients = find_clients()
    environment = {**os.environ, "PEERS": str(NPM / "package.json"), "NODE_ENV": "production"}
    results: dict[str, dict[str, list[dict[str, float]]]] = {}
    with running(server, Flavour("plain")) as target:
        for workload in CLIENT_WORKLOADS:
            tell(workload.name)
            turns: dict[str, list[dict[str, float]]] = {name: [] for name in clients}
            for number in range(rounds):
                for name in clients if number % 2 == 0 else reversed(clients):
                    arguments = ["--port", str(target.port), "--seconds", str(seconds), *workload.arguments]
                    command = ["taskset", "-c", LOAD_CORE, *clients[name], *arguments]
                    printed = subprocess.run(
                        command, capture_output=True, text=True, timeout=PATIENCE, check=True, env=environment
                    )
                    turns[name].append(json.loads(printed.stdout))
            results[workload.name] = turns
    return results
