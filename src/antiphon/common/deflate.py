"""How WebSocket messages are compressed."""

from __future__ import annotations

from dataclasses import dataclass

from antiphon.common.checks import check_number

__all__ = ["PerMessageDeflate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PerMessageDeflate:
    """How WebSocket messages are compressed. Source: RFC 7692.

    It works where Antiphon itself speaks WebSocket: ``io.run()``, ``io.serve()`` and uvicorn with our protocol class.
    Other ASGI servers have an option of their own.

    Args:
        threshold: smaller messages (in bytes) are sent as they are.
        level: 1 (fast) to 9 (small).
        mem_level: 1 (least memory) to 9.
        server_no_context_takeover: forget what was sent after each message; saves memory, costs compression.
        client_no_context_takeover: make the client do the same.
        server_max_window_bits: 9 to 15, the window of what is sent.
        client_max_window_bits: 8 to 15, the window of what is received; None leaves it to the client.
    """

    threshold: int = 1024
    level: int = 6
    mem_level: int = 8
    server_no_context_takeover: bool = False
    client_no_context_takeover: bool = False
    server_max_window_bits: int | None = None
    client_max_window_bits: int | None = None

    def __post_init__(self) -> None:
        check_number("threshold", self.threshold, 0)
        check_number("level", self.level, 1, 9)
        check_number("mem_level", self.mem_level, 1, 9)
        if self.server_max_window_bits is not None:
            check_number("server_max_window_bits", self.server_max_window_bits, 9, 15)
        if self.client_max_window_bits is not None:
            check_number("client_max_window_bits", self.client_max_window_bits, 8, 15)
