"""The servers that the tests of the Python client visit, Antiphon's or the official ones, and relays before them."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import trustme

HERE = Path(__file__).parent
INTEROP = HERE.parent / "interop"

sys.path.insert(0, str(INTEROP))

from interop_driver import Relay  # noqa: E402 - it lives there

__all__ = [
    "SERVERS",
    "Certificates",
    "Host",
    "OddServer",
    "RecordingRelay",
    "make_certificates",
    "run_hosts",
    "what_is_missing",
]

SERVERS = ("antiphon", "official")

VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "pinging": {"pingInterval": 300, "pingTimeout": 700},
    "recovering": {"connectionStateRecovery": {}},
    "small": {"maxHttpBufferSize": 10_000},
    "deflating": {"perMessageDeflate": True},
    "special": {"path": "/special", "addTrailingSlash": False, "cookie": True},
    "polling only": {"transports": ["polling"]},
    "websocket only": {"transports": ["websocket"]},
    "msgpack": {"parser": True},
}
"""The options that differ from those of a plain server."""


def what_is_missing(server: str) -> str | None:
    """Say in one line what must be installed for a server, None if nothing."""
    if server == "official" and not (shutil.which("node") and (INTEROP / "node_modules" / "socket.io").is_dir()):
        return "the official server is missing: run `npm ci` in tests/interop"
    return None


@dataclass(frozen=True)
class Certificates:
    """Files: an authority, and what it has issued for a server and for a client."""

    ca: str
    cert: str
    key: str
    client_cert: str
    client_key: str


def make_certificates(directory: Path) -> Certificates:
    authority = trustme.CA()
    files = []
    for name, issued in (
        ("server", authority.issue_cert("localhost", "127.0.0.1")),
        ("client", authority.issue_cert("somebody")),
    ):
        cert, key = directory / f"{name}.pem", directory / f"{name}-key.pem"
        cert.write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(key)
        files += [str(cert), str(key)]
    ca = directory / "ca.pem"
    authority.cert_pem.write_to_path(ca)
    return Certificates(str(ca), *files)


@dataclass(frozen=True)
class Host:
    """A server that is running."""

    port: int
    secure: bool = False

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}" if self.secure else f"http://127.0.0.1:{self.port}"


@contextlib.contextmanager
def run_hosts(kind: str, certificates: Certificates) -> Iterator[dict[str, Host]]:
    """Run one process with a server of each variant."""
    tls = {"cert": certificates.cert, "key": certificates.key}
    variants = {**VARIANTS, "tls": {"tls": tls}, "mutual tls": {"tls": {**tls, "ca": certificates.ca}}}
    runner = [sys.executable, "host_server.py"] if kind == "antiphon" else ["node", "host_server.mjs"]
    process = subprocess.Popen([*runner, json.dumps(variants)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=HERE)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        ports: dict[str, int] = json.loads(process.stdout.readline())
        yield {name: Host(port, secure="tls" in name) for name, port in ports.items()}
    finally:
        process.stdin.close()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


class RecordingRelay(Relay):
    """A relay before a server: it remembers what has passed, and can hold it up for a while."""

    def __init__(self, host: Host) -> None:
        super().__init__()
        self.port = self.target = host.port
        self.from_clients = bytearray()
        self.from_server = bytearray()

    def _record(self, data: bytes, is_client: bool) -> None:
        log = self.from_clients if is_client else self.from_server
        log.extend(data)

    def resume(self) -> None:
        """Pass on what was held up, and all that follows."""
        self._flows.set()

    @contextlib.contextmanager
    def cut_off(self) -> Iterator[None]:
        """Cut all connections, and let nobody through until the block ends."""
        self.target = None
        self.cut()
        try:
            yield
        finally:
            self.target = self.port

    @property
    def requests(self) -> list[str]:
        """The targets of all requests so far, WebSocket handshakes among them."""
        return [match.decode() for match in re.findall(rb"(?:GET|POST) (\S+) HTTP/1\.1\r\n", self.from_clients)]


class OddServer:
    """A server that answers every request in the same way, and none as a Socket.IO server would.

    Attributes:
        answer: the status and the body.
        in_two_pieces: the body comes a moment after the head.
    """

    def __init__(self) -> None:
        self.answer = (200, "")
        self.in_two_pieces = False
        odd = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                status, body = odd.answer
                head = f"HTTP/1.1 {status} Odd\r\nContent-Length: {len(body)}\r\n\r\n"
                self.wfile.write(head.encode() if odd.in_two_pieces else (head + body).encode())
                if odd.in_two_pieces:
                    time.sleep(0.05)
                    self.wfile.write(body.encode())

            do_POST = do_GET  # noqa: N815 - the name is given by http.server

            def log_message(self, *_args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
