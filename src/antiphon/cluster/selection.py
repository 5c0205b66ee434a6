"""Whom a broadcast is for, and how it is to be carried.

Source: JavaScript, ``BroadcastOptions`` and ``BroadcastFlags`` of ``socket.io-adapter``.
"""

from __future__ import annotations

from typing import NamedTuple

from antiphon.types import Room

__all__ = ["BroadcastFlags", "BroadcastOptions"]


class BroadcastFlags(NamedTuple):
    """How a broadcast is carried.

    Attributes:
        volatile: leave out whoever could not take it at once.
        compress: whether transports that compress may compress it.
        local: only the sockets of this server, not those of the others of a cluster.
        timeout: seconds to wait for acknowledgements, or for other servers; None for the default.
    """

    volatile: bool = False
    compress: bool = True
    local: bool = False
    timeout: float | None = None


class BroadcastOptions(NamedTuple):
    """Whom a broadcast is for.

    Attributes:
        rooms: everyone in one of these; everyone at all if empty.
        except_: but nobody who is in one of these.
        flags: how it is carried.
    """

    rooms: frozenset[Room] = frozenset()
    except_: frozenset[Room] = frozenset()
    flags: BroadcastFlags = BroadcastFlags()

    def reaches(self, rooms: frozenset[Room]) -> bool:
        """Tell whether it is for a socket that is in these rooms."""
        return (not self.rooms or not self.rooms.isdisjoint(rooms)) and self.except_.isdisjoint(rooms)
