"""A server for the tests of the browser client, Antiphon's or the official one, and pages that visit it."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

HERE = Path(__file__).parent
INTEROP = HERE.parent / "interop"

sys.path.insert(0, str(INTEROP))

from interop_driver import Relay, until  # noqa: E402 - they live there

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

__all__ = ["SERVERS", "Enter", "GuestServer", "Visit", "guest_server", "until", "what_is_missing"]

SERVERS = ("antiphon", "official")


def what_is_missing(server: str) -> str | None:
    """Say in one line what must be installed for a server, None if nothing."""
    if server == "official" and not (shutil.which("node") and (INTEROP / "node_modules" / "socket.io").is_dir()):
        return "the official server is missing: run `npm ci` in tests/interop"
    return None


class GuestServer:
    """A process that serves a page and events, and a relay before it whose connections can be cut."""

    def __init__(self, kind: str, options: dict[str, Any]) -> None:
        runner = [sys.executable, "guest_server.py"] if kind == "antiphon" else ["node", "guest_server.mjs"]
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._command = [*runner, str(self.port), json.dumps(options)]
        self._process: subprocess.Popen[bytes] | None = None
        self.relay = Relay()
        self.url = f"{self.relay.url}/"
        self.direct_url = f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, cwd=HERE)
        deadline = time.monotonic() + 20
        while True:
            with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", self.port)):
                break
            assert self._process.poll() is None, "the server has ended"
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.02)
        self.relay.target = self.port

    def kill(self) -> None:
        """End the process at once, as a crash does."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()

    def cut(self) -> None:
        """Cut all connections; there are no new ones until :meth:`mend` is called."""
        self.relay.target = None
        self.relay.cut()

    def mend(self) -> None:
        self.relay.target = self.port

    @contextlib.contextmanager
    def cut_off(self) -> Iterator[None]:
        """Let nobody through the relay until the block ends."""
        self.cut()
        try:
            yield
        finally:
            self.mend()

    def close(self) -> None:
        self.relay.close()
        self.kill()


class Visit:
    """A page that is open."""

    def __init__(self, browser: Browser, script: str = "") -> None:
        self.errors: list[str] = []
        self.requests: list[str] = []
        """The addresses of all requests to a Socket.IO server, WebSockets among them."""
        self.polls: list[str] = []
        """Those of the polls."""
        self.context: BrowserContext = browser.new_context()
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(20_000)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self._note_request(request.url, request.method))
        self.page.on("websocket", lambda websocket: self._note_request(websocket.url, "WebSocket"))
        self.has_script = bool(script)
        if script:
            self.page.add_init_script(script)

    def _note_request(self, url: str, method: str) -> None:
        if "EIO=4" in url:
            self.requests.append(url)
            if method == "GET":
                self.polls.append(url)

    def open(self, **options: object) -> None:
        """Connect, and wait until it is done."""
        self.page.evaluate("(options) => void open(options)", options)
        self.until("socket.connected")

    def until(self, condition: str) -> None:
        """Wait until an expression is true, or a promise of it."""
        # wait_for_function() of playwright takes every promise for true.
        missing = self.page.evaluate(f"""async () => {{
            const end = performance.now() + 20000;
            while (!(await ({condition}))) {{
                if (performance.now() > end) return log;
                await new Promise((resolve) => setTimeout(resolve, 10));
            }}
        }}""")
        assert missing is None, f"it did not come true: {condition}; the log of the page: {missing}"

    def run(self, script: str, *args: object) -> Any:
        """Run a function, or an expression, in the page and return its result."""
        return self.page.evaluate(script, args[0] if args else None)

    def seen(self, name: str) -> list[list[Any]]:
        """Return what came with each event of this name in the log of the page."""
        found: list[list[Any]] = self.page.evaluate("(name) => seen(name)", name)
        return found

    def use(self, transport: str) -> None:
        """Connect by a transport, or by an upgrade, and wait until it is in use."""
        names = {"upgrade": ["polling", "websocket"]}.get(transport, [transport])
        self.open(transports=names, reconnectionDelay=50, reconnectionDelayMax=200)
        self.until(f"socket.io.engine.transport.name === '{names[-1]}'")

    def wait_for_a_poll(self, server: GuestServer) -> None:
        """Wait until a poll is on its way, and nothing else."""
        self.until("seen('event').length && socket.io.engine.transport.writable")
        until(lambda: server.relay.is_asking)

    def leave(self) -> None:
        """End the visit; the page may be used for another."""
        self.page.goto("about:blank")
        self.context.set_offline(False)
        self.context.clear_cookies()
        errors = self.errors[:]
        self.errors.clear()
        self.requests.clear()
        assert errors == []


Enter = Callable[..., Visit]


@contextlib.contextmanager
def guest_server(kind: str, **options: Any) -> Iterator[GuestServer]:
    server = GuestServer(kind, options)
    try:
        server.start()
        yield server
    finally:
        server.close()
