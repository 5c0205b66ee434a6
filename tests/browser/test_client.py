"""The browser client in headless Chromium, against Antiphon and, unchanged, against the official server."""

from __future__ import annotations

import pytest

from guests import Enter, GuestServer, guest_server, until

TRANSPORTS = ("polling", "websocket", "upgrade")

BLOCK_WEBSOCKET = """
    // As behind a proxy that lets no WebSocket through: the constructor works, the connection fails.
    window.WebSocket = class extends WebSocket { constructor() { super("ws://127.0.0.1:1/"); } };
"""


# Connecting


def test_it_connects_to_the_page_s_own_server_and_upgrades(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    visit.run("() => void open()")
    visit.until("seen('upgrade').length && seen('event').length")
    assert visit.seen("upgrade") == [["websocket"]]
    assert visit.seen("event") == [["welcome", "/"]]
    assert visit.run("socket.io.engine.transport.name") == "websocket"
    assert visit.run("[socket.connected, socket.disconnected, socket.active, socket.recovered]") == [
        True,
        False,
        True,
        False,
    ]
    assert len(visit.run("socket.id")) == 20


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_events_go_both_ways_in_order(shared: GuestServer, enter: Enter, transport: str) -> None:
    visit = enter(shared)
    visit.use(transport)
    visit.run(
        "() => { for (let i = 0; i < 200; i++) socket.emit('echo', i, `${i}`, [i, { i }], null, 'Grüße 你好 🎶'); }"
    )
    visit.until("seen('event').filter(([event]) => event === 'echo').length === 200")
    echoes = [args for event, *args in visit.seen("event") if event == "echo"]
    assert echoes == [[i, f"{i}", [i, {"i": i}], None, "Grüße 你好 🎶"] for i in range(200)]


def test_the_order_holds_while_the_transport_changes(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    visit.run("""() => {
        open();
        let next = 0;
        const timer = setInterval(() => {
            for (let i = 0; i < 20; i++) socket.emit("echo", next++);
            if (seen("upgrade").length && next >= 400) { clearInterval(timer); note("last", next); }
        }, 1);
    }""")
    visit.until("seen('last').length && seen('event').filter(([e]) => e === 'echo').length === seen('last')[0][0]")
    echoes = [args[0] for event, *args in visit.seen("event") if event == "echo"]
    assert echoes == list(range(len(echoes)))
    assert visit.run("socket.io.engine.transport.name") == "websocket"


def test_polling_only(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    visit.open(transports=["polling"])
    assert visit.run("socket.emitWithAck('ask', 1, 'two')") == [1, "two"]
    assert visit.run("socket.io.engine.transport.name") == "polling"
    assert visit.seen("upgrade") == []
    assert visit.seen("upgrade_error") == []


def test_polling_goes_on_where_websocket_is_blocked_and_says_why(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared, BLOCK_WEBSOCKET)
    visit.open()
    visit.until("seen('upgrade_error').length")
    assert visit.seen("upgrade_error") == [["probe error: websocket error", "websocket"]]
    assert visit.run("socket.io.engine.upgradeError.message") == "probe error: websocket error"
    assert visit.run("socket.emitWithAck('ask', 1)") == [1]
    assert visit.run("socket.io.engine.transport.name") == "polling"


def test_another_transport_is_tried_if_that_is_wanted(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared, BLOCK_WEBSOCKET)
    visit.open(transports=["websocket", "polling"], tryAllTransports=True)
    assert visit.run("socket.io.engine.transport.name") == "polling"
    assert visit.seen("connect_error") == []


def test_auth_query_and_headers_reach_the_server(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    visit.run("() => void open({ auth: (give) => setTimeout(() => give({ token: 'abc' })), query: { room: 'a b&c' } })")
    visit.until("socket.connected")
    assert visit.run("socket.emitWithAck('auth')") == {"token": "abc"}
    query = visit.run("socket.emitWithAck('query')")
    assert query["room"] == "a b&c"
    assert query["EIO"] == "4"


def test_a_refusal_tells_message_and_data_and_is_final(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    visit.run("() => void open({ auth: { refuse: true } })")
    visit.until("seen('connect_error').length")
    assert visit.seen("connect_error") == [["not you", {"code": 7}]]
    assert visit.run("socket.active") is False
    visit.run("() => { socket.auth = {}; socket.connect(); }")
    visit.until("socket.connected")


def test_an_unknown_namespace_is_refused(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    visit.run("() => void open({}, '/unknown')")
    visit.until("seen('connect_error').length")
    assert visit.seen("connect_error") == [["Invalid namespace", None]]


def test_the_server_can_end_it(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    visit.open()
    visit.run("() => void socket.emit('kick')")
    visit.until("seen('disconnect').length")
    assert visit.seen("disconnect") == [["io server disconnect"]]
    assert visit.run("[socket.active, socket.id ?? null]") == [False, None]


# What is sent


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_binary_goes_both_ways(shared: GuestServer, enter: Enter, transport: str) -> None:
    visit = enter(shared)
    visit.use(transport)
    answers = visit.run("""async () => {
        const bytes = new Uint8Array(300).map((_, i) => i);
        const values = [
            bytes.buffer, bytes.subarray(5, 9), new DataView(bytes.buffer, 250, 10), new Float32Array([1, 2]),
            new Blob(["blob ", bytes.subarray(0, 3)]), new File(["a file"], "name.txt"), new ArrayBuffer(0),
        ];
        const deep = [{ bytes: values[1], blob: values[4] }];
        const [flat, nested] = await socket.emitWithAck("ask", values, { deep });
        return Promise.all([...flat, nested.deep[0].bytes, nested.deep[0].blob].map(hex));
    }""")
    whole = bytes(i % 256 for i in range(300))
    one_two = bytes.fromhex("0000803f00000040")
    expected = [
        whole,
        whole[5:9],
        whole[250:260],
        one_two,
        b"blob " + whole[:3],
        b"a file",
        b"",
        whole[5:9],
        b"blob " + whole[:3],
    ]
    assert answers == [value.hex() for value in expected]


def test_more_than_one_payload_holds(enter: Enter, kind: str) -> None:
    with guest_server(kind, maxHttpBufferSize=10_000) as server:
        visit = enter(server)
        visit.use("polling")
        answers = visit.run("""() => Promise.all(Array.from({ length: 20 }, (_, i) =>
            socket.emitWithAck("ask", i, "é".repeat(2000), new Uint8Array(i * 100))))""")
        assert [answer[0] for answer in answers] == list(range(20))
        assert visit.seen("disconnect") == []


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_what_the_server_would_not_take_fails_here(enter: Enter, kind: str, transport: str) -> None:
    with guest_server(kind, maxHttpBufferSize=10_000) as server:
        visit = enter(server)
        visit.use(transport)
        message = visit.run(
            """() => { try { socket.emit("echo", "x".repeat(10000)); } catch (error) { return `${error}`; } }"""
        )
        assert message == "PayloadTooLargeError: payload of 10013 bytes: the server takes 10000"
        rejected = visit.run(
            "() => socket.emitWithAck('ask', new Uint8Array(20000)).catch((error) => [error.name, error.size])"
        )
        assert rejected == ["PayloadTooLargeError", 26669 if transport == "polling" else 20000]
        assert visit.run("socket.emitWithAck('ask', 'x'.repeat(9000))") == ["x" * 9000]
        assert visit.seen("disconnect") == []


def test_acknowledgements_go_both_ways(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    visit.open()
    assert visit.run("new Promise((resolve) => socket.emit('ask', 1, resolve))") == [1]
    visit.run("() => void socket.on('question', (...args) => args.pop()(args.map((value) => value + 1)))")
    assert visit.run("socket.emitWithAck('question', 1, 2)") == [2, 3]


def test_an_acknowledgement_that_does_not_come_is_told(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    visit.open()
    assert visit.run("socket.timeout(50).emitWithAck('nobody listens').catch((error) => error.message)") == (
        "operation has timed out"
    )
    assert visit.run(
        "new Promise((resolve) => socket.timeout(10000).emit('ask', 5, (error, answer) => resolve([error, answer])))"
    ) == [
        None,
        [5],
    ]
    visit.run("""() => {
        socket.timeout(10000).emit("nobody listens", (error) => note("lost", error.message));
        socket.disconnect();
    }""")
    assert visit.seen("lost") == [["socket has been disconnected"]]


def test_listeners_for_everything_see_what_comes_and_what_goes(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    visit.open()
    visit.until("seen('event').length")
    order = visit.run("""async () => {
        const order = [];
        const first = (...args) => order.push(["first", ...args]);
        socket.offAny().onAny((...args) => order.push(["any", ...args]));
        socket.prependAny(first);
        socket.onAnyOutgoing((...args) => order.push(["outgoing", ...args]));
        socket.once("echo", (...args) => order.push(["once", ...args]));
        socket.emit("echo", 1);
        await socket.emitWithAck("ask", 1);
        socket.offAny(first);
        socket.offAnyOutgoing();
        socket.emit("echo", 2);
        await socket.emitWithAck("ask", 2);
        return [order, socket.listenersAny().length, socket.listenersAnyOutgoing().length];
    }""")
    events = [
        ["outgoing", "echo", 1],
        ["outgoing", "ask", 1],
        ["first", "echo", 1],
        ["any", "echo", 1],
        ["once", 1],
        ["any", "echo", 2],
    ]
    assert order == [events, 1, 0]


# One connection for several namespaces


def test_two_namespaces_share_a_connection(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    visit.open()
    before = visit.run("socket.emitWithAck('count')")
    visit.run("() => { window.admin = watch(io('/admin'), 'admin '); }")
    visit.until("admin.connected && seen('admin event').length")
    assert visit.seen("admin event") == [["welcome", "/admin"]]
    assert visit.run("admin.io === socket.io && admin.id !== socket.id")
    assert visit.run("admin.emitWithAck('count')") == before
    visit.run("() => void socket.disconnect()")
    assert visit.run("admin.emitWithAck('ask', 'still here')") == ["still here"]
    assert visit.run("io('/admin', { forceNew: true }).io !== admin.io")
    assert visit.run("io('/third').io === admin.io && io('/fourth', { multiplex: false }).io !== admin.io")


# When the connection is lost


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_it_comes_back_after_the_server_was_started_again(enter: Enter, kind: str, transport: str) -> None:
    with guest_server(kind) as server:
        visit = enter(server)
        visit.use(transport)
        first = visit.run("socket.id")
        for _ in range(2):
            server.kill()
            visit.until("!socket.connected && seen('reconnect_error').length")
            visit.run("() => void socket.emit('echo', 'meanwhile')")
            server.start()
            visit.until("socket.connected && seen('event').some(([event]) => event === 'echo')")
            visit.run("() => { log.length = 0; }")
        assert visit.run("socket.id") != first
        assert visit.run("socket.emitWithAck('ask', 1)") == [1]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_lost_connection_is_recovered(enter: Enter, kind: str, transport: str) -> None:
    with guest_server(kind, connectionStateRecovery={}) as server:
        visit, other = enter(server), enter(server, direct=True)
        other.open()
        visit.use(transport)
        first = visit.run("socket.id")
        for number in range(3):
            if transport == "upgrade":
                visit.until("socket.io.engine.transport.name === 'websocket'")
            visit.run("socket.emitWithAck('ask')")
            if transport == "polling":
                # The server learns at once that a connection was cut only if it is used: by a poll, not by a post.
                visit.until("socket.io.engine.transport.writable")
                until(lambda: server.relay.is_asking)
            server.cut()
            visit.until("!socket.connected")
            visit.run("() => { log.length = 0; }")
            other.run(
                "(number) => { socket.emit('tell', 'missed', number); return socket.emitWithAck('ask'); }", number
            )
            server.mend()
            visit.until("socket.connected")
            assert visit.seen("connect") == [[first, True]]
            # What was missed comes before the socket is told that it is connected.
            visit.until("seen('event').length === 2")
            assert visit.run(
                "log.filter(([name]) => /^(event|connect)$/.test(name)).map((entry) => entry.slice(0, 3))"
            ) == [
                ["event", "missed", number],
                ["connect", first, True],
                ["event", "welcome", "/"],
            ]


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_what_is_retried_arrives_in_order(enter: Enter, kind: str, transport: str) -> None:
    with guest_server(kind) as server:
        visit = enter(server)
        visit.run(f"""() => void open({{
            transports: ["{transport}"], retries: 1000, ackTimeout: 1000,
            reconnectionDelay: 10, reconnectionDelayMax: 20,
        }})""")
        visit.until("socket.connected")
        visit.run(
            """() => {
                const answer = (error, value) => note("number", error, value);
                for (let i = 0; i < 300; i++) socket.emit("number", i, answer);
            }"""
        )
        for done in (50, 120, 200, 280):
            visit.until(f"seen('number').length >= {done}")
            server.cut()
            visit.until("!socket.connected")
            server.mend()
        visit.until("seen('number').length === 300")
        assert visit.seen("number") == [[None, i] for i in range(300)]
        numbers = visit.run("socket.emitWithAck('numbers').then((numbers) => numbers)")
        assert sorted(set(numbers)) == list(range(300))
        assert numbers == sorted(numbers)


def test_volatile_events_are_not_kept(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    visit.run("""() => {
        open({ autoConnect: false });
        socket.volatile.emit("echo", "volatile");
        socket.emit("echo", "kept");
        socket.connect();
    }""")
    visit.until("seen('event').length === 2")
    assert visit.seen("event")[1] == ["echo", "kept"]


def test_it_gives_up_after_so_many_attempts(enter: Enter, kind: str) -> None:
    with guest_server(kind) as server:
        visit = enter(server)
        visit.open(reconnectionAttempts=2, reconnectionDelay=10)
        server.cut()
        visit.until("seen('reconnect_failed').length")
        assert visit.seen("reconnect_attempt") == [[1], [2]]
        assert visit.run("socket.connected") is False
        server.mend()
        visit.run("() => void socket.connect()")
        visit.until("socket.connected")


def test_it_comes_back_at_once_when_the_network_does(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    visit.open(reconnectionDelay=3_600_000, reconnectionDelayMax=3_600_000)
    visit.context.set_offline(True)
    visit.until("!socket.connected")
    assert visit.seen("disconnect") == [["transport close"]]
    visit.context.set_offline(False)
    visit.until("socket.connected")
    assert visit.seen("reconnect") == [[1]]


def test_it_comes_back_at_once_when_the_page_is_looked_at(enter: Enter, kind: str) -> None:
    with guest_server(kind) as server:
        visit = enter(server)
        visit.open(reconnectionDelay=3_600_000, reconnectionDelayMax=3_600_000)
        server.cut()
        visit.until("!socket.connected")
        server.mend()
        visit.run("() => void document.dispatchEvent(new Event('visibilitychange'))")
        visit.until("socket.connected")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_silent_server_is_noticed(enter: Enter, kind: str, transport: str) -> None:
    with guest_server(kind, pingInterval=300, pingTimeout=700) as server:
        visit = enter(server)
        visit.use(transport)
        server.relay.hold()
        visit.until("seen('disconnect').length")
        assert visit.seen("disconnect") == [["ping timeout"]]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_page_that_is_left_can_say_so(enter: Enter, kind: str, transport: str) -> None:
    with guest_server(kind) as server:
        visit, other = enter(server), enter(server)
        names = {"upgrade": ["polling", "websocket"]}.get(transport, [transport])
        visit.open(transports=names, closeOnBeforeunload=True)
        visit.until(f"socket.io.engine.transport.name === '{names[-1]}'")
        other.open()
        if transport == "polling":
            # The server may hear of the poll that ends with the page before it hears the word.
            visit.run("() => void dispatchEvent(new Event('beforeunload'))")
        else:
            # A page that nobody has touched is left without an event.
            visit.page.mouse.click(5, 5)
            visit.page.goto("about:blank")
        other.until("socket.emitWithAck('reasons').then((reasons) => reasons.length === 1)")
        assert other.run("socket.emitWithAck('reasons')") == ["transport close"]


# Where it runs, and what was built


@pytest.mark.parametrize("worker", ["new Worker('/worker.js')", "new Worker('/module_worker.js', { type: 'module' })"])
def test_it_runs_in_a_worker(shared: GuestServer, enter: Enter, worker: str) -> None:
    visit = enter(shared)
    answer = visit.run(f"new Promise((resolve) => {{ {worker}.onmessage = (event) => resolve(event.data); }})")
    assert answer["text"] == "from the worker"
    assert answer["bytes"] == [1, 2, 3]


@pytest.mark.parametrize(
    "load",
    [
        "import('/browser/socket.io.esm.min.js')",
        "loadScript('/browser/socket.io.js').then(() => window.io)",
    ],
    ids=["module", "not minified"],
)
def test_every_build_works(shared: GuestServer, enter: Enter, load: str) -> None:
    visit = enter(shared)
    assert visit.run(f"""async () => {{
        const {{ io, Manager, Socket, protocol, connect }} = await {load};
        const socket = io({{ forceNew: true }});
        const [answer] = await socket.emitWithAck("ask", new Uint8Array([7]));
        return [socket instanceof Socket, socket.io instanceof Manager, protocol, connect === io, answer.byteLength];
    }}""") == [True, True, 5, True, 1]


def test_the_build_with_messagepack_works(enter: Enter, kind: str) -> None:
    with guest_server(kind, parser="msgpack") as server:
        visit = enter(server)
        visit.run("loadScript('/browser/socket.io.msgpack.min.js')")
        visit.open()
        values = [
            1,
            -1,
            2**40,
            1.5,
            "text",
            "🎶" * 100,
            None,
            True,
            [1] * 20,
            {"a": {"b": []}},
            -200,
            -40000,
            -(2**40),
            "x" * 70000,
        ]
        assert visit.run("(values) => socket.emitWithAck('ask', ...values)", values) == values
        assert visit.run("""async () => {
            const date = new Date(1234567890123);
            const [again, bytes, missing] = await socket.emitWithAck("ask", date, new Uint8Array([1, 2]), undefined);
            return [again.getTime(), await hex(bytes), missing ?? null];
        }""") == [1234567890123, "0102", None]
        assert visit.run("socket.emitWithAck('auth')") == {}


def test_the_globals_of_the_page_are_left_alone(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    assert visit.run("""async () => {
        const frame = document.createElement("iframe");
        document.body.append(frame);
        const before = new Set(Object.getOwnPropertyNames(frame.contentWindow));
        await loadScript("/browser/socket.io.min.js", frame.contentDocument);
        return Object.getOwnPropertyNames(frame.contentWindow).filter((name) => !before.has(name));
    }""") == ["io"]
