"""Capabilities of Linux (capabilities(7)), and those of a file as the kernel keeps them."""

from __future__ import annotations

import re
import struct

CAPABILITIES = (
    "chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap",
    "linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner",
    "sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice",
    "sys_resource", "sys_time", "sys_tty_config", "mknod", "lease", "audit_write", "audit_control", "setfcap",
    "mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf",
    "checkpoint_restore",
)  # fmt: skip
"""By number (include/uapi/linux/capability.h), without `cap_`."""

XATTR = "security.capability"
_REVISION_2 = 0x02000000
_EFFECTIVE = 0x000001
_CLAUSE = re.compile(r"([a-z_,]+)([+=])([eip]+)")


def file_capabilities(text: str) -> bytes:
    """The value of `security.capability` for a text as setcap(8) takes it: `cap_net_raw,cap_net_admin+ep`, clauses
    separated by spaces.

    struct vfs_cap_data, revision 2, little-endian: magic and flag, then permitted and inheritable sets, low word first.
    Raises ValueError, which says what is wrong, for anything else.
    """
    permitted = inheritable = effective = 0
    for clause in text.split():
        found = _CLAUSE.fullmatch(clause.lower())
        if found is None:
            raise ValueError(f"{clause!r} is not like `cap_net_raw+ep`")
        bits = 0
        for name in found[1].split(","):
            plain = name.removeprefix("cap_")
            if plain not in CAPABILITIES:
                raise ValueError(f"there is no capability {name!r}")
            bits |= 1 << CAPABILITIES.index(plain)
        permitted |= bits if "p" in found[3] else 0
        inheritable |= bits if "i" in found[3] else 0
        effective |= bits if "e" in found[3] else 0
    if effective & ~(permitted | inheritable) or (effective and effective != permitted | inheritable):
        raise ValueError("a file's effective flag is for all its capabilities or for none")
    words = (permitted & 0xFFFFFFFF, inheritable & 0xFFFFFFFF, permitted >> 32, inheritable >> 32)
    return struct.pack("<5I", _REVISION_2 | (_EFFECTIVE if effective else 0), *words)
