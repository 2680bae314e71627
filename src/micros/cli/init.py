"""`micros init [DIR]`: write a commented system to start from."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from micros.base.errors import Kind, error
from micros.base.where import relative

if TYPE_CHECKING:
    import argparse

TEMPLATES = Path(__file__).parent / "templates"
"""Each file is a system of its own, checked like all our source."""
DEFAULT = "qemu"
NAME = "system.py"


def options(parser: argparse.ArgumentParser) -> None:
    """This verb's arguments."""
    parser.add_argument("directory", metavar="DIR", nargs="?", default=".", help="where to write it (.)")
    parser.add_argument("--template", choices=templates(), default=DEFAULT, help=f"what it is for ({DEFAULT})")


def templates() -> list[str]:
    """What there is to start from."""
    return sorted(path.stem for path in TEMPLATES.glob("*.py"))


def run(arguments: argparse.Namespace) -> int:
    """Write the file, and say which. A file that is there stays as it is."""
    path = Path(arguments.directory) / NAME
    text = (TEMPLATES / f"{arguments.template}.py").read_text(encoding="utf-8")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as problem:
        where = os.fsdecode(problem.filename)
        raise error(Kind.USAGE, f"{where} is there already", hint="choose another directory") from None
    except OSError as problem:
        raise error(Kind.BAD_FILE, f"cannot write {path}: {problem.strerror}") from None
    print(json.dumps({"file": relative(str(path))}) if arguments.json else path)
    return 0
