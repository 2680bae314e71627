"""The most common mistakes, and what the command says about each: `tests/golden/errors/*.md`.

A file of that folder shows a mistake (a Python, TOML or JSON file, which becomes `box.py`, `box.toml` or `box.json`), the
command that somebody ran, and everything it printed. `pytest --accept` writes what it prints today; the diff is reviewed.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.conftest import Command

FOLDER = Path(__file__).with_name("errors")
CASES = sorted(FOLDER.glob("*.md"))
_INPUT = re.compile(r"```(python|toml|json)\n(.*?)```\n", re.DOTALL)
_RUN = re.compile(r"```console\n\$ (micros [^\n]*)\n(.*?)```\n", re.DOTALL)
_SUFFIXES = {"python": "py", "toml": "toml", "json": "json"}


def test_there_are_at_least_twenty() -> None:
    assert len(CASES) >= 20


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_what_the_command_says(case: Path, micros: Command, accept: bool) -> None:
    text = case.read_text()
    for language, content in _INPUT.findall(text):
        micros.write(f"box.{_SUFFIXES[language]}", content)
    run = _RUN.search(text)
    assert run is not None
    done = micros(*shlex.split(run[1])[1:])
    assert done.status in (1, 2)
    assert done.out == ""
    if accept:
        case.write_text(text[: run.start(2)] + done.err + text[run.end(2) :])
    else:
        assert done.err == run[2], "if this is better, `pytest --accept` keeps it"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_texts_are_good(case: Path) -> None:
    """Every text says where, holds no path of a machine, and no frame of ours."""
    run = _RUN.search(case.read_text())
    assert run is not None
    assert run[2].startswith("error: ")
    assert re.search(r"^  (box\.\w+|<command line>)", run[2], re.MULTILINE) or "hint: " in run[2]
    assert not re.search(r"(^|[\s(])/(home|root|tmp|usr|work)\b|micros/(lang|cli|system)|Traceback", run[2])
