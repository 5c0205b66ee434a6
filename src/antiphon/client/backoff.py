"""The delays between attempts to connect.

Source: JavaScript, ``Backoff`` of ``socket.io-client``, contrib/backo2.
"""

from __future__ import annotations

__all__ = ["Backoff"]


class Backoff:
    """Delays that are twice as long each time, give or take what chance says.

    Args:
        shortest: seconds before the first attempt.
        longest: seconds that no delay is longer than.
        jitter: how much a delay is changed at random: 0.5 is half of it, up or down.

    Attributes:
        attempts: how many delays have been asked for.
    """

    __slots__ = ("attempts", "jitter", "longest", "shortest")

    def __init__(self, shortest: float, longest: float, jitter: float) -> None:
        self.shortest: float = shortest
        self.longest: float = longest
        self.jitter: float = jitter
        self.attempts: int = 0

    def next_delay(self, chance: float) -> float:
        """Return the next delay, in seconds.

        Args:
            chance: a random number from 0 to 1.
        """
        # Beyond this power every delay is the longest one, and a float would overflow in the end.
        delay = self.shortest * 2.0 ** min(self.attempts, 64)
        self.attempts += 1
        return min(delay * (1 + self.jitter * (chance * 2 - 1)), self.longest)

    def reset(self) -> None:
        """Begin with the first delay again."""
        self.attempts = 0
