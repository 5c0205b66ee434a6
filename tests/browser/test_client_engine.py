"""What the engine of the client tells, against Antiphon and, unchanged, against the official server."""

from __future__ import annotations

from guests import Enter, GuestServer


def test_an_engine_tells_of_its_packets_and_of_its_transport(pinging: GuestServer, enter: Enter) -> None:
    visit = enter(pinging)
    visit.run("""() => {
        open({ transports: ["polling", "websocket"] });
        const { engine } = socket.io;
        engine.on("open", () => note("engine", "open", engine.transport.name));
        engine.on("upgrading", ({ name }) => note("engine", "upgrading", name, engine.transport.name));
        engine.once("upgrade", ({ name }) => note("engine", "upgrade", name, engine.transport.name));
        engine.once("drain", () => note("engine", "drain"));
        engine.on("close", (reason) => note("engine", "close", reason));
        engine.on("packet", ({ type, data }) => note("packet", type, data ?? null));
        engine.on("packetCreate", ({ type, data }) => note("packetCreate", type, data));
        engine.on("data", (data) => note("data", data));
        engine.once("ping", () => note("ping"));
    }""")
    visit.until("seen('engine').some(([name]) => name === 'upgrade') && seen('ping').length && seen('event').length")
    visit.run("socket.emitWithAck('ask', 1)")
    assert visit.run("[socket.io.engine.id.length, socket.io.engine.readyState]") == [20, "open"]
    visit.run("() => void socket.disconnect()")
    visit.until("socket.io.engine.readyState === 'closed'")
    told = visit.seen("engine")
    assert [name for name, *_ in told if name != "drain"] == ["open", "upgrading", "upgrade", "close"]
    assert ["drain"] in told
    assert ["open", "polling"] in told
    assert ["upgrading", "websocket", "polling"] in told
    assert ["upgrade", "websocket", "websocket"] in told
    assert told[-1] == ["close", "forced close"]
    packets = visit.seen("packet")
    assert packets[0][0] == "open"
    assert ["message", '2["welcome","/"]'] in packets
    assert ["ping", None] in packets
    created = visit.seen("packetCreate")
    assert created[0] == ["message", "0"]
    assert "pong" in [name for name, _ in created]
    assert ["message", '20["ask",1]'] in created
    assert ["30[[1]]"] in visit.seen("data")


def test_an_engine_tells_of_errors_and_of_an_upgrade_that_failed(shared: GuestServer, enter: Enter) -> None:
    visit = enter(shared)
    visit.run("""() => {
        open({ reconnection: false, transportOptions: { websocket: { path: "/nothing/" } } });
        const { engine } = socket.io;
        engine.on("upgradeError", ({ message, transport }) => note("upgradeError", message, transport));
        engine.on("error", ({ message }) => note("error", message));
    }""")
    visit.until("socket.connected && seen('upgradeError').length")
    ((message, transport),) = visit.seen("upgradeError")
    assert message.startswith("probe error: ")
    assert message.endswith("websocket error")
    assert transport == "websocket"
    visit.wait_for_a_poll(shared)
    with shared.cut_off():
        visit.until("seen('error').length")
    assert visit.seen("error") == [["xhr poll error"]]
