"""The unit tests of the browser client, and what TypeScript says of it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
JS = ROOT / "js"
TYPED_EVENTS = ROOT / "examples" / "typed_events"

pytestmark = pytest.mark.skipif(
    not (shutil.which("node") and (JS / "node_modules").is_dir()),
    reason="the compilers are missing: run `npm ci` in js",
)


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=JS, check=False, capture_output=True, text=True, timeout=110)


def tsc(*arguments: str) -> subprocess.CompletedProcess[str]:
    return run("node", "node_modules/typescript/bin/tsc", *arguments)


def test_the_unit_tests_pass() -> None:
    """They build the client, too, and compare it with the files in the package."""
    result = run("node", "test.mjs")
    assert result.returncode == 0, result.stdout[-5000:] + result.stderr[-2000:]
    assert "\n# fail 0\n" in result.stdout
    assert int(result.stdout.partition("\n# pass ")[2].partition("\n")[0]) > 150


@pytest.mark.parametrize("project", [".", "test", "test/types"])
def test_the_types_are_right(project: str) -> None:
    result = tsc("-p", project)
    assert result.returncode == 0, result.stdout


def test_nothing_is_of_any_type() -> None:
    for file in (JS / "src").rglob("*.ts"):
        for number, line in enumerate(file.read_text().splitlines(), 1):
            assert not any(word in line for word in (": any", "<any", "as any", "any[]", "any>")), (
                f"{file.name}:{number}"
            )


def test_typescript_finds_wrong_names_and_wrong_types() -> None:
    output = tsc("-p", str(TYPED_EVENTS)).stdout
    found = [line.partition("(")[::2] for line in output.splitlines() if not line.startswith(" ")]
    assert [(Path(file).name, int(rest.partition(",")[0])) for file, rest in found] == [
        ("wrong.ts", 13),
        ("wrong.ts", 14),
        ("wrong.ts", 15),
    ]
