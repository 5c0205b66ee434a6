"""Proxies of our own: HTTP, for requests and tunnels, and SOCKS."""

from __future__ import annotations

import base64
import contextlib
import http.client
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedReader
from urllib.parse import urlsplit

__all__ = ["HTTPProxy", "SocksProxy"]

_OWN_HEADERS = ("proxy-authorization", "proxy-connection", "connection")


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def _join(near: socket.socket, far: socket.socket) -> None:
    """Pass everything on in both directions, until both sides have ended."""
    other = threading.Thread(target=_pass_on, args=(far, near), daemon=True)
    other.start()
    _pass_on(near, far)
    other.join(10)
    far.close()


class HTTPProxy:
    """Passes requests on, and opens tunnels.

    Attributes:
        secret: user and password that it wants; None if anybody may use it.
        seen: the methods of what it was asked for, and where it went.
    """

    def __init__(self, secret: str | None = None) -> None:  # noqa: C901 - the handler is inside
        self.secret = secret
        self.seen: list[tuple[str, str]] = []
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _is_allowed(self) -> bool:
                proxy.seen.append((self.command, urlsplit(self.path).netloc or self.path))
                if proxy.secret is None:
                    return True
                wanted = f"Basic {base64.b64encode(proxy.secret.encode()).decode()}"
                if self.headers.get("Proxy-Authorization") == wanted:
                    return True
                self.send_response(407)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return False

            def do_GET(self) -> None:
                if not self._is_allowed():
                    return
                target = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name: value for name, value in self.headers.items() if name.lower() not in _OWN_HEADERS}
                upstream = http.client.HTTPConnection(target.hostname or "", target.port or 80)
                upstream.request(self.command, f"{target.path}?{target.query}", body, headers)
                answer = upstream.getresponse()
                data = answer.read()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("transfer-encoding", "content-length", "connection", "date", "server"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(data)
                upstream.close()

            do_POST = do_GET  # noqa: N815 - the name is given by http.server

            def do_CONNECT(self) -> None:
                if not self._is_allowed():
                    return
                host, _, port = self.path.rpartition(":")
                try:
                    far = socket.create_connection((host.strip("[]"), int(port)))
                except OSError:
                    self.send_error(502)
                    return
                self.send_response(200)
                self.end_headers()
                _join(self.connection, far)
                self.close_connection = True

            def log_message(self, *_args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self.url = f"http://{f'{secret}@' if secret else ''}127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        # Not server_close(): it would wait for the threads.
        self._server.socket.close()
        self._thread.join(5)


class SocksProxy:
    """Opens connections for those who speak SOCKS 4 or 5.

    Attributes:
        secret: user and password that it wants, by version 5; None if anybody may use it.
        seen: the version, and where it went.
    """

    def __init__(self, secret: str | None = None) -> None:
        self.secret = secret
        self.seen: list[tuple[int, str]] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, scheme: str) -> str:
        return f"{scheme}://{f'{self.secret}@' if self.secret else ''}127.0.0.1:{self.port}"

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        with near, contextlib.suppress(OSError, ValueError, IndexError), near.makefile("rb") as stream:
            version = stream.read(1)[0]
            host, port = self._read_4(stream) if version == 4 else self._read_5(near, stream)
            self.seen.append((version, f"{host}:{port}"))
            far = socket.create_connection((host, port))
            near.sendall(b"\0\x5a" + bytes(6) if version == 4 else b"\x05\0\0\x01" + bytes(6))
            _join(near, far)

    @staticmethod
    def _read_4(stream: BufferedReader) -> tuple[str, int]:
        _command, port, address = struct.unpack(">BH4s", stream.read(7))
        while stream.read(1) != b"\0":
            pass
        return socket.inet_ntoa(address), port

    def _read_5(self, near: socket.socket, stream: BufferedReader) -> tuple[str, int]:
        stream.read(stream.read(1)[0])
        near.sendall(b"\x05\x02" if self.secret else b"\x05\0")
        if self.secret:
            stream.read(1)
            user, password = (stream.read(stream.read(1)[0]).decode() for _ in range(2))
            near.sendall(b"\x01\0" if f"{user}:{password}" == self.secret else b"\x01\x01")
            if f"{user}:{password}" != self.secret:
                raise ValueError("the password is wrong")
        _version, _command, _reserved, kind = stream.read(4)
        if kind == 1:
            host = socket.inet_ntoa(stream.read(4))
        elif kind == 3:
            host = stream.read(stream.read(1)[0]).decode()
        else:
            host = socket.inet_ntop(socket.AF_INET6, stream.read(16))
        return host, struct.unpack(">H", stream.read(2))[0]

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
