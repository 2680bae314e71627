"""micros.lock: the packages of a system, to the byte. Written by the first build, moved only by `micros lock --update`.

{"version": 1, "architectures": {"amd64": {
    "releases": {"trixie": {"date": ..., "sha256": ..., "url": ...}, ...},
    "requests": ["busybox", ...],
    "packages": {"busybox": {"version", "architecture", "size", "sha256", "filename", "suite", "depends"}, ...}}}}
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from micros.base.digest import Digest
from micros.base.errors import Kind, error
from micros.base.where import Where
from micros.debian.index import Offer

if TYPE_CHECKING:
    from pathlib import Path

VERSION = 1


@dataclass(frozen=True)
class Pins:
    """One architecture's part of a lock."""

    releases: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: tuple[str, ...] = ()
    packages: dict[str, Offer] = field(default_factory=dict)


def lock_beside(file: Path) -> Path:
    """Where the lock of a system lies that this file describes."""
    return file.parent / "micros.lock"


def read_lock(path: Path) -> dict[str, Pins]:
    """The pins by architecture. Raises an error of kind `bad-lock` with the line, where it can tell."""
    try:
        document = json.loads(path.read_text())
    except (ValueError, RecursionError) as problem:
        line = getattr(problem, "lineno", 0)
        raise _bad(path, f"it is not JSON: {problem}", line) from None
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise _bad(path, f"it is not of version {VERSION}, the one this MicrOS reads", 1)
    try:
        return {name: _pins(part) for name, part in document["architectures"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise _bad(path, f"a field is missing or of the wrong kind: {problem}", 0) from None


def _bad(path: Path, reason: str, line: int) -> Exception:
    hint = "take it from version control, or make it anew with `micros lock FILE --update`"
    return error(Kind.BAD_LOCK, f"the lock file cannot be used: {reason}", at=Where(str(path), line), hint=hint)


def _check(what: str, record: dict[str, Any], **fields: type) -> None:
    """Raise unless the record has these fields in these types; digests and sizes must also look like such."""
    for field_name, kind in fields.items():
        value = record[field_name]
        good = isinstance(value, kind) and not isinstance(value, bool)
        if good and field_name == "sha256":
            good = re.fullmatch(r"[0-9a-f]{64}", str(value)) is not None
        if not good or (field_name == "size" and value < 0):
            raise TypeError(f"{what}: {field_name}")


def _pins(part: dict[str, Any]) -> Pins:
    packages = {}
    for suite, record in part["releases"].items():
        _check(f"releases of {suite}", record, date=int, sha256=str, url=str, indices=dict)
        for digest, size in record["indices"].values():
            _check(f"indices of {suite}", {"sha256": digest, "size": size}, sha256=str, size=int)
    if not isinstance(part["requests"], list) or not all(isinstance(name, str) for name in part["requests"]):
        raise TypeError("requests")
    for name, record in part["packages"].items():
        _check(name, record, version=str, architecture=str, size=int, sha256=str, filename=str, suite=str, depends=str)
        if not isinstance(record.get("provides", ""), str) or not isinstance(record.get("essential", False), bool):
            raise TypeError(f"{name}: provides or essential")
        packages[name] = Offer(
            name=name,
            version=record["version"],
            architecture=record["architecture"],
            filename=record["filename"],
            size=record["size"],
            sha256=Digest(record["sha256"]),
            suite=record["suite"],
            depends=record["depends"],
            provides=record.get("provides", ""),
            essential=record.get("essential", False),
        )
    return Pins(dict(part["releases"]), tuple(part["requests"]), packages)


def lock_text(pins: dict[str, Pins]) -> str:
    """The file's text: sorted, one field a line, so that a change reads well in a diff."""
    architectures: dict[str, Any] = {}
    for architecture, part in sorted(pins.items()):
        packages = {}
        for name, offer in sorted(part.packages.items()):
            record: dict[str, Any] = {
                "version": offer.version,
                "architecture": offer.architecture,
                "size": offer.size,
                "sha256": offer.sha256,
                "filename": offer.filename,
                "suite": offer.suite,
                "depends": offer.depends,
            }
            if offer.provides:
                record["provides"] = offer.provides
            if offer.essential:
                record["essential"] = True
            packages[name] = record
        architectures[architecture] = {
            "releases": dict(sorted(part.releases.items())),
            "requests": sorted(part.requests),
            "packages": packages,
        }
    return json.dumps({"version": VERSION, "architectures": architectures}, indent=1) + "\n"
