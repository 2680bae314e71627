"""PAM: who may log in, decided by modules that are configured for each program (pam(8)).

Off by default: busybox's login reads /etc/shadow itself and needs none of this.
"""

from __future__ import annotations

from typing import Literal

from micros.lang import Complaint, Config, Lines, Module, Record, check, default, defines, option
from micros.modules.environment import Environment, EtcFile
from micros.modules.security.wrappers import Wrappers
from micros.packages import Package, pkgs

LOGIN = """\
auth     requisite pam_nologin.so
auth     required  pam_unix.so nullok
account  required  pam_unix.so
password required  pam_unix.so sha512 nullok
session  required  pam_env.so
session  required  pam_unix.so
"""
"""An account without a password has one only where `login_without_password` says so, hence `nullok` lets nobody else in."""

OTHER = """\
auth     required pam_deny.so
account  required pam_deny.so
password required pam_deny.so
session  required pam_deny.so
"""


class PamService(Record):
    """How one program asks."""

    enable: bool = option(default=True, doc="Whether the file is there.")
    text: Lines = option(default=LOGIN, doc="Its file in /etc/pam.d (pam.d(5)).")


class Pam(Module, at="security.pam"):
    """Pluggable authentication."""

    enable: bool = option(default=False, doc="Log in through PAM, with the `login` program that uses it (1.5 MB).")
    login_text: Lines = option(default=LOGIN, doc="What /etc/pam.d/login says.")
    services: dict[str, PamService] = option(default={}, doc="Files of /etc/pam.d by program.", example={"sshd": {}})

    @defines(services["login"], when=enable)
    def login(self, config: Config) -> PamService:
        """The console's."""
        return PamService(text=default(self.login_text))

    @defines(Environment.system_packages, when=enable)
    def packages(self, config: Config) -> list[Package]:
        """login, the modules and what they start."""
        return [pkgs.login, pkgs.libpam_modules]

    @defines(Wrappers.privileged_files, when=enable)
    def helpers(self, config: Config) -> dict[str, Literal["keep", "strip"]]:
        """unix_chkpwd checks passwords for programs of users, by reading /etc/shadow; only root's programs ask here."""
        return {"usr/sbin/unix_chkpwd": default("strip")}

    @defines(Environment.etc, when=enable)
    def files(self, config: Config) -> dict[str, EtcFile]:
        """/etc/pam.d; a program without a file of its own is refused."""
        files = {f"pam.d/{name}": EtcFile(text=service.text) for name, service in self.services.items() if service.enable}
        etc = {"pam.d/other": EtcFile(text=default(OTHER)), "login.defs": EtcFile(text="ENV_PATH PATH=/usr/bin\nFAIL_DELAY 3\n")}
        return {**etc, "security/pam_env.conf": EtcFile(text=""), **files}

    @check
    def login_text_is_used(self, config: Config) -> Complaint | None:
        """A text for login without PAM would be silently ignored."""
        if self.enable or self.login_text == LOGIN:
            return None
        return Complaint(
            "security.pam.login_text means nothing without PAM", ("security.pam.login_text",), "set security.pam.enable"
        )
