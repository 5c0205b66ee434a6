import math

import pytest

from antiphon.engineio.packet import Packet, PacketType
from antiphon.engineio.session import (
    CLOSE_TIMEOUT,
    NOOP_INTERVAL,
    ON_PACKET,
    ON_PROBE_PACKET,
    Action,
    Probe,
    ProbeAction,
    Session,
    SessionState,
)

NOW = 1000.0


def session(protocol=4):
    return Session(protocol=protocol, ping_interval=25.0, ping_timeout=20.0, now=NOW)


def probe(upgrade_timeout=10.0):
    return Probe(upgrade_timeout=upgrade_timeout, now=NOW)


def test_the_table_has_a_row_for_each_packet_of_both_revisions():
    assert ON_PACKET == {
        4: {
            PacketType.OPEN: Action.IGNORE,
            PacketType.CLOSE: Action.TRANSPORT_CLOSE,
            PacketType.PING: Action.TRANSPORT_ERROR,
            PacketType.PONG: Action.HEARTBEAT,
            PacketType.MESSAGE: Action.DELIVER,
            PacketType.UPGRADE: Action.IGNORE,
            PacketType.NOOP: Action.IGNORE,
        },
        3: {
            PacketType.OPEN: Action.IGNORE,
            PacketType.CLOSE: Action.TRANSPORT_CLOSE,
            PacketType.PING: Action.ANSWER_PING,
            PacketType.PONG: Action.TRANSPORT_ERROR,
            PacketType.MESSAGE: Action.DELIVER,
            PacketType.UPGRADE: Action.IGNORE,
            PacketType.NOOP: Action.IGNORE,
        },
    }


@pytest.mark.parametrize("kind", PacketType)
@pytest.mark.parametrize("protocol", [3, 4])
def test_an_open_session_does_what_the_table_says(protocol, kind):
    assert session(protocol).on_packet(kind, NOW) is ON_PACKET[protocol][kind]


@pytest.mark.parametrize("kind", PacketType)
@pytest.mark.parametrize("protocol", [3, 4])
def test_a_session_that_closes_or_is_closed_ignores_every_packet(protocol, kind):
    closing, closed = session(protocol), session(protocol)
    closing.begin_close(NOW)
    closed.finish()
    assert closing.on_packet(kind, NOW) is Action.IGNORE
    assert closed.on_packet(kind, NOW) is Action.IGNORE


def test_a_ping_from_a_v4_client_is_a_transport_error():
    assert session(4).on_packet(PacketType.PING, NOW) is Action.TRANSPORT_ERROR


def test_a_pong_from_a_v3_client_is_a_transport_error():
    assert session(3).on_packet(PacketType.PONG, NOW) is Action.TRANSPORT_ERROR


def test_a_v4_session_pings_after_the_interval_and_gives_up_after_the_timeout():
    alive = session(4)
    assert alive.deadline == NOW + 25
    assert alive.on_timer(NOW + 25) is Action.SEND_PING
    assert alive.deadline == NOW + 45
    assert alive.on_timer(NOW + 45) is Action.PING_TIMEOUT


def test_a_pong_starts_the_interval_again():
    alive = session(4)
    alive.on_timer(NOW + 25)
    assert alive.on_packet(PacketType.PONG, NOW + 30) is Action.HEARTBEAT
    assert alive.deadline == NOW + 55
    assert alive.on_timer(NOW + 55) is Action.SEND_PING


def test_messages_do_not_count_as_heartbeats():
    alive = session(4)
    alive.on_packet(PacketType.MESSAGE, NOW + 24)
    assert alive.deadline == NOW + 25


def test_a_peer_has_got_what_was_sent_before_the_ping_that_it_has_answered():
    alive = session(4)
    assert alive.confirmed_at == NOW
    alive.on_timer(NOW + 25)
    assert alive.confirmed_at == NOW, "the ping is on its way"
    alive.on_packet(PacketType.PONG, NOW + 30)
    assert alive.confirmed_at == NOW + 25
    alive.on_timer(NOW + 55)
    assert alive.confirmed_at == NOW + 25
    alive.on_packet(PacketType.PONG, NOW + 74)
    assert alive.confirmed_at == NOW + 55


@pytest.mark.parametrize("kind", [kind for kind in PacketType if kind is not PacketType.PONG])
def test_nothing_but_a_pong_confirms_anything(kind):
    alive = session(4)
    alive.on_timer(NOW + 25)
    alive.on_packet(kind, NOW + 30)
    assert alive.confirmed_at == NOW


def test_a_pong_that_was_not_asked_for_confirms_nothing_new():
    alive = session(4)
    alive.on_packet(PacketType.PONG, NOW + 10)
    assert alive.confirmed_at == NOW
    alive.on_timer(NOW + 35)
    alive.on_packet(PacketType.PONG, NOW + 36)
    alive.on_packet(PacketType.PONG, NOW + 40)
    assert alive.confirmed_at == NOW + 35


def test_a_pong_after_the_end_confirms_nothing():
    closing, closed = session(4), session(4)
    for ended in (closing, closed):
        ended.on_timer(NOW + 25)
    closing.begin_close(NOW + 26)
    closed.finish()
    for ended in (closing, closed):
        ended.on_packet(PacketType.PONG, NOW + 27)
        assert ended.confirmed_at == NOW


def test_the_ping_of_a_v3_client_says_nothing_of_what_it_has_got():
    alive = session(3)
    alive.on_packet(PacketType.PING, NOW + 25)
    assert alive.confirmed_at == NOW


def test_a_pong_may_be_late_behind_other_packets():
    alive = session(4)
    alive.on_timer(NOW + 25)
    assert alive.on_sign_of_life(NOW + 40)
    assert alive.deadline == NOW + 60
    assert alive.on_packet(PacketType.PONG, NOW + 50) is Action.HEARTBEAT
    assert alive.deadline == NOW + 75


def test_a_ping_is_waited_for_longer_only_once():
    silent = session(4)
    for pinged in (NOW + 25, NOW + 80):
        assert silent.on_timer(pinged) is Action.SEND_PING
        assert silent.on_sign_of_life(pinged + 5)
        assert not silent.on_sign_of_life(pinged + 10)
        assert silent.deadline == pinged + 25
        if pinged == NOW + 25:
            silent.on_packet(PacketType.PONG, NOW + 55)
    assert silent.on_timer(NOW + 105) is Action.PING_TIMEOUT


def test_a_sign_of_life_changes_nothing_while_no_pong_is_awaited():
    resting, v3, closing = session(4), session(3), session(4)
    closing.on_timer(NOW + 25)
    closing.begin_close(NOW + 26)
    for other in (resting, v3, closing):
        deadline = other.deadline
        assert not other.on_sign_of_life(NOW + 27)
        assert other.deadline == deadline


def test_a_v3_session_waits_for_the_ping_of_the_client():
    alive = session(3)
    assert alive.deadline == NOW + 45
    assert alive.on_packet(PacketType.PING, NOW + 25) is Action.ANSWER_PING
    assert alive.deadline == NOW + 70
    assert alive.on_timer(NOW + 70) is Action.PING_TIMEOUT


def test_a_closing_session_is_discarded_when_no_poll_comes():
    closing = session()
    assert closing.begin_close(NOW + 1)
    assert closing.state is SessionState.CLOSING
    assert closing.deadline == NOW + 1 + CLOSE_TIMEOUT
    assert closing.on_timer(closing.deadline) is Action.DISCARD


def test_a_session_begins_to_close_once():
    closing = session()
    assert closing.begin_close(NOW)
    assert not closing.begin_close(NOW + 5)
    assert closing.deadline == NOW + CLOSE_TIMEOUT


def test_a_finished_session_has_nothing_to_wait_for():
    closed = session()
    assert closed.finish()
    assert closed.state is SessionState.CLOSED
    assert closed.deadline == math.inf
    assert closed.on_timer(NOW + 100) is Action.IGNORE
    assert not closed.finish()
    assert not closed.begin_close(NOW)


def test_a_closing_session_can_be_finished():
    closing = session()
    closing.begin_close(NOW)
    assert closing.finish()
    assert closing.state is SessionState.CLOSED


def test_the_table_of_probes_knows_the_two_packets_of_an_upgrade():
    assert ON_PROBE_PACKET == {
        (PacketType.PING, b"probe"): ProbeAction.ANSWER,
        (PacketType.UPGRADE, b""): ProbeAction.UPGRADE,
    }


@pytest.mark.parametrize("data", [b"", b"probe", b"Probe"])
@pytest.mark.parametrize("kind", PacketType)
def test_a_probe_does_what_the_table_says_and_fails_at_anything_else(kind, data):
    expected = ON_PROBE_PACKET.get((kind, data), ProbeAction.FAIL)
    assert probe().on_packet(Packet(kind, data), NOW) is expected
    assert probe().on_packet(Packet(kind, data, binary=True), NOW) is ProbeAction.FAIL


def test_a_probe_that_says_nothing_fails_when_its_time_is_over():
    silent = probe()
    assert silent.deadline == NOW + 10
    assert silent.on_timer(NOW + 10) is ProbeAction.FAIL


def test_an_answered_probe_releases_the_poll_again_and_again_until_its_time_is_over():
    asked = probe(upgrade_timeout=0.25)
    asked.on_packet(Packet(PacketType.PING, b"probe"), NOW)
    seen = []
    while True:
        now = asked.deadline
        seen.append((round(now - NOW, 3), asked.on_timer(now)))
        if seen[-1][1] is ProbeAction.FAIL:
            break
    assert seen == [
        (NOOP_INTERVAL, ProbeAction.RELEASE_POLL),
        (2 * NOOP_INTERVAL, ProbeAction.RELEASE_POLL),
        (0.25, ProbeAction.FAIL),
    ]
