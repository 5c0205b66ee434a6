"""The thread in which the handlers of a blocking client run, one after the other."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import Any

__all__ = ["Worker"]

logger: logging.Logger = logging.getLogger("antiphon.client")


class Worker:
    """Calls functions in the order in which they are given. Its thread begins with the first."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[tuple[Callable[..., object], tuple[Any, ...]] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopped = False

    def submit(self, function: Callable[..., object], *args: object) -> None:
        """Have a function called; nothing is called any more after :meth:`stop`."""
        with self._lock:
            if self._stopped:
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="antiphon-handlers", daemon=True)
                self._thread.start()
            self._queue.put((function, args))

    def _run(self) -> None:
        while True:
            work = self._queue.get()
            if work is None:
                return
            function, args = work
            try:
                function(*args)
            except Exception:
                logger.exception("%r failed", function)

    def stop(self, timeout: float) -> None:
        """Let what was given before come to its end, for so many seconds at most."""
        with self._lock:
            self._stopped = True
            thread = self._thread
        if thread is None:
            return
        if not timeout:
            self._drop()
        self._queue.put(None)
        if thread is not threading.current_thread():
            thread.join(timeout or 0.1)
            if thread.is_alive():
                logger.warning("a handler has not ended in time; its thread goes on in the background")

    def _drop(self) -> None:
        """Forget what has not begun."""
        try:
            while True:
                self._queue.get_nowait()
        except queue.Empty:
            return
