"""How much work may be needed by what matters most. ``tests/bench`` holds it to this.

A limit is a ratio: the instructions that an operation needs, divided by those that the yardstick needs, counted in the
same run. So it holds for every version of Python, whoever compiled it, and on a busy machine.

Each stands 15 % above the highest ratio that was measured: with Python 3.11, 3.12 and 3.13 as pyenv compiles them, and
with the 3.11 of Debian, which is optimised for what a profile shows. Between these most ratios differ by 2 to 10 %,
that of "broadcast to a room of one" by 17 %.

- To lower a limit, after something has become cheaper: ``python -m bench.micro.instructions`` prints what is measured
  now. Add 15 %, or 20 % if it was measured with one Python alone.
- To raise one: say in the commit what the instructions buy. That the test fails is no reason.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Final, NamedTuple

__all__ = ["LIMITS", "Limit", "judge"]

_EVENT: Final = "yardstick: event"
_SOCKET: Final = "yardstick: socket"

_EAGER: Final = sys.version_info >= (3, 12)
"""Whether a task may start at once. Before that it takes turns of the event loop, for which there is no yardstick."""


class Limit(NamedTuple):
    """What a workload is measured by, and how many times the work of that it may need."""

    yardstick: str
    ratio: float


LIMITS: dict[str, Limit] = {
    "echo": Limit(_EVENT, 1.09),
    "echo, in a namespace": Limit(_EVENT, 1.5),
    "echo, async": Limit(_EVENT, 2.18 if _EAGER else 3.9),
    "echo, over WebSocket": Limit(_EVENT, 1.9),
    "echo, binary, over WebSocket": Limit(_EVENT, 5.86),
    "ack": Limit(_EVENT, 1.41),
    "decode event": Limit(_EVENT, 0.266),
    "encode event": Limit(_EVENT, 0.178),
    "join and leave": Limit(_EVENT, 0.72),
    "select a room": Limit(_SOCKET, 0.182),
    "select all but one": Limit(_SOCKET, 0.4),
    "broadcast": Limit(_SOCKET, 1.04),
    "broadcast to a room": Limit(_SOCKET, 2),
    "broadcast to a room of one": Limit(_EVENT, 3.82),
    "broadcast, over WebSocket": Limit(_SOCKET, 3.39),
}


def judge(name: str, counts: Mapping[str, float]) -> str | None:
    """Say what is wrong with a workload, given the instructions that each needs; None if nothing is."""
    yardstick, limit = LIMITS[name]
    ratio = counts[name] / counts[yardstick]
    if ratio <= limit:
        return None
    return (
        f"{name!r} needs {counts[name]:,.0f} instructions, {ratio:.3f} times the {yardstick}; "
        f"the limit is {limit}, exceeded by {ratio / limit - 1:.0%}: see bench/micro/limits.py"
    )
