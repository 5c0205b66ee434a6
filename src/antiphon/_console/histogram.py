"""Many times, in little memory."""

from __future__ import annotations

import math
from bisect import bisect_left
from itertools import accumulate
from typing import Final

__all__ = ["Histogram"]

_STEPS: Final = 128
"""Buckets between a time and twice that time: a percentile is off by 0.4 % at most."""
_LOWEST: Final = -24
"""The power of two, in seconds, that is told from nothing: 60 nanoseconds."""
_POWERS: Final = 36


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

    def percentiles(self, *shares: float) -> list[float]:
        """Return, for each share, the time that so many percent are not longer than; 0 if there is none."""
        totals = list(accumulate(self._buckets))
        return [self._percentile(totals, share) for share in shares]

    def _percentile(self, totals: list[int], share: float) -> float:
        rank = max(math.ceil(self.count * share / 100), 1)
        if rank >= self.count:
            return self.longest
        power, step = divmod(bisect_left(totals, rank), _STEPS)
        middle = math.ldexp(0.5 + (step + 0.5) / (2 * _STEPS), power + _LOWEST)
        return min(middle, self.longest)
