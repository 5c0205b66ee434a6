"""What a workload is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

__all__ = ["Prepare", "Run", "rounds"]

Run: TypeAlias = Callable[[int], None]
"""Performs an operation this many times. The loop is inside: to call something for each would be measured too."""

Prepare: TypeAlias = Callable[[], Run]
"""Makes all that an operation needs, once."""


def rounds(count: int, size: int) -> range:
    """Return the rounds that it takes to do something this many times, if each round does it for ``size`` sockets."""
    return range(-(-count // size))
