import pytest

from antiphon.errors import AckTimeout
from antiphon.socketio.broadcast_acks import BroadcastAcks, Responses


@pytest.fixture
def outcomes():
    """What the callback has been called with: the error, and copies of the responses."""
    return []


@pytest.fixture
def acks(outcomes):
    return BroadcastAcks(
        lambda error, responses: outcomes.append(
            (error, list(responses), dict(responses.by_id), set(responses.missing))
        )
    )


def test_it_is_over_when_everyone_has_answered(acks, outcomes):
    acks.expect_servers(1)
    acks.expect(2, ["a", "b"])
    acks.answer(1, "b")
    assert not acks.done
    acks.answer(2, "a")
    assert acks.done
    assert outcomes == [(None, [1, 2], {"b": 1, "a": 2}, set())]


def test_the_callback_gets_the_responses():
    given = []
    acks = BroadcastAcks(lambda error, responses: given.append(responses))
    acks.expect_servers(1)
    acks.expect(0)
    assert given == [acks.responses]
    assert given[0] is acks.responses


def test_it_is_over_at_once_if_nobody_was_asked(acks, outcomes):
    acks.expect(0)
    assert not acks.done
    acks.expect_servers(1)
    assert outcomes == [(None, [], {}, set())]


def test_it_is_over_at_once_if_there_is_no_server(acks, outcomes):
    acks.expect_servers(0)
    assert outcomes == [(None, [], {}, set())]


def test_every_server_must_say_whom_it_asked(acks, outcomes):
    acks.expect_servers(2)
    acks.expect(1, ["a"])
    acks.answer("here", "a")
    assert not acks.done
    acks.expect(1)
    assert not acks.done
    acks.answer("there")
    assert outcomes == [(None, ["here", "there"], {"a": "here"}, set())]


def test_how_many_servers_there_are_may_be_known_last(acks, outcomes):
    acks.expect(1, ["a"])
    acks.answer("here", "a")
    acks.expect(0)
    assert not acks.done
    acks.expect_servers(2)
    assert outcomes == [(None, ["here"], {"a": "here"}, set())]


def test_an_answer_may_come_before_its_server_has_counted(acks, outcomes):
    acks.expect_servers(1)
    acks.answer("early", "a")
    assert not acks.done
    acks.expect(2, ["a", "b"])
    assert acks.responses.missing == {"b"}
    acks.answer("late", "b")
    assert outcomes == [(None, ["early", "late"], {"a": "early", "b": "late"}, set())]


def test_whoever_leaves_is_not_waited_for_but_missing(acks, outcomes):
    acks.expect_servers(1)
    acks.expect(2, ["a", "b"])
    acks.leave("b")
    assert not acks.done
    acks.answer(1, "a")
    assert outcomes == [(None, [1], {"a": 1}, {"b"})]


def test_two_early_answers_do_not_make_up_for_a_server(acks, outcomes):
    acks.expect_servers(2)
    acks.answer("there", None)
    acks.expect(1, ["a"])
    acks.expect(2)
    assert not acks.done
    acks.answer("there too", None)
    assert not acks.done
    acks.answer("here", "a")
    assert outcomes == [(None, ["there", "there too", "here"], {"a": "here"}, set())]


def test_somebody_may_leave_before_its_server_has_counted(acks, outcomes):
    acks.expect_servers(1)
    acks.leave("a")
    assert not acks.done
    acks.expect(1, ["a"])
    assert outcomes == [(None, [], {}, {"a"})]


def test_it_is_over_when_everyone_has_left(acks, outcomes):
    acks.expect_servers(1)
    acks.expect(1)
    acks.leave("a")
    assert outcomes == [(None, [], {}, {"a"})]


def test_the_time_may_be_over_first(acks, outcomes):
    acks.expect_servers(1)
    acks.expect(3, ["a", "b", "c"])
    acks.answer(1, "a")
    acks.leave("b")
    acks.expire()
    [(error, *rest)] = outcomes
    assert rest == [[1], {"a": 1}, {"b", "c"}]
    assert isinstance(error, AckTimeout)
    assert error.responses is acks.responses
    assert error.missing == {"b", "c"}


def test_the_time_may_be_over_before_any_server_has_counted(acks, outcomes):
    acks.expire()
    [(error, *rest)] = outcomes
    assert isinstance(error, AckTimeout)
    assert rest == [[], {}, set()]


def test_nothing_counts_once_the_time_is_over(acks, outcomes):
    acks.expect(1, ["a"])
    acks.expire()
    acks.answer("late", "a")
    acks.leave("b")
    acks.expect(1, ["c"])
    acks.expect_servers(1)
    acks.expire()
    assert len(outcomes) == 1
    assert (acks.responses, acks.responses.by_id, acks.responses.missing) == ([], {}, {"a"})


def test_nothing_counts_once_everyone_has_answered(acks, outcomes):
    acks.expect_servers(1)
    acks.expect(1, ["a"])
    acks.answer("ok", "a")
    acks.expire()
    acks.expect_servers(1)
    acks.answer("again", "a")
    assert outcomes == [(None, ["ok"], {"a": "ok"}, set())]
    assert acks.responses == ["ok"]


def test_an_answer_may_be_anything(acks, outcomes):
    acks.expect_servers(1)
    acks.expect(3, ["a", "b", "c"])
    for sid, answer in zip("abc", [None, False, []], strict=True):
        acks.answer(answer, sid)
    assert outcomes == [(None, [None, False, []], {"a": None, "b": False, "c": []}, set())]


@pytest.mark.parametrize("end", [BroadcastAcks.expire, lambda acks: acks.expect_servers(0)])
def test_cleanups_come_once_and_before_the_callback(end):
    called = []
    acks = BroadcastAcks(lambda error, responses: called.append("callback"))
    acks.on_done(lambda: called.append("first"))
    acks.on_done(lambda: called.append("second"))
    assert called == []
    end(acks)
    end(acks)
    assert called == ["first", "second", "callback"]


def test_it_is_over_while_the_callback_runs():
    seen = []

    def callback(error, responses):
        seen.append(acks.done)
        acks.expire()
        acks.answer("late", "a")

    acks = BroadcastAcks(callback)
    acks.expect_servers(0)
    assert seen == [True]
    assert acks.responses == []


def test_a_cleanup_that_comes_too_late_is_called_at_once(acks):
    acks.expect_servers(0)
    called = []
    acks.on_done(lambda: called.append("late"))
    assert called == ["late"]
    acks.expire()
    assert called == ["late"]


# Who does not wait any more


def test_the_callback_is_not_called_once_it_is_cancelled(acks, outcomes):
    acks.expect_servers(1)
    acks.expect(1, ["a"])
    acks.cancel()
    assert acks.done
    acks.answer("late", "a")
    acks.leave("b")
    acks.expect(1, ["c"])
    acks.expire()
    assert outcomes == []
    assert (acks.responses, acks.responses.by_id, acks.responses.missing) == ([], {}, {"a"})


def test_nor_if_nobody_was_asked_yet(acks, outcomes):
    acks.cancel()
    acks.expect(0)
    acks.expect_servers(1)
    assert outcomes == []


def test_cancelling_cleans_up_once(acks):
    called = []
    acks.on_done(lambda: called.append("first"))
    acks.on_done(lambda: called.append("second"))
    acks.cancel()
    acks.cancel()
    acks.expire()
    assert called == ["first", "second"]


def test_a_cleanup_after_cancelling_is_called_at_once(acks):
    called = []
    acks.cancel()
    acks.on_done(lambda: called.append("late"))
    assert called == ["late"]


def test_it_may_be_cancelled_when_it_is_over(acks, outcomes):
    called = []
    acks.on_done(lambda: called.append("cleanup"))
    acks.expect_servers(0)
    acks.cancel()
    assert (len(outcomes), called) == (1, ["cleanup"])


# What users get


def test_responses_are_a_list():
    responses = Responses([1, 2])
    assert responses == [1, 2]
    assert (responses.by_id, responses.missing) == ({}, set())
    assert Responses() == []


def test_no_two_responses_share_anything():
    first, second = Responses(), Responses()
    first.append(1)
    first.by_id["a"] = 1
    first.missing.add("b")
    assert (second, second.by_id, second.missing) == ([], {}, set())


def test_a_timeout_says_who_answered_and_who_did_not():
    error = AckTimeout(responses=[1], missing={"b"})
    assert (error.responses, error.missing) == ([1], {"b"})
    assert str(error) == "operation has timed out"


def test_a_timeout_of_one_client_has_neither():
    error = AckTimeout("too slow")
    assert (list(error.responses), list(error.missing), str(error)) == ([], [], "too slow")
