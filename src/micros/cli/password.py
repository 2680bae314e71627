"""`micros password`: the hash of a password, for `users.<name>.hashed_password`."""

from __future__ import annotations

import getpass
import json
import secrets
import sys
from typing import TYPE_CHECKING

from micros.base.crypt import sha512_crypt
from micros.base.errors import Kind, error

if TYPE_CHECKING:
    import argparse

SALT_BYTES = 12
"""16 characters of base 64."""


def options(parser: argparse.ArgumentParser) -> None:
    """This verb has no arguments: a password among them could be read by everybody on the machine."""


def run(arguments: argparse.Namespace) -> int:
    """Ask twice on a terminal, else read one line of standard input; print the hash."""
    if sys.stdin.isatty():
        password = getpass.getpass("Password: ")
        if getpass.getpass("Again: ") != password:
            raise error(Kind.USAGE, "the two passwords differ")
    else:
        password = sys.stdin.readline().removesuffix("\n")
    if not password:
        hint = "to let somebody in without one, set users.<name>.login_without_password"
        raise error(Kind.USAGE, "the password is empty", hint=hint)
    found = sha512_crypt(password, secrets.token_urlsafe(SALT_BYTES).replace("-", ".").replace("_", "/"))
    print(json.dumps({"hash": found}) if arguments.json else found)
    return 0
