"""How writing to many connections shares the event loop with everything else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon import Server
from antiphon.server.fanout import Flusher
from peers import Endpoint, eventually
from server_helpers import in_sync, several


class Clock:
    """A clock that stands still but for what is done by it, in milliseconds."""

    def __init__(self) -> None:
        self.milliseconds = 0.0

    def __call__(self) -> float:
        return self.milliseconds / 1000


class Connection:
    """Takes messages as a connection does, and notes each write."""

    def __init__(self, desk: Desk, name: object, cost: float = 0.002) -> None:
        self.desk = desk
        self.name = name
        self.cost = cost
        self.heard = False
        self.out: list[object] = []

    def send(self, message: object) -> None:
        if not self.out:
            self.desk.flusher.add(self)
        self.out.append(message)

    def hear(self) -> None:
        if not self.heard:
            self.heard = True
            if self.out:
                self.desk.flusher.add(self)

    def flush(self) -> None:
        if self.out:
            self.desk.clock.milliseconds += self.cost
            self.desk.writes.append((self.name, tuple(self.out)))
            self.out.clear()
            self.heard = False


class Desk:
    """A flusher on an event loop that goes turn by turn."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.clock = Clock()
        self.flusher = Flusher(self.loop, self.clock)
        self.writes: list[tuple[object, tuple[object, ...]]] = []

    def turn(self, elsewhere: float = 0.0) -> list[object]:
        """Let the loop go around once, with something else to do for some milliseconds; return who was written to."""
        before = len(self.writes)
        self.clock.milliseconds += elsewhere
        self.loop.call_soon(self.loop.stop)
        self.loop.run_forever()
        return [name for name, _ in self.writes[before:]]

    def turns(self, elsewhere: float = 0.0) -> Iterator[list[object]]:
        """Let it go around until nobody waits."""
        while written := self.turn(elsewhere):
            yield written

    def connections(self, count: int, cost: float = 0.002) -> list[Connection]:
        return [Connection(self, number, cost) for number in range(count)]


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.loop.close()


def test_a_few_are_all_written_to_in_the_same_turn(desk: Desk) -> None:
    connections = [Connection(desk, number, cost=1000) for number in range(100)]
    for message in "ab":
        for connection in connections:
            connection.send(message)
    assert desk.turn() == list(range(100))
    assert desk.writes == [(number, ("a", "b")) for number in range(100)]
    assert desk.turn() == []


def test_many_are_written_to_in_their_order_over_several_turns(desk: Desk) -> None:
    for connection in desk.connections(3000):
        connection.send("x")
    turns = list(desk.turns())
    assert [name for turn in turns for name in turn] == list(range(3000))
    # A millisecond each, where a write takes the five hundredth of one, and the clock is asked after every sixteenth.
    assert {len(turn) for turn in turns[:-1]} == {512}


def test_nobody_waits_longer_than_eight_turns_however_slow_they_are(desk: Desk) -> None:
    connections = desk.connections(1000, cost=10.0)
    for connection in connections:
        connection.send(0)
    for turn in range(1, 40):
        desk.turn()
        for connection in connections:
            connection.send(turn)
    assert max(len(messages) for _, messages in desk.writes) == 8


def test_what_is_sent_to_those_that_wait_goes_out_in_the_same_write(desk: Desk) -> None:
    connections = desk.connections(1000)
    for connection in connections:
        connection.send("a")
    first = desk.turn()
    for connection in connections:
        connection.send("b")
    list(desk.turns())
    both = [name for name, messages in desk.writes if messages == ("a", "b")]
    assert both == [number for number in range(1000) if number not in first]
    assert desk.writes[-len(first) :] == [(name, ("b",)) for name in first]


def test_writing_takes_as_long_as_everything_else(desk: Desk) -> None:
    for connection in desk.connections(10000, cost=0.01):
        connection.send("x")
    desk.turn()
    # Within the sixteen after which the clock is asked.
    assert 4000 <= len(desk.turn(elsewhere=40.0)) <= 4016
    assert 2000 <= len(desk.turn(elsewhere=20.0)) <= 2016


def test_peers_that_have_sent_something_are_written_to_first(desk: Desk) -> None:
    connections = desk.connections(300)
    connections[70].hear()
    for connection in connections:
        connection.send("x")
    assert desk.turn()[:3] == [70, 0, 1]


def test_one_that_waits_is_written_to_sooner_when_its_peer_sends_something(desk: Desk) -> None:
    connections = desk.connections(1000)
    for connection in connections:
        connection.send("a")
    desk.turn()
    connections[980].hear()
    connections[980].send("b")
    assert desk.turn()[0] == 980
    list(desk.turns())
    assert [messages for name, messages in desk.writes if name == 980] == [("a", "b")]
    assert len(desk.writes) == 1000


def test_to_be_added_twice_changes_nothing_where_nobody_waits(desk: Desk) -> None:
    (connection,) = desk.connections(1)
    connection.send("x")
    connection.hear()
    assert desk.turn() == [0]
    assert desk.turn() == []


def test_answers_to_more_than_one_turn_can_take_wait_in_their_order(desk: Desk) -> None:
    connections = desk.connections(1000, cost=0.1)
    for connection in connections:
        connection.hear()
        connection.send("x")
    turns = list(desk.turns())
    assert [name for turn in turns for name in turn] == list(range(1000))
    # Ten milliseconds for answers, and then as long for those that wait, which the rest of them do by then.
    assert 200 <= len(turns[0]) <= 240


def test_those_that_wait_get_their_share_however_much_there_is_to_answer(desk: Desk) -> None:
    quiet = desk.connections(1000, cost=0.1)
    loud = [Connection(desk, f"loud {number}", cost=0.1) for number in range(200)]
    for connection in quiet:
        connection.send("x")
    turns = 0
    while any(connection.out for connection in quiet):
        for connection in loud:
            connection.hear()
            connection.send("y")
        desk.turn(elsewhere=1.0)
        turns += 1
    # A turn answers a hundred or more, and writes to at least as many of those that have sent nothing.
    assert turns <= 10
    assert sum(str(name).startswith("loud") for name, _ in desk.writes) >= 100 * turns


def test_a_flush_that_fails_silences_no_other(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    class Failing(Connection):
        def flush(self) -> None:
            raise ValueError("on purpose")

    for count in (3, 300):
        connections = desk.connections(count)
        connections[1] = Failing(desk, 1)
        desk.writes.clear()
        caplog.clear()
        for connection in connections:
            connection.send("x")
        with caplog.at_level(logging.ERROR, "antiphon.engine"):
            for _ in range(count):
                desk.turn()
        assert [name for name, _ in desk.writes] == [0, *range(2, count)]
        assert caplog.text.count("could not be written to") == 1


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.integers(0, 299)),
        st.tuples(st.just("hear"), st.integers(0, 299)),
        st.tuples(st.just("broadcast"), st.integers(0, 3)),
        st.tuples(st.just("turn"), st.integers(0, 3)),
    ),
    max_size=60,
)


@given(STEPS)
def test_everybody_gets_everything_in_order(steps: list[tuple[str, int]]) -> None:
    desk = Desk()
    connections = desk.connections(300)
    expected: dict[object, list[object]] = {connection.name: [] for connection in connections}

    def send(connection: Connection, message: object) -> None:
        connection.send(message)
        expected[connection.name].append(message)

    for number, (step, value) in enumerate(steps):
        if step == "send":
            send(connections[value], number)
        elif step == "hear":
            connections[value].hear()
        elif step == "turn":
            desk.turn(elsewhere=value)
        else:
            for connection in connections[value:]:
                send(connection, number)
    # Nobody waits in more places than there were steps, and each turn passes over sixteen places or more.
    for _ in range(20 * (len(steps) + 1)):
        desk.turn()
    desk.loop.close()
    received: dict[object, list[object]] = {connection.name: [] for connection in connections}
    for name, messages in desk.writes:
        received[name].extend(messages)
    assert received == expected
    flusher = desk.flusher
    assert (flusher._scheduled, list(flusher._waiting)) == (False, [])


async def test_broadcasts_to_many_and_answers_keep_their_order(server: Endpoint, io: Server) -> None:
    """For each client, what it gets has the order in which it was sent, however much was on its way to others."""
    count = 200
    orders: dict[int, list[list[object]]] = {}

    @io.event("shout")
    def shout(socket: object, number: int) -> None:
        io.emit("shout", number)

    io.event("echo")(lambda socket, number: number)

    async def take(index: int, receive: Callable[[], object], events: int) -> None:
        orders[index] = [await receive() for _ in range(events)]  # type: ignore[misc]

    async with several(server, count) as peers:
        takers = [
            asyncio.create_task(take(index, peer.receive, 30 + (20 if index == 1 else 0)))
            for index, peer in enumerate(peers)
        ]
        for number in range(30):
            await peers[0].send(f'2["shout",{number}]')
        for number in range(20):
            await peers[1].send(f'2{number}["echo",{number}]')
        await asyncio.gather(*takers)
        shouts = [f'2["shout",{number}]' for number in range(30)]
        for index, got in orders.items():
            assert [packet for packet in got if packet[0] == "2"] == shouts, index
        assert [packet for packet in orders[1] if packet[0] == "3"] == [f"3{n}[{n}]" for n in range(20)]
        await in_sync(peers[0])
        await eventually(lambda: not server.running.call(lambda: io.engine.flusher._waiting))
