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


# As a mapping


def test_the_rooms_are_a_mapping(rooms):
    assert rooms == {"r": {"a"}, "s": {"a", "b"}}
    assert rooms["s"] == {"a", "b"}
    assert "r" in rooms
    assert "nowhere" not in rooms
    assert rooms.get("nowhere") is None
    assert list(rooms.values()) == [{"a"}, {"a", "b"}]


def test_a_room_that_nobody_is_in_is_no_key(rooms):
    with pytest.raises(KeyError):
        rooms["nowhere"]
    rooms.leave("a", "r")
    with pytest.raises(KeyError):
        rooms["r"]
    assert "r" not in rooms


def test_looking_for_a_room_does_not_make_it(rooms):
    rooms.members("nowhere")
    rooms.select(["nowhere"], ["elsewhere"])
    rooms.get("nowhere")
    assert set(rooms) == {"r", "s"}


def test_the_sids_are_the_other_way_round(rooms):
    assert rooms.sids == {"a": {"r", "s"}, "b": {"s"}, "c": set()}


def test_the_sids_go_with_the_rooms(rooms):
    sids = rooms.sids
    rooms.leave_all("a")
    rooms.join("d", ["r"])
    assert sids == {"b": {"s"}, "c": set(), "d": {"r"}}


def test_the_sids_are_only_to_read(rooms):
    with pytest.raises(TypeError):
        rooms.sids["d"] = {"r"}
    with pytest.raises(TypeError):
        del rooms.sids["a"]


def test_what_a_socket_is_in_does_not_change_afterwards(rooms):
    before = rooms.of("a")
    rooms.leave_all("a")
    assert before == {"r", "s"}


# What the listener is told


@pytest.fixture
def events(rooms):
    """What the listener has been told, with whether the room was there and whether the socket was in it."""
    told = []
    rooms.listener = lambda event, room, sid: told.append((event, room, sid, room in rooms, room in rooms.of(sid)))
    return told


def test_a_room_is_created_before_it_is_joined(rooms, events):
    rooms.join("b", ["t"])
    assert events == [("create-room", "t", "b", True, True), ("join-room", "t", "b", True, True)]


def test_a_room_that_is_there_is_only_joined(rooms, events):
    rooms.join("b", ["r"])
    assert events == [("join-room", "r", "b", True, True)]


def test_joining_again_is_no_event(rooms, events):
    rooms.join("a", ["r", "s", "r"])
    rooms.join("d", [])
    assert events == []


def test_a_room_that_is_named_twice_is_joined_once(rooms, events):
    rooms.join("b", ["t", "t"])
    assert [event for event, *_ in events] == ["create-room", "join-room"]


def test_a_room_is_left_before_it_is_deleted(rooms, events):
    rooms.leave("a", "r")
    assert events == [("leave-room", "r", "a", False, False), ("delete-room", "r", "a", False, False)]


def test_a_room_that_others_are_in_is_only_left(rooms, events):
    rooms.leave("a", "s")
    assert events == [("leave-room", "s", "a", True, False)]


def test_leaving_where_one_is_not_is_no_event(rooms, events):
    rooms.leave("b", "r")
    rooms.leave("nobody", "r")
    rooms.leave_all("nobody")
    rooms.leave_all("c")
    assert events == []


def test_leaving_all_rooms_is_told_for_each(rooms, events):
    rooms.leave_all("a")
    assert sorted((event, room) for event, room, *_ in events) == [
        ("delete-room", "r"),
        ("leave-room", "r"),
        ("leave-room", "s"),
    ]


def test_nobody_is_told_without_a_listener(rooms, events):
    rooms.listener = None
    rooms.join("d", ["t"])
    rooms.leave_all("d")
    assert events == []
