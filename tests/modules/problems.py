"""What is wrong with a description, for tests of modules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from micros.base.errors import MicrosError, Problem
from micros.system import MicrosSystem

if TYPE_CHECKING:
    from pathlib import Path


def problems(tmp_path: Path, text: str) -> list[Problem]:
    """The problems of the system that a TOML file of this text describes."""
    file = tmp_path / "box.toml"
    file.write_text(text)
    with pytest.raises(MicrosError) as caught:
        MicrosSystem([file]).plan()
    return list(caught.value.problems)
