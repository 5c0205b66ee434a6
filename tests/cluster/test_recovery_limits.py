import pytest

from antiphon.cluster.recovery import RestoredSession
from recovery_helpers import GRACE, LIFETIME, emit, save, sent

# A session that is declined keeps its place


def declined(log, why):
    """Save a session, let it be declined at 1.0, and return it with the offset that it was declined for."""
    session, offset = save(log), None
    if why == "unknown offset":
        offset = "made up"
    elif why == "missed too much":
        emit(log, "huge", size=1001)
    else:
        emit(log, "missed")
        log.save(sent(log.restore(session.pid, None, 0.0)), 0.0)
    assert log.restore(session.pid, offset, 1.0) == why
    return session, offset


DECLINED = pytest.mark.parametrize("why", ["unknown offset", "missed too much", "replay interrupted"])


@DECLINED
def test_a_session_that_is_declined_is_declined_again(log, why):
    session, offset = declined(log, why)
    assert log.restore(session.pid, offset, 2.0) == why


@DECLINED
def test_a_session_that_is_declined_can_still_be_restored_by_who_has_seen_more(log, why):
    session, _ = declined(log, why)
    seen = emit(log, "seen")
    emit(log, "missed later")
    restored = log.restore(session.pid, seen, 2.0)
    assert (restored.missed, restored.after) == (["missed later"], seen)
    assert log.restore(session.pid, seen, 2.0) == "unknown session"


@DECLINED
def test_a_session_that_is_declined_does_not_outlive_the_others(log, why):
    old, offset = declined(log, why)
    new = save(log, 50.0, name="b")
    assert log.restore(old.pid, offset, 51.0) == why
    log.sweep(LIFETIME + 3.0)
    assert log.restore(old.pid, offset, LIFETIME + 3.0) == "unknown session"
    assert isinstance(log.restore(new.pid, log.head, LIFETIME + 3.0), RestoredSession)


@DECLINED
def test_a_session_that_is_declined_goes_when_its_turn_comes(log, why):
    old, offset = declined(log, why)
    others = [save(log, name=name) for name in "bc"]
    assert log.restore(old.pid, offset, 2.0) == why
    others.append(save(log, name="d"))
    assert log.restore(old.pid, offset, 2.0) == "unknown session"
    assert all(isinstance(log.restore(other.pid, None, 2.0), RestoredSession) for other in others)


# What is kept


def test_the_packets_have_no_more_bytes_than_allowed(log):
    for number in range(30):
        emit(log, number, size=100)
    assert (log.size, len(log)) == (1000, 10)


def test_the_oldest_packets_go_first(log):
    for number in range(12):
        seen = emit(log, number, size=100)
        if number == 1:
            session, first = save(log), seen
    assert log.restore(session.pid, first, 1.0).missed == list(range(2, 12))


def test_packets_are_kept_for_as_long_as_a_session_may_need_them(log):
    start = log.head
    emit(log, "lost on the way", 0.0)
    session = save(log, GRACE, start=start)
    log.sweep(GRACE + LIFETIME)
    assert log.restore(session.pid, None, GRACE + LIFETIME).missed == ["lost on the way"]


def test_packets_that_no_session_can_need_are_swept_away(log):
    emit(log, "old", 0.0)
    log.sweep(GRACE + LIFETIME + 1)
    assert (log.size, len(log)) == (0, 0)


def test_they_go_when_another_packet_comes_too(log):
    emit(log, "old", 0.0)
    emit(log, "new", GRACE + LIFETIME + 1, size=20)
    assert (log.size, len(log)) == (20, 1)


def test_the_oldest_sessions_go_first(log):
    sessions = [save(log, name=name) for name in "abcd"]
    results = [log.restore(session.pid, None, 1.0) for session in sessions]
    assert results[0] == "unknown session"
    assert all(isinstance(result, RestoredSession) for result in results[1:])


def test_a_session_that_is_saved_again_takes_one_place_and_becomes_the_latest(log):
    for name in "abcad":
        save(log, name=name)
    assert log.restore("pid of b", None, 1.0) == "unknown session"
    for name in "cad":
        assert isinstance(log.restore(f"pid of {name}", None, 1.0), RestoredSession)


def test_sweeping_forgets_the_sessions_that_have_expired(log):
    old, new = save(log, 0.0, name="a"), save(log, 1.0, name="b")
    log.sweep(LIFETIME + 0.5)
    assert log.restore(old.pid, None, 0.0) == "unknown session"
    assert isinstance(log.restore(new.pid, None, LIFETIME + 0.5), RestoredSession)


def test_a_log_is_empty_when_nothing_is_kept(log):
    assert log.is_empty
    emit(log, "one", 0.0)
    assert not log.is_empty
    log.sweep(1000.0)
    assert log.is_empty
    save(log, 1000.0)
    assert not log.is_empty
    log.sweep(2000.0)
    assert log.is_empty
    assert (log.size, len(log)) == (0, 0)


def test_an_empty_log_does_not_give_an_offset_again(log):
    first = emit(log, "one", 0.0)
    log.sweep(1000.0)
    assert log.head == first
    assert emit(log, "two", 1000.0) != first
