"""The command line: ``antiphon run module:io``."""

from __future__ import annotations

import sys
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Annotated

import typer
import uvicorn
from uvicorn.importer import ImportFromStringError, import_from_string

from antiphon.uvicorn._discovery import find_servers
from antiphon.uvicorn.runner import Runner

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
    try:
        found = import_from_string(target)
    except ImportFromStringError as error:
        raise typer.BadParameter(f"{error} (in {Path.cwd()}; --app-dir looks elsewhere)") from None
    if not find_servers(found):
        raise typer.BadParameter(f"{target} is no antiphon Server, nor an application with one mounted in it")


def main() -> None:
    """Run the command line."""
    _app()
