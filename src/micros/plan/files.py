"""The declared files of a system as plain data: texts, links, files of packages, and files beside the user's own."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from micros.base.capabilities import file_capabilities
from micros.base.digest import digest_of
from micros.base.errors import Kind, MicrosError, Note, Problem
from micros.base.units import human_bytes
from micros.lang import located
from micros.modules.environment import PRIVATE_KEY
from micros.modules.security.pki import CERTIFICATE, Pki
from micros.modules.users.accounts import Accounts
from micros.packages import packages_in, parts_in, without_markers

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from micros.base.digest import Digest
    from micros.lang import Config, Located
    from micros.modules.system import FileSpec

SOURCE_LIMIT_BYTES = 256 << 20
"""A file beside a description goes through memory."""
_PRIVATE_KEY = re.compile(PRIVATE_KEY.pattern.encode())


@dataclass
class Files:
    """What `compose` is told about the declared files."""

    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    packages: set[str] = field(default_factory=set)
    """Names of packages that the files name."""
    parts: set[tuple[str, str]] = field(default_factory=set)
    """Package and path of single files of packages that the files name."""
    sources: dict[Digest, Path] = field(default_factory=dict)
    """Files of the user whose contents are wanted, by digest."""


def declared_files(config: Config, specs: Mapping[str, FileSpec]) -> Files:
    """Declared files by path. Raises one error with every file of the user that cannot be read, or that holds a secret."""
    files = Files()
    problems: list[Problem] = []
    for path, spec in sorted(specs.items()):
        files.packages |= {package.name for package in packages_in(_texts(spec))}
        files.parts |= set(parts_in(_texts(spec)))
        try:
            files.entries[path] = _entry(config, path, spec, files)
        except MicrosError as problem:
            problems += problem.problems
    if problems:
        raise MicrosError(*problems)
    return files


def _texts(spec: FileSpec) -> str:
    source = located(spec.source).value if spec.source is not None else ""
    return "\n".join((spec.text, spec.link or "", source))


def _entry(config: Config, path: str, spec: FileSpec, files: Files) -> dict[str, Any]:
    """One file, as `compose` takes it."""
    if spec.link is not None:
        return {"link": without_markers(spec.link)}
    if spec.absent:
        return {"absent": True}
    owner = _owner(config, spec)
    if spec.directory:
        return {"directory": True, "mode": spec.mode or "0755", **owner}
    capable = {"capabilities": file_capabilities(spec.capabilities).hex()} if spec.capabilities else {}
    if spec.source is None:
        return {"text": without_markers(spec.text), "mode": spec.mode or "0644", **owner, **capable}
    source = located(spec.source)
    if source.value.startswith("/") and not source.is_path:
        inside = without_markers(source.value)
        is_owned = spec.mode is not None or owner != {"uid": 0, "gid": 0} or bool(capable)
        if spec.copied or (is_owned and packages_in(source.value)):
            return {"copy": inside.lstrip("/"), "mode": spec.mode, **owner, **capable}
        return {"link": inside}
    digest = _digest(path, source)
    files.sources[digest] = source.file
    return {"blob": digest, "mode": spec.mode or "0644", **owner, **capable}


def _owner(config: Config, spec: FileSpec) -> dict[str, int]:
    accounts = config[Accounts]
    return {
        "uid": spec.uid if spec.user is None else accounts.users[spec.user].uid,
        "gid": spec.gid if spec.group is None else accounts.groups[spec.group].gid,
    }


def _digest(path: str, source: Located) -> Digest:
    """The digest of a user's file. Raises an error of kind `bad-file` with the place that names it."""
    data = read_source(source.file, (Note(source.where, f"/{path} has its content from there"),))
    if _PRIVATE_KEY.search(data):
        text = f"{source.file} holds a private key, which everybody who has the image could read"
        raise MicrosError(
            Problem(Kind.ASSERTION, text, (Note(source.where, f"it would be /{path}"),), "bring it to the running system")
        )
    return digest_of(data)


def read_source(file: Path, notes: tuple[Note, ...]) -> bytes:
    """A user's file. Raises an error of kind `bad-file`."""
    try:
        with file.open("rb") as stream:
            data = stream.read(SOURCE_LIMIT_BYTES + 1)
    except (OSError, ValueError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else str(problem)
        raise MicrosError(Problem(Kind.BAD_FILE, f"{file} cannot be read: {reason}", notes)) from None
    if len(data) > SOURCE_LIMIT_BYTES:
        text = f"{file} is larger than {human_bytes(SOURCE_LIMIT_BYTES)}, the most a file beside a description may have"
        raise MicrosError(Problem(Kind.BAD_FILE, text, notes))
    return data


def authorities(config: Config) -> tuple[str, ...]:
    """The user's own certificate authorities, PEM. Raises errors of kind `bad-file` for files that hold none."""
    pki = config[Pki]
    found = list(pki.certificates)
    for source in map(located, pki.certificate_files):
        note = Note(source.where, "security.pki.certificate_files")
        text = read_source(source.file, (note,)).decode("utf-8", "replace")
        certificates = CERTIFICATE.findall(text)
        if not certificates:
            raise MicrosError(Problem(Kind.BAD_FILE, f"{source.file} holds no certificate in PEM", (note,)))
        found += certificates
    return tuple(found)
