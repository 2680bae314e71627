"""Secure Boot: the firmware starts only what the owner of the machine has signed (UEFI 2.10, 32)."""

from __future__ import annotations

from micros.lang import Complaint, Config, Module, Source, check, lazy, option

KEYS = "boot.secure_boot.keys"


class SecureBoot(Module, at="boot.secure_boot"):
    """Signatures of what UEFI starts."""

    enable: bool = option(
        default=lazy(lambda config: config[SecureBoot].keys is not None),
        default_text="whether there are keys",
        doc="Sign what UEFI starts: unified kernel images, loaders and kernels on a disk. Without keys that is an error.",
    )
    keys: Source | None = option(
        default=None,
        doc="Directory that `micros keys` has made, with `db.key` and `db.crt`; `~` is the home of who builds. The key is read "
        "while a program is signed, and goes nowhere.",
        example="~/.config/micros/keys/default",
    )

    @check
    def has_keys(self, config: Config) -> Complaint | None:
        """What is to be signed needs a key."""
        if not self.enable or self.keys is not None:
            return None
        hint = f"make keys with `micros keys`, and set {KEYS} to their directory"
        return Complaint("boot.secure_boot.enable: there are no keys to sign with", ("boot.secure_boot.enable",), hint)
