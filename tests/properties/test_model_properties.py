"""The timing wheel and the rooms against models that are too simple to be wrong."""

import math
from collections import defaultdict

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from antiphon.cluster.rooms import Rooms
from antiphon.engineio.timing_wheel import TimingWheel


class Item:
    def __init__(self, name):
        self.name = name
        self.slot = -1


class WheelMachine(RuleBasedStateMachine):
    """The model is a dictionary of deadlines."""

    @initialize(resolution=st.sampled_from([0.05, 0.1, 0.3, 1.0]), now=st.floats(-10, 1e6))
    def start(self, resolution, now):
        self.resolution = resolution
        self.now = now
        self.wheel = TimingWheel(resolution)
        self.items = [Item(name) for name in range(6)]
        self.deadlines = {}

    @rule(index=st.integers(0, 5), delay=st.floats(-1, 10) | st.just(math.inf))
    def schedule(self, index, delay):
        item = self.items[index]
        self.wheel.schedule(item, self.now + delay)
        self.deadlines.pop(item, None)
        if delay < math.inf:
            self.deadlines[item] = self.now + delay

    @rule(index=st.integers(0, 5))
    def cancel(self, index):
        self.wheel.cancel(self.items[index])
        self.deadlines.pop(self.items[index], None)

    @rule(delay=st.floats(0, 5))
    def wait(self, delay):
        self.now += delay
        self.expire()

    @rule()
    def wait_for_the_next(self):
        if self.wheel.next_deadline < math.inf:
            self.now = max(self.now, self.wheel.next_deadline)
            assert self.expire()

    def expire(self):
        due = self.wheel.expire(self.now)
        deadlines = [self.deadlines.pop(item) for item in due]
        assert len(set(due)) == len(due)
        # Never late, and early by less than a slot; in the order of the slots.
        assert all(deadline > self.now for deadline in self.deadlines.values())
        assert all(deadline < self.now + self.resolution * 1.001 for deadline in deadlines)
        slots = [math.floor(deadline / self.resolution) for deadline in deadlines]
        assert slots == sorted(slots)
        return due

    @invariant()
    def counts_agree(self):
        if hasattr(self, "wheel"):
            assert len(self.wheel) == len(self.deadlines)

    @invariant()
    def the_next_deadline_is_that_of_the_first(self):
        if hasattr(self, "wheel"):
            first = min(self.deadlines.values(), default=math.inf)
            assert self.wheel.next_deadline <= first
            assert first == math.inf or self.wheel.next_deadline > first - self.resolution * 1.001


class RoomsMachine(RuleBasedStateMachine):
    """The model is a set of pairs, and a set of those who have ever come and not gone."""

    sids = st.sampled_from("abcd")
    names = st.sampled_from("rstu")

    def __init__(self):
        super().__init__()
        self.rooms = Rooms()
        self.pairs = set()
        self.present = set()

    @rule(sid=sids, names=st.lists(names, max_size=3))
    def join(self, sid, names):
        self.rooms.join(sid, names)
        self.present.add(sid)
        self.pairs |= {(sid, name) for name in names}

    @rule(sid=sids, name=names)
    def leave(self, sid, name):
        self.rooms.leave(sid, name)
        self.pairs.discard((sid, name))

    @rule(sid=sids)
    def leave_all(self, sid):
        self.rooms.leave_all(sid)
        self.present.discard(sid)
        self.pairs = {pair for pair in self.pairs if pair[0] != sid}

    @rule(wanted=st.lists(names, max_size=3), unwanted=st.lists(names, max_size=3))
    def select(self, wanted, unwanted):
        selected = list(self.rooms.select(wanted, unwanted))
        reached = {sid for sid, name in self.pairs if name in wanted} if wanted else self.present
        assert len(set(selected)) == len(selected)
        assert set(selected) == reached - {sid for sid, name in self.pairs if name in unwanted}

    @invariant()
    def both_maps_agree(self):
        members, joined = defaultdict(set), defaultdict(set)
        for sid, name in self.pairs:
            members[name].add(sid)
            joined[sid].add(name)
        assert {name: set(self.rooms.members(name)) for name in self.rooms} == members
        assert len(self.rooms) == len(members)
        for sid in "abcd":
            assert self.rooms.of(sid) == joined[sid]


TestWheel = WheelMachine.TestCase
TestRooms = RoomsMachine.TestCase
