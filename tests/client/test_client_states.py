"""The state machines of the client: every entry of the tables, and what the code makes of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.client.states import (
    MANAGER_TRANSITIONS,
    SOCKET_TRANSITIONS,
    Machine,
    ManagerInput,
    ManagerState,
    SocketInput,
    SocketState,
)

MACHINES = (
    (MANAGER_TRANSITIONS, ManagerState, ManagerInput),
    (SOCKET_TRANSITIONS, SocketState, SocketInput),
)


@pytest.mark.parametrize(("transitions", "states", "inputs"), MACHINES)
def test_the_machine_follows_its_table_and_refuses_everything_else(transitions, states, inputs):
    for state in states:
        for what in inputs:
            machine = Machine(state, transitions)
            following = transitions[state].get(what)
            assert machine.allows(what) is (following is not None)
            if following is None:
                with pytest.raises(RuntimeError, match="this cannot be while the state is"):
                    machine.feed(what)
                assert machine.state is state
            else:
                assert machine.feed(what) is following
                assert machine.state is following


@pytest.mark.parametrize(("transitions", "states", "inputs"), MACHINES)
def test_every_state_and_every_input_is_in_the_table(transitions, states, inputs):
    assert set(transitions) == set(states)
    assert {what for row in transitions.values() for what in row} == set(inputs)


@pytest.mark.parametrize(("transitions", "states", "inputs"), MACHINES)
def test_every_state_can_be_reached_and_be_left(transitions, states, inputs):
    first = next(iter(states))
    reached, waiting = {first}, [first]
    while waiting:
        for following in transitions[waiting.pop()].values():
            if following not in reached:
                reached.add(following)
                waiting.append(following)
    assert reached == set(states)
    assert all(transitions[state] for state in states)


@given(st.lists(st.sampled_from(ManagerInput), max_size=50))
def test_closing_leads_to_closed_from_everywhere(inputs):
    machine = Machine(ManagerState.CLOSED, MANAGER_TRANSITIONS)
    for what in inputs:
        if machine.allows(what):
            machine.feed(what)
    if machine.allows(ManagerInput.CLOSE):
        machine.feed(ManagerInput.CLOSE)
    assert machine.state is ManagerState.CLOSED


@given(st.lists(st.sampled_from(SocketInput), max_size=50))
def test_disconnecting_leads_to_inactive_from_everywhere(inputs):
    machine = Machine(SocketState.INACTIVE, SOCKET_TRANSITIONS)
    for what in inputs:
        if machine.allows(what):
            machine.feed(what)
    if machine.allows(SocketInput.DISCONNECT):
        machine.feed(SocketInput.DISCONNECT)
    assert machine.state is SocketState.INACTIVE
