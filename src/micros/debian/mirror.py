"""Which mirror to use. No mirror's name is written here: the user says, or the host's own apt sources do."""

from __future__ import annotations

import os
import re
import tomllib
import urllib.parse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from micros.base.errors import Kind, MicrosError, error
from micros.formats.deb import control_fields
from micros.store.fetch import fetch_small

if TYPE_CHECKING:
    from collections.abc import Iterator

RELEASE_LIMIT_BYTES = 4 << 20
_NO_MIRROR_HINT = 'say --mirror URL, set MICROS_MIRROR, or write `mirror = "URL"` into {config}'


@dataclass(frozen=True, slots=True)
class Source:
    """A place that may serve a suite: base URL, and whose word that is."""

    url: str
    origin: str


def user_config() -> Path:
    """The user's own settings."""
    base = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.environ.get("HOME", "/"), ".config")
    return Path(base, "micros", "config.toml")


def candidates(mirror: str | None, *, sources: Path = Path("/etc/apt")) -> list[Source]:
    """Mirrors to try for main and updates, best first: argument, environment, user's settings, the host's apt sources.

    What the user names excludes what the host says. Raises an error of kind `no-mirror` where there is none.
    """
    if (said := said_by_user(mirror)) is not None:
        return [said]
    found = list({source.url: source for source in _apt(sources)}.values())
    if not found:
        raise error(Kind.NO_MIRROR, "no mirror is known: this host has no apt sources with one",
                    hint=_NO_MIRROR_HINT.format(config=user_config()))  # fmt: skip
    return found


def said_by_user(mirror: str | None) -> Source | None:
    """The mirror of the argument, of the environment, or of the user's settings, in this order; None where none is named."""
    if mirror:
        return _named(mirror, "--mirror")
    if named := os.environ.get("MICROS_MIRROR"):
        return _named(named, "MICROS_MIRROR")
    config = user_config()
    if not config.is_file():
        return None
    try:
        settings = tomllib.loads(config.read_text())
    except (ValueError, RecursionError) as problem:
        raise error(Kind.BAD_FILE, f"{config} is not TOML: {problem}") from None
    if "mirror" not in settings:
        return None
    if not isinstance(settings["mirror"], str):
        raise error(Kind.BAD_FILE, f"{config}: mirror is {settings['mirror']!r}, not a URL in quotes")
    return _named(settings["mirror"], str(config))


def _named(url: str, origin: str) -> Source:
    """A mirror that the user names. Raises an error of kind `usage` for what is no URL of a kind we can read."""
    try:
        parts = urllib.parse.urlsplit(url)
        good = parts.scheme == "file" or (parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0)
    except ValueError:
        good = False
    if not good or not url.isprintable() or " " in url:
        hint = "write http://host/debian, https://host/debian or file:///directory"
        raise error(Kind.USAGE, f"{origin} is {url!r}, which is no mirror's URL", hint=hint)
    return Source(url.rstrip("/"), origin)


def security_candidates(main: list[Source]) -> list[Source]:
    """Where the security suite may be: a named one, the host's own, the sibling `-security` of each mirror."""
    if named := os.environ.get("MICROS_SECURITY_MIRROR"):
        return [_named(named, "MICROS_SECURITY_MIRROR")]
    siblings = [Source(source.url + "-security", source.origin) for source in main if not source.url.endswith("-security")]
    return list(dict.fromkeys([*main, *siblings]))


def locate(suite: str, among: list[Source]) -> tuple[Source, bytes]:
    """The first source that serves a suite, and its InRelease file, not verified yet."""
    problems: list[MicrosError] = []
    for source in among:
        try:
            data = fetch_small(f"{source.url}/dists/{suite}/InRelease", limit=RELEASE_LIMIT_BYTES)
        except MicrosError as problem:
            if problem.kind not in (Kind.DOWNLOAD, Kind.TOO_LARGE):
                raise
            problems.append(problem)
        else:
            return source, data
    notes = [f"{note}" for problem in problems for note in [problem.problems[0].message, *problem.problems[0].notes]]
    raise error(Kind.DOWNLOAD, f"no mirror serves the suite {suite}", notes=notes[:20],
                hint=_NO_MIRROR_HINT.format(config=user_config()))  # fmt: skip


def _apt(root: Path) -> Iterator[Source]:
    """URLs of binary sources in sources.list(5), both styles."""
    files = sorted([*root.glob("sources.list"), *root.glob("sources.list.d/*")])
    for path in files:
        text = path.read_text(errors="replace")
        urls: list[str] = []
        if path.suffix == ".list":
            for line in text.splitlines():
                words = line.partition("#")[0].split()
                if words[:1] == ["deb"]:
                    end = next((i for i, word in enumerate(words) if word.endswith("]")), 0)
                    urls += words[end + 1 : end + 2]
        elif path.suffix == ".sources":
            for paragraph in re.split(r"\n[ \t]*\n", text):
                lines = [line for line in paragraph.splitlines() if not line.startswith("#")]
                fields = {name.lower(): value for name, value in control_fields("\n".join(lines)).items()}
                if "deb" in fields.get("types", "").split() and fields.get("enabled", "yes") != "no":
                    urls += fields.get("uris", "").split()
        for url in urls:
            if url.startswith(("http://", "https://")):
                yield Source(url.rstrip("/"), str(path))
