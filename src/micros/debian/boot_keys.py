"""Keys for Secure Boot, made by openssl and sbsigntool of the archive.

PK  the platform's key: its owner's. It decides about KEK
KEK the key exchange key. It decides about db
db  what UEFI programs are signed with

NAME.key   private key, RSA of 2048 bits, PEM            NAME.esl   EFI_SIGNATURE_LIST with the certificate
NAME.crt   certificate, PEM                              NAME.auth  the same, signed by the key above it, for SetVariable
NAME.cer   certificate, DER                              GUID       whose lists these are
"""

from __future__ import annotations

import base64
import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from micros.debian.tools import Toolbox

SIGNERS = {"PK": "PK", "KEK": "PK", "db": "KEK"}
"""Each key, and the one that vouches for it (UEFI 2.10, 32.3)."""
DAYS = 3650
_CONFIGURATION = "[req]\ndistinguished_name = name\n[name]\n"
_SIGNING = "digitalSignature"


def make(toolbox: Toolbox, directory: Path, name: str) -> None:
    """Fill a directory with all keys and what a firmware is given to enrol them. `name` stands in the certificates."""
    owner = str(uuid.uuid4())
    (directory / "GUID").write_text(owner + "\n")
    configuration = directory / "openssl.cnf"
    configuration.write_text(_CONFIGURATION)
    for key, signer in SIGNERS.items():
        path = {ending: str(directory / f"{key}.{ending}") for ending in ("key", "crt", "cer", "esl", "auth")}
        argv = ["openssl", "req", "-config", str(configuration), "-new", "-x509", "-sha256", "-days", str(DAYS)]
        argv += ["-newkey", "rsa:2048", "-noenc", "-keyout", path["key"], "-out", path["crt"], "-subj", f"/CN={name} {key}"]
        argv += ["-addext", "basicConstraints=critical,CA:FALSE", "-addext", f"keyUsage=critical,{_SIGNING}"]
        toolbox.run("openssl", argv, writable=[directory])
        (directory / f"{key}.key").chmod(0o600)
        lines = (directory / f"{key}.crt").read_text().splitlines()
        (directory / f"{key}.cer").write_bytes(base64.b64decode("".join(line for line in lines if not line.startswith("-"))))
        argv = ["sbsiglist", "--owner", owner, "--type", "x509", "--output", path["esl"], path["cer"]]
        toolbox.run("sbsigntool", argv, writable=[directory])
        by = [str(directory / f"{signer}.{ending}") for ending in ("key", "crt")]
        argv = ["sbvarsign", "--key", by[0], "--cert", by[1], "--output", path["auth"], key, path["esl"]]
        toolbox.run("sbsigntool", argv, writable=[directory])
    configuration.unlink()
