"""What everybody on the system finds: packages, files in /etc, links that scripts expect."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from micros.base.capabilities import file_capabilities
from micros.lang import Complaint, Config, Module, Record, Source, check, defines, lazy, option
from micros.modules.system import FileSpec, Install, Mode, System
from micros.packages import Package, pkgs

PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY")
"""Text forms of private keys: RFC 7468 (10, 11), OpenSSL's and OpenSSH's own, OpenPGP's (RFC 9580, 6.2)."""

OUTPUTS = {
    "dev": ["usr/include/*", "usr/*/pkgconfig/*", "usr/*.a", "usr/*.la"],
    "doc": ["usr/share/doc/*", "usr/share/help/*"],
    "info": ["usr/share/info/*"],
    "locale": ["usr/share/locale/*"],
    "man": ["usr/share/man/*"],
}
"""What slimming leaves out of packages, by the names NixOS has for such outputs."""
_IN_USR = ("bin/", "sbin/", "lib/", "libexec/", "share/", "include/")


def os_release_text(name: str) -> str:
    """What a system of this name calls itself (os-release(5))."""
    return f'ID=micros\nNAME=MicrOS\nPRETTY_NAME="MicrOS ({name})"\n'


class EtcFile(Record):
    """One file below /etc."""

    enable: bool = option(default=True, doc="Whether the file is there.")
    text: str = option(default="", doc="Content.")
    source: Source | None = option(
        default=None,
        doc="Content from elsewhere: a file of a package, as `${pkgs.name}/etc/bar` (a link to it, or a copy where `mode` or an "
        "owner is given); a file beside the one that says so, read when the system is built; or, as a text that begins with a "
        "slash, a path of the running system, to which a link is made.",
        example="motd.txt",
    )
    target: str = option(default=lazy(lambda entry: entry.name), default_text="the entry's name", doc="Path below /etc.")
    mode: Mode | Literal["symlink"] | None = option(
        default=None, doc="Permissions, octal digits; 0644 unless said. `symlink` is the same as not set."
    )
    uid: int = option(default=0, doc="Owner.")
    gid: int = option(default=0, doc="Group.")
    user: str | None = option(default=None, doc="Owner by name; it wins over `uid`.", example="mail")
    group: str | None = option(default=None, doc="Group by name; it wins over `gid`.", example="mail")


class Environment(Module, at="environment"):
    """Packages and files for everybody."""

    system_packages: list[Package] = option(default=[], doc="Packages whose programs everybody finds.")
    install: Install = option(
        default="slim",
        doc="`slim` brings what the packages' files need to run, `full` the package manager's own closure.",
    )
    paths_to_link: list[str] = option(
        default=[],
        doc="Directories of packages that a slim system keeps though images usually do without, below /usr as NixOS writes "
        "them (`/share/man`) or in full.",
        example=["/share/man"],
    )
    extra_outputs_to_install: list[Literal["dev", "doc", "info", "locale", "man"]] = option(
        default=[], doc="What a slim system keeps of its packages besides what they need to run."
    )
    etc: dict[str, EtcFile] = option(default={}, doc="Files below /etc, by path; they win over a package's.")
    binsh: str | None = option(default="busybox", doc="What /bin/sh is: a path, or a program beside it.")
    usrbinenv: str | None = option(
        default="busybox", doc="What /usr/bin/env is: a path, or a program beside it; none leaves it out."
    )
    shell: Package = option(default=pkgs.busybox, doc="The package that brings the shell and the everyday tools.")

    @property
    def kept_files(self) -> list[str]:
        """Globs of what slimming leaves in."""
        found = [glob for name in self.extra_outputs_to_install for glob in OUTPUTS[name]]
        for path in self.paths_to_link:
            plain = path.strip("/") + "/"
            found.append(f"usr/{plain}*" if plain.startswith(_IN_USR) else f"{plain}*")
        return sorted(found)

    @property
    def targets(self) -> Iterator[tuple[str, str, EtcFile]]:
        """Name, path below / and record of every enabled file of /etc."""
        return ((name, "etc/" + file.target, file) for name, file in self.etc.items() if file.enable)

    @defines(System.files)
    def etc_files(self, config: Config) -> dict[str, FileSpec]:
        """The declared files of /etc."""
        return {
            path: FileSpec(
                text=file.text,
                source=file.source,
                mode=None if file.mode == "symlink" else file.mode,
                uid=file.uid,
                gid=file.gid,
                user=file.user,
                group=file.group,
            )
            for _, path, file in self.targets
        }

    @defines(System.files)
    def skeleton(self, config: Config) -> dict[str, FileSpec]:
        """The directories and links every system has (Filesystem Hierarchy Standard 3.0, merged /usr)."""
        plain = ("dev", "home", "mnt", "proc", "run", "sys", "usr/bin", "usr/sbin", "usr/lib", "var/log", "var/lib")
        files = {name: FileSpec(directory=True) for name in plain}
        files |= {name: FileSpec(link=f"usr/{name}") for name in ("bin", "sbin", "lib", "lib64")}
        files |= {
            "root": FileSpec(directory=True, mode="0700"),
            "tmp": FileSpec(directory=True, mode="1777"),
            "usr/lib64": FileSpec(directory=True),
            "var/tmp": FileSpec(directory=True, mode="1777"),
            "var/run": FileSpec(link="/run"),
            "var/lock": FileSpec(link="/run/lock"),
            "etc/mtab": FileSpec(link="/proc/self/mounts"),
        }
        return files

    @defines(etc["os-release"])
    def os_release(self, config: Config) -> EtcFile:
        """Which system this is (os-release(5))."""
        return EtcFile(text=os_release_text(config[System].name))

    @defines(System.files)
    def links(self, config: Config) -> dict[str, FileSpec]:
        """/bin/sh and /usr/bin/env."""
        env = FileSpec(absent=True) if self.usrbinenv is None else FileSpec(link=self.usrbinenv)
        return {"usr/bin/sh": FileSpec(link=self.binsh), "usr/bin/env": env}

    @check
    def shell_is_there(self, config: Config) -> Complaint | None:
        """What MicrOS itself runs is scripts of /bin/sh."""
        if self.binsh is not None:
            return None
        return Complaint("environment.binsh is none, but the system's own scripts need /bin/sh", ("environment.binsh",))

    @check
    def etc_names_are_plain(self, config: Config) -> list[Complaint]:
        """A name is a path below /etc, and no two files have one path."""
        found: dict[str, str] = {}
        complaints: list[Complaint] = []
        for name, path, _ in self.targets:
            here = ("environment", "etc", name)
            if path.startswith("etc//"):
                hint = f"leave the slash out: environment.etc.{path[5:]!r}"
                complaints.append(
                    Complaint(f"environment.etc.{name!r} is a path below /etc and begins with a slash", (here,), hint)
                )
            elif not set(path.split("/")).isdisjoint(("", ".", "..")):
                complaints.append(Complaint(f"environment.etc.{name!r} is no plain path below /etc", (here,)))
            elif (other := found.setdefault(path, name)) != name:
                both = (("environment", "etc", other), here)
                complaints.append(Complaint(f"environment.etc.{other!r} and {name!r} are both /{path}", both))
        return complaints

    @check
    def files_have_one_content(self, config: Config) -> list[Complaint]:
        """A file is a text or comes from elsewhere."""
        return [
            Complaint(f"environment.etc.{name!r} has both a text and a source", (("environment", "etc", name, "source"),))
            for name, _, file in self.targets
            if file.text and file.source is not None
        ]

    @check
    def capabilities_exist(self, config: Config) -> list[Complaint]:
        """Capabilities are as setcap(8) takes them."""
        complaints: list[Complaint] = []
        for path, file in config[System].files.items():
            try:
                file_capabilities(file.capabilities)
            except ValueError as problem:
                complaints.append(Complaint(f"the capabilities of /{path}: {problem}", (("system", "files", path),)))
        return complaints

    @check
    def no_private_keys(self, config: Config) -> list[Complaint]:
        """A private key in the image, or in the store on its way there, is known to all who read either."""
        names = {path: name for name, path, _ in self.targets}
        return [
            Complaint(
                f"/{path} holds a private key, which everybody who has the image could read",
                (("environment", "etc", names[path]) if path in names else ("system", "files", path),),
                "bring it to the running system",
            )
            for path, file in config[System].files.items()
            if PRIVATE_KEY.search(file.text)
        ]


class SystemPath(Module, at="system"):
    """The packages of the system, as NixOS names them."""

    path: list[Package] = option(
        default=lazy(lambda config: [config[Environment].shell, *config[Environment].system_packages]),
        default_text="the shell's package and environment.system_packages",
        doc="Every package that the system asks for, for reading: set environment.system_packages instead.",
        read_only=True,
    )
