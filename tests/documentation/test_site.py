"""The pages are complete, and the site can be built."""

from __future__ import annotations

import importlib.util
import math
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import MISSING, fields
from enum import Enum
from pathlib import Path

import pytest

import antiphon
import antiphon.sync
from antiphon.client.states import MANAGER_TRANSITIONS, SOCKET_TRANSITIONS, ManagerInput, SocketInput
from antiphon.server.options import Options
from running_examples import ROOT

DOCS = ROOT / "docs"


def test_the_page_of_the_options_has_each_with_its_default() -> None:
    table = re.findall(r"^\| `(\w+)` \| `(.*?)` \| \S", (DOCS / "options.md").read_text(), re.MULTILINE)
    defaults = {option.name: option.default for option in fields(Options) if option.init}
    assert MISSING not in defaults.values()
    assert [name for name, _ in table] == list(defaults)
    for name, default in table:
        assert default.replace('"', "'") in (str(defaults[name]), repr(defaults[name])), name


def test_the_page_of_the_client_options_has_each_with_its_default() -> None:
    table = re.findall(r"^\| `(\w+)` \| `(.*?)` \| \S", (DOCS / "client-options.md").read_text(), re.MULTILINE)
    known = [*fields(antiphon.ClientOptions), *fields(antiphon.SocketOptions)]
    defaults = {option.name: option.default for option in known if option.init}
    assert [name for name, _ in table] == list(defaults)
    for name, default in table:
        value = defaults[name]
        assert eval(default, {"math": math}) == (list(value) if isinstance(value, tuple) else value), name


@pytest.mark.parametrize(
    ("transitions", "inputs"), [(MANAGER_TRANSITIONS, ManagerInput), (SOCKET_TRANSITIONS, SocketInput)]
)
def test_the_page_of_the_states_draws_the_tables_that_the_code_runs(
    transitions: Mapping[Enum, Mapping[Enum, Enum]], inputs: type[Enum]
) -> None:
    page = (DOCS / "client-states.md").read_text()
    assert f"| state | {' | '.join(str(what.value) for what in inputs)} |" in page
    for state, row in transitions.items():
        cells = [row[what].value if what in row else "" for what in inputs]
        assert f"| **{state.value}** | {' | '.join(cells)} |" in page


def test_the_reference_has_each_name_of_the_blocking_client() -> None:
    page = (DOCS / "reference" / "sync.md").read_text()
    assert set(re.findall(r"^::: antiphon\.sync\.(\w+)$", page, re.MULTILINE)) == set(antiphon.sync.__all__)


def test_the_reference_has_each_public_name() -> None:
    pages = "\n".join(page.read_text() for page in (DOCS / "reference").glob("*.md"))
    documented = set(re.findall(r"^::: antiphon\.(\w+)$", pages, re.MULTILINE))
    assert documented == set(antiphon.__all__)


def test_each_name_of_the_reference_exists() -> None:
    for page in (DOCS / "reference").glob("*.md"):
        owner = None
        for line in page.read_text().splitlines():
            if line.startswith("::: antiphon."):
                owner = antiphon
                for name in line.removeprefix("::: antiphon.").split("."):
                    owner = getattr(owner, name, None)
            elif owner is not None and line.startswith("        - "):
                assert hasattr(owner, line.removeprefix("        - ").strip('"')), f"{page.name}: {line}"


def test_each_page_says_first_what_the_reader_gets() -> None:
    for page in [*DOCS.glob("*.md"), *DOCS.glob("tutorial/*.md")]:
        title, empty, first = page.read_text().splitlines()[:3]
        assert title.startswith("# "), page
        assert not empty, page
        assert first[:1].isalpha(), page


def test_each_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text()
    for page in DOCS.glob("**/*.md"):
        assert re.search(rf"(- |: ){re.escape(str(page.relative_to(DOCS)))}$", navigation, re.MULTILINE), page


@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("mkdocs", "material", "mkdocstrings")),
    reason="mkdocs is not installed: run `make docs`",
)
def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    # Nobody needs a reader to see the marks of docstrings.
    for page in tmp_path.glob("reference/**/*.html"):
        assert not re.search(r":(class|meth|attr|func):", page.read_text()), page
