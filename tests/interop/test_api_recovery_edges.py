"""Connection state recovery with the official client, where it is least expected to work."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from antiphon import ConnectionStateRecovery, Server
from interop_driver import TRANSPORTS, Client, relay, until
from recovery_guests import Guest, Invite, invite_fixture, precise_relay  # noqa: F401 - the fixture "invite"

ASKS_AGAIN = ConnectionStateRecovery(skip_middlewares=False)


def offsets(client: Client) -> list[int]:
    """Return the offsets of all events that have come, as numbers."""
    return [int(entry["args"][-1].rpartition(".")[2], 36) for entry in client.seen.all if entry["report"] == "event"]


# While middlewares run


def test_an_event_that_is_emitted_while_a_middleware_runs_is_not_lost(invite: Invite):
    guest = invite(ASKS_AGAIN)
    first = guest.socket
    guest.call(lambda: first.join("room"))
    guest.emit("number", 0)
    guest.hear("number")
    gate = guest.close_gate()
    guest.cut()
    guest.emit("number", 1)
    guest.come_back()
    waiting = gate.expect()
    assert waiting.recovered
    guest.emit("number", 2)
    guest.call(lambda: guest.stage.io.to("room").emit("number", 3))
    guest.call(lambda: guest.stage.io.to("another room").emit("number", "not for it"))
    guest.call(lambda: first.emit("number", 4))
    gate.open()
    assert guest.mend()
    guest.emit("number", 5)
    guest.emit("last")
    guest.hear("last")
    assert guest.heard("number") == [0, 1, 2, 3, 4, 5]
    assert offsets(guest.client) == sorted(set(offsets(guest.client)))


def test_all_that_was_missed_may_have_come_while_a_middleware_runs(invite: Invite):
    guest = invite(ASKS_AGAIN)
    gate = guest.close_gate()
    guest.cut()
    guest.come_back()
    gate.expect()
    guest.emit("missed", 1)
    gate.open()
    assert guest.mend()
    assert guest.hear("missed") == [1]
    guest.cut()
    assert guest.mend()
    guest.emit("last")
    guest.hear("last")
    assert guest.heard("missed") == [1]


@pytest.mark.parametrize(
    "missed",
    [
        pytest.param([], id="nothing"),
        pytest.param(
            [1, 2],
            id="something",
        ),
    ],
)
def test_a_client_that_is_cut_off_while_a_middleware_runs_gets_its_session_at_the_next_attempt(
    invite: Invite, missed: list[int]
):
    guest = invite(ASKS_AGAIN)
    first = guest.socket
    guest.call(lambda: (first.join("room"), first.data.update(name="ann")))
    guest.emit("seen")
    guest.hear("seen")
    gate = guest.close_gate()
    guest.cut()
    for number in missed:
        guest.emit("missed", number)
    for attempt in range(1, 4):
        guest.come_back()
        guest.cut(gate.expect(attempt).conn)
    gate.open()
    assert guest.mend(), guest.socket.recovery_failure
    assert guest.socket.id == first.id
    assert guest.socket.rooms == {first.id, "room"}
    assert guest.socket.data == {"name": "ann"}
    guest.emit("last")
    guest.hear("last")
    assert guest.heard("missed") == missed


def test_so_does_one_whose_last_connection_is_not_yet_known_to_be_dead(invite: Invite):
    guest = invite(ASKS_AGAIN)
    first = guest.socket
    gate = guest.close_gate()
    guest.cut()
    guest.come_back()
    guest.settle(gate.expect().conn)
    # The connection stays open, but nothing passes any more: the client gives up, the server does not know.
    guest.hold()
    with relay() as other:
        other.target = guest.stage.running.port
        guest.client.move_to(other.url)
        gate.expect(2)
        gate.open()
        assert guest.client.expect("connect", within=20)["recovered"]
        assert guest.socket.id == first.id


def test_a_client_is_not_recovered_if_there_was_no_room_for_what_it_missed_while_a_middleware_ran(invite: Invite):
    guest = invite(ConnectionStateRecovery(skip_middlewares=False, max_buffer_size=1000))
    gate = guest.close_gate()
    guest.cut()
    guest.come_back()
    gate.expect()
    for number in range(20):
        guest.emit("missed", number, "x" * 100)
    gate.open()
    recovered = guest.mend()
    guest.emit("last")
    guest.hear("last")
    assert not recovered or guest.heard("missed") == list(range(20))


@pytest.mark.parametrize("transport", ["websocket"])
def test_a_client_that_is_cut_off_during_a_replay_gets_nothing_twice(invite: Invite):
    with precise_relay() as front:
        guest = invite(ASKS_AGAIN, front=front)
        gate = guest.close_gate()
        guest.cut()
        guest.come_back()
        gate.expect()
        # All of the replay has come while the middleware ran.
        guest.emit("missed", 1)
        guest.emit("missed", 2, random.Random(1).randbytes(100_000).hex())
        front.cut_after(10_000)
        gate.open()
        guest.client.expect("disconnect")
        assert not guest.mend()
        assert guest.socket.recovery_failure == "replay interrupted"
        guest.emit("last")
        guest.hear("last")
        assert guest.heard("missed") in ([], [1]), "the client may keep what it got before the cut"


def test_what_came_before_a_client_was_let_in_is_not_replayed(invite: Invite):
    guest = invite()
    gate = guest.close_gate()
    guest.client.disconnect()
    until(lambda: not guest.socket.connected)
    guest.client.open()
    gate.expect()
    guest.emit("early")
    gate.open()
    assert not guest.mend()
    guest.cut()
    guest.emit("missed")
    assert guest.mend()
    guest.hear("missed")
    assert guest.client.seen.events() == ["missed"]


# What middlewares emit


def welcome(guest: Guest) -> list[object]:
    return list(guest.client.expect_event("welcome"))


@pytest.mark.parametrize("args", [["hello"], [1], []])
def test_what_a_middleware_emits_is_not_taken_for_an_offset(invite: Invite, args: list[object]):
    guest = invite(prepare=lambda io: io.use(lambda socket: [socket.emit("welcome", *args), None][1]))
    # It is not kept; but a text would be taken for an offset if it was the last argument.
    assert welcome(guest)[: len(args)] == args
    guest.cut()
    guest.emit("missed", 1)
    assert guest.mend()
    assert guest.hear("missed") == [1]


def test_what_a_middleware_emits_to_who_is_recovered_does_not_make_it_forget_what_it_has_seen(invite: Invite):
    guest = invite(ASKS_AGAIN, prepare=lambda io: io.use(lambda socket: [socket.emit("welcome", "hello"), None][1]))
    for number in range(3):
        guest.emit("number", number)
        guest.hear("number")
        for _ in range(2):
            guest.cut()
            assert guest.mend(), guest.socket.recovery_failure
    guest.emit("number", 3)
    guest.hear("number")
    assert guest.heard("number") == [0, 1, 2, 3]


# Sockets that are gone


def test_what_is_emitted_to_a_socket_that_was_cut_off_is_replayed(invite: Invite):
    guest = invite()
    first = guest.socket
    guest.cut()
    guest.call(lambda: first.emit("one", 1))
    guest.call(lambda: first.emit("one", "text"))
    guest.call(lambda: first.compress(False).emit("one", b"binary"))
    first.emit("one", "from another thread")
    # Which comes in order.
    until(lambda: guest.socket is first and not first.connected)
    assert guest.mend()
    assert [guest.hear("one") for _ in range(4)] == [[1], ["text"], [b"binary"], ["from another thread"]]
    second = guest.socket
    assert second is not first
    guest.call(lambda: (first.emit("one", "old"), second.emit("one", "new")))
    assert [guest.hear("one") for _ in range(2)] == [["old"], ["new"]]


def test_what_a_handler_emits_as_its_socket_goes_is_replayed(invite: Invite):
    guest = invite()
    first = guest.socket
    guest.call(lambda: first.on("disconnecting", lambda reason: [first.emit("going", 1), None][1]))
    guest.call(lambda: first.on("disconnect", lambda reason: [first.emit("gone", 2), None][1]))
    guest.cut()
    assert guest.mend()
    assert guest.hear("going") == [1]
    assert guest.hear("gone") == [2]


def test_nobody_answers_for_a_socket_that_was_cut_off(invite: Invite):
    guest = invite()
    first = guest.socket
    guest.cut()
    answers: list[object] = []
    guest.call(lambda: first.timeout(5).emit("asked", "text", ack=lambda *answer: answers.append(answer)))
    guest.call(lambda: first.volatile.emit("volatile", "text"))
    guest.emit("missed")
    assert guest.mend()
    guest.hear("missed")
    until(lambda: answers)
    assert guest.client.seen.events() == ["missed"]


# Listeners that emit


def test_what_an_outgoing_listener_emits_comes_after_what_it_has_heard_of(invite: Invite, node, transport):
    guest = invite()
    io, mine = guest.stage.io, guest.socket
    other = node.client(guest.stage.url, transports=TRANSPORTS[transport])
    other.expect_connect()

    def echo(name: str) -> Callable[..., None]:
        def listener(event: str, *args: object) -> None:
            if event == "number":
                io.emit(f"echo of {name}", *args)

        return listener

    def listen() -> None:
        mine.on_any_outgoing(echo("guest"))
        guest.stage.socket(other).on_any_outgoing(echo("other"))

    guest.call(listen)
    for number in range(3):
        guest.emit("number", number)
        guest.hear("number")
    guest.cut(mine.conn)
    for number in range(3, 6):
        guest.emit("number", number)
    assert guest.mend()
    for number in range(6, 9):
        guest.emit("number", number)
    guest.emit("last")
    for client in (guest.client, other):
        client.expect_event("last")
        assert offsets(client) == sorted(set(offsets(client)))
    assert guest.heard("number") == guest.heard("echo of other") == list(range(9))
    # The listeners of a socket go with it.
    assert guest.heard("echo of guest") == list(range(3))
    assert guest.client.seen.events() == other.seen.events()


# Offsets of earlier sessions


def test_nothing_from_before_the_session_is_replayed_to_a_client_with_an_offset_of_an_earlier_one(invite: Invite):
    guest = invite()
    guest.emit("seen")
    guest.hear("seen")
    guest.client.disconnect()
    until(lambda: not guest.socket.connected)
    guest.emit("between")
    guest.client.open()
    assert not guest.mend()
    # The official client still says what it has seen in its first session.
    guest.cut()
    guest.emit("missed", 1)
    assert guest.mend()
    assert guest.hear("missed") == [1]
    guest.cut()
    assert guest.mend()
    guest.emit("last")
    guest.hear("last")
    assert guest.client.seen.events() == ["seen", "missed", "last"]


def test_an_earlier_session_that_missed_too_much_does_not_keep_the_next_from_being_recovered(invite: Invite):
    guest = invite(ConnectionStateRecovery(max_buffer_size=1000))
    guest.emit("seen")
    guest.hear("seen")
    guest.cut()
    for _ in range(20):
        guest.emit("lost", "x" * 100)
    assert not guest.mend()
    assert guest.socket.recovery_failure == "missed too much"
    guest.cut()
    guest.emit("missed")
    assert guest.mend(), guest.socket.recovery_failure
    guest.hear("missed")
    assert guest.client.seen.events() == ["seen", "missed"]


# Clients of Socket.IO 2


def test_clients_of_socket_io_2_are_not_recovered_and_see_the_offset_as_one_more_argument(invite: Invite):
    guest = invite(allow_eio3=True, client={"version": 2, "events": ["told", "asked", "missed"]})
    first = guest.socket
    assert first.conn.protocol == 3
    assert (first.recovered, first.recovery_failure, first.pid) == (False, None, None)
    guest.emit("told", 1)
    assert guest.hear("told") == [1]
    answers: list[object] = []
    guest.call(lambda: first.emit("asked", "text", ack=lambda *answer: answers.append(answer)))
    asked = guest.client.expect("event", event="asked")
    assert asked["args"] == ["text"], "what is not kept has no offset"
    guest.client.answer(asked["call"], "answer")
    until(lambda: answers == [("answer",)])
    guest.cut()
    guest.emit("missed")
    assert not guest.mend()
    second = guest.socket
    assert second.id == second.conn.id != first.id
    assert (second.recovered, second.recovery_failure, second.pid) == (False, None, None)
    assert second.rooms == {second.id}
    assert second.data == {}
    guest.emit("told", 2)
    assert guest.hear("told") == [2]
    assert guest.client.seen.count("event", event="missed") == 0


@pytest.mark.parametrize("args", [["text"], [1]])
def test_what_a_middleware_emits_to_clients_of_socket_io_2_has_no_offset(invite: Invite, args: list[object]):
    def greet(io: Server) -> None:
        io.use(lambda socket: [socket.emit("welcome", *args), None][1])

    guest = invite(allow_eio3=True, prepare=greet, client={"version": 2, "events": ["welcome"]})
    assert welcome(guest) == args


# Quiet clients


@pytest.mark.parametrize("transport", ["polling"])
@pytest.mark.parametrize("has_seen_something", [True, False])
def test_a_quiet_client_is_recovered_while_the_rooms_of_others_are_busy(invite: Invite, has_seen_something: bool):
    guest = invite(ConnectionStateRecovery(max_buffer_size=2000), ping_interval=0.2)
    conn = guest.socket.conn
    if has_seen_something:
        guest.emit("seen")
        guest.hear("seen")
    for _ in range(40):
        guest.call(lambda: guest.stage.io.to("others").emit("busy", "x" * 100))
    emitted_at = guest.stage.running.loop.time()
    # By then most of it is not kept any more.
    until(lambda: conn.confirmed_at > emitted_at)
    guest.cut()
    guest.emit("missed", 1)
    assert guest.mend(), guest.socket.recovery_failure
    assert guest.hear("missed") == [1]
    assert guest.client.seen.count("event", event="missed") == 1


@pytest.mark.parametrize("transport", ["polling"])
def test_a_quiet_client_is_not_recovered_if_they_are_busy_while_it_is_away(invite: Invite):
    # What is not kept any more may have been for it.
    guest = invite(ConnectionStateRecovery(max_buffer_size=2000), ping_interval=0.2)
    guest.cut()
    for _ in range(40):
        guest.call(lambda: guest.stage.io.to("others").emit("busy", "x" * 100))
    assert not guest.mend()
    assert guest.socket.recovery_failure == "missed too much"
