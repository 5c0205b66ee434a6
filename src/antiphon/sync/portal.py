"""The thread in which the event loop of all blocking clients runs. It is there as long as one of them is."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from antiphon.errors import Disconnected
from antiphon.sync.waiting import wait_for_future

__all__ = ["Portal"]

T = TypeVar("T")

_lock: Final = threading.Lock()
_shared: list[Portal] = []


class Portal:
    """An event loop in a thread, and the way into it.

    Attributes:
        loop: the event loop.
        users: how many clients need it.
    """

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop = asyncio.new_event_loop()
        self.users: int = 0
        self._pid = os.getpid()
        self._thread = threading.Thread(target=self._run, name="antiphon-io", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
            rest = asyncio.all_tasks(self.loop)
            for task in rest:
                task.cancel()
            self.loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
        finally:
            asyncio.set_event_loop(None)
            self.loop.close()

    @property
    def is_usable(self) -> bool:
        """Whether its thread is there."""
        return self._pid == os.getpid() and self._thread.is_alive()

    @classmethod
    def acquire(cls) -> Portal:
        """Return the portal that all share; it is kept until :meth:`release` was called as often."""
        with _lock:
            # A child process has the object, but not the thread.
            if not _shared or not _shared[0].is_usable:
                _shared[:] = [cls()]
            portal = _shared[0]
            portal.users += 1
            return portal

    def release(self) -> None:
        """Be told that one user less needs the thread; it ends with the last."""
        with _lock:
            self.users -= 1
            if self.users or self._pid != os.getpid():
                return
            if self in _shared:
                _shared.remove(self)
        self.loop.call_soon_threadsafe(self.loop.stop)
        if threading.current_thread() is not self._thread:
            self._thread.join(5)

    def _check(self) -> None:
        if not self._thread.is_alive():
            raise Disconnected("the client has been closed")

    def call(self, function: Callable[..., T], *args: object) -> T:
        """Call a function in the thread of the event loop; return or raise what it does.

        Raises:
            Disconnected: the thread has ended.
        """
        self._check()
        outcome = concurrent.futures.Future[T]()

        def run() -> None:
            try:
                outcome.set_result(function(*args))
            except BaseException as error:  # noqa: BLE001 - it is raised where the call was made
                outcome.set_exception(error)

        self._schedule(run)
        return wait_for_future(outcome)

    def _schedule(self, function: Callable[[], None]) -> None:
        try:
            self.loop.call_soon_threadsafe(function)
        except RuntimeError:
            raise Disconnected("the client has been closed") from None

    def run(self, coroutine: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Run a coroutine in the event loop, and wait for its outcome; who stops waiting cancels it.

        Args:
            coroutine: what is run.
            timeout: seconds to wait at most.

        Raises:
            TimeoutError: it took longer.
            Disconnected: the thread has ended.
        """
        try:
            self._check()
        except Disconnected:
            coroutine.close()
            raise
        future = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        try:
            return wait_for_future(future, timeout)
        except concurrent.futures.CancelledError:
            # Another thread has closed the client.
            raise Disconnected("the client has been closed") from None
        except BaseException:
            future.cancel()
            raise
