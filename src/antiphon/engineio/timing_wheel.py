"""A timing wheel: very many deadlines, one timer.

Deadlines are rounded down to slots, so that connections that were opened together are served together. It has no clock;
time (seconds, any origin) is an argument.
"""

from __future__ import annotations

import heapq
import math
from typing import Generic, Protocol, TypeVar

__all__ = ["Timed", "TimingWheel"]

_NOWHERE = -1


class Timed(Protocol):
    """What can be put on a wheel: it keeps a note of its slot, -1 at first."""

    slot: int

    def __hash__(self) -> int: ...


T = TypeVar("T", bound=Timed)


class TimingWheel(Generic[T]):
    """Deadlines in slots of equal length.

    Args:
        resolution: the length of a slot in seconds. An item falls due up to this much early, never late.
    """

    __slots__ = ("_order", "_resolution", "_slots")

    def __init__(self, resolution: float) -> None:
        self._resolution = resolution
        self._slots: dict[int, set[T]] = {}
        self._order: list[int] = []

    def schedule(self, item: T, deadline: float) -> None:
        """Set, or move, the deadline of an item; an infinite one takes it off the wheel."""
        self.cancel(item)
        if deadline == math.inf:
            return
        slot = math.floor(deadline / self._resolution)
        bucket = self._slots.get(slot)
        if bucket is None:
            self._slots[slot] = {item}
            heapq.heappush(self._order, slot)
        else:
            bucket.add(item)
        item.slot = slot

    def cancel(self, item: T) -> None:
        """Take an item off the wheel; nothing happens if it is not on it."""
        bucket = self._slots.get(item.slot)
        if bucket is not None:
            bucket.discard(item)
        item.slot = _NOWHERE

    def expire(self, now: float) -> list[T]:
        """Take off and return the items that are due, the earliest slot first."""
        due: list[T] = []
        current = math.floor(now / self._resolution)
        while self._order and self._order[0] <= current:
            for item in self._slots.pop(heapq.heappop(self._order)):
                item.slot = _NOWHERE
                due.append(item)
        return due

    @property
    def next_deadline(self) -> float:
        """When :meth:`expire` has something to do, or may have; infinite if never."""
        while self._order and not self._slots[self._order[0]]:
            del self._slots[heapq.heappop(self._order)]
        if not self._order:
            return math.inf
        return self._begin(self._order[0])

    def _begin(self, slot: int) -> float:
        """Return the first time that belongs to a slot.

        The product may be rounded up, past a deadline in the slot, or down, into the slot before, where there is
        nothing to do: by a few of the smallest steps that the number can make.
        """
        begin = slot * self._resolution
        while begin / self._resolution < slot:
            begin = math.nextafter(begin, math.inf)
        while (earlier := math.nextafter(begin, -math.inf)) / self._resolution >= slot:
            begin = earlier
        return begin

    def __len__(self) -> int:
        return sum(map(len, self._slots.values()))
