"""How a server ends: its sockets, its sessions, and its tasks, in this order.

Source: JavaScript, ``io.close()``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from antiphon.common.tasks import FAILURES
from antiphon.server.engine import Engine
from antiphon.server.namespace import Namespace

__all__ = ["Closing"]

logger: logging.Logger = logging.getLogger("antiphon.server")

_PATIENCE: Final = 5.0
"""Seconds that the handlers of disconnections have, and then what is cancelled."""


class Closing:
    """Ends a server, as often as it is started again.

    Args:
        engine: lets nobody in meanwhile.
        namespaces: by their names.
        tasks: the handlers and tasks that run.
        on_closed: called in the end.
    """

    def __init__(
        self,
        engine: Engine,
        namespaces: Mapping[str, Namespace],
        tasks: set[asyncio.Task[Any]],
        on_closed: Callable[[], None],
    ) -> None:
        self._engine = engine
        self._namespaces = namespaces
        self._tasks = tasks
        self._on_closed = on_closed
        self._task: asyncio.Task[None] | None = None
        self._waiting: set[asyncio.Task[Any]] = set()

    def spares(self, task: asyncio.Task[Any]) -> bool:
        """Whether a task waits for the end, and so is not to be cancelled by it."""
        return task in self._waiting

    def begin(self) -> asyncio.Task[None]:
        """Start to end the server, if that has not been done; return the task."""
        loop = asyncio.get_running_loop()
        if self._task is None or self._task.done() or self._task.get_loop() is not loop:
            # At once: nobody is to come back on a connection that is still open.
            self._engine.begin_close()
            # A task of its own: who waits for it may be one of the handlers that it cancels.
            self._task = loop.create_task(self._close(asyncio.current_task()))
        return self._task

    async def wait(self) -> None:
        """Do it, and wait until it is done."""
        waiting = asyncio.current_task()
        closing = self.begin()
        if waiting is not None:
            self._waiting.add(waiting)
        try:
            await asyncio.shield(closing)
        finally:
            if waiting is not None:
                self._waiting.discard(waiting)

    async def _close(self, caller: asyncio.Task[Any] | None) -> None:
        try:
            await self._end(caller)
        finally:
            self._engine.end_close()
            self._on_closed()

    async def _end(self, caller: asyncio.Task[Any] | None) -> None:
        running = {task for task in self._tasks if task is not caller}
        for namespace in list(self._namespaces.values()):
            for socket in list(namespace.sockets.values()):
                try:
                    socket.on_close("server shutting down")
                except FAILURES:
                    logger.exception("%r did not end as it should", socket)
        self._engine.close()
        for namespace in list(self._namespaces.values()):
            namespace.end()
        for task in running - self._waiting:
            task.cancel()
        # Before Python 3.12 handlers of disconnections begin in the next turn of the loop.
        await asyncio.sleep(0)
        # What is left are the handlers of the disconnections just now: they may finish, within reason.
        await self._wait_for({*running, *self._tasks} - {caller}, _PATIENCE)
        rest = self._tasks - {caller} - self._waiting
        for task in rest:
            task.cancel()
        await self._wait_for(set(rest), _PATIENCE)

    async def _wait_for(self, tasks: set[asyncio.Task[Any] | Any], seconds: float) -> None:
        """Wait for tasks, but not for those that wait for us."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while (waited := {task for task in tasks if not task.done()} - self._waiting) and loop.time() < deadline:
            await asyncio.wait(waited, timeout=min(0.05, deadline - loop.time()))
