"""Requests for the browser client, to our server and to the official one: browsers must be told the same.

The files themselves are not the same: each server has a client of its own.
"""

from __future__ import annotations

import gzip
import http.client
from urllib.parse import urlsplit

import pytest

from reference import official_server

BUNDLES = ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js"]
NAMES = [*BUNDLES, *(f"{bundle}.map" for bundle in BUNDLES)]
HOME, FOREIGN = "https://home.example", "https://foreign.example"

CORS = {
    "nothing": None,
    "star": "*",
    "origin": HOME,
    "list": [HOME, "https://other.example"],
}


@pytest.fixture(scope="module")
def official():
    with official_server() as url:
        yield url


@pytest.fixture(scope="module", params=CORS)
def official_with_cors(request):
    origin = CORS[request.param]
    with official_server(**({"cors": {"origin": origin}} if origin else {})) as url:
        yield origin, url


def ask(url, target, method="GET", headers=()):
    """Send a request; return the response, with its body read."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=10)
    try:
        # Else the library would say which encodings it accepts.
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in dict(headers).items():
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        response.text = response.read()
        return response
    finally:
        connection.close()


def told(response):
    """Return what matters to browsers, but for what differs on purpose: ``ETag`` and ``Vary``."""
    return {
        "status": response.status,
        **{
            name: response.getheader(name)
            for name in (
                "cache-control",
                "content-type",
                "content-encoding",
                "access-control-allow-origin",
                "access-control-allow-methods",
                "access-control-allow-headers",
            )
        },
        "has etag": response.getheader("etag") is not None,
        # Each refusal is an answer of the engine.
        "body": response.text if response.status == 400 else bool(response.text),
    }


@pytest.mark.parametrize("name", NAMES)
def test_each_file_is_served_as_by_the_official_server(stage, official, name):
    for encoding in ({}, {"Accept-Encoding": "gzip"}, {"Accept-Encoding": "br"}):
        for method in ("GET", "HEAD"):
            ours, theirs = (ask(url, f"/socket.io/{name}", method, encoding) for url in (stage.url, official))
            assert told(ours) == told(theirs)
            if method == "GET" and "gzip" in encoding.values():
                assert gzip.decompress(ours.text)


PATHS = [
    "socket.io.js?v=1",
    "socket.io.js?",
    "socket.io.js?EIO=4&transport=polling",
    "socket.io.foo.js",
    "socket.io.js.gz",
    "socket.io.js.map.map",
    "socket.io.js/",
    "SOCKET.IO.JS",
    "/socket.io.js",
    "deeper/socket.io.js",
    "../socket.io/socket.io.js",
    "..%2Fsocket.io.js",
    "package.json",
]


@pytest.mark.parametrize("path", PATHS)
def test_the_same_paths_are_files(stage, official, path):
    ours, theirs = (ask(url, f"/socket.io/{path}") for url in (stage.url, official))
    assert told(ours) == told(theirs)


ENCODINGS = {
    "nothing said": "",
    "identity": "identity",
    "brotli first": "br, gzip",
    "any": "*",
    "none": "*;q=0",
    "brotli refused": "br;q=0, *",
    "gzip liked better": "br;q=0.5, gzip;q=0.9",
    "brotli liked less than others": "br;q=0.5, *;q=0.9",
    "unknown": "zstd, compress",
    "identity refused": "identity;q=0",
}


@pytest.mark.parametrize("name", ENCODINGS)
def test_the_encoding_is_that_of_the_official_server(stage, official, name):
    headers = {"Accept-Encoding": ENCODINGS[name]}
    ours, theirs = (ask(url, "/socket.io/socket.io.js", headers=headers) for url in (stage.url, official))
    assert told(ours) == told(theirs)


@pytest.mark.parametrize(
    ("accepted", "ours", "theirs"),
    [
        # Of what is liked equally, the smallest; they take what the client names first.
        ("gzip, deflate, br", "br", "gzip"),
        # We have no deflate, which nobody needs who has gzip.
        ("deflate", None, "deflate"),
        # Who likes no encoding better gets none.
        ("identity, gzip;q=0.5", None, "gzip"),
    ],
)
def test_the_encoding_differs_on_purpose(stage, official, accepted, ours, theirs):
    answers = [
        ask(url, "/socket.io/socket.io.js", headers={"Accept-Encoding": accepted}) for url in (stage.url, official)
    ]
    assert [answer.getheader("content-encoding") for answer in answers] == [ours, theirs]


def test_who_has_the_file_is_told_so_as_by_the_official_server(stage, official):
    target = "/socket.io/socket.io.js"
    ours, theirs = ({} for _ in range(2))
    for url, results in ((stage.url, ours), (official, theirs)):
        etag = ask(url, target).getheader("etag")
        for name, condition in {"same": etag, "weak": f"W/{etag}", "other": '"x"', "unquoted": etag.strip('"')}.items():
            response = ask(url, target, headers={"If-None-Match": condition})
            results[name] = response.status, response.getheader("content-type"), bool(response.text)
    assert ours == theirs
    assert [status for status, *_ in ours.values()] == [304, 304, 200, 200]


def test_a_cache_is_told_what_the_official_server_does_not_tell(stage, official):
    """There all encodings share an ETag, and a cache is not told that they differ; a 304 response has no headers."""
    target = "/socket.io/socket.io.js"
    for url, etags, vary in ((stage.url, 3, "Accept-Encoding"), (official, 1, None)):
        answers = [ask(url, target, headers={"Accept-Encoding": name}) for name in ("identity", "gzip", "br")]
        assert len({answer.getheader("etag") for answer in answers}) == etags
        assert {answer.getheader("vary") for answer in answers} == {vary}
        etag = answers[0].getheader("etag")
        known = ask(url, target, headers={"If-None-Match": etag})
        assert known.getheader("etag") == (etag if url == stage.url else None)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
def test_each_method_and_origin_is_answered_as_by_the_official_server(serve, official_with_cors, method):
    origin, official = official_with_cors
    url = serve(cors=origin).url
    preflight = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "x-token"}
    for headers in ({}, {"Origin": HOME}, {"Origin": FOREIGN}):
        asked = {**headers, **preflight} if method == "OPTIONS" else headers
        ours, theirs = (ask(one, "/socket.io/socket.io.min.js", method, asked) for one in (url, official))
        assert told(ours) == told(theirs)
        vary = [theirs.getheader("vary")] if theirs.getheader("vary") else []
        assert ours.getheader("vary") == ", ".join([*vary, *["Accept-Encoding"] * (ours.status == 200)])


def test_nothing_is_served_where_that_is_not_wanted(serve):
    stage = serve(serve_client=False)
    with official_server(serveClient=False) as official:
        for name in [*NAMES, "socket.io.js?EIO=4&transport=carrier-pigeon"]:
            ours, theirs = (ask(url, f"/socket.io/{name}") for url in (stage.url, official))
            assert told(ours) == told(theirs)
            assert ours.status == 400


@pytest.mark.parametrize(
    ("ours", "theirs", "path"),
    [
        ({"add_trailing_slash": False}, {"addTrailingSlash": False}, "/socket.io/"),
        ({"path": "/deep/er"}, {"path": "/deep/er"}, "/deep/er/"),
        ({"path": "/deep/er/"}, {"path": "/deep/er/"}, "/deep/er/"),
        ({"path": "/"}, {"path": "/"}, "/"),
    ],
    ids=["no slash", "path", "path with a slash", "root"],
)
def test_the_files_are_below_the_same_path(serve, ours, theirs, path):
    stage = serve(**ours)
    with official_server(**theirs) as official:
        for name in ("socket.io.js", "/socket.io.js"):
            answers = [told(ask(url, path + name)) for url in (stage.url, official)]
            assert answers[0] == answers[1]
            assert answers[0]["status"] == (200 if name == "socket.io.js" else 400)
