"""What the servers are given to do, and what we want to reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Workload:
    """A way to use a server.

    Args:
        name: what tables call it.
        arguments: of the load generator.
        flavour: how the servers are started.
        counts: what is counted, a key of what the load generator prints.
        limit: whether the server in C can do it.
        seconds: how long one turn takes, as a multiple of the usual.
        rounds: how many turns each server has, as a share of the usual.
        goals: the least ratio to each of the others that we want.
        quick: whether it is part of the quick run.
        few: arguments for the quick run, if it has to be smaller.
    """

    name: str
    arguments: tuple[str, ...]
    flavour: str = "plain"
    counts: str = "events_per_s"
    limit: bool = False
    seconds: float = 1.0
    rounds: float = 1.0
    goals: Mapping[str, float] = field(default_factory=dict)
    quick: bool = False


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ECHO = Workload(
    "echo, 100 clients, 1 in flight",
    _words("--mode echo"),
    limit=True,
    goals={"node": 2.0, "bun": 1.05, "python-socketio": 12, "limit": 0.55},
    quick=True,
)

WORKLOADS = (
    Workload("echo, 1 client", _words("--mode echo --connections 1"), limit=True),
    ECHO,
    Workload(
        "echo, 100 clients, 16 in flight",
        _words("--mode echo --in-flight 16"),
        limit=True,
        goals={"node": 4.0, "bun": 1.15, "python-socketio": 30, "limit": 1.0},
        quick=True,
    ),
    Workload(
        "ack, 100 clients",
        _words("--mode ack"),
        limit=True,
        goals={"node": 2.2, "bun": 1.1, "python-socketio": 10, "limit": 0.5},
        quick=True,
    ),
    Workload("echo, async handler", ("--mode", "echo", "--event", "echo later")),
    Workload("echo, binary, 1 KiB", _words("--mode echo --data binary --payload 1024")),
    Workload("echo, binary, 64 KiB", _words("--mode echo --data binary --payload 65536 --connections 20")),
    Workload("echo, JSON object, 10 kB", _words("--mode echo --data json --payload 10000")),
    Workload("echo, namespace with middlewares", _words("--mode echo --nsp /members")),
    Workload(
        "broadcast to 1,000",
        _words("--mode bcast --connections 1000"),
        limit=True,
        goals={"node": 2.6, "bun": 1.15, "python-socketio": 15, "limit": 0.85},
        quick=True,
    ),
    Workload(
        "broadcast to 1,000, each when all have had the last",
        _words("--mode bcast --connections 1000 --whole"),
        limit=True,
    ),
    Workload("broadcast to 10,000", _words("--mode bcast --connections 10000"), limit=True, seconds=2, rounds=0.3),
    Workload("100 rooms of 50", _words("--mode room --connections 5000 --rooms 100"), rounds=0.3),
    Workload(
        "polling echo, 100 clients",
        _words("--mode echo --transport polling"),
        goals={"node": 1.5, "bun": 1.0, "python-socketio": 5},
        quick=True,
    ),
    Workload("echo, half polling, half WebSocket", _words("--mode echo --transport mixed")),
    Workload(
        "connect storm, connections",
        _words("--mode idle --connections 1000"),
        counts="connect_per_s",
        limit=True,
        goals={"node": 2.0, "bun": 0.6, "python-socketio": 5},
        quick=True,
    ),
    Workload("echo over TLS", _words("--mode echo --tls"), flavour="tls"),
    Workload("echo, 4 kB, not deflated", _words("--mode echo --data json --payload 4000")),
    Workload(
        "echo, 4 kB, permessage-deflate", _words("--mode echo --data json --payload 4000 --deflate"), flavour="deflate"
    ),
)

MEMORY_GOALS: Mapping[str, float] = {"node": 0.5, "bun": 0.85, "python-socketio": 0.5}
"""The most memory per idle connection that we want, as a ratio."""

MEMORY_LIMIT = 12_000
"""The most bytes of memory per idle connection that we want."""
