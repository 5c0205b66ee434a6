"""The command line: ``antiphon run module:io``, and the commands of a client: ``connect``, ``emit``, ``bench``."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from antiphon._console.connection import Connection, read_arguments
from antiphon._console.input import InputError, parse_argument, parse_json
from antiphon._console.load import Load, Mode
from antiphon._console.output import safe
from antiphon._console.running import end, prepare_output
from antiphon._console.running import run as run_loop
from antiphon.errors import AntiphonError

__all__ = ["main"]

_app = typer.Typer(
    name="antiphon", help="Socket.IO for Python.", no_args_is_help=True, add_completion=False, rich_markup_mode=None
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"antiphon {installed_version('antiphon')}")
        raise typer.Exit


@_app.callback()
def _antiphon(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Socket.IO for Python."""


@_app.command()
def run(
    target: Annotated[str, typer.Argument(metavar="MODULE:NAME", help="Where the server is, such as main:io.")],
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen at; 0 for any free one.")] = 3000,
    *,
    reload: Annotated[bool, typer.Option("--reload", help="Start again when a file changes.")] = False,
    ssl_certfile: Annotated[Path | None, typer.Option(help="A certificate chain in PEM form, for TLS.")] = None,
    ssl_keyfile: Annotated[Path | None, typer.Option(help="Its key.")] = None,
    ssl_keyfile_password: Annotated[str | None, typer.Option(help="What the key is encrypted with.")] = None,
    root_path: Annotated[str, typer.Option(help="Where a proxy has mounted the application.")] = "",
    log_level: Annotated[str, typer.Option(help="critical, error, warning, info or debug.")] = "info",
    app_dir: Annotated[Path, typer.Option(help="Where to look for the module.")] = Path(),
) -> None:
    """Serve an application that is, or contains, a Socket.IO server."""
    # Clients do without them.
    import uvicorn  # noqa: PLC0415

    from antiphon.uvicorn.runner import Runner  # noqa: PLC0415

    sys.path.insert(0, str(app_dir.resolve()))
    _check_target(target)
    for path in (ssl_certfile, ssl_keyfile):
        if path is not None and not path.is_file():
            raise typer.BadParameter(f"there is no file {path}")
    certificate, key = (str(path) if path else None for path in (ssl_certfile, ssl_keyfile))
    if not reload:
        runner = Runner(
            target,
            host,
            port,
            ssl_certfile=certificate,
            ssl_keyfile=key,
            ssl_keyfile_password=ssl_keyfile_password,
            log_level=log_level,
            root_path=root_path,
        )
        runner.run()
        return
    uvicorn.run(
        target,
        host=host,
        port=port,
        reload=True,
        app_dir=str(app_dir),
        http="antiphon.uvicorn:HTTPProtocol",
        ws="antiphon.uvicorn:WebSocketProtocol",
        loop="antiphon.uvicorn.loop:new_event_loop",
        root_path=root_path,
        log_level=log_level,
        access_log=False,
        # While one develops, a poll that is pending must not delay the new server.
        timeout_graceful_shutdown=1,
        ssl_certfile=certificate,
        ssl_keyfile=key,
        ssl_keyfile_password=ssl_keyfile_password,
    )


def _check_target(target: str) -> None:
    """Say what is wrong with the target before a server is started."""
    from uvicorn.importer import ImportFromStringError, import_from_string  # noqa: PLC0415

    from antiphon.uvicorn._discovery import find_servers  # noqa: PLC0415

    try:
        found = import_from_string(target)
    except ImportFromStringError as error:
        raise typer.BadParameter(f"{error} (in {Path.cwd()}; --app-dir looks elsewhere)") from None
    if not find_servers(found):
        raise typer.BadParameter(f"{target} is no antiphon Server, nor an application with one mounted in it")


# The commands of a client

Url = Annotated[
    str, typer.Argument(metavar="URL", help="Where the server is; a path in it is the namespace.", show_default=False)
]
Timeout = Annotated[
    float, typer.Option(metavar="SECONDS", min=0.001, max=86_400, help="How long to wait for an answer.")
]


def _connection_options(
    namespace: Annotated[
        str | None, typer.Option("-n", "--namespace", metavar="NAME", help="The namespace, such as /admin.")
    ] = None,
    auth: Annotated[
        str | None, typer.Option(metavar="JSON", envvar="ANTIPHON_AUTH", help="What the server is told, a JSON object.")
    ] = None,
    transport: Annotated[
        list[str] | None,
        typer.Option(metavar="[polling|websocket]", help="How to connect; may be given twice.", show_default=False),
    ] = None,
    path: Annotated[
        str | None, typer.Option(metavar="PATH", help="Where the server is mounted; /socket.io if not given.")
    ] = None,
    header: Annotated[
        list[str] | None, typer.Option(metavar="NAME: VALUE", help="A header of each request.", show_default=False)
    ] = None,
    query: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A parameter of the URL.", show_default=False)
    ] = None,
    *,
    insecure: Annotated[bool, typer.Option("--insecure", help="Accept any certificate. For tests only.")] = False,
    cacert: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Authorities to trust, in PEM form.", show_default=False)
    ] = None,
) -> Callable[[str], Connection]:
    """Take the options that all commands of a client have."""
    return functools.partial(
        Connection.build,
        namespace=namespace,
        auth=auth,
        transports=list(transport or ()),
        path=path,
        headers=header,
        query=query,
        insecure=insecure,
        cacert=cacert,
    )


def _connecting(command: Callable[..., int]) -> Callable[..., None]:
    """Give a command the options of the connection as ``connect_to``, and end with the exit code that it returns."""
    own = inspect.signature(command, eval_str=True)
    shared = inspect.signature(_connection_options, eval_str=True).parameters

    @functools.wraps(command)
    def run_command(**given: Any) -> None:
        prepare_output()
        options = {name: given.pop(name) for name in shared}
        try:
            code = command(connect_to=_connection_options(**options), **given)
        except (InputError, AntiphonError) as error:
            typer.echo(f"antiphon: {safe(str(error))}", err=True)
            code = _WRONG
        end(code)
        raise typer.Exit(code)

    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [p for p in own.parameters.values() if p.name != "connect_to"] + list(shared.values())
    run_command.__signature__ = own.replace(parameters=[p.replace(kind=keyword) for p in parameters])  # type: ignore[attr-defined]
    run_command.__annotations__ = {p.name: p.annotation for p in parameters}
    return run_command


_WRONG: Final = 2
"""The exit code when what was typed makes no sense."""


@_app.command()
@_connecting
def connect(
    url: Url,
    timeout: Timeout = 10.0,
    wait: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            min=0,
            help="How long to listen on when the input has ended; inf for ever.",
            show_default="1",
        ),
    ] = None,
    *,
    no_reconnect: Annotated[
        bool, typer.Option("--no-reconnect", help="Leave when there is no connection (any more).")
    ] = False,
    connect_to: Callable[[str], Connection],
) -> int:
    """Talk to a server: see what it emits, send what you type.

    Type `event {"json": 1}` to send an event, add ` ?` to see the answer. It reads from pipes as well.
    """
    # Servers do without it.
    from antiphon._console.interactive import converse  # noqa: PLC0415

    conversation = converse(connect_to(url), answer_timeout=timeout, reconnect=not no_reconnect, wait=wait)
    return run_loop(conversation, interrupted=0)


@_app.command()
@_connecting
def emit(
    url: Url,
    event: Annotated[str, typer.Argument(metavar="EVENT", help="The name of the event.")],
    args: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ARG]...",
            help="JSON, or else text; @FILE is the content of a file, - is JSON from standard input.",
        ),
    ] = None,
    timeout: Timeout = 10.0,
    *,
    ack: Annotated[bool, typer.Option("--ack", help="Wait for the answer, and print it as JSON.")] = False,
    connect_to: Callable[[str], Connection],
) -> int:
    """Send one event, and leave when the server has it."""
    from antiphon._console.emitting import emit as emit_one  # noqa: PLC0415

    connection = connect_to(url)
    values = tuple(_standard_input() if arg == "-" else parse_argument(arg) for arg in args or ())
    return run_loop(emit_one(connection, event, read_arguments(values), asks=ack, timeout=timeout))


def _standard_input() -> object:
    try:
        return parse_json(sys.stdin.read())
    except (InputError, UnicodeDecodeError) as error:
        raise InputError(f"standard input: {error}") from None


@_app.command()
@_connecting
def bench(
    url: Url,
    clients: Annotated[int, typer.Option(metavar="COUNT", min=1, help="How many clients.")] = 10,
    duration: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.1, max=86_400, help="How long, after all have connected.")
    ] = 10.0,
    mode: Annotated[
        Mode, typer.Option(help="Wait for acknowledgements, or for events; only listen; only emit.")
    ] = "ack",
    event: Annotated[str, typer.Option(metavar="NAME", help="What is sent.")] = "echo",
    reply: Annotated[
        str | None, typer.Option(metavar="NAME", help="What comes back in the mode echo; the same event if not given.")
    ] = None,
    size: Annotated[
        int, typer.Option(metavar="COUNT", min=0, help="Bytes of text in each event; 0 for no argument.")
    ] = 32,
    in_flight: Annotated[
        int, typer.Option(metavar="COUNT", min=1, help="Events of one client that may wait for answers.")
    ] = 1,
    rate: Annotated[
        float | None,
        typer.Option(
            metavar="COUNT",
            min=0.001,
            max=100_000,
            help="Events per second of one client; else as many as there can be.",
        ),
    ] = None,
    connect_rate: Annotated[
        float, typer.Option(metavar="COUNT", min=0.1, help="Clients that begin to connect in a second.")
    ] = 100.0,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    connect_to: Callable[[str], Connection],
) -> int:
    """Put a server under load, and measure it."""
    from antiphon._console.benching import bench as run_bench  # noqa: PLC0415
    from antiphon.uvicorn.loop import new_event_loop  # noqa: PLC0415

    load = Load(clients, duration, mode, event, reply or event, size, in_flight, rate, connect_rate)
    return run_loop(run_bench(connect_to(url), load, as_json=as_json), new_event_loop=new_event_loop)


def main() -> None:
    """Run the command line."""
    _app()
