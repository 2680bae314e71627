"""`micros lock FILE`: make the lock file, or move it to today's archive."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from micros.cli.loading import builder
from micros.cli.session import session

if TYPE_CHECKING:
    import argparse


def options(parser: argparse.ArgumentParser) -> None:
    """This verb's arguments."""
    parser.add_argument("file", metavar="FILE", help="file that describes the system, or FILE:name")
    parser.add_argument("--update", action="store_true", help="move every pin to what the archive has today")


def run(arguments: argparse.Namespace) -> int:
    """Pin, and say what changed."""
    with session(arguments) as current:
        plan = builder(current, arguments)
        before = plan.versions()
        plan.pin(update=arguments.update)
        changed = plan.save_lock()
        after = plan.versions()
    moves = {
        name: [before.get(name), after.get(name)] for name in sorted({*before, *after}) if before.get(name) != after.get(name)
    }
    if arguments.json:
        print(json.dumps({"changed": changed, "packages": moves}))
    else:
        for name, (old, new) in moves.items():
            print(f"{name}: {old or 'new'} -> {new or 'gone'}")
        current.say(f"{len(after)} packages pinned, {len(moves)} changed")
    return 0
