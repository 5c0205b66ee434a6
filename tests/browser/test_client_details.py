"""Details of the official client that are easily missed: each case was tried with it, too."""

from __future__ import annotations

import pytest

from guests import Enter, GuestServer

LAZILY = "{ autoConnect: false, forceNew: true }"

CASES = {
    "headers in a worker": (
        """() => new Promise((resolve) => {
            const code = `
                importScripts("${location.origin}/browser/socket.io.min.js");
                const options = { transports: ["websocket"], extraHeaders: { "x-mine": "1" }, reconnection: false };
                const socket = io("${location.origin}", options);
                socket.on("connect", () => postMessage("connected"));
                socket.on("connect_error", (error) => postMessage(String(error)));
            `;
            new Worker(URL.createObjectURL(new Blob([code]))).onmessage = ({ data }) => resolve(data);
        })""",
        "connected",
    ),
    "a namespace that is not ASCII": (f"io('/ä b', {LAZILY}).nsp", "/ä b"),
    "a namespace with dots": (f"io('/a/../b', {LAZILY}).nsp", "/a/../b"),
    "a listener of nothing removed": (
        f"""() => {{
            const socket = io({LAZILY}).on("x", () => {{}});
            socket.off(undefined, () => {{}});
            return socket.hasListeners("x");
        }}""",
        True,
    ),
    "a number as the name of an event": (
        """async () => {
            const socket = io();
            const heard = [];
            socket.on("1", () => heard.push("text")).on(1, () => heard.push("number"));
            socket.emit("raw", "2[1]");
            await socket.emitWithAck("ask");
            return heard;
        }""",
        ["text", "number"],
    ),
    "the query of the URL and another": (
        "io(`${location.origin}?a=1`, { query: { b: 2 } }).emitWithAck('query').then(({ a, b }) => [a ?? 0, b ?? 0])",
        ["1", 0],
    ),
    "the query as text": ("io({ query: 'a=b' }).emitWithAck('query').then(({ a }) => a ?? null)", "b"),
    "no transports": (
        "new Promise((resolve) => io({ transports: [] }).on('connect_error', () => resolve('told')))",
        "told",
    ),
    "an unknown transport before others": (
        "new Promise((resolve) => io({ transports: ['jsonp', 'polling'] }).on('connect', () => resolve('connected')))",
        "connected",
    ),
    "settings of zero are not given": (
        """(() => {
            const settings = { reconnectionAttempts: 0, reconnectionDelay: 0, reconnectionDelayMax: 0 };
            const manager = new io.Manager(location.origin, { autoConnect: false, ...settings });
            return Object.keys(settings).map((name) => String(manager[name]()));
        })()""",
        ["Infinity", "1000", "5000"],
    ),
    "reconnection is true or false": (
        "String(new io.Manager(location.origin, { autoConnect: false }).reconnection(0).reconnection())",
        "false",
    ),
    "the path in the options of the manager": (f"io({LAZILY}).io.opts.path ?? null", "/socket.io"),
    "the options of the manager": (
        "(() => { const options = { autoConnect: false }; return new io.Manager('', options).opts === options; })()",
        True,
    ),
    "a plus in the query of the URL": (
        "io(`${location.origin}?a=1+2%2B3`, { forceNew: true }).emitWithAck('query').then(({ a }) => a)",
        "1+2+3",
    ),
    "null for the URL": (f"io(null, {LAZILY}).nsp", "/"),
    "null for the options": ("io('/', null).nsp", "/"),
}


@pytest.mark.parametrize(("script", "expected"), CASES.values(), ids=list(CASES))
def test_it_is_as_officially(shared: GuestServer, enter: Enter, script: str, expected: object) -> None:
    visit = enter(shared)
    assert visit.run(script) == expected


def test_base64_is_asked_for_after_an_upgrade_too(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    visit.open(forceBase64=True)
    visit.until("socket.io.engine.transport.name === 'websocket'")
    (url,) = [url for url in visit.requests if "transport=websocket" in url]
    assert "b64=1" in url


def test_what_waits_is_kept_when_a_listener_disconnects(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    visit.run("""() => {
        open({ autoConnect: false });
        socket.onAnyOutgoing((event, value) => { if (value === 2) socket.disconnect(); });
        for (const value of [1, 2, 3]) socket.emit("echo", value);
        socket.connect();
    }""")
    visit.until("!socket.active && seen('disconnect').length === 1")
    assert visit.run("socket.sendBuffer.map(({ data }) => data[1])") == [3]
    visit.run("() => { socket.offAnyOutgoing(); log.length = 0; socket.connect(); }")
    visit.until("seen('event').some(([event, value]) => event === 'echo' && value === 3)")


def test_a_page_that_is_left_hears_nothing(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    visit.open(transports=["polling"])
    visit.run("""() => {
        sessionStorage.clear();
        socket.on("disconnect", (reason) => sessionStorage.setItem("heard", reason));
        addEventListener("pagehide", () => sessionStorage.setItem("left", "yes"));
    }""")
    visit.page.reload()
    assert visit.run("[sessionStorage.getItem('left'), sessionStorage.getItem('heard')]") == ["yes", None]
