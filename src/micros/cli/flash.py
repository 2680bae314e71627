"""`micros flash IMAGE DEVICE`: write an image onto a disk or card, and read it back."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from micros.base.errors import Kind, error
from micros.base.units import human_bytes
from micros.cli.progress import progress_for
from micros.run.disks import Disks
from micros.run.flash import check, flash, size_of

if TYPE_CHECKING:
    import argparse

    from micros.cli.progress import Progress

_EVERY_SECONDS = 2.0


def options(parser: argparse.ArgumentParser) -> None:
    """This verb's arguments."""
    parser.add_argument("image", metavar="IMAGE", help="a raw image, such as result/disk.img")
    parser.add_argument("device", metavar="DEVICE", help="a whole disk, such as /dev/sdb; all that is on it will be lost")
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")


def run(arguments: argparse.Namespace) -> int:
    """Check, ask, write, verify."""
    image, device = Path(arguments.image), Path(arguments.device)
    progress = progress_for(as_json=arguments.json, verbose=arguments.verbose)
    for line in check(image, device, Disks()):
        progress.say(f"note: {line}")
    if not arguments.yes:
        _ask(device)
    began = time.monotonic()
    flash(image, device, Teller(progress).tell)
    progress.say(f"{device} holds {human_bytes(size_of(image))} of {image}, verified, in {time.monotonic() - began:.1f} s")
    return 0


def _ask(device: Path) -> None:
    """Go on only if a person says so."""
    if not sys.stdin.isatty():
        raise error(Kind.USAGE, f"all that is on {device} would be lost", hint="say --yes")
    sys.stderr.write(f"all that is on {device} ({human_bytes(size_of(device))}) will be lost; type yes to go on: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip() != "yes":
        raise error(Kind.USAGE, f"{device} is left as it was")


class Teller:
    """Says now and then how far the work is."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._said = time.monotonic()

    def tell(self, what: str, done: int, whole: int) -> None:
        """So many bytes of so many are done."""
        if time.monotonic() - self._said >= _EVERY_SECONDS:
            self._said = time.monotonic()
            self._progress.say(f"{what}: {human_bytes(done)} of {human_bytes(whole)} ({100 * done // whole} %)")
