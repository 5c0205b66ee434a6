import pytest

from antiphon.errors import AckTimeout, SocketDisconnected
from antiphon.socketio.acks import PendingAcks


@pytest.fixture
def answers():
    return []


@pytest.fixture
def pending(answers):
    acks = PendingAcks()
    for ack_id in (0, 1):
        acks.add(ack_id, lambda error, arguments, ack_id=ack_id: answers.append((ack_id, type(error), list(arguments))))
    return acks


def test_an_answer_is_handed_over_once(pending, answers):
    assert pending.resolve(1, ["ok", 2])
    assert not pending.resolve(1, ["again"])
    assert answers == [(1, type(None), ["ok", 2])]
    assert len(pending) == 1


def test_an_answer_that_nobody_waits_for_is_dropped(pending, answers):
    assert not pending.resolve(7, [])
    assert answers == []


def test_a_late_answer_is_dropped(pending, answers):
    assert pending.expire(0)
    assert not pending.expire(0)
    assert not pending.resolve(0, ["late"])
    assert answers == [(0, AckTimeout, [])]


def test_all_are_given_up_when_the_peer_leaves(pending, answers):
    pending.disconnect()
    pending.disconnect()
    assert answers == [(0, SocketDisconnected, []), (1, SocketDisconnected, [])]
    assert len(pending) == 0


def test_a_callback_may_ask_again_while_the_peer_leaves():
    acks = PendingAcks()
    acks.add(0, lambda *_: acks.add(1, lambda *_: None))
    acks.disconnect()
    assert len(acks) == 1


def test_what_is_discarded_is_not_called():
    called = []
    acks = PendingAcks()
    acks.add(1, lambda error, arguments: called.append(arguments))
    acks.discard(1)
    acks.discard(2)
    assert not acks.resolve(1, ["late"])
    assert (called, len(acks)) == ([], 0)
