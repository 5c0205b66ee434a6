"""Gives each server its turns, and takes down what the load generator says."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trustme

from harness.peers import BENCH, LOAD_CORE, Flavour, Peer, Running, all_running, running
from harness.workloads import ECHO, WORKLOADS, Workload

SIOLOAD = BENCH / "sioload"
PATIENCE = 240.0
"""Seconds that one turn may take."""

Tell = Callable[[str], None]
Turns = dict[str, list[dict[str, float]]]


@dataclass(frozen=True)
class Effort:
    """How much is done.

    Args:
        quick: only what has a goal, and fewer turns.
    """

    quick: bool

    @property
    def rounds(self) -> int:
        """How many turns each server has."""
        return 3 if self.quick else 4

    @property
    def seconds(self) -> float:
        """How long a turn is measured."""
        return 0.7 if self.quick else 1.0

    def idle_connections(self, at_most: int) -> list[int]:
        """At how many connections memory is measured, if a process may have so many open."""
        return [5_000] if self.quick else sorted({min(wanted, at_most) for wanted in (10_000, 50_000)})

    @property
    def workloads(self) -> list[Workload]:
        """What is measured."""
        return [workload for workload in WORKLOADS if workload.quick or not self.quick]


def load(port: int, *arguments: str) -> dict[str, float]:
    """Run the load generator once and return what it measured."""
    command = ["taskset", "-c", LOAD_CORE, str(SIOLOAD), "--port", str(port), "--spin", *arguments]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if finished.returncode != 0:
        raise RuntimeError(f"sioload {' '.join(arguments)} failed: {finished.stderr}")
    measured: dict[str, float] = {}
    for line in finished.stdout.splitlines():
        measured.update(json.loads(line))
    if measured["errors"]:
        raise RuntimeError(f"sioload {' '.join(arguments)} met errors: {finished.stderr}")
    return measured


def in_turns(servers: Sequence[Running], rounds: int, turn: Callable[[Running], dict[str, float]]) -> Turns:
    """Give every server its turn in every round, so that what else the machine does hits all alike."""
    turns: Turns = {server.peer.name: [] for server in servers}
    for number in range(rounds):
        for server in servers if number % 2 == 0 else reversed(servers):
            turns[server.peer.name].append(turn(server))
    return turns


def flavours(folder: Path) -> dict[str, Flavour]:
    """Return the ways in which servers are started; makes the certificate of one."""
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    cert, key = folder / "cert.pem", folder / "key.pem"
    certificate.private_key_pem.write_to_path(key)
    cert.write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    return {
        "plain": Flavour("plain"),
        "tls": Flavour("tls", ("--cert", str(cert), "--key", str(key))),
        "deflate": Flavour("deflate", ("--deflate",)),
    }


def measure_speed(peers: Sequence[Peer], effort: Effort, folder: Path, tell: Tell) -> dict[str, Turns]:
    """Measure every workload; and the latencies of the servers at half of what each can do."""
    results: dict[str, Turns] = {}
    for name, flavour in flavours(folder).items():
        chosen = [workload for workload in effort.workloads if workload.flavour == name]
        able = [peer for peer in peers if name == "plain" or peer.name != "limit"]
        if not chosen:
            continue
        with all_running(able, flavour) as servers:
            for server in servers:
                # Compilers that work while the program runs have to see the code first.
                load(server.port, *chosen[0].arguments, "--seconds", "2")
            for workload in chosen:
                tell(workload.name)
                results[workload.name] = _measure(workload, servers, effort)
            if name == "plain" and not effort.quick:
                tell("latency")
                results["latency"] = _measure_latency(servers, results[ECHO.name], effort)
    return results


def _measure(workload: Workload, servers: Sequence[Running], effort: Effort) -> Turns:
    arguments = (*workload.arguments, "--seconds", str(effort.seconds * workload.seconds), "--warm", "0.3")
    if workload.counts == "connect_per_s":
        arguments = (*workload.arguments, "--seconds", "0")
    able = [server for server in servers if workload.limit or server.peer.name != "limit"]
    if workload.rounds >= 1:
        # The first turn after another workload is not counted: the servers have to see the new code.
        for server in able:
            load(server.port, *workload.arguments, "--seconds", "0.2", "--warm", "0.1")
    rounds = max(1, round(effort.rounds * workload.rounds))
    return in_turns(able, rounds, lambda server: load(server.port, *arguments))


def _measure_latency(servers: Sequence[Running], echo: Turns, effort: Effort) -> Turns:
    def turn(server: Running) -> dict[str, float]:
        able = statistics.median(one["events_per_s"] for one in echo[server.peer.name])
        rate = str(int(able / 2))
        seconds = str(2 * effort.seconds)
        return load(server.port, "--mode", "echo", "--rate", rate, "--seconds", seconds) | {"rate": float(rate)}

    return in_turns(servers, min(3, effort.rounds), turn)


def resident_bytes(pid: int) -> int:
    """Return how much memory a process has."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def cpu_seconds(pid: int) -> float:
    """Return how long a process has run."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def holding(server: Running, connections: int, seconds: float) -> Iterator[Any]:
    """Keep idle connections open. Gives a function that waits for the end and returns what was measured."""
    command = ["taskset", "-c", LOAD_CORE, str(SIOLOAD), "--port", str(server.port), "--mode", "idle"]
    command += ["--connections", str(connections), "--seconds", str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        joined = json.loads(holder.stdout.readline())
        if joined["joined"] != connections:
            raise RuntimeError(f"{server.peer.label} took {joined['joined']} of {connections} connections")

        def wait() -> dict[str, float]:
            return {**joined, **json.loads(holder.communicate()[0])}

        try:
            yield wait
        finally:
            holder.kill()


def measure_memory(peers: Sequence[Peer], connections: int, tell: Tell) -> dict[str, float]:
    """Return the bytes of resident memory that an idle WebSocket connection takes."""
    results = {}
    for peer in peers:
        tell(f"memory at {connections:,} connections, {peer.label}")
        with running(peer, Flavour("plain")) as server:
            load(server.port, "--mode", "echo", "--connections", "10", "--seconds", "0.5")
            before = resident_bytes(server.process.pid)
            with holding(server, connections, 30):
                time.sleep(1.5)  # collectors of garbage have a moment
                results[peer.name] = (resident_bytes(server.process.pid) - before) / connections
    return results


def measure_soak(peer: Peer, connections: int, at_most: int, seconds: float, tell: Tell) -> dict[str, float]:
    """Hold idle connections, heartbeats as they are by default, and see whether all stay.

    Args:
        peer: the server.
        connections: how many in all.
        at_most: how many a process may have open; more are shared by several servers, still on one core.
        seconds: for how long.
        tell: gets what is going on.
    """
    shares = -(-connections // at_most)
    share = -(-connections // shares)
    tell(f"{share:,} connections to each of {shares} processes for {seconds:.0f} seconds")
    with ExitStack() as stack:
        servers = [stack.enter_context(running(peer, Flavour("plain"))) for _ in range(shares)]
        pids = [server.process.pid for server in servers]
        before = sum(map(resident_bytes, pids))
        waits = [stack.enter_context(holding(server, share, seconds + 30 * shares)) for server in servers]
        start, used = time.monotonic(), sum(map(cpu_seconds, pids))
        time.sleep(seconds)  # what is measured is the time itself
        memory = (sum(map(resident_bytes, pids)) - before) / (share * shares)
        busy = (sum(map(cpu_seconds, pids)) - used) / (time.monotonic() - start)
        lost = sum(wait()["errors"] for wait in waits)
    return {
        "connections": float(share * shares),
        "processes": float(shares),
        "seconds": seconds,
        "lost": lost,
        "cpu_share": busy,
        "memory_per_connection": memory,
    }
