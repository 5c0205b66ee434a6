"""The adapter that keeps what a client may miss, in memory: connection state recovery on one server.

Source: JavaScript, ``SessionAwareAdapter`` of ``socket.io-adapter``.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING

from antiphon.cluster.recovery import RecoveryFailure, RecoveryLog, RestoredSession, Session
from antiphon.cluster.selection import BroadcastOptions
from antiphon.server.adapter import Adapter
from antiphon.server.fanout import Message
from antiphon.server.heartbeat import Timer
from antiphon.server.options import ConnectionStateRecovery

if TYPE_CHECKING:
    from antiphon.server.namespace import Namespace

__all__ = ["SessionAwareAdapter"]


_ENTRY_SIZE = 500
"""Bytes that a packet takes besides its own, roughly."""


class SessionAwareAdapter(Adapter):
    """An adapter that can restore sessions.

    The offset of a packet is sent as the last argument of the event, where clients look for it. A volatile event is not
    kept; it gets the offset of the latest packet if its own last argument is a string, for clients would take it for
    one. Nor is an event with an acknowledgement kept, for nobody would take the answer later.
    """

    def __init__(self, nsp: Namespace) -> None:
        super().__init__(nsp)
        options = nsp.server.options
        recovery = options.recovery or ConnectionStateRecovery()
        self._log: RecoveryLog[Message] = RecoveryLog(
            name=secrets.token_urlsafe(3) + ".",
            lifetime=recovery.max_disconnection_duration,
            grace=options.ping_interval + 2 * options.ping_timeout,
            max_size=recovery.max_buffer_size,
            max_sessions=recovery.max_sessions,
        )
        self._sweeper = _Sweeper(self, min(recovery.max_disconnection_duration, 60.0))

    @property
    def recovery_offset(self) -> str:
        """The offset at which a session begins now."""
        return self._log.head

    def broadcast(self, event: Sequence[object], options: BroadcastOptions) -> Awaitable[None]:
        """Send an event, and keep it for those who miss it."""
        log = self._log
        if not self.nsp.server.is_running:
            # Nobody has been here yet.
            return self.deliver(event, event, options)
        if options.flags.volatile:
            return self.deliver(event, [*event, log.head] if isinstance(event[-1], str) else event, options)
        # Encoded first: what cannot be encoded is not kept either.
        message = self.nsp.encode_event([*event, log.next_offset], None, compress=options.flags.compress)
        # Without the frames, which are made anew for the few who need it again.
        kept = Message(message.text, message.attachments, compress=message.compress)
        log.append(kept, message.size + _ENTRY_SIZE, options, self._now())
        self._sweeper.start()
        return self.deliver_message(message, event, options)

    def persist_session(self, session: Session) -> None:
        """Keep a session."""
        self._log.save(session, self._now())
        self._sweeper.start()

    def restore_session(self, pid: str, offset: str | None) -> RestoredSession[Message] | RecoveryFailure:
        """Take a session out."""
        return self._log.restore(pid, offset, self._now())

    def missed(self, restored: RestoredSession[Message]) -> list[Message] | None:
        """Return what the client has not seen, with what came after the session was taken out."""
        return self._log.missed(restored.session, restored.after)

    # Forgetting

    def init(self) -> None:
        """Begin to look for what is too old."""
        self._sweeper.enable()

    def close(self) -> None:
        """Stop to look for what is too old."""
        self._sweeper.stop()

    def _now(self) -> float:
        return self.nsp.server.engine.deadlines.now()

    def sweep(self) -> bool:
        """Forget what is too old; return whether anything is left."""
        self._log.sweep(self._now())
        return not self._log.is_empty


class _Sweeper(Timer):
    """Has an adapter look for what is too old, as long as it keeps anything."""

    __slots__ = ("_adapter", "_delay", "_enabled", "_runs")

    def __init__(self, adapter: SessionAwareAdapter, delay: float) -> None:
        super().__init__()
        self._adapter = adapter
        self._delay = delay
        self._enabled = False
        self._runs = False

    def enable(self) -> None:
        """Begin, in the event loop that runs now."""
        self._enabled = True
        self._runs = False
        self.start()

    def start(self) -> None:
        """Look again in a while."""
        if self._enabled and not self._runs:
            deadlines = self._adapter.nsp.server.engine.deadlines
            deadlines.schedule(self, deadlines.now() + self._delay)
            self._runs = True

    def stop(self) -> None:
        """Do not look any more."""
        self._enabled = self._runs = False
        self._adapter.nsp.server.engine.deadlines.cancel(self)

    def on_timer(self, now: float) -> None:  # noqa: ARG002 - the adapter asks the same clock
        """Look."""
        self._runs = False
        if self._adapter.sweep():
            self.start()
