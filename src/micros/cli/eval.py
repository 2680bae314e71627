"""`micros eval FILE PATH`: the value of an option."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from micros.cli.loading import loaded
from micros.lang import plain
from micros.packages import Package

if TYPE_CHECKING:
    import argparse


def options(parser: argparse.ArgumentParser) -> None:
    """This verb's arguments."""
    parser.add_argument("file", metavar="FILE", help="file that describes the system, or FILE:name")
    parser.add_argument("path", metavar="PATH", help="dotted path of an option, such as networking.host_name")


def run(arguments: argparse.Namespace) -> int:
    """Print the value: text as it is, everything else as JSON."""
    described, _ = loaded(arguments)
    value = plain(described.config.get(arguments.path))
    if isinstance(value, str) and not arguments.json:
        print(value)
    else:
        print(json.dumps(value, indent=None if arguments.json else 1, default=_text, ensure_ascii=False))
    return 0


def _text(value: object) -> str:
    return value.name if isinstance(value, Package) else str(value)
