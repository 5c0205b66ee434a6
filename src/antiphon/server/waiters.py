"""Those who wait until a transport has taken something."""

from __future__ import annotations

import asyncio

__all__ = ["Waiters"]

_FEW = 16


class Waiters:
    """Futures that are done together. What was given up is not kept until then, for that may never be."""

    __slots__ = ("_futures", "_most")

    def __init__(self) -> None:
        self._futures: list[asyncio.Future[None]] = []
        self._most = _FEW

    def __len__(self) -> int:
        return len(self._futures)

    def add(self) -> asyncio.Future[None]:
        """Return a future that is done at the next release."""
        if len(self._futures) >= self._most:
            # Only when there are twice as many as were left: so it is cheap for each.
            self._futures = [future for future in self._futures if not future.done()]
            self._most = max(_FEW, 2 * len(self._futures))
        future = asyncio.get_running_loop().create_future()
        self._futures.append(future)
        return future

    def release(self) -> None:
        """Let go of all."""
        futures, self._futures = self._futures, []
        self._most = _FEW
        for future in futures:
            if not future.done():
                future.set_result(None)
