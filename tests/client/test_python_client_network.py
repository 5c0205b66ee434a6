"""What requests look like, and the way they take: paths, headers, cookies, TLS, proxies."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from antiphon import ConfigurationError, ConnectError
from faces import Connect, Face
from hosts import Certificates, Host, RecordingRelay
from proxies import HTTPProxy, SocksProxy
from test_python_client_connecting import wait_until_connected

Relays = Callable[[Host], RecordingRelay]


def queries(relay: RecordingRelay) -> list[dict[str, list[str]]]:
    """Return the queries of all requests so far."""
    return [parse_qs(urlsplit(request).query, keep_blank_values=True) for request in relay.requests]


def test_the_path_and_its_last_slash(hosts: dict[str, Host], relay_to: Relays, connect: Connect) -> None:
    special, plain = relay_to(hosts["special"]), relay_to(hosts["plain"])
    for path in ("/special", "/special/", "special"):
        guest = connect(special, path=path, add_trailing_slash=False)
        assert guest.emit_with_ack("ask", 1) == 1
        guest.disconnect()
    assert {urlsplit(request).path for request in special.requests} == {"/special"}
    connect(plain)
    assert {urlsplit(request).path for request in plain.requests} == {"/socket.io/"}


def test_timestamps_are_for_polling_and_can_be_named(host: Host, relay_to: Relays, face: Face) -> None:
    for options, name, stamped in (
        ({}, "t", True),
        ({"timestamp_param": "when"}, "when", True),
        ({"timestamp_requests": False}, "t", False),
    ):
        relay = relay_to(host)
        guest = face.connect(relay.url, **options)
        guest.use("websocket")
        assert guest.emit_with_ack("ask", 1) == 1
        asked = queries(relay)
        polls = [query for query in asked if query["transport"] == ["polling"]]
        stamps = [query[name][0] for query in polls if name in query]
        assert len(stamps) == (len(polls) if stamped else 0)
        assert len(set(stamps)) == len(stamps)
        assert not any(name in query for query in asked if query["transport"] == ["websocket"])
        guest.disconnect()


def test_the_query_reaches_the_server(host: Host, connect: Connect) -> None:
    guest = connect(host, "/?a=1&b=%20x%26y", query={"token": "a b+c&d=ü", "empty": ""})
    query = guest.emit_with_ack("handshake")["query"]
    assert (query["token"], query["empty"], query["a"], query["b"]) == ("a b+c&d=ü", "", "1", " x&y")
    assert query["EIO"] == "4"


def test_words_of_the_protocol_cannot_be_in_the_query(host: Host, face: Face) -> None:
    for name in ("EIO", "transport", "sid", "j", "b64"):
        with pytest.raises(ConfigurationError, match=f"the query parameter {name} belongs to the protocol"):
            face.prepare(host.url, query={name: "1"})


def test_query_and_headers_may_change_before_it_connects_again(relay: RecordingRelay, connect: Connect) -> None:
    guest = connect(relay, query={"token": "1"}, extra_headers={"X-Token": "1"})
    network = guest.core.io.network
    network.query["token"] = "2"
    network.headers["X-Token"] = "2"
    with relay.cut_off():
        guest.expect("disconnect")
    guest.expect("connect")
    told = guest.emit_with_ack("handshake")
    assert (told["query"]["token"], told["headers"]["x-token"]) == ("2", "2")


def test_headers_are_added_to_every_request(relay: RecordingRelay, connect: Connect) -> None:
    guest = connect(relay, extra_headers={"Authorization": "Bearer abc", "X-Custom": "yes"})
    headers = guest.emit_with_ack("handshake")["headers"]
    assert (headers["authorization"], headers["x-custom"]) == ("Bearer abc", "yes")
    sent = bytes(relay.from_clients).lower()
    assert sent.count(b"authorization: bearer abc") == sent.count(b" http/1.1\r\n") > 0


def test_sub_protocols_are_offered(host: Host, face: Face) -> None:
    guest = face.connect(host.url, transports=["websocket"], protocols=["chat", "superchat"])
    headers = guest.emit_with_ack("handshake")["headers"]
    assert headers["sec-websocket-protocol"].replace(" ", "") == "chat,superchat"


# Cookies


def test_cookies_are_sent(host: Host, connect: Connect) -> None:
    guest = connect(host, cookies={"session": "abc", "other": "1"})
    assert sorted(guest.emit_with_ack("handshake")["headers"]["cookie"].split("; ")) == ["other=1", "session=abc"]


def test_cookies_are_sent_besides_those_of_a_header(host: Host, connect: Connect) -> None:
    guest = connect(host, cookies={"sticky": "node7", "both": "1"}, extra_headers={"Cookie": "session=abc; both=2"})
    cookies = guest.emit_with_ack("handshake")["headers"]["cookie"]
    assert sorted(cookies.split("; ")) == ["both=1", "session=abc", "sticky=node7"]


def test_cookies_of_the_server_are_kept_if_that_is_wanted(hosts: dict[str, Host], relay_to: Relays, face: Face) -> None:
    special: Any = {"path": "/special", "add_trailing_slash": False, "cookies": {"own": "1"}}
    for wanted in (True, False):
        relay = relay_to(hosts["special"])
        guest = face.connect(relay.url, with_credentials=wanted, **special)
        guest.use("websocket")
        assert guest.emit_with_ack("ask", 1) == 1
        heads = bytes(relay.from_clients).split(b" HTTP/1.1\r\n")[1:]
        cookies = [head.partition(b"Cookie: ")[2].partition(b"\r\n")[0] for head in heads]
        assert cookies[0] == b"own=1"
        # Sticky load balancers need it, and so does the upgrade.
        assert {b"io=" in cookie for cookie in cookies[1:]} == {wanted}
        assert all(b"own=1" in cookie for cookie in cookies)
        guest.disconnect()


# TLS


def test_the_server_is_trusted_by_a_context(
    hosts: dict[str, Host], certificates: Certificates, connect: Connect
) -> None:
    context = ssl.create_default_context(cafile=certificates.ca)
    context.set_ciphers("ECDHE+AESGCM")
    guest = connect(hosts["tls"], ssl=context)
    assert guest.emit_with_ack("ask", b"secret") == b"secret"
    assert hosts["tls"].url.startswith("https://")


def test_tls_goes_through_an_upgrade(hosts: dict[str, Host], certificates: Certificates, face: Face) -> None:
    url = hosts["tls"].url.replace("https", "wss")
    guest = face.connect(url, ssl=ssl.create_default_context(cafile=certificates.ca))
    guest.use("websocket")
    assert guest.emit_with_ack("ask", 1) == 1


def test_a_server_that_is_not_trusted_is_told(hosts: dict[str, Host], face: Face, transport: str) -> None:
    guest = face.prepare(hosts["tls"].url, transports=[transport], fail_fast=True)
    with pytest.raises(ConnectError, match="the certificate of the server is not trusted: ") as caught:
        wait_until_connected(face, guest)
    assert isinstance(caught.value.__cause__, BaseException)


def test_any_server_is_trusted_if_that_is_wanted(hosts: dict[str, Host], connect: Connect) -> None:
    assert connect(hosts["tls"], ssl=False).emit_with_ack("ask", 1) == 1


def test_a_client_shows_its_certificate(
    hosts: dict[str, Host], certificates: Certificates, connect: Connect, face: Face, transport: str
) -> None:
    context = ssl.create_default_context(cafile=certificates.ca)
    stranger = face.prepare(hosts["mutual tls"].url, transports=[transport], ssl=context, fail_fast=True)
    with pytest.raises(ConnectError):
        wait_until_connected(face, stranger)
    known = ssl.create_default_context(cafile=certificates.ca)
    known.load_cert_chain(certificates.client_cert, certificates.client_key)
    assert connect(hosts["mutual tls"], ssl=known).emit_with_ack("ask", 1) == 1


# Proxies


@pytest.fixture
def http_proxy() -> Iterator[HTTPProxy]:
    with closing(HTTPProxy()) as proxy:
        yield proxy


@pytest.fixture
def locked_http_proxy() -> Iterator[HTTPProxy]:
    with closing(HTTPProxy("user:pass")) as proxy:
        yield proxy


@pytest.fixture
def socks_proxy() -> Iterator[SocksProxy]:
    with closing(SocksProxy()) as proxy:
        yield proxy


@pytest.fixture
def locked_socks_proxy() -> Iterator[SocksProxy]:
    with closing(SocksProxy("user:pass")) as proxy:
        yield proxy


@pytest.fixture(autouse=True)
def no_proxy_by_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_it_connects_through_an_http_proxy(
    host: Host, http_proxy: HTTPProxy, connect: Connect, face: Face, transport: str
) -> None:
    guest = connect(host, proxy=http_proxy.url)
    assert guest.emit_with_ack("ask", b"data") == b"data"
    methods = {"GET", "POST"} if transport == "polling" else {"CONNECT"}
    assert set(http_proxy.seen) == {(method, f"127.0.0.1:{host.port}") for method in methods}
    guest.disconnect()


def test_it_upgrades_through_an_http_proxy(host: Host, http_proxy: HTTPProxy, face: Face) -> None:
    guest = face.connect(host.url, proxy=http_proxy.url)
    guest.use("websocket")
    assert guest.emit_with_ack("transport") == "websocket"
    guest.disconnect()


def test_tls_goes_through_an_http_proxy(
    hosts: dict[str, Host], http_proxy: HTTPProxy, certificates: Certificates, connect: Connect
) -> None:
    guest = connect(hosts["tls"], proxy=http_proxy.url, ssl=ssl.create_default_context(cafile=certificates.ca))
    assert guest.emit_with_ack("ask", 1) == 1
    assert {method for method, _ in http_proxy.seen} == {"CONNECT"}
    guest.disconnect()


def test_a_proxy_may_want_a_password(
    host: Host,
    locked_http_proxy: HTTPProxy,
    locked_socks_proxy: SocksProxy,
    connect: Connect,
    face: Face,
    transport: str,
) -> None:
    for url in (locked_http_proxy.url, locked_socks_proxy.url("socks5")):
        guest = connect(host, proxy=url, force_new=True)
        assert guest.emit_with_ack("ask", 1) == 1
        guest.disconnect()
    stranger = f"http://127.0.0.1:{locked_http_proxy.port}"
    refused = face.prepare(host.url, transports=[transport], proxy=stranger, fail_fast=True)
    with pytest.raises(ConnectError, match=r"407|proxy") as caught:
        wait_until_connected(face, refused)
    assert caught.value.status in (407, None)


@pytest.mark.parametrize("scheme", ["socks4", "socks5", "socks5h"])
def test_it_connects_through_a_socks_proxy(host: Host, socks_proxy: SocksProxy, connect: Connect, scheme: str) -> None:
    guest = connect(host, proxy=socks_proxy.url(scheme))
    assert guest.emit_with_ack("ask", b"data") == b"data"
    version = 4 if scheme == "socks4" else 5
    assert set(socks_proxy.seen) == {(version, f"127.0.0.1:{host.port}")}
    guest.disconnect()


def test_tls_goes_through_a_socks_proxy(
    hosts: dict[str, Host], socks_proxy: SocksProxy, certificates: Certificates, connect: Connect
) -> None:
    guest = connect(
        hosts["tls"], proxy=socks_proxy.url("socks5h"), ssl=ssl.create_default_context(cafile=certificates.ca)
    )
    assert guest.emit_with_ack("ask", 1) == 1
    # The proxy resolves the name.
    assert set(socks_proxy.seen) == {(5, f"localhost:{hosts['tls'].port}")}
    guest.disconnect()


def test_a_proxy_that_is_not_there_is_told(host: Host, face: Face, transport: str) -> None:
    for url in ("http://127.0.0.1:1", "socks5://127.0.0.1:1"):
        guest = face.prepare(host.url, transports=[transport], proxy=url, fail_fast=True, force_new=True)
        with pytest.raises(ConnectError, match=r"refused|proxy"):
            wait_until_connected(face, guest)


def test_the_environment_names_a_proxy(
    host: Host, http_proxy: HTTPProxy, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_asked(**options: Any) -> bool:
        http_proxy.seen.clear()
        guest = connect(host, force_new=True, **options)
        assert guest.emit_with_ack("ask", 1) == 1
        guest.disconnect()
        return bool(http_proxy.seen)

    assert not is_asked()
    monkeypatch.setenv("HTTP_PROXY", http_proxy.url)
    # Upper case is for programs that no web server runs; both are heard.
    monkeypatch.setenv("http_proxy", http_proxy.url)
    assert is_asked()
    assert not is_asked(proxy=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1,example.org")
    assert not is_asked()
    monkeypatch.delenv("no_proxy")
    monkeypatch.delenv("HTTP_PROXY")
    monkeypatch.delenv("http_proxy")
    monkeypatch.setenv("all_proxy", http_proxy.url)
    assert is_asked()
    monkeypatch.setenv("all_proxy", "socks5://127.0.0.1:1")
    assert is_asked(proxy=http_proxy.url)


def test_a_connection_through_a_proxy_comes_back(
    relay: RecordingRelay, socks_proxy: SocksProxy, connect: Connect
) -> None:
    guest = connect(relay, proxy=socks_proxy.url("socks5"))
    with relay.cut_off():
        guest.expect("disconnect")
    guest.expect("connect")
    assert guest.emit_with_ack("ask", 1) == 1
    guest.disconnect()
