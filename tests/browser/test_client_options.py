"""Every option of the official client that ``test_client.py`` does not show.

As there, against Antiphon and, unchanged, against the official server. ``docs/parity.md`` says which test shows what.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from guests import Enter, GuestServer, Visit, guest_server

SCRIPT = Path(__file__).parents[2] / "src" / "antiphon" / "browser" / "socket.io.js"

IS_UPGRADED = "socket.io.engine.transport.name === 'websocket'"

WATCH_WEBSOCKETS = """
    // What goes over WebSockets, and what they have agreed on.
    window.frames = [];
    window.websockets = [];
    window.WebSocket = class extends WebSocket {
        constructor(url, protocols) {
            super(url, protocols);
            websockets.push(this);
            this.addEventListener("message", ({ data }) => frames.push(data));
        }
        send(data) {
            frames.push(data);
            super.send(data);
        }
    };
"""


@pytest.fixture(scope="module")
def special(kind: str) -> Iterator[GuestServer]:
    """A server at another path, for pages of every origin, with a cookie."""
    options = {"path": "/special", "addTrailingSlash": False, "cookie": True}
    with guest_server(kind, cors={"origin": True, "credentials": True}, **options) as server:
        yield server


@pytest.fixture(scope="module")
def silent() -> Iterator[str]:
    """The address of a server that answers nothing."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def queries(visit: Visit) -> list[dict[str, str]]:
    """Return the queries of all requests so far."""
    return [{name: values[-1] for name, values in parse_qs(urlsplit(url).query).items()} for url in visit.requests]


# Which connection is used


def test_a_connection_is_shared_unless_that_is_not_wanted(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    assert visit.run("""() => {
        const lazily = (nsp, options = {}) => io(nsp, { autoConnect: false, ...options }).io;
        const main = lazily("/");
        return {
            other: lazily("/admin") === main,
            same: lazily("/admin") === main,
            forceNew: lazily("/1", { forceNew: true }) === main,
            multiplex: lazily("/2", { multiplex: false }) === main,
            old: lazily("/3", { "force new connection": true }) === main,
            path: lazily("/4", { path: "/other" }) === main,
            again: lazily("/5") === main,
        };
    }""") == {
        "other": True,
        "same": False,
        "forceNew": False,
        "multiplex": False,
        "old": False,
        "path": False,
        "again": True,
    }


def test_it_connects_by_itself_unless_that_is_not_wanted(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    visit.run("() => void open({ autoConnect: false, transports: ['websocket'] })")
    visit.run("() => { window.other = watch(io({ forceNew: true }), 'other '); }")
    visit.until("other.connected")
    assert [query["transport"] for query in queries(visit)].count("websocket") <= 1
    assert visit.run("[socket.active, socket.connected, socket.io.engine ?? null]") == [False, False, None]
    visit.run("() => void socket.connect()")
    visit.until("socket.connected")
    # The manager alone makes a connection, which no socket uses.
    visit.run("""() => {
        window.third = io({ forceNew: true, autoConnect: false });
        third.io.open(() => note("opened", third.connected, third.io.engine.readyState));
    }""")
    visit.until("seen('opened').length")
    assert visit.seen("opened") == [[False, "open"]]


# The address of requests


def test_the_path_and_its_last_slash(special: GuestServer, shared: GuestServer, enter: Enter) -> None:
    visit = enter(special)
    visit.open(path="/special/", addTrailingSlash=False)
    visit.until(IS_UPGRADED)
    assert {urlsplit(url).path for url in visit.requests} == {"/special"}
    other = enter(shared)
    other.open()
    other.until(IS_UPGRADED)
    assert {urlsplit(url).path for url in other.requests} == {"/socket.io/"}


def test_timestamps_are_for_polling_and_can_be_named(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    counts = []
    for options in ({}, {"timestampParam": "when"}, {"timestampRequests": False}, {"timestampRequests": True}):
        visit.requests.clear()
        visit.polls.clear()
        visit.open(forceNew=True, **options)
        visit.until(IS_UPGRADED)
        visit.run("socket.emitWithAck('ask')")
        name = options.get("timestampParam", "t")
        assert {query.get("transport") for query in queries(visit)} == {"polling", "websocket"}
        stamps = [query.get(name) for query in queries(visit) if query["transport"] == "polling"]
        counts.append((None not in stamps, name in next(q for q in queries(visit) if q["transport"] == "websocket")))
        # A cache answers only a GET; a POST may be sent in the same millisecond, and have the same stamp by chance.
        assert len(set(visit.polls)) == len(visit.polls) or not options.get("timestampRequests", True)
        visit.run("() => void socket.disconnect()")
    assert counts == [(True, False), (True, False), (False, False), (True, True)]


def test_the_query_may_change_before_it_connects_again(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    visit.open(transports=["websocket"], query={"x": 1}, reconnectionDelay=10)
    assert visit.run("socket.emitWithAck('query').then(({ x, EIO, transport }) => [x, EIO, transport])") == [
        "1",
        "4",
        "websocket",
    ]
    visit.run("() => { socket.io.on('reconnect_attempt', () => { socket.io.opts.query.x++; }); socket.emit('end'); }")
    visit.until("seen('connect').length === 2")
    assert visit.run("socket.emitWithAck('query').then(({ x }) => x)") == "2"


def test_words_of_the_protocol_cannot_be_changed_by_the_query(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    visit.open(transports=["polling"], query={"EIO": "3", "transport": "websocket", "mine": "x"})
    query = visit.run("socket.emitWithAck('query')")
    assert (query["EIO"], query["transport"], query["mine"]) == ("4", "polling", "x")


def test_options_of_single_transports(special: GuestServer, enter: Enter) -> None:
    visit = enter(special)
    visit.open(
        path="/nothing",
        addTrailingSlash=False,
        transportOptions={
            "polling": {"path": "/special", "extraHeaders": {"x-mine": "1"}},
            "websocket": {"path": "/special", "timestampRequests": True, "timestampParam": "w"},
        },
    )
    visit.until(IS_UPGRADED)
    assert visit.run("socket.emitWithAck('headers').then((headers) => headers['x-mine'])") == "1"
    by_transport = {query["transport"]: query for query in queries(visit)}
    assert "w" in by_transport["websocket"]
    assert "w" not in by_transport["polling"]


# What is sent along


def test_headers_are_added_to_polling_but_browsers_add_none_to_websocket(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    headers = []
    for transport in ("polling", "websocket"):
        visit.open(transports=[transport], extraHeaders={"X-Mine": "abc"}, forceNew=True)
        headers.append(visit.run("socket.emitWithAck('headers')").get("x-mine"))
    assert headers == ["abc", None]


@pytest.mark.parametrize("credentials", [False, True])
def test_cookies_go_to_another_origin_if_that_is_wanted(special: GuestServer, enter: Enter, credentials: bool) -> None:
    visit = enter(special)
    visit.run(
        """([url, withCredentials]) => {
            const options = { path: "/special", addTrailingSlash: false, transports: ["polling"], withCredentials };
            window.connectAgain = () => open({ ...options, forceNew: true }, url);
            connectAgain();
        }""",
        [special.direct_url, credentials],
    )
    visit.until("socket.connected")
    assert [cookie["name"] for cookie in visit.context.cookies()] == (["io"] if credentials else [])
    visit.context.add_cookies([{"name": "mine", "value": "x", "url": special.direct_url}])
    visit.run("() => { socket.disconnect(); connectAgain(); }")
    visit.until("socket.connected")
    cookie = visit.run("socket.emitWithAck('headers').then(({ cookie }) => cookie ?? '')")
    assert ("mine=x" in cookie) is credentials
    # To its own origin they go anyway.
    visit.open(path="/special", addTrailingSlash=False, forceNew=True)
    assert "mine=x" in visit.run("socket.emitWithAck('headers').then(({ cookie }) => cookie ?? '')")


def test_binary_goes_as_text_if_that_is_wanted(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared, WATCH_WEBSOCKETS)
    frames = []
    for force in (False, True):
        visit.open(transports=["websocket"], forceBase64=force, forceNew=True)
        visit.run("() => { frames.length = 0; }")
        assert visit.run("socket.emitWithAck('ask', new Uint8Array([1, 2, 3])).then(([value]) => hex(value))") == (
            "010203"
        )
        frames.append(
            visit.run("frames.filter((frame) => !String(frame).startsWith('4')).map((frame) => typeof frame)")
        )
    assert frames[0] == ["object", "object"]
    assert frames[1][0] == "string"
    assert [query.get("b64") for query in queries(visit)] == [None, "1"]


def test_sub_protocols_are_offered(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared, WATCH_WEBSOCKETS)
    for protocols in ("one", ["one", "two"]):
        visit.open(transports=["websocket"], protocols=protocols, forceNew=True)
        assert visit.run("websockets.at(-1).protocol") == "one"
        assert visit.run("socket.emitWithAck('ask', 1)") == [1]


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")
def test_nodejs_adds_headers_to_everything_and_ends_when_nothing_is_left(shared: GuestServer, kind: str) -> None:
    script = """
        const { io, NodeXHR, NodeWebSocket } = require(process.argv[1]);
        (async () => {
            for (const transport of [NodeXHR, NodeWebSocket]) {
                const options = { transports: [transport], extraHeaders: { "X-Mine": "abc" }, forceNew: true };
                const socket = io(process.argv[2], options);
                const headers = await socket.emitWithAck("headers");
                console.log(socket.io.engine.transport.name, headers["x-mine"]);
                socket.disconnect();
            }
        })();
    """
    command = ["node", "--experimental-websocket", "--no-warnings", "-e", script, str(SCRIPT), shared.direct_url]
    result = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    assert result.stdout == "polling abc\nwebsocket abc\n"


# Transports


def test_transports_are_names_or_classes(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    ways = """[
        [io.Fetch, io.WebSocket], [io.XHR, io.NodeWebSocket], [io.NodeXHR], [io.WebSocket], [io.NodeWebSocket],
        [io.WebTransport, io.Fetch, io.WebSocket], ["websocket", "polling"], [io.Fetch, "websocket"],
    ]"""
    used = []
    for index, expected in enumerate(["upgrade", "upgrade", "polling", "websocket", "websocket"]):
        visit.requests.clear()
        visit.run(f"() => void open({{ forceNew: true, transports: {ways}[{index}] }})")
        last = "polling" if expected == "polling" else "websocket"
        visit.until(f"socket.connected && socket.io.engine.transport.name === '{last}'")
        assert visit.run("socket.emitWithAck('ask', 1)") == [1]
        first = queries(visit)[0]["transport"]
        used.append("upgrade" if first != last else last)
    assert used == ["upgrade", "upgrade", "polling", "websocket", "websocket"]
    assert visit.run("[io.Fetch, io.WebSocket, io.WebTransport].map((one) => one.prototype.name)") == [
        "polling",
        "websocket",
        "webtransport",
    ]


def test_websocket_may_come_first_and_polling_after_it_failed(special: GuestServer, enter: Enter) -> None:
    visit = enter(special)
    visit.run("""() => {
        const path = "/special";
        open({
            path, addTrailingSlash: false, transports: ["websocket", "polling"], reconnectionDelay: 10,
            transportOptions: { websocket: { path: "/nothing" } },
        });
        socket.on("connect_error", () => { socket.io.opts.transports = ["polling"]; });
    }""")
    visit.until("socket.connected")
    assert visit.seen("connect_error") == [["websocket error", None]]
    assert list(dict.fromkeys(query["transport"] for query in queries(visit))) == ["websocket", "polling"]


def test_it_does_not_upgrade_if_that_is_not_wanted(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    visit.open(upgrade=False)
    # A round trip, twice: an upgrade would have been tried by now.
    for _ in range(2):
        visit.run("socket.emitWithAck('ask', 1)")
    assert {query["transport"] for query in queries(visit)} == {"polling"}
    assert visit.run("socket.io.engine.transports") == ["polling", "websocket", "webtransport"]


def test_it_begins_with_websocket_if_that_worked_before(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    firsts = []
    for remember in (True, True, False):
        visit.requests.clear()
        visit.open(rememberUpgrade=remember, forceNew=True)
        visit.until(IS_UPGRADED)
        firsts.append(queries(visit)[0]["transport"])
    assert firsts == ["polling", "websocket", "polling"]
    # An attempt after an error begins with polling again.
    visit.requests.clear()
    visit.run("""() => {
        const transportOptions = { websocket: { path: "/nothing/" } };
        open({ rememberUpgrade: true, forceNew: true, transportOptions, reconnectionDelay: 10 });
    }""")
    visit.until("socket.connected")
    assert [query["transport"] for query in queries(visit)][:2] == ["websocket", "polling"]


# How long, and how often


def test_delays_are_doubled_changed_at_random_and_limited(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    exact, *jittered = visit.run("""() => {
        const delays = (options, luck) => {
            const { random } = Math;
            const { backoff } = new io.Manager(location.origin, { autoConnect: false, ...options });
            try {
                Math.random = () => luck;
                return [1, 2, 3, 4].map(() => backoff.duration());
            } finally {
                Math.random = random;
            }
        };
        const some = (options) => Array.from({ length: 200 }, (_, i) => delays(options, (i + 0.5) / 200));
        const [few, many] = [{ reconnectionDelay: 100 }, { reconnectionDelay: 100, reconnectionDelayMax: 350 }];
        return [
            delays({ ...many, randomizationFactor: 0 }, 0.9),
            some({ ...few, randomizationFactor: 0.2 }), some({}),
        ];
    }""")
    assert exact == [100, 200, 350, 350]
    for delays, first, factor in zip(jittered, (100, 1000), (0.2, 0.5), strict=True):
        for number, chosen in enumerate(zip(*delays, strict=True)):
            middle = first * 2**number
            fifth = middle * factor / 5
            assert middle * (1 - factor) - 1 <= min(chosen) < middle * (1 - factor) + fifth
            most = min(middle * (1 + factor), 5000)
            assert most - fifth < max(chosen) <= most


def test_the_delay_is_waited_for(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    visit.open(transports=["websocket"], reconnectionDelay=300, randomizationFactor=0)
    visit.run("""() => {
        const start = performance.now();
        socket.io.on("reconnect_attempt", () => note("waited", performance.now() - start));
        socket.emit("end");
    }""")
    visit.until("seen('connect').length === 2")
    ((waited,),) = visit.seen("waited")
    assert waited >= 299


def test_it_does_not_reconnect_if_that_is_not_wanted(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    visit.open(transports=["websocket"], reconnection=False)
    visit.run("""() => {
        socket.io.on("close", () => note("close", socket.io.backoff.attempts));
        socket.emit("end");
    }""")
    visit.until("seen('close').length")
    assert visit.seen("reconnect_attempt") == []
    assert visit.run("socket.io.backoff.attempts") == 0
    visit.run("() => void socket.io.open((error) => note('opened', error ?? null))")
    visit.until("socket.connected")
    assert visit.seen("opened") == [[None]]
    assert visit.seen("reconnect") == []


def test_a_server_that_does_not_answer_is_given_up(shared: GuestServer, enter: Enter, silent: str) -> None:
    visit = enter(shared)
    assert visit.run(
        """(url) => Promise.all([
            { timeout: 100 }, { timeout: 100, transports: ["websocket"] }, { requestTimeout: 100 },
        ].map((options) => new Promise((resolve) => {
            const socket = io(url, { reconnection: false, forceNew: true, ...options });
            socket.on("connect_error", ({ message }) => resolve(message));
        })))""",
        silent,
    ) == ["timeout", "timeout", "xhr poll error"]


# Options of a socket


def test_auth_may_be_changed_before_it_connects_again(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    visit.open(auth={"token": "a"})
    assert visit.run("socket.emitWithAck('auth')") == {"token": "a"}
    visit.run("() => { socket.auth.token = 'b'; socket.disconnect().connect(); }")
    visit.until("socket.connected")
    assert visit.run("socket.emitWithAck('auth')") == {"token": "b"}
    visit.run("""() => {
        let asked = 0;
        socket.auth = (give) => give({ asked: ++asked });
        socket.disconnect().connect();
    }""")
    visit.until("socket.connected")
    visit.run("() => void socket.disconnect().connect()")
    visit.until("socket.connected")
    assert visit.run("socket.emitWithAck('auth')") == {"asked": 2}


def test_an_acknowledgement_is_waited_for_as_long_as_the_option_says(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    visit.open(ackTimeout=100)
    assert visit.run("""() => Promise.all([
        new Promise((resolve) => socket.emit("nobody listens", (error) => resolve(error.message))),
        socket.emitWithAck("nobody listens").catch((error) => error.message),
        new Promise((resolve) => socket.timeout(10000).emit("ask", 1, (...answer) => resolve(answer))),
        new Promise((resolve) => socket.timeout(10000).emit("ask", 2, (...answer) => resolve(answer))),
    ])""") == ["operation has timed out", "operation has timed out", [None, [1]], [None, [2]]]


def test_an_event_is_sent_so_often_and_then_given_up(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    visit.open(retries=2, ackTimeout=50)
    visit.run("""() => {
        socket.onAnyOutgoing((event) => note("sent", event));
        socket.emit("nobody listens", (error) => note("given up", error.message));
        socket.timeout(60).emit("nor here");
        socket.timeout(10000).emit("ask", 1, (...answer) => note("answer", ...answer));
    }""")
    visit.until("seen('answer').length")
    assert visit.seen("given up") == [["operation has timed out"]]
    assert visit.seen("sent") == [["nobody listens"]] * 3 + [["nor here"]] * 3 + [["ask"]]
    assert visit.seen("answer") == [[None, [1]]]


def test_an_event_that_is_retried_arrives_once_without_a_timeout_too(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    visit.open(retries=3, transports=["websocket"])
    visit.run("""() => {
        socket.emit("number", 1);
        socket.emit("number", 2);
        socket.emit("numbers", (error, numbers) => note("numbers", numbers));
    }""")
    visit.until("seen('numbers').length")
    assert visit.seen("numbers") == [[[1, 2]]]


def test_a_parser_may_be_given(enter: Enter, kind: str) -> None:
    with guest_server(kind, parser="msgpack") as server:
        visit = enter(server)
        # The one of the build for MessagePack is given to the one for JSON.
        visit.run("""async () => {
            const { io: json } = window;
            await loadScript("/browser/socket.io.msgpack.min.js");
            const { encoder, decoder } = new io.Manager(location.origin, { autoConnect: false });
            window.io = json;
            open({ parser: { Encoder: encoder.constructor, Decoder: decoder.constructor } });
        }""")
        visit.until("socket.connected")
        assert visit.run("socket.emitWithAck('ask', new Uint8Array([1, 2]), 2 ** 40)")[1] == 2**40
