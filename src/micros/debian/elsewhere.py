"""A package that one architecture does not have: which others do. Asked only when an error is to be told."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from micros.base.digest import Digest
from micros.base.errors import MicrosError
from micros.debian.index import unpacked
from micros.debian.release import verify
from micros.machine import MACHINES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from micros.debian.release import Release
    from micros.debian.universe import Settings
    from micros.store.store import Store

    Fetch = Callable[[str, str, Digest, int], None]
    """Brings the index of suite, path, digest and size into the store, or raises an error."""


def look(
    names: Sequence[str], but: str, records: Mapping[str, Mapping[str, str]], store: Store, settings: Settings, fetch: Fetch
) -> tuple[dict[str, list[str]], list[str]]:
    """The architectures (Debian's names) that have each of some packages, and those that could be looked at.

    Looked at are MicrOS' own architectures except `but`, in the releases that `records` pins by suite. An index that is
    not to be had leaves its architecture out: the error that is being told matters more.
    """
    holders: dict[str, list[str]] = {name: [] for name in names}
    looked: list[str] = []
    releases = [release for suite, record in records.items() if (release := _release(suite, record, store, settings))]
    for architecture in (machine.debian for machine in MACHINES if machine.debian != but):
        try:
            texts = [text for release in releases for text in _texts(release, architecture, store, settings, fetch)]
        except MicrosError:
            continue
        if texts:
            looked.append(architecture)
        for name in names:
            line = re.compile(rb"^Package: " + re.escape(name.encode()) + rb"$", re.MULTILINE)
            if any(line.search(text) for text in texts):
                holders[name].append(architecture)
    return holders, looked


def _release(suite: str, record: Mapping[str, str], store: Store, settings: Settings) -> Release | None:
    """A pinned release, from the store's copy of its file; None where that is gone."""
    try:
        data = store.read(Digest(record["sha256"]))
        return verify(data, suite, url=record["url"], keyring=settings.keyring, accept_expired=True)
    except MicrosError:
        return None


def _texts(release: Release, architecture: str, store: Store, settings: Settings, fetch: Fetch) -> list[bytes]:
    found = []
    for component in settings.components:
        path = f"{component}/binary-{architecture}/Packages.xz"
        if path in release.files:
            digest, size = release.files[path]
            fetch(release.suite, path, digest, size)
            found.append(unpacked(store.read(digest), release.suite))
    return found
