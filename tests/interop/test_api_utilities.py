"""What is done to many sockets at once, and to other servers where there are none, with the official client."""

from __future__ import annotations

import logging
from functools import partial

import pytest

from antiphon import ConfigurationError, ReservedEventError, Responses, Socket
from broadcast_helpers import heard, join, target_of
from interop_driver import until


@pytest.fixture(params=["/", "/chat"], ids=["server", "namespace"])
def nsp(request):
    """By the server itself, or by a namespace."""
    return request.param


@pytest.fixture
def target(stage, nsp):
    """What the methods are called on."""
    return target_of(stage, nsp)


@pytest.fixture
def three(stage, connect, target, nsp):
    """Clients in the rooms a, a and b, b."""
    clients = [connect(stage, nsp) for _ in range(3)]
    for client, rooms in zip(clients, (["a"], ["a", "b"], ["b"]), strict=True):
        join(stage, client, *rooms, nsp=nsp)
    return clients


def rooms_of(stage, client, nsp="/"):
    """Return the rooms of a client but its own."""
    return stage.running.call(lambda: set(stage.socket(client, nsp).rooms) - {client.id})


def selections(io, first):
    """Selections of the three clients, with the indexes of whom they select; ``first`` is the socket of the first."""
    return [
        (io.local, {0, 1, 2}),
        (io.to("a"), {0, 1}),
        (io.in_(["a", "b"]), {0, 1, 2}),
        (io.in_("a").except_("b"), {0}),
        (io.except_("a"), {2}),
        (io.local.in_("b"), {1, 2}),
        (io.to(first.id), {0}),
        (io.to("unknown"), set()),
        (io.to([]), {0, 1, 2}),
        (first.broadcast, {1, 2}),
        (first.to("a"), {1}),
        (first.except_("a"), {2}),
        (first.local, {1, 2}),
    ]


def test_fetch_sockets_returns_the_sockets_that_are_selected(stage, target, three, nsp):
    ids = [client.id for client in three]
    first = stage.socket(three[0], nsp)
    for selection, wanted in [(target, {0, 1, 2}), *selections(target, first)]:
        sockets = stage.running.run(selection.fetch_sockets())
        assert sorted(ids.index(socket.id) for socket in sockets) == sorted(wanted)
        assert all(isinstance(socket, Socket) for socket in sockets)


def test_a_fetched_socket_is_the_socket_itself(stage, connect, target, nsp):
    client, other = connect(stage, nsp, auth={"token": "secret"}), connect(stage, nsp)
    socket = stage.socket(client, nsp)
    socket.data["name"] = "Anna"
    (fetched,) = stage.running.run(target.in_(client.id).fetch_sockets())
    assert fetched is socket
    assert fetched.data == {"name": "Anna"}
    assert fetched.handshake.auth == {"token": "secret"}
    assert fetched.rooms == {client.id}

    def act():
        fetched.emit("hello", b"binary")
        fetched.join("room")
        fetched.leave(client.id)

    stage.running.call(act)
    assert client.expect_event("hello") == [b"binary"]
    assert fetched.rooms == {"room"}
    stage.running.call(fetched.disconnect)
    assert client.expect("disconnect")["reason"] == "io server disconnect"
    assert [s.id for s in stage.running.run(target.fetch_sockets())] == [other.id]


def test_sockets_join_reaches_who_is_selected(stage, target, three, nsp):
    first = stage.socket(three[0], nsp)
    for number, (selection, wanted) in enumerate([(target, {0, 1, 2}), *selections(target, first)]):
        stage.running.call(partial(selection.sockets_join, f"room {number}"))
        members = target_of(stage, nsp).to(f"room {number}")
        assert {s.id for s in stage.running.run(members.fetch_sockets())} == {three[index].id for index in wanted}


def test_sockets_leave_reaches_who_is_selected(stage, target, three, nsp):
    first = stage.socket(three[0], nsp)
    for number, (selection, wanted) in enumerate([(target, {0, 1, 2}), *selections(target, first)]):
        room = f"room {number}"
        stage.running.call(partial(target.sockets_join, room))
        stage.running.call(partial(selection.sockets_leave, room))
        for index, client in enumerate(three):
            assert (room in rooms_of(stage, client, nsp)) is (index not in wanted)


def test_several_rooms_are_joined_and_left_at_once(stage, connect, target, nsp):
    client = connect(stage, nsp)
    stage.running.call(lambda: target.sockets_join("a", ["b", "c"], {"d"}, "e"))
    assert rooms_of(stage, client, nsp) == {"a", "b", "c", "d", "e"}
    stage.running.call(lambda: target.sockets_leave(["a", "b"], "c", "unknown"))
    assert rooms_of(stage, client, nsp) == {"d", "e"}
    stage.running.call(lambda: (target.sockets_join(), target.sockets_leave([])))
    assert rooms_of(stage, client, nsp) == {"d", "e"}
    stage.running.call(lambda: target.to("d").sockets_leave("d", "e"))
    assert rooms_of(stage, client, nsp) == set()
    assert not {"a", "b", "c", "d", "e"} & set(stage.io.of(nsp).rooms)


def test_who_was_made_to_join_gets_what_is_emitted_there(stage, three, target, nsp):
    def act():
        target.in_("a").sockets_join("c")
        target.to("c").emit("to c")
        target.in_("b").sockets_leave("c")
        target.to("c").emit("to who is left")

    stage.running.call(act)
    assert heard(stage, *three, nsp=nsp) == [["to c", "to who is left"], ["to c"], []]


@pytest.mark.parametrize("close", [False, True])
def test_disconnect_sockets_ends_who_is_selected(stage, three, node, target, nsp, close):
    other = "/chat" if nsp == "/" else "/"
    stage.io.of("/chat")
    both = node.client(other, share=three[0])
    both.expect_connect()
    gone = [three[0].id]
    stage.running.call(lambda: target.in_("a").except_("b").disconnect_sockets(close))
    assert three[0].expect("disconnect")["reason"] == "io server disconnect"
    until(lambda: gone[0] not in stage.io.of(nsp).sockets)
    if close:
        # The connection ends, and with it the sockets in all namespaces.
        assert both.expect("disconnect")["reason"] == "io server disconnect"
        until(lambda: len(stage.io.engine.sockets) == 2)
    else:
        assert both.state()["connected"]
        assert len(stage.io.engine.sockets) == 3
    # It was told to stay away.
    assert not three[0].state()["active"]
    assert heard(stage, *three[1:], nsp=nsp) == [[], []]


@pytest.mark.parametrize("close", [False, True])
def test_disconnect_sockets_ends_everyone(stage, three, target, nsp, close):
    stage.running.call(lambda: target.disconnect_sockets(close))
    for client in three:
        assert client.expect("disconnect")["reason"] == "io server disconnect"
    until(lambda: not stage.io.of(nsp).sockets)
    until(lambda: len(stage.io.engine.sockets) == 0 if close else True)
    assert stage.io.of(nsp).rooms == {}


def test_disconnect_sockets_lets_what_was_emitted_before_arrive(stage, connect, target, nsp):
    client = connect(stage, nsp)
    stage.running.call(lambda: (target.emit("last words", b"binary"), target.disconnect_sockets(close=True)))
    assert client.expect_event("last words") == [b"binary"]
    assert client.expect("disconnect")["reason"] == "io server disconnect"


def test_all_sockets_returns_the_ids(stage, target, three, nsp):
    ids = [client.id for client in three]
    assert stage.running.run(target.all_sockets()) == set(ids)
    assert stage.running.run(target.in_("a").all_sockets()) == set(ids[:2])
    assert stage.running.run(target.to("a", "b").all_sockets()) == set(ids)
    assert stage.running.run(target.in_("unknown").all_sockets()) == set()
    three[0].disconnect()
    until(lambda: ids[0] not in stage.io.of(nsp).sockets)
    assert stage.running.run(target.all_sockets()) == set(ids[1:])


def test_close_room_leaves_nobody_in_it(stage, three, target, nsp):
    def act():
        target.close_room("a")
        target.to("a").emit("never")
        target.to("b").emit("b is left")

    stage.running.call(act)
    assert "a" not in stage.io.of(nsp).rooms
    assert heard(stage, *three, nsp=nsp) == [[], ["b is left"], ["b is left"]]
    stage.running.call(lambda: target.sockets_join("c", "d", "e"))
    stage.running.call(lambda: target.close_room("b", ["c", "d"], "unknown"))
    assert [rooms_of(stage, client, nsp) for client in three] == [{"e"}] * 3
    stage.running.call(lambda: (target.close_room(), target.close_room([])))
    assert [rooms_of(stage, client, nsp) for client in three] == [{"e"}] * 3
    assert all(stage.socket(client, nsp).connected for client in three)


def test_what_is_done_in_one_namespace_leaves_the_others_alone(stage, connect, node):
    root = connect(stage)
    stage.io.of("/chat")
    inside = node.client("/chat", share=root)
    inside.expect_connect()

    def act():
        stage.io.sockets_join("root")
        stage.io.of("/chat").sockets_join("chat")
        stage.io.of("/chat").sockets_leave("root")
        stage.io.close_room("chat")

    stage.running.call(act)
    assert rooms_of(stage, root) == {"root"}
    assert rooms_of(stage, inside, "/chat") == {"chat"}
    assert stage.running.run(stage.io.of("/chat").all_sockets()) == {inside.id}
    stage.running.call(stage.io.of("/chat").disconnect_sockets)
    assert inside.expect("disconnect")["reason"] == "io server disconnect"
    assert root.state()["connected"]


# Other servers, where there are none


def test_there_is_no_other_server_to_emit_to(stage, connect, target, nsp):
    client = connect(stage, nsp)
    seen, answers = [], []
    target.on("news", lambda *args: seen.append(args))

    def act():
        target.server_side_emit("news", 1, b"binary")
        target.server_side_emit("news", 2, ack=lambda error, responses: answers.append((error, responses)))

    stage.running.call(act)
    until(lambda: answers)
    assert answers == [(None, [])]
    assert isinstance(answers[0][1], Responses)
    responses = stage.running.run(target.server_side_emit_with_ack("news", 3))
    assert responses == []
    assert isinstance(responses, Responses)
    # Neither clients nor the handlers of the server itself get it.
    assert heard(stage, client, nsp=nsp) == [[]]
    assert seen == []


def test_there_is_one_server(stage):
    assert stage.running.run(stage.io.sockets.adapter.server_count()) == 1


@pytest.mark.parametrize(
    "name",
    [
        "connect", "connection", "new_namespace",
        "connect_error", "disconnect", "disconnecting", "newListener", "removeListener",
    ],
)  # fmt: skip
def test_names_of_the_server_itself_are_not_emitted_to_others(stage, target, name):
    with pytest.raises(ReservedEventError, match=f'"{name}"'):
        stage.running.call(lambda: target.server_side_emit(name, 1))
    with pytest.raises(ReservedEventError, match=f'"{name}"'):
        stage.running.call(lambda: target.server_side_emit(name, ack=print))
    with pytest.raises(ReservedEventError, match=f'"{name}"'):
        stage.running.run(target.server_side_emit_with_ack(name))


@pytest.mark.parametrize("name", ["disconnect", "disconnecting", "connect_error"])
def test_names_of_the_protocol_are_not_listened_to_on_the_server(stage, target, name):
    with pytest.raises(ConfigurationError, match=name):
        target.on(name, print)


def test_a_handler_that_no_server_will_call_is_noted_in_the_log(stage, target, caplog):
    with caplog.at_level(logging.WARNING, "antiphon.server"):
        target.on("news", lambda: None)
    assert 'io.event("news")' in caplog.text


def test_the_maps_of_the_adapter_tell_who_is_where(stage, three, nsp):
    a, both, b = (client.id for client in three)
    adapter = stage.io.of(nsp).adapter
    assert adapter.rooms == {a: {a}, both: {both}, b: {b}, "a": {a, both}, "b": {both, b}}
    assert adapter.sids == {a: {a, "a"}, both: {both, "a", "b"}, b: {b, "b"}}
    assert adapter.socket_rooms(both) == {both, "a", "b"}
    assert adapter.nsp is stage.io.of(nsp)
    three[1].disconnect()
    until(lambda: both not in adapter.sids)
    assert adapter.rooms == {a: {a}, b: {b}, "a": {a}, "b": {b}}
    assert adapter.socket_rooms(both) == set()
    stage.running.call(lambda: stage.socket(three[0], nsp).leave("a"))
    assert "a" not in adapter.rooms
