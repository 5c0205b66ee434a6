"""Many times, in little memory."""

from __future__ import annotations

import math
from typing import Final

__all__ = ["Histogram"]

_STEPS: Final = 256
"""Buckets between a time and twice that time: a percentile is off by 0.4 % at most."""
_LOWEST: Final = -24
"""The power of two, in seconds, that is told from nothing: 60 nanoseconds."""
_POWERS: Final = 40


class Histogram:
    """Counts times in buckets, so that it does not grow.

    Attributes:
        count: how many times.
        longest: the longest of them.
    """

    __slots__ = ("_buckets", "count", "longest")

    def __init__(self) -> None:
        self._buckets = [0] * (_STEPS * _POWERS)
        self.count: int = 0
        self.longest: float = 0.0

    def add(self, seconds: float) -> None:
        """Count a time."""
        mantissa, power = math.frexp(seconds)
        index = (power - _LOWEST) * _STEPS + int((mantissa - 0.5) * (2 * _STEPS))
        self._buckets[0 if index < 0 or seconds <= 0 else min(index, len(self._buckets) - 1)] += 1
        self.count += 1
        self.longest = max(self.longest, seconds)

    def percentile(self, share: float) -> float:
        """Return the time that so many percent are not longer than; 0 if there is none."""
        rank = math.ceil(self.count * share / 100)
        if rank >= self.count:
            return self.longest
        seen = 0
        for index, count in enumerate(self._buckets):
            seen += count
            if seen >= max(rank, 1):
                power, step = divmod(index, _STEPS)
                middle = math.ldexp(0.5 + (step + 0.5) / (2 * _STEPS), power + _LOWEST)
                return min(middle, self.longest)
        return self.longest
