"""The files of the browser client, byte for byte, by every way of serving."""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Mount

import antiphon
from antiphon import ConfigurationError, ConnectionRefused, Cors, Server
from peers import Answer, Endpoint, RawPeer, raw_connection
from server_helpers import ONE_WAY, Serve

DIRECTORY = Path(antiphon.__file__).parent / "browser"
BUNDLES = ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js"]
NAMES = [*BUNDLES, *(f"{bundle}.map" for bundle in BUNDLES)]
HOME, FOREIGN = "https://home.example", "https://foreign.example"

NO_FILE = b'{"code":0,"message":"Transport unknown"}'
"""What Engine.IO answers to a request that is none of its own."""

OF_THE_WAY = {"date", "server", "connection", "alt-svc"}
"""Headers that are not ours."""


# Requests, without a library that would change them or the answers


async def send(
    peer: RawPeer, server: Endpoint, target: str, method: str, headers: Mapping[str, str], body: bytes
) -> None:
    lines = [f"{method} {target} HTTP/1.1", "host: {}:{}".format(*server.address)]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body:
        lines.append(f"content-length: {len(body)}")
    await peer.send("\r\n".join([*lines, "", ""]).encode("latin-1") + body)


async def ask(server: Endpoint, target: str, method: str = "GET", *, body: bytes = b"", **headers: str) -> Answer:
    """Send one request; the answer has whatever came until the server closed. A header is written ``if_match``."""
    asked = {name.replace("_", "-"): value for name, value in headers.items()}
    async with raw_connection(server) as peer:
        await send(peer, server, target, method, {"connection": "close", **asked}, body)
        head, _, rest = (await peer.read_rest()).partition(b"\r\n\r\n")
    line, *lines = head.decode("latin-1").split("\r\n")
    pairs = [(name.lower(), value.strip()) for name, _, value in (text.partition(":") for text in lines)]
    assert len(dict(pairs)) == len(pairs), f"a header is repeated: {pairs}"
    return Answer(int(line.split()[1]), rest, {name: value for name, value in pairs if name not in OF_THE_WAY})


async def ask_file(server: Endpoint, name: str = "socket.io.js", method: str = "GET", **more: Any) -> Answer:
    return await ask(server, f"/socket.io/{name}", method, **more)


def decompress(encoding: str | None, body: bytes) -> bytes:
    if encoding == "br":
        if shutil.which("node") is None:
            pytest.skip("needs Node.js, for brotli")
        script = "process.stdout.write(require('zlib').brotliDecompressSync(require('fs').readFileSync(0)))"
        return subprocess.run(["node", "-e", script], input=body, stdout=subprocess.PIPE, check=True).stdout
    return gzip.decompress(body) if encoding == "gzip" else body


def expect_file(answer: Answer, name: str = "socket.io.js", encoding: str | None = None) -> None:
    """The answer must be this file, in this encoding."""
    suffix = {None: "", "gzip": ".gz", "br": ".br"}[encoding]
    assert answer.status == 200
    assert answer.headers.get("content-encoding") == encoding
    assert answer.body == (DIRECTORY / (name + suffix)).read_bytes()


def expect_no_file(answer: Answer) -> None:
    assert (answer.status, answer.body) == (400, NO_FILE)


# What is sent


@pytest.mark.parametrize("encoding", [None, "gzip", "br"])
@pytest.mark.parametrize("name", NAMES)
async def test_each_file_is_served_in_each_encoding(server: Endpoint, name: str, encoding: str | None) -> None:
    answer = await ask_file(server, name, **({"accept_encoding": encoding} if encoding else {}))
    expect_file(answer, name, encoding)
    assert decompress(encoding, answer.body) == (DIRECTORY / name).read_bytes()
    headers = dict(answer.headers)
    # Strong: not W/"...".
    assert re.fullmatch(r'"[0-9a-f]{32}"', headers.pop("etag"))
    kind = "json" if name.endswith(".map") else "javascript"
    assert headers == {
        "cache-control": "public, max-age=0",
        "content-type": f"application/{kind}; charset=utf-8",
        "content-length": str(len(answer.body)),
        "vary": "Accept-Encoding",
        **({"content-encoding": encoding} if encoding else {}),
    }


async def test_an_etag_stands_for_the_bytes_that_are_sent(server: Endpoint) -> None:
    bodies: dict[str, set[bytes]] = {}
    for name in NAMES:
        for encoding in ("identity", "gzip", "br") * 2:
            answer = await ask_file(server, name, accept_encoding=encoding)
            bodies.setdefault(answer.headers["etag"], set()).add(answer.body)
    assert all(len(different) == 1 for different in bodies.values())
    assert len(bodies) == len({body for different in bodies.values() for body in different})


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("", None),
        ("identity", None),
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, deflate", "gzip"),
        ("GZip", "gzip"),
        ("deflate, zstd", None),
        ("gzip;q=0.8, br;q=0.7", "gzip"),
        ("gzip;q=0.8,br; q=0.8", "br"),
        ("br;q=0, gzip", "gzip"),
        ("br;q=0, gzip;q=0.0", None),
        ("br;q=0.001", "br"),
        ("*", "br"),
        ("br;q=0, *", "gzip"),
        ("gzip, *;q=0", "gzip"),
        ("*;q=0", None),
        ("gzip;q=0.5, *;q=0.6", "br"),
        ("identity, gzip;q=0.5", None),
        ("identity;q=0.5, gzip;q=0.5", "gzip"),
        ("identity;q=0, gzip;q=0.1", "gzip"),
        # Nothing of that is there: the file as it is serves better than a refusal.
        ("identity;q=0", None),
        ("gzip;q=x", None),
        (";;,,=", None),
    ],
)
async def test_the_client_says_which_encoding_it_likes(server: Endpoint, accepted: str, encoding: str | None) -> None:
    expect_file(await ask_file(server, accept_encoding=accepted), encoding=encoding)


# What a browser has already


async def test_who_has_the_file_is_told_so(server: Endpoint) -> None:
    for encoding in ("identity", "gzip", "br"):
        full = await ask_file(server, accept_encoding=encoding)
        etag = full.headers["etag"]
        for condition in (etag, f"W/{etag}", f'"other", {etag}', f'"a,b",W/{etag},"c"', "*", " * "):
            answer = await ask_file(server, accept_encoding=encoding, if_none_match=condition)
            assert (answer.status, answer.body) == (304, b""), condition
            assert answer.headers == {
                "cache-control": "public, max-age=0",
                "etag": etag,
                "vary": "Accept-Encoding",
            }


async def test_who_has_something_else_gets_the_file(server: Endpoint) -> None:
    etag = (await ask_file(server)).headers["etag"]
    for condition in ('"other"', etag.strip('"'), etag.upper() + "x", f'W/"{etag[2:]}', '"*"', "", '"', "*, x"):
        expect_file(await ask_file(server, if_none_match=condition))


async def test_who_has_another_encoding_of_the_file_gets_the_one_that_it_asks_for(server: Endpoint) -> None:
    etags = {
        name: (await ask_file(server, accept_encoding=name)).headers["etag"] for name in ("identity", "gzip", "br")
    }
    assert len(set(etags.values())) == 3
    for has, etag in etags.items():
        for asks in etags:
            answer = await ask_file(server, accept_encoding=asks, if_none_match=etag)
            assert answer.status == (304 if has == asks else 200)


# Methods


@pytest.mark.parametrize("encoding", ["identity", "gzip", "br"])
async def test_head_gives_the_headers_without_the_body(server: Endpoint, encoding: str) -> None:
    for name in NAMES:
        get = await ask_file(server, name, accept_encoding=encoding)
        head = await ask_file(server, name, "HEAD", accept_encoding=encoding)
        assert (head.status, head.body) == (200, b"")
        assert head.headers == get.headers
    known = await ask_file(server, NAMES[-1], "HEAD", accept_encoding=encoding, if_none_match=get.headers["etag"])
    assert (known.status, known.body) == (304, b"")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
async def test_other_methods_get_the_file_too_as_officially(server: Endpoint, method: str) -> None:
    expect_file(await ask_file(server, method=method, body=b"" if method == "OPTIONS" else b"ignored"))


# Paths


@pytest.mark.parametrize("query", ["?", "?v=1", "?EIO=4&transport=polling", "?socket.io.min.js", "?a/../b"])
async def test_a_query_changes_nothing(server: Endpoint, io: Server, query: str) -> None:
    expect_file(await ask_file(server, f"socket.io.js{query}"))
    assert not io.engine.sockets


async def test_percent_encoding_changes_nothing(server: Endpoint) -> None:
    """Source: RFC 3986, section 6.2.2.2."""
    expect_file(await ask_file(server, "socket%2Eio.j%73"))


@pytest.mark.parametrize(
    "name",
    [
        "socket.io.foo.js",
        "socket.io.esm.js",
        "socket.io.msgpack.js",
        "socket.io.js.gz",
        "socket.io.js.br",
        "socket.io.js.map.map",
        "SOCKET.IO.JS",
        "socket.io.js/",
        "socket.io.js%00",
        "socket.io.js%3Fv=1",
        "deeper/socket.io.js",
        "/socket.io.js",
        "socket.io/socket.io.js",
        "__init__.py",
        "../socket.io/socket.io.js",
        "../server/options.py",
        "..%2Fserver%2Foptions.py",
        "%2e%2e/%2e%2e/antiphon/browser/socket.io.js",
        "....//browser/socket.io.js",
        "%2Fetc%2Fpasswd",
    ],
)
async def test_nothing_else_is_served(server: Endpoint, name: str) -> None:
    for method in ("GET", "POST"):
        expect_no_file(await ask_file(server, name, method))


async def test_the_files_are_nowhere_else(server: Endpoint) -> None:
    for target in ("/socket.io.js", "/socket.iosocket.io.js", "/x/socket.io/socket.io.js", "//socket.io/socket.io.js"):
        assert (await ask(server, target)).status == 404


@ONE_WAY
async def test_the_files_are_below_the_path_of_the_server(serve: Serve) -> None:
    server = serve(Server(path="/deep/er"))
    for name in NAMES:
        expect_file(await ask(server, f"/deep/er/{name}"), name)
    assert (await ask(server, "/socket.io/socket.io.js")).status == 404
    server = serve(Server(path="/"))
    expect_file(await ask(server, "/socket.io.js"))


async def test_clients_that_add_no_slash_find_the_files_behind_one(serve: Serve) -> None:
    server = serve(Server(add_trailing_slash=False))
    expect_file(await ask(server, "/socket.io/socket.io.js"))
    for target in ("/socket.iosocket.io.js", "/socket.io//socket.io.js"):
        expect_no_file(await ask(server, target))


# Who may have them


async def test_without_the_option_requests_go_to_the_engine(serve: Serve) -> None:
    server = serve(Server(serve_client=False))
    for name in NAMES:
        for method in ("GET", "POST", "OPTIONS"):
            expect_no_file(await ask_file(server, name, method))
        head = await ask_file(server, name, "HEAD")
        assert (head.status, head.headers["content-type"]) == (400, "application/json")
    opened = await ask_file(server, "socket.io.js?EIO=4&transport=polling")
    assert (opened.status, opened.body[:7]) == (200, b'0{"sid"')


@pytest.mark.parametrize("value", [None, 1, "no"])
def test_the_option_is_a_switch(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="serve_client must be True or False"):
        Server(serve_client=value)


@pytest.mark.parametrize("origin", [FOREIGN, "null", "x"])
async def test_pages_of_any_origin_may_load_the_files(server: Endpoint, origin: str) -> None:
    answer = await ask_file(server, origin=origin)
    expect_file(answer)
    # That is enough for a script element. To read the file, the page needs the option cors.
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert answer.headers["vary"] == "Accept-Encoding"


async def test_cors_is_told_as_with_polls(serve: Serve) -> None:
    server = serve(Server(cors=Cors(origin=[HOME], credentials=True, exposed_headers=["x-c"])))
    always = {"access-control-allow-credentials": "true", "access-control-expose-headers": "x-c"}
    for origin, allowed in ((HOME, {"access-control-allow-origin": HOME}), (FOREIGN, {})):
        full = await ask_file(server, origin=origin)
        expect_file(full)
        known = await ask_file(server, origin=origin, if_none_match=full.headers["etag"])
        assert known.status == 304
        for answer in (full, known, await ask_file(server, method="HEAD", origin=origin)):
            told = {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}
            assert told == {**always, **allowed}
            assert answer.headers["vary"] == "Origin, Accept-Encoding"


@ONE_WAY
async def test_a_star_does_not_vary_by_origin(serve: Serve) -> None:
    server = serve(Server(cors="*"))
    answer = await ask_file(server, origin=FOREIGN)
    expect_file(answer)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["vary"] == "Accept-Encoding"


async def test_a_preflight_request_is_answered(serve: Serve) -> None:
    server = serve(Server(cors=HOME))
    answer = await ask_file(server, method="OPTIONS", origin=HOME, access_control_request_method="GET")
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == HOME
    assert answer.headers["access-control-allow-methods"] == "GET,HEAD,PUT,PATCH,POST,DELETE"


async def test_the_files_are_no_business_of_the_engine(serve: Serve) -> None:
    """As officially: its middlewares and listeners see requests of Engine.IO only."""
    io = Server(allow_request=lambda request: False)
    seen: list[str] = []

    @io.engine.use
    def refuse(request: Any) -> None:
        seen.append(request.url)
        raise ConnectionRefused

    for event in ("connection_error", "initial_headers", "headers"):
        io.engine.on(event)(lambda *arguments: seen.append(event))  # noqa: B023 - only whether it is called matters
    server = serve(io)
    expect_file(await ask_file(server))
    assert seen == []


# Other applications, and other requests


@pytest.mark.parametrize(
    ("mount", "path"),
    [
        ("/ws", "/ws/socket.io/"),
        ("/ws/", "/ws/socket.io/"),
        ("/deep/er", "/deep/er/socket.io/"),
        ("/socket.io", "/socket.io/"),
        ("/", "/socket.io/"),
    ],
)
async def test_mounted_the_files_are_where_the_server_is(serve: Serve, mount: str, path: str) -> None:
    app = FastAPI()
    app.mount(mount, Server())
    server = serve(app)
    for name in NAMES:
        expect_file(await ask(server, f"{path}{name}?v=1", accept_encoding="br"), name, "br")
    assert (await ask(server, path + "socket.io.foo.js")).body == NO_FILE
    assert (await ask(server, "/nothing/socket.io.js")).status == 404


async def test_a_middleware_in_front_changes_nothing(serve: Serve) -> None:
    inner = Starlette(routes=[Mount("/inner", Server())])
    app = Starlette(routes=[Mount("/outer", inner)], middleware=[Middleware(GZipMiddleware)])
    server = serve(app)
    for encoding in ("br", "gzip"):
        answer = await ask(server, "/outer/inner/socket.io/socket.io.min.js", accept_encoding=encoding)
        expect_file(answer, "socket.io.min.js", encoding)
    etag = answer.headers["etag"]
    known = await ask(server, "/outer/inner/socket.io/socket.io.min.js", accept_encoding="gzip", if_none_match=etag)
    assert (known.status, known.body) == (304, b"")


async def test_a_wrapped_application_gets_the_other_requests(serve: Serve) -> None:
    app = FastAPI()

    @app.api_route("/{path:path}")
    def everything(path: str) -> str:
        return f"the application got {path}"

    server = serve(Server().wrap(app))
    for name in NAMES:
        expect_file(await ask_file(server, name), name)
    assert b"the application got socket.io.js" in (await ask(server, "/socket.io.js")).body


@pytest.mark.parametrize("way", ["fast", "asgi"])
@pytest.mark.parametrize("is_mounted", [True, False])
async def test_a_root_path_in_front_is_left_out(serve: Serve, is_mounted: bool) -> None:
    """As behind a proxy that takes the prefix off."""
    app: Any = Server()
    if is_mounted:
        app = FastAPI()
        app.mount("/ws", Server())
    server = serve(app, root_path="/api")
    expect_file(await ask(server, f"{'/ws' if is_mounted else ''}/socket.io/socket.io.js"))


async def call(path: str, root_path: str = "", method: str = "GET") -> list[dict[str, Any]]:
    """Call the server as an ASGI server does that leaves everything to the application; return what it sends."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "root_path": root_path, "query_string": b"", "headers": []}
    await Server()(scope, receive, send)
    return sent


@pytest.mark.parametrize(
    ("root_path", "path"),
    [
        ("", "/socket.io/socket.io.js"),
        ("/ws", "/ws/socket.io/socket.io.js"),
        ("/ws", "/socket.io/socket.io.js"),
        ("/socket.io", "/socket.io/socket.io.js"),
        ("/socket.io", "/socket.io.js"),
        ("/socket.io/", "/socket.io.js"),
    ],
)
async def test_frameworks_may_give_the_path_with_the_mount_point_or_without(root_path: str, path: str) -> None:
    start, end = await call(path, root_path)
    assert start["status"] == 200
    assert end["body"] == (DIRECTORY / "socket.io.js").read_bytes()


async def test_an_asgi_server_need_not_drop_the_body_of_an_answer_to_head() -> None:
    (start, end), (head_start, head_end) = [
        await call("/socket.io/socket.io.js", method=name) for name in ("GET", "HEAD")
    ]
    assert end["body"]
    assert head_end["body"] == b""
    assert head_start == start


async def test_files_and_polls_share_a_connection(server: Endpoint) -> None:
    """Also when the requests come at once: the answers keep their order."""
    poll, file = "/socket.io/?EIO=4&transport=polling", "/socket.io/socket.io.min.js"
    async with raw_connection(server) as peer:
        for at_once in (1, 4):
            targets = [file, poll, poll, file, file, poll, file, poll]
            for start in range(0, len(targets), at_once):
                group = targets[start : start + at_once]
                for target in group:
                    await send(peer, server, target, "GET", {}, b"")
                for target in group:
                    status, headers = await peer.read_head()
                    body = await peer._reader.readexactly(int(headers["content-length"]))
                    if target == file:
                        expect_file(Answer(status, body, headers), "socket.io.min.js")
                    else:
                        assert (status, body[:7]) == (200, b'0{"sid"')
