"""Password hashes as crypt(5) writes them: SHA-512 (`$6$`), by Ulrich Drepper's specification of SHA-crypt (2007).

Python's own `crypt` is gone since 3.13.
"""

from __future__ import annotations

import hashlib
import re

_ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
ROUNDS = 5000
"""What a hash without `rounds=` has."""
_SALT = re.compile(r"[./0-9A-Za-z]{1,16}")


def sha512_crypt(password: str, salt: str) -> str:
    """The hash of a password with a salt of 1 to 16 characters of `./0-9A-Za-z`. Raises ValueError for another salt."""
    if not _SALT.fullmatch(salt):
        raise ValueError("a salt has 1 to 16 letters, digits, dots and slashes")
    key, seed = password.encode(), salt.encode()
    inner = hashlib.sha512(key + seed + key).digest()
    first = hashlib.sha512(key + seed + _repeated(inner, len(key)))
    bits = len(key)
    while bits:
        first.update(inner if bits & 1 else key)
        bits >>= 1
    digest = first.digest()
    keys = _repeated(hashlib.sha512(key * len(key)).digest(), len(key))
    salts = _repeated(hashlib.sha512(seed * (16 + digest[0])).digest(), len(seed))
    for number in range(ROUNDS):
        part = keys if number & 1 else digest
        part += salts if number % 3 else b""
        part += keys if number % 7 else b""
        part += digest if number & 1 else keys
        digest = hashlib.sha512(part).digest()
    return f"$6${salt}${_encoded(digest)}"


def _repeated(data: bytes, length: int) -> bytes:
    return (data * (length // len(data) + 1))[:length]


def _encoded(digest: bytes) -> str:
    """The digest in crypt's own order of bytes and alphabet, 6 bits a character, low bits first."""
    text = ""
    a, b, c = 0, 21, 42
    for _ in range(21):
        text += _characters(digest[a] << 16 | digest[b] << 8 | digest[c], 4)
        a, b, c = b + 1, c + 1, a + 1
    return text + _characters(digest[63], 2)


def _characters(value: int, count: int) -> str:
    return "".join(_ALPHABET[value >> 6 * place & 63] for place in range(count))
