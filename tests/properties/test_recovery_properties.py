"""The recovery log against a network of clients that remember everything they have not seen.

The model keeps the whole history. Each of its clients knows what was sent to it and has not arrived, and what it misses
while it is away: that, and nothing else, is what it must get when it comes back.
"""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from antiphon.cluster.recovery import RecoveryLog, RestoredSession, Session
from antiphon.cluster.selection import BroadcastOptions

ROOMS = "rs"
LIFETIMES = st.sampled_from([5.0, 10.0, 30.0])
GRACES = st.sampled_from([0.0, 2.0, 5.0, 20.0])
MAX_SIZES = st.sampled_from([200, 50, 10])
some_rooms = st.frozensets(st.sampled_from(ROOMS), max_size=2)
some_sizes = st.lists(st.integers(0, 12) | st.integers(0, 60), max_size=4)
some_packets = st.integers(0, 3) | st.just(1000)
clients = st.integers(0, 1)
rarely = st.integers(0, 9).map(lambda number: number == 9)


@dataclass(frozen=True)
class Packet:
    number: int
    offset: str
    emitted_at: float
    size: int


@dataclass(frozen=True)
class Ping:
    sent_at: float


@dataclass
class Client:
    """A client, and its socket.

    ``flight`` is what was sent to it and has not arrived, and while it is away what it misses, in order; the first
    ``replaying`` of it are one replay. ``pongs`` are the pings whose answers are on their way to the server.
    """

    session: Session
    connected: bool = True
    seen: Packet | None = None
    flight: list[Packet | Ping] = field(default_factory=list)
    pongs: list[Ping] = field(default_factory=list)
    replaying: int = 0

    @property
    def offset(self):
        return None if self.seen is None else self.seen.offset

    @property
    def position(self):
        start = int(self.session.start.removeprefix("log."), 36)
        return start if self.seen is None else max(start, self.seen.number)

    @property
    def unseen(self):
        return [packet for packet in self.flight if isinstance(packet, Packet)]

    def receive(self, count):
        # A replay is handed to the application at once, when the client is told that it is connected.
        if count:
            count = max(count, self.replaying)
            self.replaying = 0
            arrived, self.flight = self.flight[:count], self.flight[count:]
            for item in arrived:
                if isinstance(item, Ping):
                    self.pongs.append(item)
                else:
                    self.seen = item

    def hear_pongs(self):
        """Let the answers arrive: the server knows of nothing else that has."""
        for ping in self.pongs:
            self.session = self.session._replace(confirmed_at=ping.sent_at)
        self.pongs.clear()


class RecoveryMachine(RuleBasedStateMachine):
    @initialize(lifetime=LIFETIMES, grace=GRACES, max_size=MAX_SIZES, most=st.sampled_from([3, 2, 1]))
    def start(self, lifetime, grace, max_size, most):
        self.lifetime, self.grace, self.max_size, self.most = lifetime, grace, max_size, most
        self.log = RecoveryLog(name="log.", lifetime=lifetime, grace=grace, max_size=max_size, max_sessions=most)
        self.now = 0.0
        self.history = []
        self.clients = []
        self.declined = []
        self.connections = 0
        self.saved = {}

    def some(self, index, *, connected):
        """Pick one of the two latest clients that are connected, or are not."""
        clients = [client for client in self.clients if client.connected is connected][-2:]
        return clients[index % len(clients)] if clients else None

    # What happens

    @rule(seconds=st.integers(1, 5), long=rarely)
    def wait(self, seconds, long):
        self.now += 10 * seconds if long else seconds

    @rule(sizes=some_sizes, rooms=some_rooms)
    def emit(self, sizes, rooms):
        for size in sizes:
            self.emit_one(size, BroadcastOptions(rooms))

    @rule(size=st.integers(0, 12), rooms=some_rooms, except_=some_rooms)
    def emit_to_some(self, size, rooms, except_):
        self.emit_one(size, BroadcastOptions(rooms, except_))

    def emit_one(self, size, options):
        packet = Packet(len(self.history) + 1, self.log.next_offset, self.now, size)
        kept = len(self.log)
        self.log.append(packet, size, options, self.now)
        self.history.append(packet)
        assert self.log.head == packet.offset
        for client in self.clients:
            if options.reaches(client.session.rooms):
                client.flight.append(packet)
        self.nothing_is_dropped_without_need(kept + 1)

    def nothing_is_dropped_without_need(self, before):
        dropped = self.history[len(self.history) - before : len(self.history) - len(self.log)]
        if dropped:
            last = dropped[-1]
            too_old = last.emitted_at < self.now - self.lifetime - self.grace
            assert too_old or self.log.size + last.size > self.max_size

    @rule(rooms=some_rooms)
    def connect(self, rooms):
        self.begin(rooms, None)

    def begin(self, rooms, seen):
        """Begin a new session, of a client that may have seen something before."""
        self.connections += 1
        name = f"client {self.connections}"
        session = Session(name, f"pid of {name}", rooms | {name}, {}, self.log.head, self.now)
        self.clients.append(Client(session, seen=seen))

    @rule(index=clients)
    def ping(self, index):
        client = self.some(index, connected=True)
        if client is not None:
            client.flight.append(Ping(self.now))

    @rule(index=clients)
    def pong(self, index):
        client = self.some(index, connected=True)
        if client is not None:
            client.hear_pongs()

    @rule(index=clients, count=some_packets)
    def receive(self, index, count):
        client = self.some(index, connected=True)
        if client is not None:
            client.receive(count)

    @rule(index=clients)
    def cut_off(self, index):
        client = self.some(index, connected=True)
        if client is not None:
            self.find_dead(client)

    def find_dead(self, client):
        """Pings and their answers are lost; packets are missed."""
        client.flight = list(client.unseen)
        client.pongs.clear()
        client.connected = False
        self.log.save(client.session, self.now)
        self.forget_session(client)
        self.saved[client.session.pid] = self.now
        if len(self.saved) > self.most:
            del self.saved[next(iter(self.saved))]

    def forget_session(self, client):
        self.saved.pop(client.session.pid, None)

    @rule(index=clients, really=rarely)
    def leave_for_good(self, index, really):
        client = self.some(index, connected=True)
        if client is not None and really:
            self.clients.remove(client)
            assert self.log.restore(client.session.pid, None, self.now) == "unknown session"

    @rule()
    def sweep(self):
        before = len(self.log)
        self.log.sweep(self.now)
        dropped = self.history[len(self.history) - before : len(self.history) - len(self.log)]
        assert all(packet.emitted_at < self.now - self.lifetime - self.grace for packet in dropped)
        self.saved = {pid: saved_at for pid, saved_at in self.saved.items() if saved_at + self.lifetime >= self.now}

    # Coming back

    @rule(index=clients, meanwhile=some_sizes)
    def come_back(self, index, meanwhile):
        client = self.some(index, connected=False)
        if client is not None:
            self.restore(client, meanwhile)

    @rule(index=clients, sizes=some_sizes, count=some_packets, later=some_sizes, seconds=st.integers(0, 5))
    def blink(self, index, sizes, count, later, seconds):
        """Cut a client off in the middle of something, and let it come back soon."""
        client = self.some(index, connected=True)
        if client is not None:
            self.emit(sizes, frozenset())
            client.receive(count)
            self.find_dead(client)
            self.emit(later, frozenset())
            self.now += seconds
            self.restore(client, ())

    @rule(index=clients, sizes=some_sizes, count=some_packets, later=some_sizes, seconds=st.integers(0, 5))
    def be_quiet_and_blink(self, index, sizes, count, later, seconds):
        """Cut a client off that has answered a ping: what it got before that may have been dropped."""
        client = self.some(index, connected=True)
        if client is not None:
            self.emit(sizes, frozenset(ROOMS))
            self.now += seconds
            client.flight.append(Ping(self.now))
            client.receive(len(client.flight))
            client.hear_pongs()
            self.now += 1
            self.blink(index, later, count, sizes, seconds)

    def restore(self, client, meanwhile):
        """Let a client come back; ``meanwhile`` is sent while middlewares run, before it is let in."""
        failure = self.reason_not_to_restore(client)
        connected_at = self.now
        result = self.log.restore(client.session.pid, client.offset, self.now)
        if failure is not None:
            assert result == failure
            self.decline(client, failure)
            return
        self.forget_session(client)
        assert isinstance(result, RestoredSession)
        assert result.missed == client.unseen
        assert result.after == "log." + numeral(client.position)
        assert result.session == client.session
        assert self.log.restore(client.session.pid, client.offset, self.now) == "unknown session"
        client.connected = True
        self.emit(meanwhile, client.session.rooms)
        missed = self.log.missed(result.session, result.after)
        if missed is None:
            # There was no room for all of it: the client is sent away.
            assert len(self.history) - len(self.log) > client.position
            self.clients.remove(client)
            return
        assert missed == client.unseen
        client.replaying = len(missed)
        replay = result.after if missed else None
        client.session = result.session._replace(confirmed_at=connected_at, replay=replay)

    def decline(self, client, failure):
        """Let the client begin anew. It still says what it has seen, and its old session keeps its place."""
        self.clients.remove(client)
        if failure in ("unknown session", "session expired"):
            self.forget_session(client)
            assert self.log.restore(client.session.pid, client.offset, self.now) == "unknown session"
        else:
            # It is declined as often as it asks, but for other reasons too.
            assert self.log.restore(client.session.pid, client.offset, self.now) == failure
            assert self.log.restore(client.session.pid, "?", self.now) == "unknown offset"
            self.declined.append(client)
        self.begin(client.session.rooms - {client.session.sid}, client.seen)

    def reason_not_to_restore(self, client):
        saved_at = self.saved.get(client.session.pid)
        if saved_at is None:
            return "unknown session"
        if saved_at + self.lifetime < self.now:
            return "session expired"
        if client.replaying:
            return "replay interrupted"
        dropped = self.history[: len(self.history) - len(self.log)]
        confirmed_at = client.session.confirmed_at
        if any(packet.number > client.position and packet.emitted_at >= confirmed_at for packet in dropped):
            return "missed too much"
        # Whatever else was dropped has arrived, or was never sent to it.
        assert not {packet.number for packet in dropped} & {packet.number for packet in client.unseen}
        return None

    @rule(index=clients)
    def ask_again(self, index):
        """Ask for a session that was declined; it has not become any better."""
        if index < len(self.declined):
            client = self.declined[-1 - index]
            failure = self.reason_not_to_restore(client)
            assert failure is not None
            assert self.log.restore(client.session.pid, client.offset, self.now) == failure
            if failure == "session expired":
                self.forget_session(client)

    @rule(index=clients, offset=st.sampled_from(["", "log.", "log.!", "gol.1", None]), really=rarely)
    def come_back_with_a_wrong_offset(self, index, offset, really):
        client = self.some(index, connected=False)
        if client is None or not really:
            return
        saved_at = self.saved.get(client.session.pid)
        result = self.log.restore(client.session.pid, self.log.next_offset if offset is None else offset, self.now)
        if saved_at is None:
            assert result == "unknown session"
        elif saved_at + self.lifetime < self.now:
            assert result == "session expired"
            self.forget_session(client)
        else:
            # It may still come back with the right one.
            assert result == "unknown offset"

    # What always holds

    @invariant()
    def the_packets_are_the_latest_and_no_more_than_allowed(self):
        if hasattr(self, "log"):
            kept = self.history[len(self.history) - len(self.log) :]
            assert self.log.size == sum(packet.size for packet in kept) <= self.max_size

    @invariant()
    def nothing_is_left_if_it_is_empty(self):
        if hasattr(self, "log"):
            assert self.log.is_empty == (not self.saved and not len(self.log))

    def teardown(self):
        if hasattr(self, "log"):
            pids = [client.session.pid for client in self.clients + self.declined]
            known = {pid for pid in pids if self.log.restore(pid, None, self.now) != "unknown session"}
            assert known == set(self.saved)
            assert len(known) <= self.most


def numeral(number):
    """Write a number as offsets have it."""
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    return (numeral(number // 36) if number >= 36 else "") + digits[number % 36]


TestRecovery = RecoveryMachine.TestCase
TestRecovery.settings = settings(max_examples=300)


@given(data=st.data(), emitted=st.integers(0, 40))
def test_whatever_the_client_says_it_has_seen_is_an_offset_or_unknown(data, emitted):
    log = RecoveryLog(name="log.", lifetime=10.0, grace=1.0, max_size=100, max_sessions=1)
    log.save(Session("a", "pid", frozenset("a"), {}, log.head, 0.0), 0.0)
    offsets = [log.head]
    for number in range(1, emitted + 1):
        log.append(number, 1, BroadcastOptions(), 0.0)
        offsets.append(log.head)
    # A zero more in front makes no difference.
    garbled = st.text(max_size=20) | st.from_regex(r"log\.(?!0.)[0-9a-zA-Z_+ -]{0,14}", fullmatch=True)
    offset = data.draw(st.sampled_from(offsets) | garbled)
    result = log.restore("pid", offset, 0.0)
    if offset in offsets:
        assert result.missed == list(range(offsets.index(offset) + 1, emitted + 1))
    else:
        assert result == "unknown offset"
