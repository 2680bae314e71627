"""Certificates as UEFI keeps them, and as it is given them to keep (UEFI 2.10, 32.4.1 and 8.2.2).

EFI_SIGNATURE_LIST             kind GUID | u32 size, 0, size of an entry | owner GUID | certificate, DER
EFI_VARIABLE_AUTHENTICATION_2  EFI_TIME | u32 size without time and list, u16 0x0200, 0x0ef1 | PKCS #7's GUID | SignedData | list
what is signed                 name, UTF-16 | vendor GUID | u32 attributes | EFI_TIME | list
"""

from __future__ import annotations

import struct
import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

_X509 = uuid.UUID("a5c059a1-94e4-4aa7-87b5-ab155c2bf072")
_PKCS7 = uuid.UUID("4aafd29d-68df-49ee-8aa9-347d375665a7")
_GLOBAL = uuid.UUID("8be4df61-93ca-11d2-aa0d-00e098032b8c")
_IMAGE_SECURITY = uuid.UUID("d719b2cb-3d3a-4596-a3bc-dad00e67656f")
_VENDORS = {"PK": _GLOBAL, "KEK": _GLOBAL, "db": _IMAGE_SECURITY}
_ATTRIBUTES = 0x27
"""Kept, there while booting and later, written only with a signature and its time."""
_REVISION, _WIN_CERT_TYPE_EFI_GUID = 0x0200, 0x0EF1
_HEAD_BYTES = 24
"""Of a WIN_CERTIFICATE_UEFI_GUID."""
_CONTENT_INFO_BYTES = 4 + 11 + 4
"""Around a SignedData of 256 bytes to 64 KiB (RFC 2315, 7): a sequence, the identifier of what it is, [0]."""


def signature_list(certificate: bytes, owner: uuid.UUID) -> bytes:
    """The list of one certificate, which is DER."""
    entry = owner.bytes_le + certificate
    return _X509.bytes_le + struct.pack("<III", _HEAD_BYTES + 4 + len(entry), 0, len(entry)) + entry


def to_be_signed(variable: str, content: bytes, at: datetime) -> bytes:
    """What the signature of a new value of PK, KEK or db is of; `at` is in UTC, and later than that of the value before."""
    return variable.encode("utf-16-le") + _VENDORS[variable].bytes_le + struct.pack("<I", _ATTRIBUTES) + _efi_time(at) + content


def authenticated(content: bytes, content_info: bytes, at: datetime) -> bytes:
    """The new value with its signature, a ContentInfo of PKCS #7 as openssl writes it; UEFI wants what is in there."""
    signed_data = content_info[_CONTENT_INFO_BYTES:]
    head = struct.pack("<IHH", _HEAD_BYTES + len(signed_data), _REVISION, _WIN_CERT_TYPE_EFI_GUID) + _PKCS7.bytes_le
    return _efi_time(at) + head + signed_data + content


def _efi_time(at: datetime) -> bytes:
    """With what 8.2.2 wants to be zero."""
    return struct.pack("<HBBBBBxIhBx", at.year, at.month, at.day, at.hour, at.minute, at.second, 0, 0, 0)
