"""What everybody on the system finds: packages, files in /etc, the shell's surroundings."""

from __future__ import annotations

import re

from micros.lang import Config, Lines, Module, Record, check, defines, option
from micros.modules.system import FileSpec, Install, System
from micros.packages import Package, pkgs

_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY")
"""Text forms of private keys: RFC 7468 (10, 11), OpenSSL's and OpenSSH's own, OpenPGP's (RFC 9580, 6.2)."""


class EtcFile(Record):
    """One file below /etc."""

    enable: bool = option(default=True, doc="Whether the file is there.")
    text: str = option(default="", doc="Content.")
    mode: str = option(default="0644", doc="Permissions, octal digits.")
    uid: int = option(default=0, doc="Owner.")
    gid: int = option(default=0, doc="Group.")


class Environment(Module, at="environment"):
    """Packages and files for everybody."""

    system_packages: list[Package] = option(default=[], doc="Packages whose programs everybody finds.")
    install: Install = option(
        default="slim",
        doc="`slim` brings what the packages' files need to run, `full` the package manager's own closure.",
    )
    etc: dict[str, EtcFile] = option(default={}, doc="Files below /etc, by path; they win over a package's.")
    shell_init: Lines = option(default="", doc="Shell code that every login shell runs.")
    binsh: str = option(default="busybox", doc="What /bin/sh is: a path, or a program beside it.")
    shell: Package = option(default=pkgs.busybox, doc="The package that brings the shell and the everyday tools.")

    @defines(System.files)
    def etc_files(self, config: Config) -> dict[str, FileSpec]:
        """The declared files of /etc."""
        return {
            f"etc/{name}": FileSpec(text=file.text, mode=file.mode, uid=file.uid, gid=file.gid)
            for name, file in self.etc.items()
            if file.enable
        }

    @defines(System.files)
    def skeleton(self, config: Config) -> dict[str, FileSpec]:
        """The directories and links every system has (Filesystem Hierarchy Standard 3.0, merged /usr)."""
        files = {
            name: FileSpec(directory=True, mode="0755")
            for name in (
                "dev",
                "home",
                "mnt",
                "proc",
                "run",
                "sys",
                "usr/bin",
                "usr/sbin",
                "usr/lib",
                "var/log",
                "var/lib",
            )
        }
        files |= {name: FileSpec(link=f"usr/{name}") for name in ("bin", "sbin", "lib", "lib64")}
        files |= {
            "root": FileSpec(directory=True, mode="0700"),
            "tmp": FileSpec(directory=True, mode="1777"),
            "usr/lib64": FileSpec(directory=True, mode="0755"),
            "var/tmp": FileSpec(directory=True, mode="1777"),
            "var/run": FileSpec(link="/run"),
            "var/lock": FileSpec(link="/run/lock"),
            "etc/mtab": FileSpec(link="/proc/self/mounts"),
        }
        return files

    @defines(etc)
    def texts(self, config: Config) -> dict[str, EtcFile]:
        """What programs expect to find."""
        profile = "export PATH=/usr/sbin:/usr/bin:/sbin:/bin\n" + self.shell_init
        return {
            "profile": EtcFile(text=profile.rstrip("\n") + "\n"),
            "shells": EtcFile(text="/bin/sh\n"),
            "os-release": EtcFile(text=f'ID=micros\nNAME=MicrOS\nPRETTY_NAME="MicrOS ({config[System].name})"\n'),
        }

    @defines(System.files)
    def shell_link(self, config: Config) -> dict[str, FileSpec]:
        """/bin/sh."""
        return {"usr/bin/sh": FileSpec(link=self.binsh)}

    @check
    def modes_are_octal(self, config: Config) -> str | None:
        """Every mode is octal digits."""
        bad = [path for path, file in config[System].files.items() if set(file.mode) - set("01234567") or not file.mode]
        return f"the mode of {', '.join('/' + path for path in bad)} is not octal digits" if bad else None

    @check
    def no_private_keys(self, config: Config) -> str | None:
        """A private key in the image, or in the store on its way there, is known to all who read either."""
        bad = [path for path, file in config[System].files.items() if _PRIVATE_KEY.search(file.text)]
        if not bad:
            return None
        names = ", ".join(f"/{path}" for path in bad)
        return f"{names} holds a private key, which everybody who has the image could read; bring it to the running system"
