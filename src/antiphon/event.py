"""Events that type checkers know: a name, what comes with it, and what is answered.

::

    class ServerToClient:
        chat_message = Event[tuple[str, int], None]("chat message")

    class ClientToServer:
        rename = Event[tuple[str], bool]("rename")

    io.emit(ServerToClient.chat_message, "hello", 1)

    @socket.on(ClientToServer.rename)
    async def rename(name: str) -> bool: ...

Source: JavaScript, the generics ``ListenEvents`` and ``EmitEvents`` of ``Server``.
"""

from __future__ import annotations

from typing import Any, Generic, TypeAlias, TypeVar

from antiphon.errors import ConfigurationError

__all__ = ["AnyEvent", "Event"]

ArgumentsT = TypeVar("ArgumentsT", bound=tuple[object, ...])
R_co = TypeVar("R_co", covariant=True)


class Event(Generic[ArgumentsT, R_co]):
    """The name of an event, with the types of its arguments and of its acknowledgement.

    It can be given wherever the name of an event is expected. Type checkers then check the arguments of ``emit``, the
    result of ``emit_with_ack``, and the signature of handlers.

    Args:
        name: the name on the wire.

    Raises:
        ConfigurationError: the name is not a string.
    """

    def __init__(self, name: str) -> None:
        if not isinstance(name, str):
            raise ConfigurationError(f'the name of an event is a string: Event[tuple[str], None]("name"), not {name!r}')
        self.name = name

    def __repr__(self) -> str:
        return f"Event({self.name!r})"


AnyEvent: TypeAlias = Event[Any, object]
