from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import NamedTuple

import pytest

from antiphon.server.snapshot import snapshot
from antiphon.socketio.json_parser import JSONParser
from antiphon.socketio.packet import Packet, PacketType


class Point(NamedTuple):
    x: list[int]
    y: int


@dataclass
class Line:
    name: str
    points: list[Point]


@dataclass
class Guarded:
    number: int
    _lock: Lock = field(default_factory=Lock)


@pytest.mark.parametrize(
    "packet",
    [
        ["name"],
        ["name", 1, 1.5, True, None, "text", b"binary"],
        ["name", {"a": [1, {"b": []}]}, [[], {}, [[1]]]],
    ],
)
def test_a_copy_is_the_same_event(packet):
    copy = snapshot(packet)
    assert copy == packet
    assert copy is not packet


def test_a_tuple_becomes_a_list_as_it_does_on_the_wire():
    assert snapshot(("name", (1, (2,)), {"a": (3,)})) == ["name", [1, [2]], {"a": [3]}]


def test_containers_may_change_afterwards():
    numbers, inner, outer = [1], {"a": 1}, {"inner": None}
    outer["inner"] = inner
    packet = ["name", numbers, outer, (numbers,)]
    copy = snapshot(packet)
    numbers.append(2)
    inner["b"] = 2
    outer["c"] = 3
    packet.append("more")
    assert copy == ["name", [1], {"inner": {"a": 1}}, [[1]]]


def test_a_mapping_that_is_a_dict_may_change_afterwards():
    ordered = OrderedDict(b=[1], a=2)
    copy = snapshot(["name", ordered])
    ordered["b"].append(2)
    ordered["c"] = 3
    assert copy == ["name", {"b": [1], "a": 2}]
    assert list(copy[1]) == ["b", "a"]


def test_binary_may_change_afterwards():
    buffer = bytearray(b"abc")
    copy = snapshot(["name", buffer, {"view": memoryview(buffer)[1:]}])
    buffer[:] = b"xyz"
    assert copy == ["name", b"abc", {"view": b"bc"}]
    assert type(copy[1]) is bytes


def test_bytes_are_not_copied():
    data = bytes(100)
    assert snapshot(["name", data])[1] is data


def test_anything_else_stays_what_it_is():
    now, thing = datetime.now(UTC), object()
    copy = snapshot(["name", now, [thing]])
    assert copy[1] is now
    assert copy[2][0] is thing


def test_a_sequence_that_is_a_list_may_change_afterwards():
    class Rows(list):
        pass

    rows = Rows([1])
    copy = snapshot(["name", rows])
    rows.append(2)
    assert copy == ["name", [1]]


def test_a_sequence_that_is_a_tuple_becomes_a_list_too():
    copy = snapshot(["name", Point([1], 2)])
    assert copy == ["name", [[1], 2]]
    assert type(copy[1]) is list


def test_a_dataclass_may_change_afterwards():
    line = Line("first", [Point([1], 2)])
    copy = snapshot(["name", {"line": line}])
    line.name = "second"
    line.points[0].x.append(3)
    line.points.clear()
    # As it goes out: what is a tuple there becomes a list.
    assert copy == ["name", {"line": Line("first", [[[1], 2]])}]


def test_the_class_of_dataclasses_is_left_alone():
    assert snapshot(["name", Line])[1] is Line


def test_a_dataclass_may_have_private_fields_that_cannot_be_copied():
    JSONParser().encode(Packet(PacketType.EVENT, "/", ["name", Guarded(1)]))
    guarded = Guarded(1)
    copy = snapshot(["name", guarded])
    guarded.number = 2
    assert copy[1].number == 1
