import pytest

from antiphon.cluster.recovery import RecoveryLog, RestoredSession
from antiphon.cluster.selection import BroadcastOptions
from recovery_helpers import EVERYONE, GRACE, LIFETIME, emit, save, sent, to

# Offsets


def test_a_packet_gets_the_offset_that_was_announced(log):
    announced = log.next_offset
    assert log.head != announced
    log.append("one", 1, EVERYONE, 0.0)
    assert log.head == announced


def test_no_two_offsets_are_the_same(log):
    offsets = [log.head, *(emit(log, number, size=0) for number in range(1500))]
    assert len(set(offsets)) == 1501
    assert all(offset.startswith("log.") for offset in offsets)


def test_every_offset_can_be_gone_on_from(log):
    start = log.head
    offsets = [emit(log, number, size=1) for number in range(100)]
    for number, offset in enumerate(offsets):
        session = save(log, start=start)
        assert log.restore(session.pid, offset, 1.0).missed == list(range(number + 1, 100))


# What is replayed


def test_what_was_missed_is_replayed_in_order(log):
    start = log.head
    seen = emit(log, "seen")
    emit(log, "lost on the way")
    session = save(log, start=start)
    emit(log, "to nobody")
    assert log.restore(session.pid, seen, 1.0).missed == ["lost on the way", "to nobody"]


def test_a_client_that_has_seen_everything_misses_nothing(log):
    emit(log, "one")
    seen = emit(log, "two")
    session = save(log)
    assert log.restore(session.pid, seen, 1.0) == RestoredSession(session, [], seen)


def test_a_client_that_has_seen_nothing_gets_what_came_since_its_session_began(log):
    emit(log, "before")
    start = log.head
    emit(log, "during")
    session = save(log, start=start)
    emit(log, "after")
    assert log.restore(session.pid, None, 1.0).missed == ["during", "after"]


def test_a_client_that_has_seen_nothing_gets_everything_if_its_session_was_there_first(log):
    session = save(log)
    emit(log, "one")
    emit(log, "two")
    assert log.restore(session.pid, None, 1.0).missed == ["one", "two"]


def test_only_what_was_for_its_rooms_is_replayed(log):
    session = save(log, name="a", rooms=("r",))
    emit(log, "to its room", options=to("r", "s"))
    emit(log, "to another", options=to("s"))
    emit(log, "to itself", options=to("a"))
    emit(log, "to all the others", options=BroadcastOptions(except_=frozenset("a")))
    emit(log, "to all but another", options=BroadcastOptions(except_=frozenset("b")))
    assert log.restore(session.pid, None, 1.0).missed == ["to its room", "to itself", "to all but another"]


def test_a_session_comes_back_as_it_was(log):
    session = save(log, name="a", rooms=("r", "s"))
    emit(log, "missed")
    restored = log.restore(session.pid, None, 1.0).session
    assert restored._replace(replay=None) == session
    assert restored.data is session.data


def test_two_sessions_do_not_take_from_each_other(log):
    first, second = save(log, name="a"), save(log, name="b")
    emit(log, "for both")
    assert log.restore(second.pid, None, 1.0).missed == ["for both"]
    assert log.restore(first.pid, None, 1.0).missed == ["for both"]


# The offset that a client says it has seen may be from an earlier session: the official client never forgets it.


def test_nothing_from_before_the_session_is_replayed(log):
    stale = emit(log, "in an earlier session")
    emit(log, "while it was away")
    session = save(log)
    emit(log, "missed")
    assert log.restore(session.pid, stale, 1.0).missed == ["missed"]


def test_it_does_not_matter_that_what_is_before_the_session_is_not_kept(log):
    stale = emit(log, "in an earlier session", size=600)
    emit(log, "while it was away", size=600)
    session = save(log)
    emit(log, "missed", size=600)
    assert log.restore(session.pid, stale, 1.0).missed == ["missed"]


@pytest.mark.parametrize("offset", ["stale", "start", None])
def test_a_replay_goes_on_from_the_beginning_of_the_session_or_from_what_was_seen_later(log, offset):
    stale = emit(log, "in an earlier session")
    start = emit(log, "while it was away")
    session = save(log)
    given = {"stale": stale, "start": start, None: None}[offset]
    seen = emit(log, "missed")
    assert log.restore(session.pid, given, 1.0).after == start
    save(log)
    assert log.restore(session.pid, seen, 1.0).after == seen


@pytest.mark.parametrize("first", ["stale", None])
@pytest.mark.parametrize("second", ["stale", None])
def test_a_replay_that_was_interrupted_is_known_by_any_offset_from_before_the_session(log, first, second):
    offsets = {"stale": emit(log, "in an earlier session"), None: None}
    emit(log, "while it was away")
    session = save(log)
    emit(log, "missed")
    log.save(sent(log.restore(session.pid, offsets[first], 1.0)), 2.0)
    assert log.restore(session.pid, offsets[second], 3.0) == "replay interrupted"


# What is missed while a client that is restored waits to be let in


def test_what_comes_after_a_session_was_taken_out_is_missed_too(log):
    session = save(log)
    emit(log, "missed")
    restored = log.restore(session.pid, None, 1.0)
    emit(log, "while the middlewares run", 1.0)
    assert log.missed(restored.session, restored.after) == ["missed", "while the middlewares run"]


def test_only_what_is_for_these_rooms_is_missed(log):
    after = emit(log, "seen")
    emit(log, "to r", options=to("r"))
    emit(log, "to s", options=to("s"))
    assert log.missed(save(log, name="a", rooms="s"), after) == ["to s"]
    assert log.missed(save(log, name="b", rooms="rs"), after) == ["to r", "to s"]
    assert log.missed(save(log, name="c", rooms=""), after) == []


def test_nothing_is_missed_after_the_latest(log):
    emit(log, "one")
    assert log.missed(save(log), log.head) == []


def test_what_there_was_no_room_for_while_it_waited_makes_it_miss_too_much(log):
    session = save(log)
    emit(log, "missed")
    restored = log.restore(session.pid, None, 1.0)
    emit(log, "huge", 2.0, size=1001)
    assert log.missed(restored.session, restored.after) is None


# When nothing is restored


def test_a_session_that_never_was_is_unknown(log):
    save(log, name="a")
    assert log.restore("pid of b", None, 1.0) == "unknown session"


def test_a_session_is_restored_once(log):
    session = save(log)
    assert isinstance(log.restore(session.pid, None, 1.0), RestoredSession)
    assert log.restore(session.pid, None, 1.0) == "unknown session"


def test_a_session_can_be_cut_off_again(log):
    session = save(log)
    seen = emit(log, "one")
    restored = log.restore(session.pid, None, 1.0)
    log.save(sent(restored), 2.0)
    emit(log, "two", 2.0)
    assert log.restore(session.pid, seen, 3.0).missed == ["two"]


@pytest.mark.parametrize(("now", "restored"), [(LIFETIME, True), (LIFETIME + 1, False)])
def test_a_session_expires(log, now, restored):
    session = save(log, 0.0)
    result = log.restore(session.pid, None, now)
    assert isinstance(result, RestoredSession) if restored else result == "session expired"


def test_a_session_that_is_saved_again_lives_on(log):
    session = save(log, 0.0)
    save(log, LIFETIME)
    assert isinstance(log.restore(session.pid, None, LIFETIME + 1), RestoredSession)


@pytest.mark.parametrize(
    "offset",
    ["", "log.", "log", "log.3", "log.-1", "log.+1", "log. 1", "log.1_0", "log.A", "log.é", "log.٣", "log.zzzzzzzzzzzz",
     "log.0000000000001", "log." + "z" * 5000, "other.1", "xlog.1", "1", "hello"],
)  # fmt: skip
def test_an_offset_that_was_not_given_is_unknown(log, offset):
    emit(log, "one")
    emit(log, "two")
    session = save(log)
    assert log.restore(session.pid, offset, 1.0) == "unknown offset"


def test_the_offset_of_another_log_is_unknown(log):
    other = RecoveryLog(name="other.", lifetime=LIFETIME, grace=GRACE, max_size=1000, max_sessions=3)
    session = save(log)
    emit(log, "one")
    assert log.restore(session.pid, emit(other, "one"), 1.0) == "unknown offset"


def test_a_client_that_missed_what_had_no_room_is_told(log):
    session = save(log)
    emit(log, "first", size=600)
    emit(log, "second", size=600)
    assert log.restore(session.pid, None, 1.0) == "missed too much"


def test_a_client_that_missed_what_never_had_room_is_told(log):
    session = save(log)
    emit(log, "huge", size=1001)
    assert len(log) == 0
    assert log.restore(session.pid, None, 1.0) == "missed too much"


def test_a_client_that_has_seen_all_that_had_no_room_is_not_bothered(log):
    start = log.head
    seen = emit(log, "first", size=600)
    emit(log, "second", size=600)
    session = save(log, start=start)
    assert log.restore(session.pid, seen, 1.0).missed == ["second"]


def test_a_quiet_client_has_got_all_that_was_sent_before_a_ping_that_it_has_answered(log):
    # Whatever was dropped was for others, or its offset would be a later one.
    start = log.head
    emit(log, "long ago", 1.0, size=900, options=to("another"))
    emit(log, "late", 3.0, size=900)
    session = save(log, 4.0, start=start, confirmed_at=2.0)
    assert log.restore(session.pid, None, 5.0).missed == ["late"]


@pytest.mark.parametrize("confirmed_at", [0.5, 1.0])
def test_a_client_may_have_missed_what_was_sent_since_the_ping_that_it_has_answered(log, confirmed_at):
    start = log.head
    emit(log, "not confirmed", 1.0, size=900, options=to("another"))
    emit(log, "late", 3.0, size=900)
    session = save(log, 4.0, start=start, confirmed_at=confirmed_at)
    assert log.restore(session.pid, None, 5.0) == "missed too much"


def test_it_does_not_matter_how_long_ago_that_was(log):
    start = log.head
    emit(log, "swept away", 1.0)
    emit(log, "kept", 2 * LIFETIME)
    session = save(log, 2 * LIFETIME, start=start, confirmed_at=0.0)
    assert log.restore(session.pid, None, 2 * LIFETIME) == "missed too much"


def test_the_latest_that_was_dropped_counts(log):
    start = log.head
    emit(log, "confirmed", 1.0, size=400)
    emit(log, "not confirmed", 3.0, size=400)
    emit(log, "large", 4.0, size=900)
    session = save(log, 5.0, start=start, confirmed_at=2.0)
    assert log.restore(session.pid, None, 6.0) == "missed too much"


def test_a_client_that_is_cut_off_during_the_replay_is_told(log):
    # It has some of the replay, and would hand it to the application together with another replay.
    session = save(log)
    emit(log, "missed")
    log.save(sent(log.restore(session.pid, None, 1.0)), 2.0)
    assert log.restore(session.pid, None, 3.0) == "replay interrupted"


def test_it_is_told_as_often_as_it_asks_until_the_session_expires(log):
    session = save(log)
    emit(log, "missed")
    log.save(sent(log.restore(session.pid, None, 1.0)), 2.0)
    for now in (3.0, 4.0, LIFETIME + 2.0):
        assert log.restore(session.pid, None, now) == "replay interrupted"
    assert log.restore(session.pid, None, LIFETIME + 2.1) == "session expired"
    assert log.restore(session.pid, None, LIFETIME + 2.1) == "unknown session"


def test_so_is_one_that_had_seen_something_before(log):
    start = log.head
    seen = emit(log, "seen")
    session = save(log, start=start)
    emit(log, "missed")
    log.save(sent(log.restore(session.pid, seen, 1.0)), 2.0)
    emit(log, "missed too", 2.0)
    assert log.restore(session.pid, seen, 3.0) == "replay interrupted"


def test_a_client_that_is_cut_off_after_the_replay_comes_back(log):
    session = save(log)
    seen = emit(log, "missed")
    log.save(sent(log.restore(session.pid, None, 1.0)), 2.0)
    emit(log, "missed later", 2.0)
    restored = log.restore(session.pid, seen, 3.0)
    assert restored.missed == ["missed later"]
    log.save(sent(restored), 4.0)
    assert log.restore(session.pid, log.head, 5.0).missed == []


def test_a_client_that_had_missed_nothing_cannot_be_cut_off_during_the_replay(log):
    seen = emit(log, "seen")
    session = save(log)
    for now in (1.0, 2.0, 3.0):
        log.save(sent(log.restore(session.pid, seen, now)), now)
    emit(log, "missed", 3.0)
    assert log.restore(session.pid, seen, 4.0).missed == ["missed"]


def test_a_replay_is_not_taken_for_seen_because_its_packets_are_old(log):
    session = save(log, 0.0)
    emit(log, "missed", 1.0, size=600)
    restored = log.restore(session.pid, None, 50.0)
    # The connection breaks before any of it has arrived; then there is no room for it any more.
    log.save(sent(restored), 51.0)
    emit(log, "later", 52.0, size=600)
    assert not isinstance(log.restore(session.pid, None, 53.0), RestoredSession)


# Another log


def test_a_session_of_another_log_cannot_begin_here(log):
    # The adapter was replaced while the client was connected: what the old log kept for it is gone.
    session = save(log, start="other.0")
    assert log.restore(session.pid, None, 1.0) == "unknown offset"
