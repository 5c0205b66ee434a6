"""The acknowledgements of a broadcast against a cluster whose messages come in any order."""

from dataclasses import dataclass, field

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from antiphon.errors import AckTimeout
from antiphon.socketio.broadcast_acks import BroadcastAcks


@dataclass
class Server:
    """A server of the cluster; what the others ask comes without a name."""

    waiting: list[str]
    named: bool
    counted: bool = False
    answers: dict[str, object] = field(default_factory=dict)
    left: set[str] = field(default_factory=set)


class BroadcastAcksMachine(RuleBasedStateMachine):
    @initialize(sizes=st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=3))
    def start(self, sizes):
        self.outcomes = []
        self.cleanups = self.wanted = self.cleaned = 0
        self.acks = BroadcastAcks(lambda error, responses: self.outcomes.append((error, responses)))
        self.acks.on_done(self.clean_up)
        self.servers = [
            Server([f"client {index} of {number}" for index in range(size)], named)
            for number, (size, named) in enumerate(sizes)
        ]
        self.sids = {server_index: list(server.waiting) for server_index, server in enumerate(self.servers)}
        self.knows_servers = False
        self.answers = []
        self.over = None
        self.cancelled = False

    def clean_up(self):
        assert self.outcomes == []
        self.cleanups += 1

    def happen(self, error=False):
        """Say that something has happened, and when it was over."""
        complete = self.knows_servers and all(server.counted and not server.waiting for server in self.servers)
        if self.over is None and (complete or error):
            self.over = self.expected()
            assert len(self.outcomes) == 1
            assert (type(self.outcomes[0][0]) is AckTimeout) is error

    def expected(self):
        named = [(index, server) for index, server in enumerate(self.servers) if server.named]
        by_id = {sid: answer for _, server in named for sid, answer in server.answers.items()}
        missing = {sid for index, server in named if server.counted for sid in self.sids[index] if sid not in by_id}
        return list(self.answers), by_id, missing | {sid for _, server in named for sid in server.left}

    @rule(index=st.integers(0, 2))
    def count(self, index):
        if index < len(self.servers) and not self.servers[index].counted:
            server = self.servers[index]
            server.counted = True
            sids = self.sids[index]
            self.acks.expect(len(sids), sids if server.named else ())
            self.happen()

    @rule()
    def tell_how_many_servers(self):
        if not self.knows_servers:
            self.knows_servers = True
            self.acks.expect_servers(len(self.servers))
            self.happen()

    @rule(index=st.integers(0, 2), answer=st.none() | st.integers() | st.lists(st.integers(), max_size=1))
    def answer(self, index, answer):
        if index < len(self.servers) and self.servers[index].waiting:
            server = self.servers[index]
            sid = server.waiting.pop()
            server.answers[sid] = answer
            self.answers.append(answer)
            self.acks.answer(answer, sid if server.named else None)
            self.happen()

    @rule(index=st.integers(0, 2))
    def leave(self, index):
        if index < len(self.servers) and self.servers[index].waiting and self.servers[index].named:
            sid = self.servers[index].waiting.pop(0)
            self.servers[index].left.add(sid)
            self.acks.leave(sid)
            self.happen()

    @rule(really=st.integers(0, 4))
    def expire(self, really):
        if not really:
            self.acks.expire()
            self.happen(error=True)

    @rule(really=st.integers(0, 9))
    def cancel(self, really):
        if not really:
            self.acks.cancel()
            if self.over is None:
                self.over, self.cancelled = self.expected(), True

    @rule()
    def clean_up_too(self):
        """Ask for another cleanup: it is called at once, or when it is over."""
        self.acks.on_done(self.clean_up_again)
        self.wanted += 1

    def clean_up_again(self):
        self.cleaned += 1

    @invariant()
    def the_callback_is_called_once_when_it_is_over_unless_it_was_cancelled(self):
        if hasattr(self, "acks"):
            over = self.over is not None
            assert self.acks.done is over
            assert self.cleanups == over
            assert len(self.outcomes) == (over and not self.cancelled)
            assert self.cleaned == (self.wanted if over else 0)

    @invariant()
    def the_responses_are_those_that_came_in_time(self):
        if hasattr(self, "acks"):
            responses = self.acks.responses
            assert (responses, responses.by_id, responses.missing) == (self.over or self.expected())
            for error, given in self.outcomes:
                assert given is responses
                if error is not None:
                    assert (error.responses, error.missing) == (responses, responses.missing)


TestBroadcastAcks = BroadcastAcksMachine.TestCase
