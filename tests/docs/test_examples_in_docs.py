"""What the documentation shows is true.

A block "```python box.py" is a file beside the others of its page; a block "```console" is commands that are run there, each
with all it prints on either side, where a line `...` stands for any lines, and `...` in a line for any text. Both run in the
order of the page.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import Command

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "examples/library"
NAMES = ("containers", "language", "modules", "netboot", "testing")
PAGES = [*(ROOT / f"docs/{name}.md" for name in NAMES), LIBRARY / "README.md"]
_BLOCK = re.compile(r"^```([a-z]+) ?([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILES = ("python", "toml", "json")
_COMMAND = re.compile(r"^\$ ([^\n]*)\n((?:(?!\$ )[^\n]*\n)*)", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_blocks_of_a_page(page: Path, micros: Command) -> None:
    ran = 0
    for language, name, content in _BLOCK.findall(page.read_text()):
        if language in _FILES:
            assert name, f"a block of {language} without a file name:\n{content}"
            _file(micros, name, content)
        elif language == "console":
            for command, printed in _COMMAND.findall(content):
                _command(micros, command, printed)
        ran += language in (*_FILES, "console")
    assert ran > 0
    assert ran == sum(block[0] not in ("sh", "text") for block in _BLOCK.findall(page.read_text())), (
        "a block of another kind is not tested"
    )


def _file(micros: Command, name: str, content: str) -> None:
    """Write a file: a system in it must be sound, tests in it must pass."""
    micros.write(name, content)
    if name.startswith("test_"):
        _python(micros, "-m", "pytest", "-p", "no:cacheprovider", name)
    elif name.endswith((".toml", ".json")) or re.search(r"^\w+ = system\(", content, re.MULTILINE):
        _python(micros, "-c", f"from micros.system import load; load({name!r})[0].evaluation.check()")
    else:
        _python(micros, name)


def _environment() -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join([str(LIBRARY / "src"), *filter(None, [os.environ.get("PYTHONPATH")])])}


def _python(micros: Command, *arguments: str) -> None:
    argv = [sys.executable, *arguments]
    environment = os.environ | _environment() | {"MICROS_STORE": str(micros.store)}
    done = subprocess.run(argv, cwd=micros.directory, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _command(micros: Command, command: str, printed: str) -> None:
    program, *arguments = shlex.split(command)
    assert program == "micros", command
    done = micros(*arguments, **_environment())
    pattern = "".join(
        r"(?:.*\n)*?" if line == "..." else re.escape(line).replace(r"\.\.\.", ".*") + "\n"
        for line in printed.strip("\n").splitlines()
    )
    assert re.fullmatch(pattern + r"\n*", done.out + done.err), f"{command}\n{done.out}{done.err}"


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=lambda page: page.name)
def test_links_exist(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:\s]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target
