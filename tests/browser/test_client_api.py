"""Every entry of the official client API that ``test_client.py`` does not show: io, Manager, Socket and engine.

As there, against Antiphon and, unchanged, against the official server. ``docs/parity.md`` says which test shows what.
"""

from __future__ import annotations

import pytest

from guests import Enter, GuestServer, Visit, guest_server

LEFT = "socket.emitWithAck('reasons').then((all) => all.filter((reason) => reason === 'client namespace disconnect'))"

QUICKLY = {"reconnectionDelay": 10, "reconnectionDelayMax": 50}


def connect_quickly(visit: Visit, transport: str = "polling") -> None:
    visit.open(transports=[transport], **QUICKLY)


# io


def test_the_url_says_which_server_and_which_namespace(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    assert visit.run("""() => {
        const { origin, host } = location;
        const urls = [
            origin, `${origin}/admin`, origin.replace("http", "ws") + "/admin", `//${host}/admin`, `${host}/admin`,
            "/admin", undefined, {},
        ];
        return Promise.all(urls.map((url) => new Promise((resolve) => {
            const socket = url === undefined ? io() : io(url);
            socket.once("welcome", (namespace) => resolve([socket.nsp, namespace]));
        })));
    }""") == [[nsp, nsp] for nsp in ("/", "/admin", "/admin", "/admin", "/admin", "/admin", "/", "/")]


def test_the_query_of_the_url_reaches_the_server(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    query = visit.run("io(`${location.origin}/admin?a=b%20c&d=%26`).emitWithAck('query')")
    assert (query["a"], query["d"]) == ("b c", "&")


# Manager


def test_a_manager_has_sockets_that_share_its_connection(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    visit.run("""() => {
        window.manager = new io.Manager(location.origin, { transports: ["websocket"], query: { a: 1 } });
        window.main = manager.socket("/");
        window.admin = manager.socket("/admin", { auth: { token: "abc" } });
    }""")
    visit.until("main.connected && admin.connected")
    assert visit.run("main.io === manager && admin.io === manager && manager.socket('/') === main")
    assert visit.run("admin.emitWithAck('auth')") == {"token": "abc"}
    assert visit.run("main.emitWithAck('auth')") == {}
    assert visit.run("main.emitWithAck('query').then(({ a }) => a)") == "1"
    assert len(visit.requests) == 1
    # A namespace can be joined at any time, and once more after it was left.
    visit.run("() => { admin.disconnect(); return main.emitWithAck('ask'); }")
    visit.run("() => void manager.socket('/admin')")
    visit.until("admin.connected")
    assert visit.run("manager.engine.transport.name") == "websocket"
    assert len(visit.requests) == 1


def test_a_manager_is_opened_and_tells_how_it_went(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    assert visit.run("""() => {
        const outcome = (method, options = {}) => new Promise((resolve) => {
            const manager = new io.Manager(location.origin, { autoConnect: false, ...options });
            const returned = manager[method]((error) => {
                resolve([error?.message ?? null, returned === manager, manager.backoff.attempts]);
            });
        });
        const fail = { path: "/nothing" };
        return Promise.all([
            outcome("open"), outcome("connect"), outcome("open", fail), outcome("connect", fail),
        ]);
    }""") == [[None, True, 0], [None, True, 0], ["xhr poll error", True, 0], ["xhr poll error", True, 0]]


def test_a_manager_tells_and_takes_its_settings(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    assert visit.run("""() => {
        const manager = new io.Manager(location.origin, { autoConnect: false });
        const settings = {
            reconnection: false, reconnectionAttempts: 3, reconnectionDelay: 20, reconnectionDelayMax: 50,
            randomizationFactor: 0, timeout: 70,
        };
        const changes = Object.entries(settings).map(([name, value]) => {
            const before = manager[name]();
            return [name, before === Infinity ? "for ever" : before, manager[name](value) === manager, manager[name]()];
        });
        return [changes, [1, 2, 3].map(() => manager.backoff.duration())];
    }""") == [
        [
            ["reconnection", True, True, False],
            ["reconnectionAttempts", "for ever", True, 3],
            ["reconnectionDelay", 1000, True, 20],
            ["reconnectionDelayMax", 5000, True, 50],
            ["randomizationFactor", 0.5, True, 0],
            ["timeout", 20000, True, 70],
        ],
        [20, 40, 50],
    ]


def test_a_manager_tells_of_its_connection(pinging: GuestServer, enter: Enter) -> None:
    visit = enter(pinging)
    visit.run("""() => {
        open({ transports: ["websocket"] });
        socket.io.on("open", () => note("manager", "open"));
        socket.io.once("ping", () => note("manager", "ping"));
        socket.io.on("packet", ({ type, nsp }) => note("packet", type, nsp));
        socket.io.on("close", (reason) => note("manager", "close", reason));
    }""")
    visit.until("seen('manager').length === 2 && seen('event').length")
    # CONNECT, and the event "welcome".
    assert visit.seen("packet") == [[0, "/"], [2, "/"]]
    visit.run("() => void socket.disconnect()")
    assert visit.seen("manager") == [["open"], ["ping"], ["close", "forced close"]]


def test_a_manager_tells_of_its_attempts_to_reconnect(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    visit.open(transports=["websocket"], **QUICKLY)
    visit.run("""() => {
        socket.io.on("error", (error) => note("error", error.message));
        socket.io.on("reconnect_attempt", (attempt) => note("tried", attempt));
        socket.io.on("reconnect_error", (error) => note("failed", error.message));
        socket.io.on("reconnect", (attempt) => note("back", attempt));
    }""")
    with shared.cut_off():
        visit.until("seen('failed').length >= 2")
    visit.until("seen('back').length")
    tries = [attempt for (attempt,) in visit.seen("tried")]
    assert tries == list(range(1, len(tries) + 1))
    assert visit.seen("failed") == [["websocket error"]] * (len(tries) - 1)
    assert visit.seen("error") == visit.seen("failed")
    assert visit.seen("back") == [[len(tries)]]


# What a socket is told


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_a_lost_connection_is_told_with_details(shared: GuestServer, enter: Enter, transport: str) -> None:
    visit = enter(shared)
    connect_quickly(visit, transport)
    visit.run("""() => void socket.on("disconnect", (reason, details) => {
        const { message, description, context } = details;
        // Chromium may ask a second time, when the server has ended the session.
        note("details", reason, socket.active, message ?? null, description || 400, typeof context);
    })""")
    if transport == "polling":
        visit.wait_for_a_poll(shared)
    with shared.cut_off():
        visit.until("seen('details').length")
    expected = {
        "polling": ["transport error", True, "xhr poll error", 400, "object"],
        "websocket": ["transport close", True, None, "websocket connection closed", "object"],
    }
    assert visit.seen("details") == [expected[transport]]
    visit.until("socket.connected")


def test_a_server_that_ends_a_session_is_told_from_one_that_is_lost(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    connect_quickly(visit)
    visit.run("""() => void socket.on("disconnect", (...args) => note("details", ...args))""")
    visit.run("() => void socket.emit('end')")
    visit.until("seen('details').length")
    assert visit.seen("details") == [["transport close", {"description": "transport closed by the server"}]]
    visit.until("socket.connected")
    visit.run("() => { log.length = 0; socket.emit('kick'); }")
    visit.until("seen('details').length")
    assert visit.run("[...seen('details')[0].map(String), socket.active]") == [
        "io server disconnect",
        "undefined",
        False,
    ]


@pytest.mark.parametrize("ways", [["disconnect", "connect"], ["close", "open"]], ids=lambda ways: ways[0])
def test_a_socket_is_closed_and_opened_again(shared: GuestServer, enter: Enter, ways: list[str]) -> None:
    visit, other = enter(shared), enter(shared)
    connect_quickly(visit)
    other.open()
    told = len(other.run(LEFT))
    close, open_ = ways
    assert visit.run(f"socket.{close}() === socket")
    assert visit.seen("disconnect") == [["io client disconnect"]]
    assert visit.run("[socket.connected, socket.active, socket.id ?? null]") == [False, False, None]
    # The connection is not needed any more.
    assert visit.run("socket.io.engine.readyState").startswith("clos")
    other.until(f"{LEFT}.then(({{ length }}) => length > {told})")
    assert visit.run(f"socket.{open_}() === socket")
    visit.until("socket.connected")
    assert visit.run(f"socket.{open_}() === socket && socket.emitWithAck('ask', 1)") == [1]


def test_a_packet_that_is_none_ends_the_connection_but_not_for_long(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    connect_quickly(visit)
    visit.run("() => void socket.on('disconnect', (reason, { stack }) => note('details', reason, typeof stack))")
    visit.run("() => void socket.emit('raw', '9nothing')")
    visit.until("seen('connect').length === 2")
    assert visit.seen("details") == [["parse error", "string"]]


def test_an_engine_that_is_closed_is_opened_again(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    connect_quickly(visit, "websocket")
    visit.run("() => void socket.io.engine.close()")
    visit.until("seen('connect').length === 2")
    assert visit.seen("disconnect") == [["forced close"]]


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_a_connection_that_is_not_made_is_told_with_its_cause(
    shared: GuestServer, enter: Enter, transport: str
) -> None:
    visit = enter(shared)
    visit.run(
        """(transport) => {
            open({ transports: [transport], query: { sid: "nobody" } });
            socket.on("connect_error", (error) => {
                const { type, message, description, context } = error;
                note("error", socket.active, error instanceof Error, type, message,
                    description.type ?? description, context?.status ?? null, context?.responseText ?? null);
                socket.disconnect();
            });
        }""",
        transport,
    )
    visit.until("seen('error').length")
    unknown = '{"code":1,"message":"Session ID unknown"}'
    expected = {
        "polling": [True, True, "TransportError", "xhr poll error", 400, 400, unknown],
        "websocket": [True, True, "TransportError", "websocket error", "error", None, None],
    }
    assert visit.seen("error") == [expected[transport]]


def test_a_server_of_version_2_is_noticed(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    visit.open()
    # It confirms a connection without an id.
    visit.run("() => void socket.emit('raw', '0')")
    visit.until("seen('connect_error').length")
    assert visit.seen("connect_error") == [["the server speaks Socket.IO 2", None]]


# Listeners of a socket


def test_listeners_are_listed_and_removed(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    visit.open()
    assert visit.run("""async () => {
        const calls = [];
        const [one, two, three] = [1, 2, 3].map((number) => () => calls.push(number));
        const emit = () => { socket.emit("echo"); return socket.emitWithAck("ask"); };
        const chained = socket.on("echo", one).once("echo", two).on("echo", three).on("other", one) === socket;
        const listed = [...["echo", "none"].map((name) => socket.listeners(name).length), socket.hasListeners("echo")];
        await emit();
        await emit();
        const after = socket.listeners("echo").length;
        socket.off("echo", one);
        await emit();
        socket.once("echo", two).off("echo", two);
        await emit();
        socket.off("echo");
        await emit();
        const left = [socket.hasListeners("echo"), socket.hasListeners("other")];
        const isEmpty = socket.off() === socket && !socket.hasListeners("other") && !socket.hasListeners("connect");
        return { chained, listed, after, calls, left, isEmpty };
    }""") == {
        "chained": True,
        "listed": [3, 0, True],
        "after": 2,
        "calls": [1, 2, 3, 1, 3, 3, 3],
        "left": [False, True],
        "isEmpty": True,
    }


def test_listeners_have_the_names_of_other_emitters_too(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    visit.open()
    assert visit.run("""async () => {
        const { promise, resolve } = Promise.withResolvers();
        const [other, third] = [() => {}, () => {}];
        socket.addEventListener("echo", resolve).addEventListener("echo", other).on("echo", third);
        socket.emit("echo", 1);
        const first = await promise;
        const counts = [socket.listeners("echo").length];
        socket.removeListener("echo", resolve);
        counts.push(socket.listeners("echo").length);
        socket.removeEventListener("echo", other);
        counts.push(socket.listeners("echo").length);
        socket.removeAllListeners("echo");
        return [first, ...counts, socket.listeners("echo").length];
    }""") == [1, 3, 2, 1, 0]


def test_listeners_for_everything_are_put_in_front_listed_and_removed(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    visit.open()
    visit.until("seen('event').length")
    assert visit.run("""async () => {
        const calls = [];
        const results = [];
        socket.offAny();
        for (const suffix of ["Any", "AnyOutgoing"]) {
            const listen = (number) => (event) => { if (event === "echo") calls.push(`${suffix} ${number}`); };
            const [one, two, three] = [1, 2, 3].map(listen);
            const listed = () => socket[`listeners${suffix}`]();
            const none = listed().length;
            socket[`on${suffix}`](two)[`on${suffix}`](three)[`prepend${suffix}`](one);
            results.push([none, listed().length, listed()[0] === one, listed()[2] === three]);
            socket.emit("echo");
            await socket.emitWithAck("ask");
            socket[`off${suffix}`](two);
            results.push([listed().length, listed().includes(two)]);
            socket[`off${suffix}`]();
            results.push(listed().length);
        }
        return [results, calls];
    }""") == [
        [[0, 3, True, True], [2, False], 0] * 2,
        [f"{suffix} {number}" for suffix in ("Any", "AnyOutgoing") for number in (1, 2, 3)],
    ]


# What a socket sends


def test_send_is_an_event_named_message(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    visit.open()
    assert visit.run("""async () => {
        const sent = [];
        socket.onAnyOutgoing((...args) => sent.push(args));
        const isItself = socket.send("a", 1) === socket;
        return [isItself, await new Promise((resolve) => socket.send("b", 2, resolve)), sent];
    }""") == [True, ["b", 2], [["message", "a", 1], ["message", "b", 2]]]


def test_what_is_emitted_without_a_connection_waits_for_one(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    assert visit.run("""() => {
        open({ autoConnect: false });
        const isItself = socket.compress(false) === socket;
        socket.emit("echo", 1);
        socket.emit("echo", 2);
        socket.on("connect", () => note("left", socket.sendBuffer.length));
        const waiting = socket.sendBuffer.map(({ data, options }) => [...data, options.compress]);
        socket.connect();
        return [isItself, waiting];
    }""") == [True, [["echo", 1, False], ["echo", 2, True]]]
    visit.until("seen('event').length === 3")
    assert visit.seen("event")[1:] == [["echo", 1], ["echo", 2]]
    assert visit.seen("left") == [[0]]


def test_volatile_events_are_dropped_while_a_request_is_on_its_way(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    connect_quickly(visit)
    visit.until("seen('event').length && socket.io.engine.transport.writable")
    visit.run("""async () => {
        socket.volatile.emit("echo", 1);
        socket.volatile.emit("echo", 2);
        socket.emit("echo", 3);
        await socket.emitWithAck("ask");
    }""")
    assert visit.seen("event")[1:] == [["echo", 1], ["echo", 3]]


def test_what_comes_before_the_confirmation_waits_for_it(enter: Enter, kind: str) -> None:
    with guest_server(kind, connectionStateRecovery={}) as server:
        visit, other = enter(server), enter(server, direct=True)
        other.open()
        visit.open(transports=["websocket"], **QUICKLY)
        visit.run("socket.emitWithAck('ask')")
        visit.run("""() => {
            socket.io.on("packet", ({ type }) => note("packet", type, socket.receiveBuffer.length));
            socket.on("connect", () => note("left", socket.receiveBuffer.length));
        }""")
        server.cut()
        visit.until("!socket.connected")
        other.run("() => { socket.emit('tell', 'missed'); return socket.emitWithAck('ask'); }")
        server.mend()
        visit.until("seen('left').length")
        assert visit.seen("packet")[:2] == [[2, 1], [0, 0]]
        assert visit.seen("left") == [[0]]
        assert ["missed"] in [event[:1] for event in visit.seen("event")]


def test_nothing_is_sent_over_a_connection_that_has_died_in_its_sleep(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    connect_quickly(visit, "websocket")
    # The computer slept for an hour, the timers did not run.
    visit.run("""() => {
        const { now } = Date;
        Date.now = () => now() + 3_600_000;
        socket.emit("ask", 1, (answer) => note("answer", answer));
        note("waiting", socket.sendBuffer.length);
        Date.now = now;
    }""")
    visit.until("seen('answer').length")
    assert visit.seen("waiting") == [[1]]
    assert visit.seen("disconnect") == [["ping timeout"]]
    assert visit.seen("answer") == [[[1]]]


def test_an_event_is_acknowledged_once_and_by_nobody_but_its_listeners(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    visit.open()
    assert visit.run("""async () => {
        let sent = 0;
        socket.io.engine.on("packetCreate", ({ data }) => { if (/^3\\d/.test(data)) sent++; });
        socket.once("question", (answer) => { answer("first"); answer("second"); });
        const first = await socket.emitWithAck("question");
        // There is no listener now for what the server would like to have acknowledged.
        const { promise, resolve } = Promise.withResolvers();
        socket.onAny((event) => { if (event === "question") resolve(); });
        socket.emit("raw", '27["question"]');
        await promise;
        await socket.emitWithAck("ask");
        return [first, sent];
    }""") == ["first", 1]
