import pytest

from antiphon.cluster.rooms import Rooms


@pytest.fixture
def rooms():
    """Three sockets: a in r and s, b in s, c in no room."""
    filled = Rooms()
    filled.join("a", ["r", "s"])
    filled.join("b", ["s"])
    filled.join("c", [])
    return filled


def test_both_maps_agree(rooms):
    assert rooms.of("a") == {"r", "s"}
    assert rooms.of("b") == {"s"}
    assert rooms.of("c") == set()
    assert rooms.members("r") == {"a"}
    assert rooms.members("s") == {"a", "b"}
    assert set(rooms) == {"r", "s"}
    assert len(rooms) == 2


def test_what_is_not_known_is_empty(rooms):
    assert rooms.of("nobody") == set()
    assert rooms.members("nowhere") == set()


def test_joining_twice_changes_nothing(rooms):
    rooms.join("a", ["r"])
    assert rooms.members("r") == {"a"}


def test_the_last_one_to_leave_takes_the_room_away(rooms):
    rooms.leave("a", "s")
    assert rooms.members("s") == {"b"}
    rooms.leave("b", "s")
    assert set(rooms) == {"r"}


def test_leaving_where_one_is_not_does_nothing(rooms):
    rooms.leave("b", "r")
    rooms.leave("nobody", "r")
    assert rooms.members("r") == {"a"}


def test_leave_all_forgets_the_socket(rooms):
    rooms.leave_all("a")
    rooms.leave_all("a")
    assert rooms.of("a") == set()
    assert set(rooms) == {"s"}
    assert set(rooms.select([], [])) == {"b", "c"}


@pytest.mark.parametrize(
    ("wanted", "unwanted", "selected"),
    [
        ([], [], "abc"),
        (["r"], [], "a"),
        (["s"], [], "ab"),
        (["r", "s"], [], "ab"),
        (["nowhere"], [], ""),
        (["nowhere", "r"], [], "a"),
        ([], ["r"], "bc"),
        ([], ["s"], "c"),
        ([], ["nowhere"], "abc"),
        (["s"], ["r"], "b"),
        (["r", "s"], ["r", "s"], ""),
    ],
)
def test_a_broadcast_reaches_the_union_of_rooms_but_for_the_excepted(rooms, wanted, unwanted, selected):
    assert sorted(rooms.select(wanted, unwanted)) == list(selected)
