"""The states of a client, and what leads from one to another. The code runs these tables, and the docs draw them.

Source: ours; the JavaScript client has the same states in several variables (``_readyState``, ``_reconnecting``,
``skipReconnect``, ``subs``, ``connected``).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final, Generic, TypeAlias, TypeVar

__all__ = [
    "MANAGER_TRANSITIONS",
    "SOCKET_TRANSITIONS",
    "Machine",
    "ManagerInput",
    "ManagerState",
    "SocketInput",
    "SocketState",
]


class ManagerState(Enum):
    """How a connection to a server stands."""

    CLOSED = "closed"
    """There is none, and none is wanted."""
    CONNECTING = "connecting"
    """The first attempt is under way."""
    OPEN = "open"
    """There is a session."""
    WAITING = "waiting"
    """The delay before the next attempt."""
    RECONNECTING = "reconnecting"
    """A later attempt is under way."""
    FAILED = "failed"
    """It was given up, after as many attempts as there may be, or after the first with ``fail_fast``."""


class ManagerInput(Enum):
    """What happens to a connection."""

    OPEN = "open() is called"
    OPENED = "the server opens a session"
    RETRY = "the connection fails, another attempt follows"
    GIVE_UP = "the connection fails, no attempt follows"
    ATTEMPT = "the delay is over"
    CLOSE = "nobody needs it any more"


class SocketState(Enum):
    """How a socket, the client in one namespace, stands."""

    INACTIVE = "inactive"
    """It does not connect by itself."""
    WAITING = "waiting"
    """It waits for the connection."""
    JOINING = "joining"
    """It has asked the server to join the namespace."""
    CONNECTED = "connected"
    """Events go both ways."""


class SocketInput(Enum):
    """What happens to a socket."""

    CONNECT = "connect() is called"
    OPENED = "the connection is open"
    JOINED = "the server lets it in"
    LOST = "the connection is lost, another one is tried"
    REFUSED = "the server refuses it"
    DISCONNECT = "either side disconnects"
    GIVE_UP = "the connection is given up"


StateT = TypeVar("StateT", bound=Enum)
InputT = TypeVar("InputT", bound=Enum)
Transitions: TypeAlias = Mapping[StateT, Mapping[InputT, StateT]]

_M = ManagerState
_MI = ManagerInput

MANAGER_TRANSITIONS: Final[Transitions[ManagerState, ManagerInput]] = {
    _M.CLOSED: {_MI.OPEN: _M.CONNECTING},
    _M.CONNECTING: {
        _MI.OPENED: _M.OPEN,
        _MI.RETRY: _M.WAITING,
        _MI.GIVE_UP: _M.FAILED,
        _MI.CLOSE: _M.CLOSED,
    },
    _M.OPEN: {_MI.RETRY: _M.WAITING, _MI.GIVE_UP: _M.FAILED, _MI.CLOSE: _M.CLOSED},
    _M.WAITING: {_MI.ATTEMPT: _M.RECONNECTING, _MI.CLOSE: _M.CLOSED},
    _M.RECONNECTING: {
        _MI.OPENED: _M.OPEN,
        _MI.RETRY: _M.WAITING,
        _MI.GIVE_UP: _M.FAILED,
        _MI.CLOSE: _M.CLOSED,
    },
    _M.FAILED: {_MI.OPEN: _M.CONNECTING, _MI.CLOSE: _M.CLOSED},
}

_S = SocketState
_SI = SocketInput

SOCKET_TRANSITIONS: Final[Transitions[SocketState, SocketInput]] = {
    _S.INACTIVE: {_SI.CONNECT: _S.WAITING},
    _S.WAITING: {_SI.OPENED: _S.JOINING, _SI.DISCONNECT: _S.INACTIVE, _SI.GIVE_UP: _S.INACTIVE},
    _S.JOINING: {
        _SI.JOINED: _S.CONNECTED,
        _SI.LOST: _S.WAITING,
        _SI.REFUSED: _S.INACTIVE,
        _SI.DISCONNECT: _S.INACTIVE,
        _SI.GIVE_UP: _S.INACTIVE,
    },
    _S.CONNECTED: {
        _SI.LOST: _S.WAITING,
        _SI.REFUSED: _S.INACTIVE,
        _SI.DISCONNECT: _S.INACTIVE,
        _SI.GIVE_UP: _S.INACTIVE,
    },
}


class Machine(Generic[StateT, InputT]):
    """Goes from state to state by a table.

    Args:
        state: the first one.
        transitions: the table.

    Attributes:
        state: the present one.
    """

    __slots__ = ("_transitions", "state")

    def __init__(self, state: StateT, transitions: Transitions[StateT, InputT]) -> None:
        self.state: StateT = state
        self._transitions = transitions

    def allows(self, given: InputT) -> bool:
        """Whether the table has an entry for this."""
        return given in self._transitions[self.state]

    def feed(self, given: InputT) -> StateT:
        """Go on, and return the new state.

        Raises:
            RuntimeError: the table has no entry, which is a bug of ours.
        """
        following = self._transitions[self.state].get(given)
        if following is None:
            raise RuntimeError(f"{given.value}: this cannot be while the state is {self.state.value}")
        self.state = following
        return following
