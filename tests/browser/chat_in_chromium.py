"""Starts the chat of the examples, and a Chromium to look at it."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

CHAT = Path(__file__).parents[2] / "examples" / "chat"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

_FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def what_is_missing() -> str | None:
    """Say in one line what must be installed first, None if nothing."""
    if CHROMIUM is None:
        return "there is no Chromium on this machine"
    return None


@contextlib.contextmanager
def serving_chat() -> Iterator[str]:
    """Run the chat as users do, until the block ends; its address is given."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, str(CHAT / "main.py"), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            _wait_until_listening(process, port)
            yield f"http://localhost:{port}"
        finally:
            process.terminate()
            try:
                output, _ = process.communicate(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
            # No errors while it ran, nor when it stopped.
            assert output == f"The chat is at http://localhost:{port}\n", output


def _wait_until_listening(process: subprocess.Popen[str], port: int) -> None:
    deadline = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise RuntimeError("the chat did not start")


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Run a headless Chromium, with a profile of its own, until the block ends."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_FLAGS, chromium_sandbox=False)
        try:
            yield browser
        finally:
            browser.close()
