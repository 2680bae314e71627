"""Places print as short as they can be understood."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

import micros.base.where
from micros.base.where import Where, shortest
from micros.lang.places import portable

OURS = Path(micros.base.where.__file__)


def test_below_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert str(Where(str(tmp_path / "boards/pi.py"), 14)) == "boards/pi.py:14"
    assert str(Where("pi.py", 3)) == "pi.py:3"
    assert str(Where("<command line>")) == "<command line>"
    assert str(Where(f"{tmp_path}-other/pi.py", 1)) == f"{tmp_path}-other/pi.py:1"


def test_a_module_is_named_from_where_python_finds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(OURS.parents[2]), str(tmp_path / "none")])
    assert str(Where(str(OURS), 1)) == "micros/base/where.py:1"


def test_portable_places_do_not_depend_on_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(OURS.parents[2])])
    for folder in (tmp_path, OURS.parents[3]):
        monkeypatch.chdir(folder)
        assert portable(Where(str(OURS), 1)) == "micros/base/where.py:1"


def test_the_shortest_of_several_folders() -> None:
    assert shortest("/a/b/c.py", ["/a", "/a/b", "/z", ""]) == "c.py"
    assert shortest("/a/b/c.py", ["/z"]) == "/a/b/c.py"
    assert shortest(os.path.abspath("x/c.py"), ["x"]) == "c.py"
