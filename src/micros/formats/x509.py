"""What a signer must know of an RSA key and its certificate: whether they belong together, and when the certificate holds.

Only read here, never verified (RFC 5280, 4.1; RFC 5208, 5; RFC 8017, A.1; PEM as RFC 7468 has it).
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from micros.base.errors import Kind, error

_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----\s(.*?)-----END \1-----", re.DOTALL)
_INTEGER, _UTC_TIME = 0x02, 0x17
_VERSION = 0xA0
_RSA = bytes.fromhex("2a864886f70d010101")
"""rsaEncryption (RFC 8017, A.1)."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate of an RSA key."""

    der: bytes
    modulus: int
    begins: datetime
    ends: datetime

    @classmethod
    def of(cls, data: bytes, name: str) -> Certificate:
        """Of PEM. Raises an error of kind `bad-key` that says `name` for what is no certificate of an RSA key."""
        _, der = _first(data, name, "CERTIFICATE")
        try:
            fields = _parts(_parts(_parts(der)[0][1])[0][1])
            fields = fields[1:] if fields[0][0] == _VERSION else fields
            begins, ends = (_time(*one) for one in _parts(fields[3][1]))
            modulus = _public_modulus(fields[5][1])
        except (IndexError, ValueError):
            raise error(Kind.BAD_KEY, f"{name} holds no certificate of an RSA key") from None
        return cls(der, modulus, begins, ends)


def key_modulus(data: bytes, name: str) -> int:
    """The modulus of a private RSA key in PEM. Raises errors of kind `bad-key`; nothing of the key is in them."""
    kind, der = _first(data, name, "PRIVATE KEY")
    if kind == "ENCRYPTED PRIVATE KEY" or b"Proc-Type: 4,ENCRYPTED" in data:
        hint = "decrypt it into a file that only you can read: openssl pkey -in FILE -out db.key"
        raise error(Kind.BAD_KEY, f"{name} is encrypted, and nobody is asked for its password while a system is built", hint=hint)
    try:
        if kind == "PRIVATE KEY":
            _, algorithm, (_, der), *_ = _parts(_parts(der)[0][1])
            _must_be_rsa(algorithm[1])
        elif kind != "RSA PRIVATE KEY":
            raise ValueError
        return _integer(*_parts(_parts(der)[0][1])[1])
    except (IndexError, ValueError):
        raise error(Kind.BAD_KEY, f"{name} holds no private RSA key, and UEFI knows no others") from None


def _first(data: bytes, name: str, ending: str) -> tuple[str, bytes]:
    """The label and content of the first PEM block whose label ends so."""
    for label, text in _PEM.findall(data):
        if label.decode().endswith(ending):
            body = text.rpartition(b"\n\n")[2]  # after the headers that old encrypted keys have
            try:
                return label.decode(), base64.b64decode(b"".join(body.split()), validate=True)
            except binascii.Error:
                break
    raise error(Kind.BAD_KEY, f"{name} holds no {ending.lower()} in PEM")


def _parts(data: bytes) -> list[tuple[int, bytes]]:
    """Tags and contents of DER values side by side (X.690, 8.1). Raises ValueError or IndexError for what is none."""
    found = []
    while data:
        tag, length, at = data[0], data[1], 2
        if length & 0x80:
            at += length & 0x7F
            length = int.from_bytes(data[2:at])
        if at + length > len(data):
            raise ValueError
        found.append((tag, data[at : at + length]))
        data = data[at + length :]
    return found


def _integer(tag: int, content: bytes) -> int:
    if tag != _INTEGER:
        raise ValueError
    return int.from_bytes(content)


def _must_be_rsa(algorithm: bytes) -> None:
    if _parts(algorithm)[0][1] != _RSA:
        raise ValueError


def _public_modulus(content: bytes) -> int:
    (_, algorithm), (_, bits) = _parts(content)
    _must_be_rsa(algorithm)
    return _integer(*_parts(_parts(bits[1:])[0][1])[0])


def _time(tag: int, content: bytes) -> datetime:
    """A time of a certificate (RFC 5280, 4.1.2.5): two digits of a year mean 1950 to 2049."""
    text = content.decode("ascii")
    if tag == _UTC_TIME:
        text = ("19" if text >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
