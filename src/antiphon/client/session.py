"""Who listens to the session of a manager, until the manager has dropped it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from antiphon.errors import TransportError

if TYPE_CHECKING:
    from antiphon.client.manager import Manager

__all__ = ["Session"]


class Session:
    """Listens to a session for a manager, until the manager has dropped it."""

    __slots__ = ("manager",)

    def __init__(self, manager: Manager) -> None:
        self.manager: Manager | None = manager

    def engine_opened(self) -> None:
        """Pass it on."""
        if self.manager is not None:
            self.manager.engine_opened()

    def receive_text(self, data: bytes) -> None:
        """Pass it on."""
        if self.manager is not None:
            self.manager.receive_text(data)

    def receive_binary(self, data: bytes) -> None:
        """Pass it on."""
        if self.manager is not None:
            self.manager.receive_binary(data)

    def engine_pinged(self) -> None:
        """Tell the handlers."""
        if self.manager is not None:
            self.manager.fire("ping")

    def engine_upgraded(self) -> None:
        """Tell the handlers."""
        if self.manager is not None:
            self.manager.fire("upgrade", self.manager.transport_name)

    def engine_upgrade_failed(self, error: TransportError) -> None:
        """Tell the handlers."""
        if self.manager is not None:
            self.manager.fire("upgrade_error", error)

    def engine_failed(self, error: TransportError) -> None:
        """Tell the handlers; a failed attempt is told of later."""
        manager = self.manager
        if manager is not None and manager.is_open:
            manager.fire("error", error)

    def engine_closed(self, reason: str, error: TransportError | None) -> None:
        """Pass it on."""
        manager, self.manager = self.manager, None
        if manager is not None:
            manager.engine_closed(reason, error)
