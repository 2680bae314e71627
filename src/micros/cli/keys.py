"""`micros keys [NAME]`: make keys for Secure Boot, outside the description and the store."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from micros.base.errors import Kind, error
from micros.cli.session import session
from micros.debian.boot_keys import make
from micros.debian.tools import Toolbox

if TYPE_CHECKING:
    import argparse

DEFAULT = "default"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
"""It is a directory's, and stands in certificates."""


def options(parser: argparse.ArgumentParser) -> None:
    """This verb's arguments."""
    parser.add_argument("name", metavar="NAME", nargs="?", default=DEFAULT, help=f"what to call them ({DEFAULT})")
    parser.add_argument("--directory", metavar="DIR", help="where to make them (~/.config/micros/keys/NAME)")
    parser.add_argument("--anywhere", action="store_true", help="even inside a git work tree or the store")


def run(arguments: argparse.Namespace) -> int:
    """Make the keys, all or none, and print where they are."""
    if not _NAME.fullmatch(arguments.name):
        raise error(Kind.USAGE, f"{arguments.name!r} is no name for keys", hint="up to 32 letters, digits, dots and hyphens")
    given = arguments.directory
    directory = Path(os.path.realpath(given)) if given else default_directory(arguments.name)
    with session(arguments) as current:
        check_place(directory, current.store.root, anywhere=arguments.anywhere)
        _make(Toolbox(current.scheduler, current.settings), directory, arguments.name)
        current.say(f"keep {directory} as you keep a password: who has db.key signs what your machines start")
    print(json.dumps({"directory": str(directory)}) if arguments.json else directory)
    return 0


def default_directory(name: str) -> Path:
    """Where keys of this name lie (XDG base directories; a relative path there counts as none)."""
    configured = os.environ.get("XDG_CONFIG_HOME", "")
    base = Path(configured) if configured.startswith("/") else Path(os.path.expanduser("~/.config"))
    return Path(os.path.realpath(base / "micros/keys" / name))


def check_place(directory: Path, store: Path, *, anywhere: bool) -> None:
    """Raise an error of kind `usage` for a place that is taken, or where others would find the keys."""
    if os.path.lexists(directory):
        raise error(Kind.USAGE, f"{directory} is there already", hint="choose another name; keys are never overwritten")
    if anywhere:
        return
    hint = "choose another directory; --anywhere makes them there nevertheless"
    for above in directory.parents:
        if above == Path(os.path.realpath(store)):
            raise error(Kind.USAGE, f"{directory} is inside the store", hint=hint)
        if (above / ".git").exists():
            raise error(Kind.USAGE, f"{directory} is inside the git work tree {above}, and could be committed", hint=hint)


def _make(toolbox: Toolbox, directory: Path, name: str) -> None:
    """Make them beside their place, readable for nobody else, and move them there when all are made."""
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".keys-", dir=directory.parent))
    except OSError as problem:
        raise error(Kind.BAD_FILE, f"cannot make {directory}: {problem.strerror}") from None
    try:
        make(toolbox, made, name)
        os.rename(made, directory)
    finally:
        shutil.rmtree(made, ignore_errors=True)
