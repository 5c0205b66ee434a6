"""Polling, WebSocket, and the upgrade from one to the other."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import antiphon
from antiphon import PayloadTooLarge, TransportError
from antiphon.socketio.msgpack_parser import MsgPackParser
from faces import QUICK, Connect, Face
from hosts import Host, RecordingRelay
from interop_driver import until

BOTH = ["polling", "websocket"]
BINARY_FRAME = 0x82


def test_it_upgrades_when_the_server_offers_it(host: Host, face: Face) -> None:
    guest = face.start(host.url)
    guest.watch("upgrade")
    guest.expect("connect")
    assert guest.expect("upgrade") == ["websocket"]
    assert guest.io.transport_name == "websocket"
    assert guest.emit_with_ack("transport") == "websocket"
    assert guest.core.io.engine is not None
    assert guest.core.io.engine.upgrade_error is None


@pytest.mark.parametrize("count", [50, 300])
def test_the_order_of_events_outlasts_an_upgrade(host: Host, face: Face, count: int) -> None:
    guest = face.start(host.url, noting=["echo", "burst"], transports=BOTH)
    guest.watch("upgrade")
    guest.expect("connect")
    guest.emit("burst", count)
    for number in range(count):
        guest.emit("echo", number, *([b"%d" % number] if number % 5 == 0 else []))
    guest.expect("upgrade")
    for number in range(count, 2 * count):
        guest.emit("echo", number)
    assert [guest.expect("echo")[0] for _ in range(2 * count)] == list(range(2 * count))
    assert [guest.expect("burst") for _ in range(count)] == [[number] for number in range(count)]
    assert guest.count("disconnect") == 0


def test_events_from_several_threads_outlast_an_upgrade(host: Host, face: Face) -> None:
    guest = face.start(host.url, noting=["echo"], transports=BOTH)

    def send(name: int) -> None:
        for number in range(50):
            guest.target.emit("echo", name, number)

    threads = [threading.Thread(target=send, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = [guest.expect("echo") for _ in range(200)]
    for name in range(4):
        assert [number for sender, number in events if sender == name] == list(range(50))


def test_it_does_not_upgrade_if_that_is_not_wanted_or_not_offered(hosts: dict[str, Host], face: Face) -> None:
    unwilling = face.connect(hosts["plain"].url, upgrade=False)
    unable = face.connect(hosts["polling only"].url)
    for guest in (unwilling, unable):
        guest.watch("upgrade")
        for number in range(3):
            assert guest.emit_with_ack("ask", number) == number
        assert guest.io.transport_name == guest.emit_with_ack("transport") == "polling"
        assert guest.count("upgrade") == 0


def test_polling_goes_on_if_the_upgrade_fails(relay: RecordingRelay, face: Face) -> None:
    refusing = threading.Event()
    passing = relay._pass_on

    def pass_on(source: Any, sink: Any) -> None:
        class Watched:
            def recv(self, size: int) -> bytes:
                data: bytes = source.recv(size)
                if b"transport=websocket" in data:
                    refusing.set()
                    return b""
                return data

        passing(Watched() if any(source is near for near, _ in list(relay._pairs)) else source, sink)  # type: ignore[arg-type]

    relay._pass_on = pass_on  # type: ignore[method-assign]
    guest = face.start(relay.url, **QUICK)
    guest.watch("upgrade_error", "upgrade")
    [error] = guest.expect("upgrade_error")
    assert isinstance(error, TransportError)
    assert error.transport == "websocket"
    assert refusing.is_set()
    assert guest.emit_with_ack("transport") == guest.io.transport_name == "polling"
    assert (guest.count("disconnect"), guest.count("upgrade")) == (0, 0)


def test_another_transport_is_tried_if_that_is_wanted(hosts: dict[str, Host], face: Face) -> None:
    guest = face.connect(hosts["polling only"].url, transports=["websocket", "polling"], try_all_transports=True)
    assert guest.io.transport_name == "polling"
    assert guest.count("connect_error") == 0
    other = face.connect(hosts["websocket only"].url, transports=BOTH, try_all_transports=True)
    assert other.emit_with_ack("transport") == "websocket"
    stubborn = face.start(hosts["polling only"].url, transports=["websocket", "polling"], **QUICK)
    [error] = stubborn.expect("connect_error")
    assert error.transport == "websocket"
    assert error.status == 400
    assert error.body in ('{"code":0,"message":"Transport unknown"}', "Transport unknown")


def test_websocket_may_come_first(host: Host, face: Face) -> None:
    guest = face.start(host.url, transports=["websocket", "polling"])
    guest.watch("upgrade")
    guest.expect("connect")
    assert guest.emit_with_ack("transport") == guest.io.transport_name == "websocket"
    assert guest.count("upgrade") == 0


def test_it_begins_with_websocket_if_that_worked_before(host: Host, relay_to: Any, face: Face) -> None:
    for remember in (True, False):
        relay = relay_to(host)
        guest = face.connect(relay.url, remember_upgrade=remember, **QUICK)
        guest.use("websocket")
        relay.from_clients.clear()
        with relay.cut_off():
            guest.expect("disconnect")
        guest.expect("connect")
        assert ("transport=websocket" in relay.requests[0]) is remember
        guest.disconnect()


def test_binary_goes_as_text_if_that_is_wanted(host: Host, relay_to: Any, connect: Connect, transport: str) -> None:
    data = b"\xfe\xed" * 30
    for as_text in (True, False):
        relay = relay_to(host)
        guest = connect(relay, force_base64=as_text)
        assert any("b64=1" in request for request in relay.requests) is as_text
        relay.from_clients.clear()
        relay.from_server.clear()
        assert guest.emit_with_ack("ask", data) == data
        # Polling is text in any case.
        is_raw = transport == "websocket" and not as_text
        assert (data in bytes(relay.from_server)) is is_raw
        # What a client sends is masked, but the kind of a frame is not.
        assert (any(byte == BINARY_FRAME for byte in kinds_of_frames(bytes(relay.from_clients)))) is is_raw
        guest.disconnect()


def kinds_of_frames(data: bytes) -> list[int]:
    """Return the first byte of each small frame of a client; of nothing if these are requests."""
    kinds = []
    while data and data[0] & 0x80:
        kinds.append(data[0])
        data = data[6 + (data[1] & 0x7F) :]
    return kinds


# Large messages


def test_messages_are_as_large_as_the_server_takes_them(hosts: dict[str, Host], connect: Connect) -> None:
    guest = connect(hosts["small"], noting=["echo"])
    # More than one body of a request holds, in one turn.
    for number in range(20):
        guest.emit("echo", number, "x" * 3000)
    assert [guest.expect("echo")[0] for _ in range(20)] == list(range(20))
    assert guest.emit_with_ack("ask", "x" * 9900) == "x" * 9900
    assert guest.count("disconnect") == 0


@pytest.mark.parametrize("size", [9_970, 10_000, 10_001, 60_000])
def test_what_is_too_large_is_not_sent(hosts: dict[str, Host], connect: Connect, transport: str, size: int) -> None:
    guest = connect(hosts["small"])
    value = "x" * size
    if size < 9_980:
        assert guest.emit_with_ack("ask", value) == value
        return
    with pytest.raises(PayloadTooLarge, match=r"bytes, the server takes 10000; send less at once") as caught:
        guest.emit("echo", value)
    assert caught.value.max_payload == 10_000
    assert size < caught.value.size < size + 50
    with pytest.raises(PayloadTooLarge):
        guest.emit_with_ack("ask", b"x" * (size + 1))
    guest.volatile.emit("echo", "small")
    assert guest.emit_with_ack("ask", "still here") == "still here"
    assert guest.count("disconnect") == 0


def test_what_waited_and_is_too_large_is_told_to_who_waits(
    hosts: dict[str, Host], relay_to: Any, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    relay = relay_to(hosts["small"])
    guest = connect(relay, noting=["echo"])
    with relay.cut_off():
        guest.expect("disconnect")
        awaited = guest.begin("emit_with_ack", "ask", "x" * 20_000)
        guest.emit("echo", "x" * 20_000)
        guest.emit("echo", "small")
    with pytest.raises(PayloadTooLarge):
        awaited.result(10)
    assert guest.expect("echo") == ["small"]
    assert "an event is lost: the message has 200" in caplog.text


def test_large_events_go_both_ways(host: Host, connect: Connect) -> None:
    guest = connect(host)
    for value in ("x" * 900_000, b"y" * 700_000):
        assert guest.emit_with_ack("ask", value) == value


# Compression


def test_messages_are_compressed_if_both_sides_want_it(hosts: dict[str, Host], relay_to: Any, face: Face) -> None:
    text = "the same again and again " * 2000

    def bytes_on_the_way(name: str, *, compress: bool = True, **options: Any) -> tuple[int, int]:
        relay = relay_to(hosts[name])
        guest = face.connect(relay.url, transports=["websocket"], force_new=True, **options)
        relay.from_clients.clear()
        relay.from_server.clear()
        for _ in range(2):
            assert guest.compress(compress).emit_with_ack("ask", text) == text
        return len(relay.from_clients), len(relay.from_server)

    size = 2 * len(text)
    there, back = bytes_on_the_way("deflating")
    assert (there < size / 10, back < size / 10) == (True, True)
    there, back = bytes_on_the_way("deflating", compress=False)
    assert (there > size, back < size / 10) == (True, True)
    there, back = bytes_on_the_way("deflating", per_message_deflate=False)
    assert (there > size, back > size) == (True, True)
    there, back = bytes_on_the_way("deflating", per_message_deflate=antiphon.PerMessageDeflate(threshold=10**9))
    assert back < size / 10
    there, back = bytes_on_the_way("plain")
    assert (there > size, back > size) == (True, True)


def test_compressed_messages_are_whole(hosts: dict[str, Host], face: Face) -> None:
    deflate = antiphon.PerMessageDeflate(threshold=10, client_no_context_takeover=True)
    more: list[dict[str, Any]] = [{}, {"per_message_deflate": deflate}]
    for options in more:
        guest = face.connect(hosts["deflating"].url, transports=["websocket"], force_new=True, **options)
        for size in (1, 9, 10, 1023, 1024, 5000, 200_000):
            assert guest.emit_with_ack("ask", "ü" * size, b"z" * size) == "ü" * size
            assert guest.emit_with_ack("ask", b"z" * size) == b"z" * size


# The parser


def test_a_parser_may_be_given(hosts: dict[str, Host], connect: Connect) -> None:
    guest = connect(hosts["msgpack"], noting=["echo"], parser=MsgPackParser())
    values = [1, "two", b"three", {"deep": [b"four", None, 5.5]}]
    guest.emit("echo", *values)
    assert guest.expect("echo") == values
    assert guest.emit_with_ack("ask", {"binary": b"data"}) == {"binary": b"data"}
    guest.on("question", lambda value: {"answer": value})
    guest.emit("question", 5000, b"?", ack=guest.noter("answer"))
    assert guest.expect("answer") == [None, {"answer": b"?"}]
    admin = guest.io.socket("/admin")
    admin.connect()
    until(lambda: admin.connected)
    assert admin.emit_with_ack("ask", b"x") == b"x"
