"""Keys for Secure Boot, made by openssl of the archive.

PK  the platform's key: its owner's. It decides about KEK
KEK the key exchange key. It decides about db
db  what UEFI programs are signed with

NAME.key   private key, RSA of 2048 bits, PEM            NAME.esl   EFI_SIGNATURE_LIST with the certificate
NAME.crt   certificate, PEM                              NAME.auth  the same, signed by the key above it, for SetVariable
NAME.cer   certificate, DER                              GUID       whose lists these are
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from micros.formats.efi_keys import authenticated, signature_list, to_be_signed
from micros.formats.x509 import Certificate

if TYPE_CHECKING:
    from pathlib import Path

    from micros.debian.tools import Toolbox

SIGNERS = {"PK": "PK", "KEK": "PK", "db": "KEK"}
"""Each key, and the one that vouches for it (UEFI 2.10, 32.3)."""
DAYS = 3650
_CONFIGURATION = "[req]\ndistinguished_name = name\n[name]\n"


def make(toolbox: Toolbox, directory: Path, name: str) -> None:
    """Fill a directory with all keys and what a firmware is given to enrol them. `name` stands in the certificates."""
    owner, now = uuid.uuid4(), datetime.now(UTC)
    (directory / "GUID").write_text(f"{owner}\n")
    for key in SIGNERS:
        certificate = _made(toolbox, directory, key, f"/CN={name} {key}")
        (directory / f"{key}.cer").write_bytes(certificate)
        (directory / f"{key}.esl").write_bytes(signature_list(certificate, owner))
    for key, signer in SIGNERS.items():
        content = (directory / f"{key}.esl").read_bytes()
        signature = _signature(toolbox, directory, signer, to_be_signed(key, content, now))
        (directory / f"{key}.auth").write_bytes(authenticated(content, signature, now))


def _made(toolbox: Toolbox, directory: Path, key: str, subject: str) -> bytes:
    """A new key and its certificate, which is returned as DER."""
    configuration, private, certificate = (directory / name for name in ("openssl.cnf", f"{key}.key", f"{key}.crt"))
    configuration.write_text(_CONFIGURATION)
    argv = ["openssl", "req", "-config", str(configuration), "-new", "-x509", "-sha256", "-days", str(DAYS), "-subj", subject]
    argv += ["-newkey", "rsa:2048", "-noenc", "-keyout", str(private), "-out", str(certificate)]
    argv += ["-addext", "basicConstraints=critical,CA:FALSE", "-addext", "keyUsage=critical,digitalSignature"]
    toolbox.run("openssl", argv, writable=[directory])
    private.chmod(0o600)
    configuration.unlink()
    return Certificate.of(certificate.read_bytes(), str(certificate)).der


def _signature(toolbox: Toolbox, directory: Path, signer: str, data: bytes) -> bytes:
    """The detached signature of data (RFC 2315)."""
    signed = directory / "signed"
    signed.write_bytes(data)
    argv = ["openssl", "cms", "-sign", "-binary", "-noattr", "-md", "sha256", "-outform", "DER", "-in", str(signed)]
    argv += ["-signer", str(directory / f"{signer}.crt"), "-inkey", str(directory / f"{signer}.key")]
    made = toolbox.run("openssl", argv, writable=[directory])
    signed.unlink()
    return made
