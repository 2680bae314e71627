"""What verbs that build share: the store, progress, phases with their times."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

from micros.cli.progress import progress_for
from micros.debian.release import KEYS
from micros.debian.universe import Settings
from micros.store.keeping import using
from micros.store.scheduler import Scheduler
from micros.store.store import Store, default_root

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator


def not_negative(text: str) -> float:
    """A number of the command line: seconds, or days. What is not one, or has no end, is a wrong command line."""
    number = float(text)
    if not 0 <= number < float("inf"):
        raise ValueError(text)
    return number


def open_store(arguments: argparse.Namespace) -> Store:
    """The store the user means."""
    return Store(Path(arguments.store).absolute() if arguments.store else default_root())


class Session:
    """One command's use of a store, with progress on standard error."""

    def __init__(self, arguments: argparse.Namespace, store: Store) -> None:
        self.store = store
        self.progress = progress_for(as_json=arguments.json, verbose=arguments.verbose)
        self.scheduler = Scheduler(store, self.progress)
        self.settings = Settings(
            mirror=arguments.mirror,
            offline=arguments.offline,
            accept_expired=arguments.accept_expired,
            keyring=Path(arguments.keyring) if arguments.keyring else KEYS,
            watcher=self.progress,
        )
        self.phases: dict[str, float] = {}

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time a part of the command."""
        began = time.monotonic()
        yield
        self.progress.pause()
        self.phases[name] = self.phases.get(name, 0.0) + time.monotonic() - began

    def say(self, text: str) -> None:
        """A line for people."""
        self.progress.say(text)

    def times(self) -> str:
        """The phases with their seconds, for people."""
        return ", ".join(f"{name} {seconds:.2f} s" for name, seconds in self.phases.items())


@contextlib.contextmanager
def session(arguments: argparse.Namespace) -> Iterator[Session]:
    """A session, closed at its end; the store is held against garbage collection."""
    store = open_store(arguments)
    current = Session(arguments, store)
    try:
        with using(store):
            yield current
    finally:
        current.progress.pause()
        current.scheduler.close()
        store.close()
