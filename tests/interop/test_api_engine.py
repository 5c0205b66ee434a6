"""The Engine.IO server and its sessions, as an application sees them."""

from __future__ import annotations

from typing import Any

import pytest

from antiphon import ConfigurationError, ConnectionRefused, Request, Socket
from interop_driver import TRANSPORTS, until


def watch(stage, *events: str) -> list[tuple[Any, ...]]:
    """Note the events of the session of each socket that comes."""
    seen: list[tuple[Any, ...]] = []

    @stage.io.on("connection")
    def connection(socket: Socket) -> None:
        for event in events:
            socket.conn.on(event, lambda *arguments, event=event: seen.append((event, *arguments)))

    return seen


# The events of a session


def test_a_session_tells_that_it_is_upgraded(stage, node, transport):
    names: list[str] = []

    @stage.io.on("connection")
    def connection(socket: Socket) -> None:
        names.append(socket.conn.transport.name)
        socket.conn.once("upgrade", lambda transport: names.append(transport.name))

    node.client(stage.url, transports=TRANSPORTS[transport]).expect_connect()
    wanted = {"upgrade": ["polling", "websocket"]}.get(transport, [transport])
    until(lambda: names == wanted)


def test_a_session_tells_of_every_packet(stage, connect):
    seen = watch(stage, "packet", "packet_create")
    client = connect(stage)
    stage.running.call(lambda: stage.socket(client).on("hello", lambda *args: "answer"))
    assert client.call("hello", 1) == ["answer"]
    client.emit("file", b"\x01")
    until(lambda: any(packet.binary for _, packet in seen))
    texts = [(event, packet.data) for event, packet in seen if packet.type == 4]
    assert ("packet", b'20["hello",1]') in texts
    assert ("packet_create", b'30["answer"]') in texts
    assert ("packet", b"\x01") in texts
    assert texts.index(("packet", b'20["hello",1]')) < texts.index(("packet_create", b'30["answer"]'))
    stage.running.call(lambda: stage.io.emit("file", b"\x02"))
    client.expect_event("file")
    assert [packet.data for event, packet in seen if event == "packet_create" and packet.binary] == [b"\x02"]


def test_a_session_tells_when_all_is_sent(stage, connect):
    seen = watch(stage, "drain")
    client = connect(stage)
    stage.running.call(lambda: stage.io.emit("large", "x" * 200_000))
    client.expect_event("large")
    until(lambda: seen == [("drain",)] or seen.count(("drain",)) > 1)


def test_a_session_tells_of_heartbeats(stage_of, connect):
    stage = stage_of("short heartbeat")
    seen = watch(stage, "heartbeat", "packet", "packet_create")
    connect(stage)
    until(lambda: ("heartbeat",) in seen)
    kinds = [(event, int(arguments[0].type)) for event, *arguments in seen if arguments]
    assert ("packet_create", 2) in kinds
    assert ("packet", 3) in kinds


def test_a_session_tells_of_its_end(stage, connect):
    seen = watch(stage, "close")
    client = connect(stage)
    client.disconnect()
    until(lambda: seen)
    assert [event[:2] for event in seen] == [("close", "transport close")]


def test_listeners_of_a_session_are_dropped(stage, connect):
    seen = watch(stage, "packet")
    client = connect(stage)
    conn = stage.socket(client).conn
    other: list[object] = []
    stage.running.call(lambda: (conn.on("packet", other.append), conn.off("packet", other.append)))
    client.emit("one")
    until(lambda: len(seen) == 1)
    stage.running.call(lambda: conn.off("packet"))
    stage.running.call(lambda: stage.socket(client).on("two", lambda: None))
    assert client.call("two") == []
    assert (len(seen), other) == (1, [])


def test_a_listener_of_a_session_that_fails_harms_nobody(stage, connect, caplog):
    @stage.io.on("connection")
    def connection(socket: Socket) -> None:
        socket.conn.on("packet", lambda packet: 1 / 0)
        socket.on("hello", lambda: "answer")

    assert connect(stage).call("hello") == ["answer"]
    assert "ZeroDivisionError" in caplog.text


def test_a_session_has_no_other_events(stage, connect):
    conn = stage.socket(connect(stage)).conn
    with pytest.raises(ConfigurationError, match="heartbeat"):
        conn.on("hartbeat")


# The engine


def test_middlewares_of_the_engine_see_every_request_first(serve, connect, transport):
    stage = serve()
    requests: list[Request] = []

    @stage.io.engine.use
    async def count(request: Request) -> None:
        request.state["number"] = len(requests)
        requests.append(request)

    @stage.io.engine.use
    def again(request: Request) -> None:
        request.state["seen"] = request.state["number"]

    client = connect(stage)
    assert stage.socket(client).request is requests[0]
    assert stage.socket(client).request.state == {"number": 0, "seen": 0}
    kinds = {(request.method, request.upgrade) for request in requests}
    if transport != "websocket":
        assert {("GET", False), ("POST", False)} <= kinds
    if transport != "polling":
        assert ("GET", True) in kinds


@pytest.mark.parametrize("error", [ConnectionRefused("no"), ValueError("secret")])
def test_a_middleware_of_the_engine_may_refuse_a_request(serve, node, transport, error):
    stage = serve()
    refusals = []
    stage.io.engine.on("connection_error")(refusals.append)

    @stage.io.engine.use
    def refuse(request: Request) -> None:
        if request.query.get("who") == "stranger":
            raise error

    names = TRANSPORTS[transport]
    node.client(stage.url, transports=names, query={"who": "stranger"}).expect("connect_error")
    assert [(refusal.code, refusal.message, refusal.context["name"]) for refusal in refusals] == [
        (3, "Bad request", "MIDDLEWARE_FAILURE")
    ]
    node.client(stage.url, transports=names, query={"who": "friend"}).expect_connect()


def test_what_is_no_function_is_no_middleware_of_the_engine(serve):
    with pytest.raises(ConfigurationError, match="function of the request"):
        serve().io.engine.use("nothing")


def test_the_engine_tells_of_refused_requests(serve, node, transport):
    stage = serve(transports=["polling"] if transport == "websocket" else ["websocket"])
    refusals = []
    stage.io.engine.on("connection_error")(refusals.append)
    refused = "websocket" if transport == "websocket" else "polling"
    node.client(stage.url, transports=[refused]).expect("connect_error")
    (refusal,) = refusals
    assert (refusal.code, refusal.message) == (0, "Transport unknown")
    assert refusal.request.query["transport"] == refused
    assert refusal.context["transport"] == refused


def test_headers_may_be_added_to_the_first_response_and_to_every_one(serve, connect, transport):
    stage = serve()
    firsts: list[str | None] = []
    all_of_them: list[str | None] = []

    @stage.io.engine.on("initial_headers")
    def initial_headers(headers: dict[str, str], request: Request) -> None:
        firsts.append(request.query.get("sid"))
        headers["set-cookie"] = "first=1"

    @stage.io.engine.on("headers")
    def headers(headers: dict[str, str], request: Request) -> None:
        all_of_them.append(request.query.get("sid"))
        headers["x-every"] = "1"

    client = connect(stage, withCredentials=True)
    assert firsts == [None], "only the request that opens the session"
    assert all_of_them[0] is None
    sid = stage.socket(client).conn.id
    assert set(all_of_them[1:]) <= {sid}
    if transport != "websocket":
        assert len(all_of_them) > 2
        assert client.state()["cookies"] == ["first"]


def test_the_engine_counts_its_sessions(serve, connect, node):
    stage = serve()
    first, _second = connect(stage), connect(stage)
    node.client("/other", share=first).expect("connect_error")
    assert stage.io.engine.clients_count == 2
    first.disconnect()
    until(lambda: stage.io.engine.clients_count == 1)
