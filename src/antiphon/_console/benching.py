"""``antiphon bench``: the load test from its first line to its last."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys

from rich.console import Console

from antiphon._console.connection import Connection
from antiphon._console.load import Load, LoadTest
from antiphon._console.output import compact
from antiphon._console.report import LineProgress, LiveProgress, Progress, as_dict, print_summary

__all__ = ["bench"]


async def bench(connection: Connection, load: Load, *, as_json: bool) -> int:
    """Test a server; return the exit code.

    Args:
        connection: how the clients connect.
        load: what they do.
        as_json: print the summary for programs.
    """
    _allow_many_files()
    test = LoadTest(connection, load)
    working = asyncio.current_task()

    def interrupt() -> None:
        if test.stopped.is_set() and working is not None:
            # Who presses Ctrl-C twice does not want to see a summary.
            working.cancel()
        test.stopped.set()

    with contextlib.suppress(NotImplementedError):
        # Not on Windows, where there is no summary then.
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, interrupt)
    out, err = Console(highlight=False), Console(stderr=True, highlight=False)
    name = connection.name
    what = load.mode if load.mode == "listen" else f"{load.mode}, event {compact(load.event)}, {load.size} bytes"
    err.print(f"{load.clients:,} clients, {load.duration:g} s, {name} ({what})", markup=False, soft_wrap=True)
    progress: Progress = LiveProgress(err) if err.is_terminal else LineProgress()
    showing = asyncio.ensure_future(_show(test, progress))
    try:
        await test.run()
    finally:
        showing.cancel()
        progress.close()
    if as_json:
        sys.stdout.write(json.dumps(as_dict(test, name), indent=2) + "\n")
    else:
        print_summary(test, out)
    return 0 if test.tally.connected else 1


async def _show(test: LoadTest, progress: Progress) -> None:
    while True:
        if test.phase != "done":
            progress.show(test)
        await asyncio.sleep(progress.interval)


def _allow_many_files() -> None:
    """Allow as many connections as this process may have."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415 - not on Windows

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
