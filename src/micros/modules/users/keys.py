"""Public keys that may log in over SSH, as a line of `authorized_keys` holds one (sshd(8), AUTHORIZED_KEYS FILE FORMAT)."""

from __future__ import annotations

from typing import Annotated

from micros.lang import Pattern

_OPTIONS = r'(?:[A-Za-z][\w@.-]*(?:="(?:[^"\n\\]|\\.)*")?(?:,[A-Za-z][\w@.-]*(?:="(?:[^"\n\\]|\\.)*")?)* +)?'
"""What a key is restricted to, in front of it."""

# A key names its type twice: in clear, and at the start of its base64 (RFC 4253, 6.6; RFC 5656, 3.1; RFC 8709, 4).
_TYPES = (
    r"ssh-ed25519 +AAAAC3NzaC1lZDI1NTE5AAAAI[A-Za-z0-9+/]{43}",
    r"ecdsa-sha2-nistp256 +AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABB[A-Za-z0-9+/]{87}=",
    r"ecdsa-sha2-nistp384 +AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABh[A-Za-z0-9+/]{130}==",
    r"ecdsa-sha2-nistp521 +AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1MjEAAACF[A-Za-z0-9+/]{176,178}={0,2}",
    r"ssh-rsa +AAAAB3NzaC1yc2E[A-Za-z0-9+/]{256,}={0,2}",
    r"sk-ssh-ed25519@openssh\.com +AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29t[A-Za-z0-9+/]{50,}={0,2}",
    r"sk-ecdsa-sha2-nistp256@openssh\.com +AAAAInNrLWVjZHNhLXNoYTItbmlzdHAyNTZAb3BlbnNzaC5jb20[A-Za-z0-9+/]{100,}={0,2}",
)

AuthorizedKey = Annotated[
    str,
    Pattern(f"{_OPTIONS}(?:{'|'.join(_TYPES)})(?: [^\\n]*)?", "public key of SSH: its type, the key in base64, and a comment"),
]
"""One key: RSA has 1536 bits at least."""
