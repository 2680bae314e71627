"""The stub `__init__.pyi`, which lets type checkers and editors see what `micros.modules` finds at run time.

`python -m micros.modules.stub` writes it; a test fails where it is stale.
"""

from __future__ import annotations

from pathlib import Path

from micros.modules import public_names

STUB = Path(__file__).with_name("__init__.pyi")


def text() -> str:
    """What the stub should hold."""
    lines = ["# Made by `python -m micros.modules.stub`.", "from micros.lang import Module"]
    lines += [
        f"from {module} import {name} as {name}" for name, module in sorted(public_names().items(), key=lambda i: (i[1], i[0]))
    ]
    lines += ["", "def all_modules() -> list[type[Module]]: ...", "def public_names() -> dict[str, str]: ..."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    STUB.write_text(text())
