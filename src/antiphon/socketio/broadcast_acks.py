"""The acknowledgements that a broadcast waits for.

Source: JavaScript, ``BroadcastOperator.emit`` with a callback.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias, TypeVar

from antiphon.errors import AckTimeout
from antiphon.types import SocketId

__all__ = ["AcksCallback", "BroadcastAcks", "Responses"]

R = TypeVar("R")


class Responses(list[R]):
    """What the clients of a broadcast answered: the first argument of each acknowledgement, as they came.

    Attributes:
        by_id: the answers by socket, as far as the adapter knows who has answered.
        missing: the sockets that were waited for and have not answered: they left, or were too slow.
    """

    def __init__(self, responses: Iterable[R] = ()) -> None:
        super().__init__(responses)
        self.by_id: dict[SocketId, R] = {}
        self.missing: set[SocketId] = set()


AcksCallback: TypeAlias = Callable[["AckTimeout | None", "Responses[object]"], object]


class BroadcastAcks:
    """Collects acknowledgements until there is nobody left to wait for.

    The adapter says how many clients each server has asked (:meth:`expect`), and what comes (:meth:`answer`,
    :meth:`leave`). Whoever made it says how many servers there are (:meth:`expect_servers`) and when it is too late
    (:meth:`expire`).

    Args:
        callback: called once, with None or the error, and the responses.
    """

    __slots__ = ("_callback", "_cleanups", "_expected", "_expected_servers", "_servers", "responses")

    def __init__(self, callback: AcksCallback) -> None:
        self._callback: AcksCallback | None = callback
        self._cleanups: list[Callable[[], None]] = []
        self._expected = 0
        self._expected_servers = -1
        self._servers = 0
        self.responses: Responses[object] = Responses()

    @property
    def done(self) -> bool:
        """Whether the callback has been called."""
        return self._callback is None

    def on_done(self, cleanup: Callable[[], None]) -> None:
        """Have a function called when it is over."""
        if self.done:
            cleanup()
        else:
            self._cleanups.append(cleanup)

    def expect_servers(self, count: int) -> None:
        """Be told how many servers will say how many clients they have asked."""
        self._expected_servers = count
        self._check()

    def expect(self, count: int, sids: Iterable[SocketId] = ()) -> None:
        """Be told how many clients a server has asked, and which, if it says so."""
        if not self.done:
            self._servers += 1
            self._expected += count
            self.responses.missing.update(sid for sid in sids if sid not in self.responses.by_id)
            self._check()

    def answer(self, response: object, sid: SocketId | None = None) -> None:
        """Take an answer."""
        if not self.done:
            self._expected -= 1
            self.responses.append(response)
            if sid is not None:
                self.responses.missing.discard(sid)
                self.responses.by_id[sid] = response
            self._check()

    def leave(self, sid: SocketId) -> None:
        """Be told that a client has left; it is not waited for any more."""
        if not self.done:
            self._expected -= 1
            self.responses.missing.add(sid)
            self._check()

    def expire(self) -> None:
        """Be told that the time is over."""
        if not self.done:
            self._finish(AckTimeout(responses=self.responses, missing=self.responses.missing))

    def cancel(self) -> None:
        """Stop: the callback is not called any more."""
        self._callback = None
        self._clean()

    def _clean(self) -> None:
        for cleanup in self._cleanups:
            cleanup()
        self._cleanups.clear()

    def _check(self) -> None:
        if self._servers == self._expected_servers and self._expected == 0:
            self._finish(None)

    def _finish(self, error: AckTimeout | None) -> None:
        callback, self._callback = self._callback, None
        if callback is not None:
            self._clean()
            callback(error, self.responses)
