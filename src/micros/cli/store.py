"""`micros store verify`: is everything in the store what its name says?"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from micros.cli.session import open_store
from micros.store.keeping import verify

if TYPE_CHECKING:
    import argparse


def options(parser: argparse.ArgumentParser) -> None:
    """This verb's arguments."""
    parser.add_argument("action", choices=["verify"], help="what to do")
    parser.add_argument("--repair", action="store_true", help="remove what is damaged, so that the next build makes it again")


def run(arguments: argparse.Namespace) -> int:
    """Verify: 0 where all is well, or was repaired."""
    store = open_store(arguments)
    try:
        count, damages = verify(store, repair=arguments.repair)
    finally:
        store.close()
    if arguments.json:
        print(json.dumps({"checked": count, "damaged": [str(damage.path) for damage in damages]}))
    else:
        for damage in damages:
            print(f"damaged: {damage.path}\n  expected {damage.expected}\n  got      {damage.got}")
        print(f"{count} files checked, {len(damages)} damaged{' and removed' if damages and arguments.repair else ''}")
        if damages and not arguments.repair:
            print("hint: `micros store verify --repair` removes them, and the next build makes them again", file=sys.stderr)
    return 0 if arguments.repair or not damages else 1
