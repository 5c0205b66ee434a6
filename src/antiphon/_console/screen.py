"""The lines that the console prints: a time, a sign, and what has happened."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from rich.console import Console
from rich.highlighter import JSONHighlighter
from rich.text import Text

from antiphon._console.output import compact, name_as_typed

__all__ = ["Screen"]

_MOST_SHOWN: Final = 2000
"""Characters of one argument, on a terminal."""


class _Console(Console):
    """Tells when who reads it has left; that of Rich raises ``SystemExit``, in whatever task has printed."""

    def __init__(self, screen: Screen, *, terminal: bool) -> None:
        super().__init__(force_terminal=terminal, highlight=False, markup=False, emoji=False)
        self._screen = screen

    def on_broken_pipe(self) -> None:
        """Print nothing more, not even what is left in the buffer."""
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        self._screen.on_closed()


class Screen:
    """Prints what happens. On a terminal with colours, unless ``NO_COLOR`` is set; elsewhere every line whole.

    Attributes:
        on_closed: is told that nobody reads it any more; nothing is printed from then on.
    """

    def __init__(self) -> None:
        terminal = sys.stdout.isatty()
        self.on_closed: Callable[[], None] = lambda: None
        # The file is left open: while one types at a prompt, sys.stdout is another one.
        self._console = _Console(self, terminal=terminal)
        self._is_terminal = terminal
        self._highlighter = JSONHighlighter()

    def say(self, sign: str, style: str, *parts: str | Text, wrapped: bool = True) -> None:
        """Print a line.

        Args:
            sign: one character.
            style: of the sign, and of the parts that have none.
            parts: of the line.
            wrapped: break it between words; otherwise it can be copied whole.
        """
        line = Text()
        line.append(datetime.now().strftime("%H:%M:%S.%f")[:-3], style="dim")
        line.append(f" {sign} ", style=f"bold {style}" if style else "")
        for part in parts:
            if isinstance(part, Text):
                line.append_text(part)
            else:
                line.append(part, style=style)
        self._console.print(line, soft_wrap=not (wrapped and self._is_terminal))

    def values(self, values: Sequence[object]) -> Text:
        """Return arguments as JSON, each after a space."""
        text = Text()
        for value in values:
            shown = compact(value)
            if self._is_terminal and len(shown) > _MOST_SHOWN:
                shown = f"{shown[:_MOST_SHOWN]}... ({len(shown):,} characters)"
            text.append(" ")
            text.append_text(self._highlighter(shown))
        return text

    # What happens

    def good(self, text: str) -> None:
        """Say that there is a connection."""
        self.say("●", "green", text)

    def bad(self, text: str) -> None:
        """Say that there is none any more."""
        self.say("○", "red", text)

    def error(self, text: str) -> None:
        """Say what went wrong."""
        self.say("✗", "red", text)

    def waiting(self, text: str) -> None:
        """Say what is waited for."""
        self.say("…", "yellow", text)

    def hint(self, text: str) -> None:
        """Say what can be done."""
        self.say(" ", "dim", text)

    def received(self, event: str, args: Sequence[object], note: str) -> None:
        """Show an event of the server."""
        more = [Text(f"  ({note})", style="yellow")] if note else []
        self.say("←", "cyan", Text(name_as_typed(event), style="bold"), self.values(args), *more, wrapped=False)

    def sent(self, event: str, args: Sequence[object]) -> None:
        """Show an event that was sent."""
        self.say("→", "magenta", Text(name_as_typed(event), style="bold"), self.values(args), wrapped=False)

    def answered(self, event: str, args: Sequence[object], after: str) -> None:
        """Show an answer."""
        nothing = Text(" nothing", style="dim")
        self.say(
            "✓",
            "green",
            Text(name_as_typed(event), style="bold"),
            Text(f" answered after {after}:", style="green"),
            self.values(args) if args else nothing,
            wrapped=False,
        )

    def plain(self, text: Text) -> None:
        """Print text as it is."""
        self._console.print(text, soft_wrap=True)
