"""Options whose entries need each other: names that are none, and cycles, each at the line that says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from micros.base.errors import Kind, MicrosError
from micros.system import MicrosSystem

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("option", "field", "rest", "names"),
    [
        ("micros.services", "dependencies", 'start_script = "exec sleep 1"', ("first", "other")),
        ("system.activation_scripts", "deps", 'text = "true"', ("first", "other")),
        ("boot.special_file_systems", "depends", "options = []", ("/first", "/other")),
        ("file_systems", "depends", 'fs_type = "tmpfs"', ("/first", "/other")),
    ],
)
def test_needs_that_cannot_be_met_are_told_with_their_lines(
    tmp_path: Path, option: str, field: str, rest: str, names: tuple[str, str]
) -> None:
    def problems(needs: dict[str, str]) -> list[tuple[str, list[int], str]]:
        file = tmp_path / "box.toml"
        file.write_text("".join(f'[{option}."{name}"]\n{field} = ["{needs[name]}"]\n{rest}\n' for name in names))
        with pytest.raises(MicrosError) as caught:
            MicrosSystem([file]).evaluation.check()
        assert caught.value.kind is Kind.ASSERTION
        return [(one.message, [place.line for place in one.places], one.hint) for one in caught.value.problems]

    first, other = names
    unknown = problems({first: other + "s", other: "/nil"})
    assert [lines for _, lines, _ in unknown] == [[2], [5]]
    assert f"needs {other}s" in unknown[0][0]
    assert unknown[0][2] == f"did you mean {other}?"
    ((message, lines, _),) = problems({first: other, other: first})
    assert f"{first} -> {other} -> {first}" in message
    assert sorted(lines) == [2, 5]
