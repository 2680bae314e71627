"""Lines that must be errors say which, for both checkers. `make lint` runs those; an ignore without its error fails there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FILES = sorted(path for path in Path(__file__).parent.glob("*.py") if not path.name.startswith(("test_", "__")))
_BOTH = re.compile(r"# type: ignore\[[a-z-]+(, ?[a-z-]+)*\] # pyright: ignore\[report[A-Za-z]+\]$")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_expected_error_is_named_for_both_checkers(path: Path) -> None:
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if "ignore" in line:
            assert _BOTH.search(line), f"{path.name}:{number}: {line.strip()}"


def test_each_part_of_the_surface_has_lines_that_must_be_errors() -> None:
    found = {path.stem: path.read_text().count("# pyright: ignore[") for path in FILES if path.stem != "modules"}
    assert set(found) >= {"declarations", "definitions", "reads", "targets", "wrappers"}
    assert min(found.values()) >= 5
