"""Release files: who signed, for which suite, how old, and the digests of the indices they vouch for.

Format: the repository format description of Debian, "Release files"; InRelease is a message in the clear-text signature
framework (RFC 9580, section 7). Only the text that the verifier gives back is ever parsed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING

from micros.base.digest import Digest, digest_of
from micros.base.errors import Kind, MicrosError, error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pysequoia import Cert

KEYS = Path(__file__).parent / "keys"
CLOCK_SLACK_SECONDS = 24 * 3600
_BEFORE_FIRST_RELEASE = 1754697600
"""No clock that is right shows a time before Debian 13 came out (2025-08-09)."""


@dataclass(frozen=True, slots=True)
class Release:
    """A verified release file."""

    suite: str
    """The suite as we asked for it: `trixie`, `trixie-security`."""
    digest: Digest
    date: int
    """Seconds since 1970."""
    valid_until: int | None
    architectures: tuple[str, ...]
    files: Mapping[str, tuple[Digest, int]]
    """SHA-256 and size in bytes by path below `dists/<suite>/`."""
    signers: tuple[str, ...]
    """Fingerprints of the trusted certificates whose signature is valid."""


def verify(data: bytes, suite: str, *, url: str, keyring: Path = KEYS, accept_expired: bool = False) -> Release:
    """The release in an InRelease file, if the archive signed it, for this suite, and it is neither stale nor ahead.

    Raises errors of kinds `bad-signature`, `clock`, `wrong-suite`, `expired`, `weak-hash`, `bad-index`.
    """
    now = time.time()
    if now < _BEFORE_FIRST_RELEASE:  # asked first: to such a clock no signature is valid yet
        raise _clock(now, "which is before the archive's first release file")
    text, signers = _verified(data, url, keyring)
    fields, sections = _paragraph(text)
    if suite not in (fields.get("Codename"), fields.get("Suite")):
        found = f"{fields.get('Codename')} ({fields.get('Suite')})"
        raise error(Kind.WRONG_SUITE, f"{url} is of the suite {found}, not {suite}",
                    hint="the mirror mixes suites up: choose another with --mirror")  # fmt: skip
    date = _seconds(fields, "Date", url)
    if date > now + CLOCK_SLACK_SECONDS:
        raise _clock(now, f"{url} was made on {fields['Date']}")
    until = _seconds(fields, "Valid-Until", url) if "Valid-Until" in fields else None
    if until is not None and until < now and not accept_expired:
        raise error(Kind.EXPIRED, f"the release of {suite} was valid until {fields['Valid-Until']}", notes=[url],
                    hint="the mirror is behind: choose another with --mirror, or accept it with --accept-expired")  # fmt: skip
    if "SHA256" not in sections:
        raise error(Kind.WEAK_HASH, f"{url} has no SHA-256 digests", notes=[f"it has {', '.join(sorted(sections))}"])
    return Release(
        suite, digest_of(data), date, until, tuple(fields.get("Architectures", "").split()), sections["SHA256"], signers
    )


def _clock(now: float, why: str) -> MicrosError:
    day = time.strftime("%Y-%m-%d", time.gmtime(now))
    return error(Kind.CLOCK, f"this machine's clock says {day}, {why}", hint="set the clock right")


def _certificates(keyring: Path) -> list[Cert]:
    from pysequoia import Cert

    files = sorted(keyring.glob("*.gpg")) if keyring.is_dir() else [keyring]
    try:
        found = [certificate for file in files for certificate in Cert.split_bytes(file.read_bytes())]
    except (OSError, RuntimeError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else str(problem).partition("\n")[0]
        raise error(Kind.BAD_FILE, f"the keyring {keyring} cannot be used: {reason}") from None
    if not found:
        raise error(Kind.BAD_FILE, f"the keyring {keyring} holds no certificate", hint="a file, or a directory of *.gpg files")
    return found


def _expired(certificate: Cert) -> bool:
    return certificate.expiration is not None and certificate.expiration.timestamp() < time.time()


def _counts(certificate: Cert) -> bool:
    """Whether what a certificate signs may be believed today."""
    return not certificate.is_revoked and not _expired(certificate)


def _described(certificate: Cert) -> str:
    """A certificate's fingerprint, and why it counts no more."""
    if certificate.is_revoked:
        return f"{certificate.fingerprint} (revoked)"
    if _expired(certificate):
        return f"{certificate.fingerprint} (expired {certificate.expiration:%Y-%m-%d})"
    return str(certificate.fingerprint)


def _verified(data: bytes, url: str, keyring: Path) -> tuple[str, tuple[str, ...]]:
    """The signed text, and the trusted fingerprints that signed it."""
    from pysequoia import verify as verify_message

    certificates = _certificates(keyring)
    if all(_expired(certificate) for certificate in certificates):
        raise _clock(time.time(), f"when all certificates of {keyring} have expired")
    asked: list[str] = []

    def lookup(ids: list[str]) -> list[Cert]:
        asked.extend(ids)
        return certificates

    def refused(reason: str) -> MicrosError:
        notes = [url, f"keys it names: {', '.join(asked) or 'none'}"]
        notes.append(f"trusted, by {keyring}: {', '.join(map(_described, certificates))}")
        return error(Kind.BAD_SIGNATURE, f"the release file has no valid signature of the archive: {reason}", notes=notes,
                     hint="do not use this mirror; say --mirror for another")  # fmt: skip

    try:
        message = verify_message(data, lookup)
    except RuntimeError as problem:
        raise refused(str(problem).partition("\n")[0]) from None
    # A signature counts for the verifier if its key was good when it was made; whoever has an old key can say when that was.
    trusted = {certificate.fingerprint for certificate in certificates if _counts(certificate)}
    signers = tuple(sorted(sig.certificate for sig in message.valid_sigs if sig.certificate in trusted))
    if not signers or message.bytes is None:
        raise refused("those who signed are not trusted, or not any more")
    return bytes(message.bytes).decode("utf-8", "replace"), signers


def _paragraph(text: str) -> tuple[dict[str, str], dict[str, dict[str, tuple[Digest, int]]]]:
    """Plain fields, and the digest lists by algorithm."""
    fields: dict[str, str] = {}
    sections: dict[str, dict[str, tuple[Digest, int]]] = {}
    name = ""
    for line in text.splitlines():
        if line.startswith(" ") and name in sections:
            words = line.split()
            if len(words) == 3 and words[1].isdigit():
                sections[name][words[2]] = (Digest(words[0]), int(words[1]))
        elif ":" in line:
            name, _, value = line.partition(":")
            fields[name] = value.strip()
            if name in ("MD5Sum", "SHA1", "SHA256", "SHA512"):
                sections[name] = {}
    return fields, sections


def _seconds(fields: dict[str, str], name: str, url: str) -> int:
    try:
        return int(parsedate_to_datetime(fields[name]).timestamp())
    except (KeyError, ValueError, TypeError):
        raise error(Kind.BAD_INDEX, f"{url} has no readable {name}") from None
