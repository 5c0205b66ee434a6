"""Running an event loop for a command, so that it can be left at once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Final

__all__ = ["INTERRUPTED", "end", "prepare_output", "run"]

INTERRUPTED: Final = 130
"""The exit code of a command that did not get to its end because of Ctrl-C."""
_GRACE: Final = 0.2
"""Seconds that threads have to end."""


def run(
    main: Coroutine[Any, Any, int],
    *,
    interrupted: int = INTERRUPTED,
    new_event_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop,
) -> int:
    """Run a command, and return its exit code. Ctrl-C cancels it.

    Args:
        main: the command.
        interrupted: the exit code after Ctrl-C.
        new_event_loop: makes the event loop.
    """
    loop = new_event_loop()
    asyncio.set_event_loop(loop)
    task = loop.create_task(main)
    with contextlib.suppress(NotImplementedError):
        # Not on Windows, where KeyboardInterrupt is raised below.
        loop.add_signal_handler(signal.SIGINT, task.cancel)
    try:
        return loop.run_until_complete(task)
    except (asyncio.CancelledError, KeyboardInterrupt):
        return interrupted
    finally:
        _cancel_all(loop)
        loop.run_until_complete(loop.shutdown_asyncgens())
        asyncio.set_event_loop(None)
        loop.close()


def _cancel_all(loop: asyncio.AbstractEventLoop) -> None:
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks, timeout=_GRACE))


def end(code: int) -> None:
    """End the process if something would keep it from ending: a thread that waits for a name server, say."""
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(_GRACE)
            if thread.is_alive():
                for stream in (sys.stdout, sys.stderr):
                    with contextlib.suppress(OSError, ValueError):
                        stream.flush()
                os._exit(code)


def prepare_output() -> None:
    """Let no character that the terminal does not know end the program, and let only the commands themselves speak."""
    logging.getLogger("antiphon").addHandler(logging.NullHandler())
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
