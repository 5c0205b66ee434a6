"""``antiphon connect``: a conversation with a server, at a prompt or through pipes."""

from __future__ import annotations

import asyncio
import contextlib
import math
import sys
from collections.abc import Iterable
from typing import Any, Final

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app_or_none
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.patch_stdout import patch_stdout
from prompt_toolkit.styles import Style
from rich.text import Text

from antiphon._console.connection import Connection
from antiphon._console.conversation import COMMANDS, Conversation
from antiphon._console.input import Command
from antiphon._console.lines import read_lines
from antiphon._console.output import safe
from antiphon._console.screen import Screen
from antiphon.errors import AntiphonError

__all__ = ["converse", "is_interactive"]

_AT_ONCE: Final = 0.3
"""Seconds that the goodbye to the server may take when somebody wants to leave."""
_PATIENTLY: Final = 5.0
_STYLE: Final = Style.from_dict(
    {
        "prompt": "bold",
        "bottom-toolbar": "noreverse",
        "up": "ansigreen",
        "down": "ansiyellow",
        "toolbar": "ansibrightblack",
    }
)


def is_interactive() -> bool:
    """Say whether somebody sits at a terminal."""
    return sys.stdin.isatty() and sys.stdout.isatty()


async def converse(connection: Connection, *, answer_timeout: float, reconnect: bool, wait: float | None) -> int:
    """Talk to a server until one side has enough; return the exit code.

    Args:
        connection: how to connect.
        answer_timeout: seconds to wait for an answer.
        reconnect: connect again when the connection is lost or was not made.
        wait: seconds to go on listening when the input has ended.
    """
    if is_interactive():
        return await _at_prompt(connection, answer_timeout, reconnect=reconnect)
    seconds = (0.0 if sys.stdin.isatty() else 1.0) if wait is None else wait
    return await _through_pipes(connection, answer_timeout, seconds, reconnect=reconnect)


async def _through_pipes(connection: Connection, answer_timeout: float, wait: float, *, reconnect: bool) -> int:
    conversation = Conversation(
        connection, Screen(), answer_timeout=answer_timeout, reconnect=reconnect, stays=False, shows_sent=True
    )
    over = conversation.over
    patience = _AT_ONCE
    sending = asyncio.create_task(_send_lines(conversation))
    try:
        await _first(sending, over)
        if not sending.done():
            # Some of what should be sent was not.
            return 1
        if not sending.result():
            return 1
        patience = _PATIENTLY
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if math.isinf(wait) else wait):
                await asyncio.shield(over)
        return int(conversation.failed)
    except asyncio.CancelledError:
        patience = _AT_ONCE
        raise
    finally:
        sending.cancel()
        await conversation.leave(patience)


async def _first(*futures: asyncio.Future[Any]) -> None:
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)


async def _send_lines(conversation: Conversation) -> bool:
    """Send what comes from standard input, and wait for the answers; return whether there was a connection."""
    try:
        await conversation.socket
    except AntiphonError:
        # It was told when it happened.
        return False
    async for line in read_lines():
        typed = conversation.type(line)
        if isinstance(typed, Command) and typed.name in {"quit", "exit"}:
            break
        if conversation.socket.active:
            await conversation.socket.wait_sent()
    await conversation.answers()
    return True


class _Names(Completer):
    """Completes commands, and the names of events that were seen."""

    def __init__(self, names: set[str]) -> None:
        self._names = names

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:  # noqa: ARG002
        """Return what the first word may become."""
        begun = document.text_before_cursor
        if " " not in begun:
            known = COMMANDS if begun.startswith("/") else sorted(name for name in self._names if " " not in name)
            for name in known:
                if name.startswith(begun):
                    yield Completion(name, start_position=-len(begun))


async def _at_prompt(connection: Connection, answer_timeout: float, *, reconnect: bool) -> int:
    screen = Screen()
    screen.plain(_banner(connection))
    with patch_stdout(raw=True):
        conversation = Conversation(
            connection,
            screen,
            answer_timeout=answer_timeout,
            reconnect=reconnect,
            stays=reconnect,
            shows_sent=False,
            on_change=_redraw,
        )
        typing = asyncio.ensure_future(_prompt(conversation, connection))
        try:
            await _first(typing, conversation.over)
            return 0 if typing.done() else 1
        finally:
            if not typing.done():
                typing.cancel()
                await asyncio.wait([typing])
            await conversation.leave(_AT_ONCE)


def _redraw() -> None:
    application = get_app_or_none()
    if application is not None:
        application.invalidate()


async def _prompt(conversation: Conversation, connection: Connection) -> None:
    def toolbar() -> FormattedText:
        sign = ("class:up", " ● ") if conversation.socket.connected else ("class:down", " ○ ")
        return FormattedText([sign, ("class:toolbar", f"{safe(connection.name)}  {conversation.state}")])

    session: PromptSession[Any] = PromptSession(
        FormattedText([("class:prompt", "> ")]),
        bottom_toolbar=toolbar,
        style=_STYLE,
        completer=_Names(conversation.names),
        complete_while_typing=False,
    )
    while True:
        try:
            line = await session.prompt_async()
        except (EOFError, KeyboardInterrupt):
            return
        typed = conversation.type(line)
        if isinstance(typed, Command) and typed.name in {"quit", "exit"}:
            return


def _banner(connection: Connection) -> Text:
    text = Text()
    text.append("Antiphon ", style="bold")
    text.append(f"talks to {safe(connection.name)}\n")
    for typed, means in (
        ('chat hello {"json": 1}', "sends an event"),
        ("chat hello ?", "sends it, and shows the answer"),
        ("/help", "shows the rest; Ctrl-D leaves"),
    ):
        text.append(f"  {typed:24}", style="bold")
        text.append(f"{means}\n", style="dim")
    return text
