"""Connection state recovery with the official client, row by row."""

from __future__ import annotations

import pytest

from antiphon import ConnectionRefused, ConnectionStateRecovery, Socket
from interop_driver import TRANSPORTS, relay, until
from recovery_guests import Invite, invite_fixture  # noqa: F401 - the fixture "invite"


def test_id_rooms_data_and_what_was_missed_are_restored(invite: Invite):
    guest = invite()
    first = guest.socket
    assert (first.recovered, first.recovery_failure) == (False, None)
    guest.stage.running.call(lambda: (first.join("a", "b"), first.data.update(name="ann")))
    guest.emit("before", 1)
    assert guest.hear("before") == [1]
    guest.cut()
    guest.stage.running.call(
        lambda: (
            guest.stage.io.to("a").emit("missed", 1),
            guest.stage.io.to("c").emit("missed", "not for it"),
            guest.stage.io.except_("b").emit("missed", "not for it either"),
            guest.stage.io.to(first.id).emit("missed", {"two": b"2"}),
            guest.stage.io.to("a").to("b").emit("missed", 3),
        )
    )
    assert guest.mend()
    second = guest.socket
    assert second is not first
    assert second.id == first.id == guest.client.id
    assert second.rooms == {first.id, "a", "b"}
    assert second.data == {"name": "ann"}
    assert [guest.hear("missed") for _ in range(3)] == [[1], [{"two": b"2"}], [3]]
    guest.emit("after")
    assert guest.hear("after") == []


def test_what_was_missed_comes_before_the_client_is_told_that_it_is_connected(invite: Invite):
    guest = invite()
    guest.emit("first")
    guest.hear("first")
    guest.cut()
    guest.emit("missed")
    assert guest.mend()
    reports = [entry["report"] + str(entry.get("event", "")) for entry in guest.client.seen.all]
    assert reports.index("eventmissed") < len(reports) - 1 - reports[::-1].index("connect")


def test_a_client_that_has_received_nothing_is_recovered_too(invite: Invite):
    guest = invite()
    guest.cut()
    guest.emit("missed", 1)
    assert guest.mend()
    assert guest.hear("missed") == [1]


def test_a_session_is_recovered_as_often_as_it_is_cut(invite: Invite):
    guest = invite()
    for number in range(4):
        guest.emit("number", number)
        assert guest.hear("number") == [number]
        guest.cut()
        guest.emit("missed", number)
        assert guest.mend()
        assert guest.hear("missed") == [number]
    assert len({socket.id for socket in guest.sockets}) == 1
    assert len(guest.sockets) == 5


def test_events_to_one_socket_are_kept_while_it_is_away(invite: Invite):
    guest = invite()
    first = guest.socket
    guest.stage.running.call(lambda: first.emit("one", 1))
    assert guest.hear("one") == [1]
    guest.cut()
    guest.stage.running.call(lambda: guest.stage.io.to(first.id).emit("one", 2))
    assert guest.mend()
    assert guest.hear("one") == [2]


def test_volatile_events_and_those_with_acknowledgements_are_not_kept_and_do_no_harm(invite: Invite):
    guest = invite()
    guest.emit("kept", 1)
    guest.hear("kept")

    def emit() -> None:
        # A volatile event may be lost, above all by polling: the last one tells that none is under way any more.
        guest.stage.io.volatile.emit("volatile", "no offset")
        guest.stage.io.volatile.emit("volatile without arguments")
        guest.socket.emit("asked", "no offset", ack=lambda: None)

    guest.stage.running.call(emit)
    asked = guest.client.expect("event", event="asked")
    assert asked["args"] == ["no offset"], "who is asked finds the answering function where it expects it"
    assert asked["call"] is not None
    guest.cut()
    guest.stage.running.call(
        lambda: (guest.stage.io.volatile.emit("volatile", "away"), guest.stage.io.emit("missed", 2))
    )
    assert guest.mend()
    assert guest.hear("missed") == [2]
    assert ["away"] not in [entry["args"][:1] for entry in guest.client.seen.all if entry.get("event") == "volatile"]


def test_outgoing_listeners_do_not_see_offsets(invite: Invite):
    guest = invite()
    seen: list[tuple[object, ...]] = []
    guest.stage.running.call(lambda: guest.socket.on_any_outgoing(lambda *event: seen.append(event)))
    guest.emit("hello", 1)
    assert guest.hear("hello") == [1]
    assert seen == [("hello", 1)]


def test_a_client_that_is_back_before_its_old_connection_is_known_to_be_dead_takes_its_session_over(invite: Invite):
    guest = invite()
    reasons: list[str] = []
    first = guest.socket
    guest.stage.running.call(lambda: first.on("disconnect", reasons.append))
    guest.emit("one")
    guest.hear("one")
    # The connections stay open, but nothing passes any more: the client gives up, the server does not know.
    guest.hold()
    with relay() as other:
        other.target = guest.stage.running.port
        guest.emit("two", 2)
        guest.client.move_to(other.url)
        report = guest.client.expect("connect", within=20)
        assert report["recovered"]
        assert report["id"] == first.id
        assert guest.hear("two") == [2]
        assert guest.socket.recovered
        assert not first.connected
        assert reasons == ["forced close"]


@pytest.mark.parametrize("skip", [True, False])
def test_middlewares_are_skipped_for_who_is_recovered_unless_they_are_not_to_be(invite: Invite, skip: bool):
    asked: list[bool] = []
    guest = invite(ConnectionStateRecovery(skip_middlewares=skip))
    guest.stage.running.call(lambda: guest.stage.io.use(lambda socket: asked.append(socket.recovered)))
    guest.cut()
    assert guest.mend()
    assert asked == ([] if skip else [True])


def test_a_middleware_may_refuse_who_would_be_recovered(invite: Invite):
    guest = invite(ConnectionStateRecovery(skip_middlewares=False))

    def refuse(socket: Socket) -> None:
        raise ConnectionRefused("not any more")

    guest.stage.running.call(lambda: guest.stage.io.use(refuse))
    guest.cut()
    guest.emit("missed")
    guest.front.target = guest.stage.running.port
    assert guest.client.expect("connect_error")["message"] == "not any more"
    assert guest.client.seen.count("event", event="missed") == 0
    assert not guest.stage.io.sockets.rooms


def test_a_session_that_is_too_old_begins_anew_and_says_why(invite: Invite):
    guest = invite(
        ConnectionStateRecovery(max_disconnection_duration=0.05),
        client={"reconnectionDelay": 300, "reconnectionDelayMax": 300},
    )
    guest.emit("one")
    guest.hear("one")
    guest.cut()
    guest.emit("missed")
    assert not guest.mend()
    assert guest.socket.recovery_failure in ("session expired", "unknown session")
    assert guest.socket.id != guest.sockets[0].id
    assert guest.client.seen.count("event", event="missed") == 0


def test_who_missed_more_than_is_kept_begins_anew_and_is_told_why(invite: Invite):
    guest = invite(ConnectionStateRecovery(max_buffer_size=1000))
    guest.emit("one")
    guest.hear("one")
    guest.cut()
    for _ in range(20):
        guest.emit("missed", "x" * 100)
    assert not guest.mend()
    assert guest.socket.recovery_failure == "missed too much"
    assert guest.client.seen.count("event", event="missed") == 0


def test_a_session_that_a_side_has_ended_is_not_kept(invite: Invite):
    guest = invite()
    guest.emit("one")
    guest.hear("one")
    socket = guest.socket
    guest.client.disconnect()
    until(lambda: not socket.connected)
    guest.client.open()
    assert not guest.client.expect("connect")["recovered"]
    assert guest.socket.recovery_failure == "unknown session"
    socket = guest.socket
    guest.stage.running.call(socket.disconnect)
    guest.client.expect("disconnect", reason="io server disconnect")
    guest.client.open()
    assert not guest.client.expect("connect")["recovered"]
    assert guest.socket.recovery_failure == "unknown session"


def test_the_pid_of_a_stranger_does_not_help(invite: Invite, node, transport):
    guest = invite()
    guest.emit("one")
    guest.hear("one")
    guest.cut()
    stranger = node.client(
        guest.stage.url, transports=TRANSPORTS[transport], auth={"pid": guest.sockets[0].id, "offset": "made up"}
    )
    assert not stranger.expect("connect")["recovered"]
    assert guest.socket.recovery_failure == "unknown session"
    assert guest.mend(), "and the session is still there for its owner"


def test_each_namespace_recovers_by_itself(invite: Invite, node):
    guest = invite()
    inner: list[Socket] = []
    guest.stage.running.call(lambda: guest.stage.io.of("/inner").on("connection", inner.append))
    other = node.client("/inner", share=guest.client)
    other.expect_connect()
    guest.stage.running.call(lambda: guest.stage.io.of("/inner").emit("in", 1))
    assert other.expect_event("in")[:1] == [1]
    guest.cut()
    guest.stage.running.call(lambda: guest.stage.io.of("/inner").emit("in", 2))
    guest.emit("out", 3)
    assert guest.mend()
    assert other.expect("connect")["recovered"]
    assert inner[-1].recovered
    assert other.expect_event("in")[:1] == [2]
    assert guest.hear("out") == [3]


def test_without_recovery_nothing_is_added(serve, connect):
    stage = serve()
    client = connect(stage)
    stage.running.call(lambda: stage.io.emit("plain", 1))
    assert client.expect_event("plain") == [1]
    assert (stage.socket(client).recovered, stage.socket(client).recovery_failure) == (False, None)
