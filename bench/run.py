"""Antiphon, socket.io on Node.js, and the limit, side by side: a core for the server, one for the load, in rounds."""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

BENCH = Path(__file__).parent
SIOLOAD = BENCH / "sioload"
NODE_MODULES = BENCH.parent / "tests" / "interop" / "node_modules"

SERVER_CORE, LOAD_CORE = "0", "1"


@dataclass(frozen=True)
class Workload:
    """What sioload is asked to do."""

    name: str
    mode: str
    connections: int
    in_flight: int
    payload: int = 64


WORKLOADS = (
    Workload("echo, 100 clients, 1 in flight", "echo", 100, 1),
    Workload("echo, 100 clients, 16 in flight", "echo", 100, 16),
    Workload("ack, 100 clients", "ack", 100, 1),
    Workload("broadcast to 1,000, deliveries", "bcast", 1000, 1),
)

PEERS = {
    "antiphon": [sys.executable, str(BENCH / "servers" / "antiphon_server.py"), "--port"],
    "node": ["node", str(BENCH / "servers" / "node_server.cjs"), "--port"],
    "limit": [str(BENCH / "limit_server"), "--port"],
}
"""How each is started. The limit is the least that a server can do, in C: what the kernel of this machine allows."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(peer: str):
    """Start a server on its core and stop it at the end."""
    port = free_port()
    environment = {**os.environ, "NODE_PATH": str(NODE_MODULES)}
    process = subprocess.Popen(["taskset", "-c", SERVER_CORE, *PEERS[peer], str(port)], env=environment)
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{peer} does not answer") from None
                time.sleep(0.05)
        yield process, port
    finally:
        process.terminate()
        process.wait(20)


def load(port: int, workload: Workload, seconds: float) -> float:
    """Run sioload and return the events that it received per second."""
    command = [str(SIOLOAD), str(port), workload.mode, str(workload.connections), str(workload.in_flight)]
    command += [str(workload.payload), str(seconds)]
    output = subprocess.run(
        ["taskset", "-c", LOAD_CORE, *command], capture_output=True, text=True, timeout=300, check=True
    )
    match = re.search(r"msgs_per_s=(\d+).*errors=(\d+)", output.stdout)
    if match is None or match[2] != "0":
        raise RuntimeError(f"sioload failed: {output.stdout} {output.stderr}")
    return float(match[1])


def measure_speed(rounds: int, seconds: float) -> dict[str, dict[str, list[float]]]:
    """Give every peer its turn in every round, so that what else the machine does hits all alike."""
    results: dict[str, dict[str, list[float]]] = {workload.name: defaultdict(list) for workload in WORKLOADS}
    for number in range(rounds):
        order = list(PEERS) if number % 2 == 0 else list(reversed(PEERS))
        for peer in order:
            with running(peer) as (_, port):
                load(port, WORKLOADS[0], 1.0)  # the compiler of Node.js has to see the code first
                for workload in WORKLOADS:
                    results[workload.name][peer].append(load(port, workload, seconds))
    return results


def resident_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) * 1024


def measure_memory(connections: int) -> dict[str, float]:
    """Return the bytes of resident memory that an idle WebSocket connection takes."""
    results = {}
    for peer in PEERS:
        with running(peer) as (process, port):
            load(port, Workload("warm", "echo", 10, 1), 0.5)
            before = resident_bytes(process.pid)
            command = [str(SIOLOAD), str(port), "idle", str(connections), "1", "64", "3"]
            holder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            line = holder.stdout.readline()
            if f"conns={connections} " not in line:
                raise RuntimeError(f"{peer} took {line} of {connections} connections")
            time.sleep(1.5)
            results[peer] = (resident_bytes(process.pid) - before) / connections
            holder.wait(60)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--connections", type=int, default=10_000, help="for the memory of idle connections")
    arguments = parser.parse_args()
    if shutil.which("node") is None or not (NODE_MODULES / "socket.io").is_dir():
        print("node or its packages are missing: only antiphon is measured")
        del PEERS["node"]
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    speed = measure_speed(arguments.rounds, arguments.seconds)
    print(
        f"| events per second, median of {arguments.rounds} rounds (lowest - highest) | "
        + " | ".join(PEERS)
        + " | ratio |"
    )
    print("|---|" + "---|" * (len(PEERS) + 1))
    for name, by_peer in speed.items():
        cells = [f"{statistics.median(v):,.0f} ({min(v):,.0f} - {max(v):,.0f})" for v in by_peer.values()]
        print(
            f"| {name} | " + " | ".join(cells[list(by_peer).index(peer)] for peer in PEERS) + f" | {ratio(by_peer)} |"
        )
    memory = measure_memory(arguments.connections)
    cells = [f"{value / 1000:.1f} kB" for value in memory.values()]
    print(f"| memory per idle connection at {arguments.connections:,} | " + " | ".join(cells) + " | |")

    results = BENCH / "results"
    results.mkdir(exist_ok=True)
    path = results / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
    path.write_text(json.dumps({"speed": speed, "memory": memory}, indent=1))


def ratio(by_peer: dict[str, list[float]]) -> str:
    """Return the median of the rounds' ratios."""
    if "node" not in by_peer:
        return ""
    ratios = [ours / theirs for ours, theirs in zip(by_peer["antiphon"], by_peer["node"], strict=True)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} - {max(ratios):.2f})"


if __name__ == "__main__":
    main()
