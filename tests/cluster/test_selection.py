import pytest

from antiphon.cluster.rooms import Rooms
from antiphon.cluster.selection import BroadcastFlags, BroadcastOptions

# Wanted rooms, unwanted rooms, the rooms of a socket, whether it is reached.
REACHES = [
    ("", "", "", True),
    ("", "", "a", True),
    ("r", "", "", False),
    ("r", "", "a", False),
    ("r", "", "ar", True),
    ("rs", "", "as", True),
    ("rs", "", "rs", True),
    ("", "r", "", True),
    ("", "r", "as", True),
    ("", "r", "ar", False),
    ("s", "r", "as", True),
    ("s", "r", "ars", False),
    ("s", "r", "a", False),
    ("r", "r", "ar", False),
    ("rs", "tu", "at", False),
    ("rs", "tu", "asu", False),
]


@pytest.mark.parametrize(("wanted", "unwanted", "rooms", "reached"), REACHES)
def test_a_broadcast_reaches_whoever_is_in_a_wanted_room_and_in_no_unwanted_one(wanted, unwanted, rooms, reached):
    assert BroadcastOptions(frozenset(wanted), frozenset(unwanted)).reaches(frozenset(rooms)) is reached


@pytest.mark.parametrize(("wanted", "unwanted", "rooms", "reached"), REACHES)
def test_it_reaches_those_whom_the_rooms_select(wanted, unwanted, rooms, reached):
    everyone = Rooms()
    everyone.join("x", rooms)
    assert ("x" in everyone.select(wanted, unwanted)) is reached


def test_a_broadcast_is_for_everyone_everywhere_unless_something_else_is_said():
    assert BroadcastOptions() == (frozenset(), frozenset(), BroadcastFlags())
    assert BroadcastFlags() == (False, True, False, None)


def test_how_it_is_carried_does_not_change_whom_it_is_for():
    flags = BroadcastFlags(volatile=True, compress=False, local=True, timeout=1.0)
    assert BroadcastOptions(frozenset("r"), flags=flags).reaches(frozenset("r"))
    assert not BroadcastOptions(frozenset("r"), flags=flags).reaches(frozenset("s"))
