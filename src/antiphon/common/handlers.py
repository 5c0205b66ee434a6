"""Handlers: bound once, when they are registered, and started in the order in which events arrive.

An ``async def`` handler runs as a task, a ``def`` handler at once, and one with ``thread=True`` in a worker thread.
What it returns is the acknowledgement, unless it takes the :class:`Ack` itself.

Source: JavaScript, ``socket.on``; the return value as acknowledgement is ours.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Callable, Coroutine, Sequence
from types import CoroutineType
from typing import Any, Final, Protocol, TypeAlias, TypeVar, cast

from antiphon.common.signatures import is_async
from antiphon.common.tasks import FAILURES, as_exception, is_cancelled_itself
from antiphon.errors import ConfigurationError
from antiphon.event import Event

__all__ = [
    "CATCH_ALL",
    "EAGER",
    "Ack",
    "Context",
    "Handler",
    "HandlerFunction",
    "HandlerFunctionT",
    "Handlers",
    "answer_of",
    "check_listened_name",
]

HandlerFunction: TypeAlias = Callable[..., object]
HandlerFunctionT = TypeVar("HandlerFunctionT", bound=Callable[..., object])

EAGER = sys.version_info >= (3, 12)
"""Whether tasks can start at once; before Python 3.12 they start in the next turn of the event loop."""
CATCH_ALL: Final = "\ud800*"
"""Where the handlers of ``"*"`` are kept: under what is no Unicode text, for a client may emit ``"*"`` too."""

_NEVER = -1


class Context(Protocol):
    """What a handler is called for: a socket, or a namespace."""

    def report(self, error: Exception, event: str) -> None:
        """Take what a handler raised."""
        ...

    def start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run an async handler."""
        ...

    def started(self) -> None:
        """Be told that an async handler is about to start."""
        ...


Invoke: TypeAlias = "Callable[[Context, str, list[object], Ack | None], None]"


class Answerable(Protocol):
    """Sends acknowledgements."""

    def send_ack(self, ack_id: int, args: Sequence[object]) -> None:
        """Answer an event."""
        ...


class Ack:
    """Answers one event of a client. It may be called once; later calls do nothing."""

    __slots__ = ("_id", "_outstanding", "_peer")

    def __init__(self, peer: Answerable, ack_id: int) -> None:
        self._peer: Answerable | None = peer
        self._id = ack_id
        self._outstanding = 0

    def __call__(self, *arguments: object) -> None:
        """Send the answer."""
        peer, self._peer = self._peer, None
        if peer is not None:
            peer.send_ack(self._id, arguments)

    def expect(self, handlers: Sequence[Handler]) -> None:
        """Wait for the return values of these handlers, unless one of them answers by itself."""
        self._outstanding = _NEVER if any(handler.takes_ack for handler in handlers) else len(handlers)

    def returned(self, result: object) -> None:
        """Take what a handler returned: the first that is not None is the answer, or none at all in the end."""
        if self._outstanding == _NEVER:
            return
        self._outstanding -= 1
        if result is not None:
            self(*answer_of(result))
        elif self._outstanding == 0:
            self()


class Handler:
    """A function of the user, with what is known about its signature.

    Args:
        function: the function.
        lead: how many arguments come before those of the client (the socket, for a whole namespace).
        thread: run it in a worker thread.
        once: drop it before its first call.

    Raises:
        ConfigurationError: it is not a function, or one that cannot be called with what it will be given.

    Attributes:
        is_plain: whether it may simply be called, with ``needs`` to ``accepts`` arguments.
        invoke: calls it, or starts it, in the way that it wants.
    """

    __slots__ = (
        "_ack_index",
        "_lead",
        "accepts",
        "function",
        "invoke",
        "is_async",
        "is_plain",
        "needs",
        "once",
        "takes_ack",
    )

    def __init__(self, function: HandlerFunction, *, lead: int, thread: bool = False, once: bool = False) -> None:
        if not callable(function):
            raise ConfigurationError(f"a handler must be a function, not {function!r}")
        self.function: HandlerFunction = function
        self.once: bool = once
        self.is_async: bool = is_async(function)
        if thread and self.is_async:
            raise ConfigurationError(f"{_name(function)} is async: thread=True is for plain functions")
        self._lead = lead
        self._ack_index = -1
        self.needs: int = 0
        self.accepts: int = sys.maxsize
        self.takes_ack: bool = False
        self._bind()
        self.is_plain: bool = not (self.is_async or thread or once or self.takes_ack)
        self.invoke: Invoke
        if self.is_async:
            self.invoke = self._invoke_async
        elif thread:
            self.invoke = self._invoke_in_thread
        else:
            self.invoke = self._invoke

    def _bind(self) -> None:
        """Read the signature once."""
        try:
            signature = inspect.signature(self.function)
        except (TypeError, ValueError):
            # Some built-in functions do not tell.
            return
        positional = [
            p for p in signature.parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
        if any(p.kind is p.KEYWORD_ONLY and p.default is p.empty for p in signature.parameters.values()):
            raise ConfigurationError(f"{_name(self.function)} has a keyword-only parameter that nobody will give it")
        acks = [index for index, p in enumerate(positional) if _is_ack(p.annotation)]
        if acks:
            self._ack_index = acks[0]
            del positional[acks[0]]
        self.takes_ack = bool(acks)
        if not any(p.kind is p.VAR_POSITIONAL for p in signature.parameters.values()):
            self.accepts = len(positional)
            if self.accepts < self._lead:
                raise ConfigurationError(f"{_name(self.function)} must take the socket as its first argument")
        self.needs = sum(p.default is p.empty for p in positional)

    def _fit(self, arguments: list[object], ack: Ack | None) -> list[object]:
        """Drop what the function does not take, as JavaScript does, and put the acknowledgement where it belongs.

        Raises:
            TypeError: the client sent fewer arguments than the function needs.
        """
        count = len(arguments)
        if count > self.accepts:
            arguments = arguments[: self.accepts]
        elif count < self.needs:
            lead = self._lead
            raise TypeError(
                f"{_name(self.function)} needs {self.needs - lead} arguments, the client sent {count - lead}"
                "; the function that acknowledges is given to a parameter annotated with Ack"
            )
        if self.takes_ack:
            arguments.insert(self._ack_index, ack if ack is not None else _no_ack)
        return arguments

    def _invoke(self, context: Context, event: str, arguments: list[object], ack: Ack | None) -> None:
        try:
            if self.takes_ack or not self.needs <= len(arguments) <= self.accepts:
                arguments = self._fit(arguments, ack)
            result = self.function(*arguments)
            if type(result) is CoroutineType:
                self.go_on(context, event, result, ack)
            elif ack is not None:
                ack.returned(result)
        except FAILURES as error:
            # It goes to the user's hook, never up the reader.
            context.report(as_exception(error), event)

    def _invoke_async(self, context: Context, event: str, arguments: list[object], ack: Ack | None) -> None:
        try:
            coroutine = cast("Coroutine[Any, Any, object]", self.function(*self._fit(arguments, ack)))
        except FAILURES as error:
            context.report(as_exception(error), event)
            return
        context.start(self._finish(context, event, coroutine, ack))

    def go_on(self, context: Context, event: str, coroutine: Coroutine[Any, Any, object], ack: Ack | None) -> None:
        """Run what a plain function has returned: the coroutine of an async one."""
        context.start(self._finish(context, event, coroutine, ack))

    async def _finish(
        self, context: Context, event: str, coroutine: Coroutine[Any, Any, object], ack: Ack | None
    ) -> None:
        if not EAGER:
            context.started()
        try:
            result = await coroutine
            if ack is not None:
                ack.returned(result)
        except FAILURES as error:
            if is_cancelled_itself():
                raise
            context.report(as_exception(error), event)

    def _invoke_in_thread(self, context: Context, event: str, arguments: list[object], ack: Ack | None) -> None:
        try:
            arguments = self._fit(arguments, ack)
        except TypeError as error:
            context.report(error, event)
            return
        context.start(self._finish(context, event, asyncio.to_thread(self.function, *arguments), ack))


class Handlers:
    """The handlers of a socket or a namespace, by event, in the order of their registration."""

    __slots__ = ("_by_event", "get")

    def __init__(self) -> None:
        self._by_event: dict[str, list[Handler]] = {}
        self.get: Callable[[str], list[Handler] | None] = self._by_event.get
        """Returns the handlers of an event, None if there are none. The list is never changed, only replaced."""

    def add(self, event: str, handler: Handler) -> None:
        """Register a handler."""
        self._by_event[event] = [*self._by_event.get(event, ()), handler]

    def update(self, other: Handlers) -> None:
        """Register what another one has."""
        for event, handlers in other._by_event.items():
            self._by_event[event] = [*self._by_event.get(event, ()), *handlers]

    @property
    def events(self) -> list[str]:
        """The events that have a handler."""
        return ["*" if event == CATCH_ALL else event for event in self._by_event]

    def functions(self, event: str) -> list[HandlerFunction]:
        """Return the functions that handle an event."""
        return [handler.function for handler in self._by_event.get(event, ())]

    def remove(self, event: str | None = None, function: HandlerFunction | None = None) -> None:
        """Drop one function of an event, all functions of an event, or everything."""
        if event is None:
            self._by_event.clear()
            return
        found = [] if function is None else self._by_event.get(event, [])
        # One registration only, and the latest, as Node.js does.
        latest = max((place for place, handler in enumerate(found) if handler.function == function), default=-1)
        self._keep(event, [handler for place, handler in enumerate(found) if place != latest])

    def discard(self, event: str, handler: Handler) -> bool:
        """Drop a handler that is to be called once; False if that has been done, so that it is not called again."""
        if handler not in self._by_event.get(event, ()):
            return False
        self._keep(event, [known for known in self._by_event.get(event, ()) if known is not handler])
        return True

    def _keep(self, event: str, handlers: list[Handler]) -> None:
        if handlers:
            self._by_event[event] = handlers
        else:
            self._by_event.pop(event, None)


def answer_of(result: object) -> tuple[object, ...]:
    """Turn what a handler returned into the arguments of the acknowledgement."""
    if type(result) is tuple:
        return result
    return () if result is None else (result,)


def check_listened_name(event: object, decorator: str) -> str:
    """Check the name of an event before a decorator is made of it, and return it.

    Raises:
        ConfigurationError: it is missing, as in a decorator without parentheses, or not a string.
    """
    if isinstance(event, Event):
        return event.name
    if event == "*":
        return CATCH_ALL
    if callable(event):
        raise ConfigurationError(f'the name of the event is missing: @{decorator}("name")')
    if not isinstance(event, str):
        raise ConfigurationError(f"the name of an event must be a string, not {event!r}")
    return event


def _no_ack(*_arguments: object) -> None:
    """Stands in where the client did not ask for an acknowledgement."""


def _is_ack(annotation: object) -> bool:
    return annotation is Ack or (isinstance(annotation, str) and annotation.rpartition(".")[2] == "Ack")


def _name(function: HandlerFunction) -> str:
    return f"{getattr(function, '__qualname__', repr(function))}()"
