"""The official server (reference_server.mjs) as a process."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from typing import Any

from interop_driver import HERE


@contextlib.contextmanager
def official_server(**options: Any) -> Iterator[str]:
    """Run the official server; yields its URL."""
    process = subprocess.Popen(
        ["node", str(HERE / "reference_server.mjs"), json.dumps(options)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=HERE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.stdin.close()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
