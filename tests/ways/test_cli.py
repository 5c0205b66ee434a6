"""The command line."""

from __future__ import annotations

import socket
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path


def antiphon(*arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "antiphon", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_it_tells_its_version() -> None:
    assert antiphon("--version").stdout == f"antiphon {version('antiphon')}\n"


def test_help_names_the_command() -> None:
    assert "run" in antiphon("--help").stdout


def test_a_module_that_is_not_there_is_named(tmp_path: Path) -> None:
    result = antiphon("run", "nowhere:io", folder=tmp_path)
    assert result.returncode == 2
    assert 'Could not import module "nowhere"' in result.stderr


def test_a_name_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "chat.py").write_text("from antiphon import Server\nio = Server()\n")
    result = antiphon("run", "chat:app", folder=tmp_path)
    assert result.returncode == 2
    assert 'Attribute "app" not found' in result.stderr


def test_what_is_no_server_is_refused(tmp_path: Path) -> None:
    (tmp_path / "chat.py").write_text("async def app(scope, receive, send): ...\n")
    result = antiphon("run", "chat:app", folder=tmp_path)
    assert result.returncode == 2
    assert "no antiphon Server" in result.stderr


def test_a_certificate_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "chat.py").write_text("from antiphon import Server\nio = Server()\n")
    result = antiphon("run", "chat:io", "--ssl-certfile", "missing.pem", folder=tmp_path)
    assert result.returncode == 2
    assert "there is no file missing.pem" in result.stderr


def test_a_port_in_use_ends_with_an_error(tmp_path: Path) -> None:
    (tmp_path / "chat.py").write_text("from antiphon import Server\nio = Server()\n")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = antiphon("run", "chat:io", "--port", str(taken.getsockname()[1]), folder=tmp_path)
    assert result.returncode != 0
    assert "address already in use" in result.stderr
