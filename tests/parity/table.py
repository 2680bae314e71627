"""The table docs/parity.md: every option of MicrOS and not-os, what it is called here, and the tests that set it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from micros.lang import evaluate
from micros.lang.values import parse_path, snake
from micros.modules import all_modules
from micros.modules.nixos import INSTEAD
from tests.parity.scan import ROOT, declared, tests_of_options

PAGE = ROOT / "docs/parity.md"
PENDING = Path(__file__).with_name("pending.txt")
"""Names that are not here yet, all of them of images and boards: to become empty."""
NAMES = Path(__file__).with_name("options.txt").read_text().split()
HEAD = """\
<!-- Made by `python -m tests.parity`. -->
# Options of MicrOS and not-os

Every option of the Nix MicrOS and of not-os, in their spelling, which works here on the data surface; what it is called here, and
the tests that set it to something other than its default. Where a name means nothing here, setting it is an error that says what
to use instead. Images for the Raspberry Pi are still to come: their names are no options yet, and setting one is the error that
every unknown name is.

| theirs | here | tests |
|---|---|---|
"""


def ours(name: str) -> dict[str, Any] | None:
    """The option of this name, or that is another name's."""
    path = tuple(snake(part) for part in parse_path(name))
    known = declared()
    for candidate in (path, tuple("<name>" if part == "*" else part for part in path)):
        if candidate in known:
            return known[candidate]
    below = [record for other, record in known.items() if other[: len(path)] == path]
    return below[0] | {"name": name, "below": [record["name"] for record in below]} if below else None


def answer(name: str) -> str | None:
    """What an error says of a name that means nothing here."""
    path = tuple(snake(part) for part in parse_path(name))
    node = evaluate(all_modules())
    node.ready()
    found = node.root
    for part in path:
        if part not in found.children:
            return None
        found = found.children[part]
        if found.decls and found.decls[0].removed is not None:
            return INSTEAD.get(".".join(found.path), found.decls[0].removed)
    return None


def rows() -> list[tuple[str, str, list[str]]]:
    """For each name: ours, or the error's text, and tests; `""` where there is neither."""
    tests = tests_of_options()
    found = []
    for name in NAMES:
        record = ours(name)
        if record is not None:
            names = record.get("below", [record["name"]])
            below = [other for other in tests for one in names if other == one or other.startswith(f"{one}.")]
            found.append((name, f"`{record['name']}`", sorted({file for other in below for file in tests[other]})))
        else:
            text = answer(name)
            found.append((name, f"error: {text}" if text else "", []))
    return found


def page() -> str:
    """The page."""
    lines = []
    for theirs, here, files in rows():
        shown = "" if here == f"`{theirs}`" else here or "images and boards: not yet"
        links = ", ".join(f"[{Path(file).stem.removeprefix('test_')}](../{file})" for file in files)
        lines.append(f"| `{theirs}` | {shown} | {links} |\n")
    return HEAD + "".join(lines)
