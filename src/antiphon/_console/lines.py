"""Lines from standard input, whatever it is: a pipe, a file, a terminal."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import AsyncIterator
from typing import Final

__all__ = ["read_lines"]

_CHUNK: Final = 65_536
_CHUNKS_AHEAD: Final = 4


async def read_lines(descriptor: int = 0) -> AsyncIterator[str]:
    """Read lines until the end of the input.

    A thread reads, for event loops cannot wait for files. It is left alone in the end: nothing else could wake it.
    """
    loop = asyncio.get_running_loop()
    chunks: asyncio.Queue[bytes] = asyncio.Queue()
    room = threading.Semaphore(_CHUNKS_AHEAD)

    def read() -> None:
        # The loop may be closed by now.
        with contextlib.suppress(RuntimeError):
            chunk = b"-"
            while chunk:
                room.acquire()
                try:
                    chunk = os.read(descriptor, _CHUNK)
                except OSError:
                    chunk = b""
                loop.call_soon_threadsafe(chunks.put_nowait, chunk)

    threading.Thread(target=read, name="antiphon-input", daemon=True).start()
    rest = b""
    while chunk := await chunks.get():
        room.release()
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.decode(errors="replace")
    if rest:
        yield rest.decode(errors="replace")
