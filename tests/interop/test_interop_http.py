"""Odd HTTP requests, to our server and to the official one: status, content type, caching and body must be the same."""

from __future__ import annotations

import gzip
import http.client
import re
import socket
import time
import zlib
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest

from reference import official_server

BASE = "/socket.io/?EIO=4&transport=polling"


@dataclass(frozen=True)
class Ask:
    """One request. ``SID`` in the path stands for a session that has just been opened and has joined nothing."""

    method: str
    path: str
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)


TEXT = {"Content-Type": "text/plain;charset=UTF-8"}
SESSION = f"{BASE}&sid=SID"

REQUESTS = {
    "no parameters": Ask("GET", "/socket.io/"),
    "unknown transport": Ask("GET", "/socket.io/?EIO=4&transport=carrier-pigeon"),
    "webtransport": Ask("GET", "/socket.io/?EIO=4&transport=webtransport"),
    "transport of an object": Ask("GET", "/socket.io/?EIO=4&transport=constructor"),
    "empty transport": Ask("GET", "/socket.io/?EIO=4&transport="),
    "websocket without an upgrade": Ask("GET", "/socket.io/?EIO=4&transport=websocket"),
    "no revision": Ask("GET", "/socket.io/?transport=polling"),
    "revision 3": Ask("GET", "/socket.io/?EIO=3&transport=polling"),
    "revision 5": Ask("GET", "/socket.io/?EIO=5&transport=polling"),
    "unknown session": Ask("GET", f"{BASE}&sid=nobody"),
    "session of an object": Ask("GET", f"{BASE}&sid=__proto__"),
    "empty session": Ask("GET", f"{BASE}&sid="),
    "POST to an unknown session": Ask("POST", f"{BASE}&sid=nobody", b"4", TEXT),
    "POST without a session": Ask("POST", BASE, b"4", TEXT),
    "PUT without a session": Ask("PUT", BASE, b"4", TEXT),
    "DELETE without a session": Ask("DELETE", BASE),
    "OPTIONS without a session": Ask("OPTIONS", BASE),
    "HEAD without a session": Ask("HEAD", BASE),
    "handshake": Ask("GET", BASE),
    "handshake below the path": Ask("GET", "/socket.io/deeper/?EIO=4&transport=polling"),
    "handshake of Internet Explorer": Ask("GET", BASE, headers={"User-Agent": "Mozilla/5.0 (Trident/7.0; rv:11.0)"}),
    "handshake in base64": Ask("GET", f"{BASE}&b64=1"),
    "handshake by JSONP": Ask("GET", f"{BASE}&j=0"),
    "handshake by JSONP with an odd name": Ask("GET", f"{BASE}&j=a1;alert(2)"),
    "handshake with a session in upper case": Ask("GET", f"{BASE}&SID=nobody"),
    "PUT to a session": Ask("PUT", SESSION, b"4", TEXT),
    "DELETE to a session": Ask("DELETE", SESSION),
    "OPTIONS to a session": Ask("OPTIONS", SESSION),
    "other transport": Ask("GET", "/socket.io/?EIO=4&transport=websocket&sid=SID"),
    "other revision": Ask("POST", "/socket.io/?EIO=3&transport=polling&sid=SID", b"3", TEXT),
    "session without a revision": Ask("POST", "/socket.io/?transport=polling&sid=SID", b"3", TEXT),
    "POST": Ask("POST", SESSION, b"40", TEXT),
    "POST of two packets": Ask("POST", SESSION, b"40\x1e3", TEXT),
    "POST of JSON": Ask("POST", SESSION, b"40", {"Content-Type": "application/json"}),
    "POST without a content type": Ask("POST", SESSION, b"40"),
    "POST of octets": Ask("POST", SESSION, b"40", {"Content-Type": "application/octet-stream"}),
    "POST of nothing": Ask("POST", SESSION, b"", TEXT),
    "POST of an unknown packet": Ask("POST", SESSION, b"abc", TEXT),
    "POST of an empty packet between others": Ask("POST", SESSION, b"40\x1e\x1e3", TEXT),
    "POST of bad base64": Ask("POST", SESSION, b"b!!!", TEXT),
    "POST of revision 3": Ask("POST", SESSION, b"2:40", TEXT),
    "POST of a ping": Ask("POST", SESSION, b"2", TEXT),
    "POST of a noop": Ask("POST", SESSION, b"6", TEXT),
    "POST of an upgrade": Ask("POST", SESSION, b"5", TEXT),
    "POST of an open": Ask("POST", SESSION, b"0", TEXT),
    "POST of a close": Ask("POST", SESSION, b"1", TEXT),
    "POST of no Socket.IO packet": Ask("POST", SESSION, b"4x", TEXT),
    "POST of bytes that are no text": Ask("POST", SESSION, b"40\xff", TEXT),
    "POST at the limit": Ask("POST", SESSION, b"6" + b"x" * 999_999, TEXT),
    "POST beyond the limit": Ask("POST", SESSION, b"6" + b"x" * 1_000_000, TEXT),
}

UPGRADES = {
    "unknown transport": "/socket.io/?EIO=4&transport=carrier-pigeon",
    "no parameters": "/socket.io/",
    "unknown session": "/socket.io/?EIO=4&transport=websocket&sid=nobody",
}

# What we answer in another way, on purpose. The official server finds out that a packet is none, closes the session,
# and still answers "ok"; from us the client hears that it did wrong.
NO_PACKET = {"status": 400, "type": None, "cache": None, "protection": None, "body": b"", "session lives": False}
DIFFERENT = {
    "POST of nothing": NO_PACKET,
    "POST of an unknown packet": NO_PACKET,
    "POST of an empty packet between others": NO_PACKET,
}


def open_session(connection):
    connection.request("GET", BASE)
    return re.search(rb'"sid":"([^"]+)"', connection.getresponse().read())[1].decode()


def ask(url, request):
    """Send a request and return what matters of the answer; then how the session has taken it."""
    target = urlsplit(url)
    connection = http.client.HTTPConnection(target.hostname, target.port, timeout=10)
    try:
        path, sid = request.path, None
        if "SID" in path and "SID=nobody" not in path:
            sid = open_session(connection)
            path = path.replace("SID", sid)
        connection.request(request.method, path, request.body, request.headers)
        response = connection.getresponse()
        body = re.sub(rb'("|\\")sid\1:\1[^"\\]+\1', b"sid", response.read())
        answer = {
            "status": response.status,
            "type": response.getheader("content-type"),
            "cache": response.getheader("cache-control"),
            "protection": response.getheader("x-xss-protection"),
            "body": body,
        }
        if sid is not None:
            # A pong is welcome as long as the session lives.
            again = http.client.HTTPConnection(target.hostname, target.port, timeout=10)
            again.request("POST", f"{BASE}&sid={sid}", b"3", TEXT)
            answer["session lives"] = again.getresponse().status == 200
            again.close()
        return answer
    finally:
        connection.close()


def ask_for_upgrade(url, path, headers=()):
    """Ask for a WebSocket; return status, content type, and the body if it is refused."""
    target = urlsplit(url)
    more = "".join(f"{name}: {value}\r\n" for name, value in dict(headers).items())
    with socket.create_connection((target.hostname, target.port), timeout=10) as connection:
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {target.netloc}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            f"{more}\r\n".encode()
        )
        response = http.client.HTTPResponse(connection)
        response.begin()
        return {"status": response.status, "type": response.getheader("content-type"), "body": response.read()}


@pytest.fixture(scope="module")
def official():
    with official_server() as url:
        yield url


@pytest.mark.parametrize("name", REQUESTS)
def test_the_answer_is_that_of_the_official_server(stage, serve, official, name):
    # Any page can read JSONP, so we refuse it unless every page may connect.
    url = serve(cors="*").url if "JSONP" in name else stage.url
    theirs, ours = ask(official, REQUESTS[name]), ask(url, REQUESTS[name])
    if name in DIFFERENT:
        assert theirs == {**DIFFERENT[name], "status": 200, "type": "text/html", "cache": "no-store", "body": b"ok"}
        theirs = DIFFERENT[name]
    assert ours == theirs


@pytest.mark.parametrize("name", UPGRADES)
def test_the_refusal_of_an_upgrade_is_that_of_the_official_server(stage, official, name):
    theirs, ours = ask_for_upgrade(official, UPGRADES[name]), ask_for_upgrade(stage.url, UPGRADES[name])
    assert ours == theirs


def test_a_websocket_of_revision_3_is_refused_before_it_is_one(stage, official):
    """The official server accepts the WebSocket first, and closes it at once; a refusal can be read by a person."""
    path = "/socket.io/?EIO=3&transport=websocket"
    assert ask_for_upgrade(official, path)["status"] == 101
    ours = ask_for_upgrade(stage.url, path)
    assert ours == {"status": 400, "type": "text/html", "body": b"Unsupported protocol version"}


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_a_page_of_another_origin_is_refused_unlike_by_the_official_server(stage, official, transport):
    """Our one default that differs: the official server leaves it to the browser, which lets WebSockets through."""
    headers = {"Origin": "https://elsewhere.example"}
    if transport == "polling":
        assert ask(official, Ask("GET", BASE, headers=headers))["status"] == 200
        ours = ask(stage.url, Ask("GET", BASE, headers=headers))
        assert (ours["status"], ours["type"]) == (403, "application/json")
        assert b'"code":4' in ours["body"]
        assert b"https://elsewhere.example" in ours["body"]
    else:
        path = "/socket.io/?EIO=4&transport=websocket"
        assert ask_for_upgrade(official, path, headers)["status"] == 101
        ours = ask_for_upgrade(stage.url, path, headers)
        assert ours["status"] == 400
        assert b"https://elsewhere.example" in ours["body"]


ENCODINGS = {
    "none": "",
    "gzip": "gzip",
    "deflate": "deflate",
    "of a browser": "gzip, deflate, br, zstd",
    "any": "*",
    "identity": "identity",
    "gzip refused": "gzip;q=0, deflate",
    "gzip refused, any other": "gzip;q=0, *",
    "any other liked better": "gzip;q=0.5, *;q=0.9",
    "any, and deflate by its name": "*, deflate",
    "the same for both": "deflate;q=0.5, gzip;q=0.5",
    "a parameter of its own": "gzip;q=0.9;level=9, deflate;q=0.8",
    "a parameter before the quality": "gzip;level=9;q=0.5, deflate;q=0.8",
    "unknown": "br;q=1, zstd",
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_large_poll_responses_are_compressed_as_by_the_official_server(stage, official, encoding):
    @stage.io.event("echo")
    def echo(socket, *args):
        socket.emit("echo", *args)

    for size in (1000, 5000):
        ours, theirs = (poll_echo(url, "é" * size, ENCODINGS[encoding]) for url in (stage.url, official))
        assert ours == theirs
        assert ours["text"].endswith(f'42["echo","{"é" * size}"]')


def poll_echo(url, text, encoding):
    """Have a text echoed, and return how the poll response came."""
    target = urlsplit(url)
    connection = http.client.HTTPConnection(target.hostname, target.port, timeout=10)
    try:
        path = f"{BASE}&sid={open_session(connection)}"

        def post(data):
            connection.request("POST", path, data.encode(), TEXT)
            assert connection.getresponse().read() == b"ok"

        def poll(headers):
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            return response.getheader("content-encoding"), response.read()

        post("40")
        poll({"Accept-Encoding": "identity"})
        post(f'42["echo","{text}"]')
        came, body = None, b""
        while b"echo" not in inflate(came, body):
            came, body = poll({"Accept-Encoding": encoding})
        return {"encoding": came, "text": inflate(came, body).decode()}
    finally:
        connection.close()


def inflate(encoding, body):
    return {None: bytes, "gzip": gzip.decompress, "deflate": zlib.decompress}[encoding](body)


@pytest.mark.parametrize("kind", ["GET", "POST"])
def test_a_second_request_while_the_first_is_under_way_ends_the_session(stage, official, kind):
    assert overlap(stage.url, kind) == overlap(official, kind) == {"status": 400, "body": b"", "session lives": False}


def overlap(url, kind):
    """Start a request, and make another of the same kind before the first one is done."""
    target = urlsplit(url)
    connection = http.client.HTTPConnection(target.hostname, target.port, timeout=10)
    path = f"{BASE}&sid={open_session(connection)}"
    connection.close()
    with socket.create_connection((target.hostname, target.port), timeout=10) as first:
        head = f"{kind} {path} HTTP/1.1\r\nHost: {target.netloc}\r\n"
        # Of the body only a part: the request is under way until the rest has come.
        first.sendall((head + ("\r\n" if kind == "GET" else "Content-Length: 10\r\n\r\n4")).encode())
        deadline = time.monotonic() + 10
        while True:
            second = http.client.HTTPConnection(target.hostname, target.port, timeout=0.1)
            try:
                second.request(kind, path, None if kind == "GET" else b"3", {} if kind == "GET" else TEXT)
                answer = second.getresponse()
                result = {"status": answer.status, "body": answer.read()}
            except TimeoutError:
                raise AssertionError("the second request was not refused") from None
            finally:
                second.close()
            if result["status"] == 400:
                break
            assert time.monotonic() < deadline, "the second request was never refused"
    after = http.client.HTTPConnection(target.hostname, target.port, timeout=10)
    after.request("POST", path, b"3", TEXT)
    result["session lives"] = after.getresponse().status == 200
    after.close()
    return result
