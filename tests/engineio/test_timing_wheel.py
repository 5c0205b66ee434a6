import math

import pytest

from antiphon.engineio.timing_wheel import TimingWheel


class Item:
    def __init__(self):
        self.slot = -1


def test_an_empty_wheel_has_nothing_due_ever():
    wheel = TimingWheel(0.5)
    assert wheel.next_deadline == math.inf
    assert wheel.expire(1e9) == []
    assert len(wheel) == 0


def test_an_item_falls_due_in_its_slot_and_is_taken_off():
    wheel, item = TimingWheel(0.5), Item()
    wheel.schedule(item, 10.3)
    assert len(wheel) == 1
    assert wheel.next_deadline == 10.0
    assert wheel.expire(9.99) == []
    assert wheel.expire(10.0) == [item]
    assert item.slot == -1
    assert len(wheel) == 0
    assert wheel.expire(11.0) == []


def test_items_of_one_slot_fall_due_together_and_earlier_slots_first():
    wheel, items = TimingWheel(1.0), [Item() for _ in range(4)]
    for item, deadline in zip(items, (7.9, 3.2, 3.8, 5.0), strict=True):
        wheel.schedule(item, deadline)
    due = wheel.expire(6.0)
    assert set(due[:2]) == {items[1], items[2]}
    assert due[2:] == [items[3]]
    assert wheel.next_deadline == 7.0


def test_scheduling_again_moves_an_item():
    wheel, item = TimingWheel(1.0), Item()
    wheel.schedule(item, 5.0)
    wheel.schedule(item, 9.0)
    assert len(wheel) == 1
    assert wheel.next_deadline == 9.0
    assert wheel.expire(8.0) == []
    assert wheel.expire(9.0) == [item]


def test_an_infinite_deadline_takes_an_item_off():
    wheel, item = TimingWheel(1.0), Item()
    wheel.schedule(item, 5.0)
    wheel.schedule(item, math.inf)
    assert item.slot == -1
    assert wheel.next_deadline == math.inf


def test_cancelling_is_idempotent():
    wheel, item = TimingWheel(1.0), Item()
    wheel.cancel(item)
    wheel.schedule(item, 5.0)
    wheel.cancel(item)
    wheel.cancel(item)
    assert len(wheel) == 0
    assert wheel.expire(100.0) == []


def test_an_item_may_be_scheduled_after_it_fell_due():
    wheel, item = TimingWheel(1.0), Item()
    wheel.schedule(item, 1.0)
    assert wheel.expire(1.0) == [item]
    wheel.schedule(item, 2.0)
    assert wheel.expire(2.0) == [item]


def test_a_slot_that_was_emptied_may_be_used_again():
    wheel, first, second = TimingWheel(1.0), Item(), Item()
    wheel.schedule(first, 5.0)
    wheel.cancel(first)
    wheel.schedule(second, 5.0)
    assert wheel.expire(5.0) == [second]


def test_time_may_be_negative():
    wheel, item = TimingWheel(1.0), Item()
    wheel.schedule(item, -0.5)
    assert wheel.next_deadline == -1.0
    assert wheel.expire(-1.1) == []
    assert wheel.expire(-0.5) == [item]


@pytest.mark.parametrize("resolution", [0.01, 0.05, 0.1, 0.3, 0.7, 1 / 3])
def test_there_is_something_to_expire_at_the_next_deadline(resolution):
    """Slot times resolution may be rounded down into the slot before; a driver would then spin."""
    wheel = TimingWheel(resolution)
    for slot in range(1, 3000):
        item = Item()
        wheel.schedule(item, (slot + 0.5) * resolution)
        assert wheel.expire(wheel.next_deadline) == [item]


@pytest.mark.parametrize("resolution", [0.01, 0.05, 0.1, 0.3, 0.7, 1 / 3])
def test_the_next_deadline_is_never_later_than_the_deadline(resolution):
    """Slot times resolution may be rounded up, past a deadline at the very beginning of the slot."""
    for tenths in range(1, 3000):
        wheel = TimingWheel(resolution)
        wheel.schedule(Item(), tenths / 10)
        assert wheel.next_deadline <= tenths / 10
