"""Programs that run with more rights than whoever starts them: setuid, setgid and capabilities, each one declared.

A wrapper is a copy of the program's file with a mode, an owner and capabilities of its own, in a read-only directory of the
image; no other file of an image is setuid or setgid, and a package that brings one is an error until something is said
about it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from micros.base.capabilities import file_capabilities
from micros.lang import REQUIRED, Complaint, Config, Module, Pattern, Record, Source, check, defines, lazy, option
from micros.modules.activation import Activation, ActivationScript
from micros.modules.system import FileSpec, System

DIRECTORY = "usr/lib/micros/wrappers"
"""Where wrappers lie in the image."""
_VOLATILE = ("/run/", "/tmp/", "/var/")


class Wrapper(Record):
    """One program with more rights."""

    enable: bool = option(default=True, doc="Whether the wrapper is there.")
    source: Source = option(
        default=REQUIRED,
        doc="The program: a file of a package, or a path of the system, such as an applet of busybox.",
        example="${pkgs.iputils_ping}/usr/bin/ping",
    )
    program: Annotated[str, Pattern(r"[^/\n ]+", "name of a program")] = option(
        default=lazy(lambda entry: entry.name), default_text="the entry's name", doc="What the wrapper is called."
    )
    owner: str = option(default="root", doc="Owner of the file, by name.")
    group: str = option(default="root", doc="Group of the file, by name.")
    permissions: Annotated[
        str, Pattern(r"(u[=+][rwxs]+|g[=+][rwxs]*|o[=+][rwx]*|,)+|[0-7]{3}", "permissions, such as u+rx,g+x")
    ] = option(default="u+rx,g+x,o+x", doc="Who may read and start it, as chmod(1) takes them.")
    setuid: bool = option(default=False, doc="Run as the owner.")
    setgid: bool = option(default=False, doc="Run with the group.")
    capabilities: str = option(
        default="",
        doc="What the program may do, as setcap(8) takes it; `,` may stand between clauses as NixOS has it.",
        example="cap_net_raw+ep",
    )


class Wrappers(Module, at="security"):
    """Programs with more rights."""

    wrappers: dict[str, Wrapper] = option(default={}, doc="Wrappers by name.")
    wrapper_dir: Annotated[str, Pattern(r"/[^\n:]+", "absolute path")] = option(
        default="/run/wrappers/bin",
        doc="Where wrappers are found: a link to /usr/lib/micros/wrappers, first in everybody's PATH.",
    )
    privileged_files: dict[str, Literal["keep", "strip"]] = option(
        default={},
        doc="What happens to setuid and setgid files of packages, by glob of their path below /: `strip` takes the bits away, "
        "`keep` leaves them. A file about which nothing is said is an error.",
        example={"usr/bin/mount": "strip"},
    )

    @defines(System.files)
    def files(self, config: Config) -> dict[str, FileSpec]:
        """The wrappers themselves, and the link where it can be part of the image."""
        wrappers = [wrapper for wrapper in self.wrappers.values() if wrapper.enable]
        if not wrappers:
            return {}
        files = {f"{DIRECTORY}/{wrapper.program}": _file(wrapper) for wrapper in wrappers}
        if not f"{self.wrapper_dir}/".startswith(_VOLATILE):
            files[self.wrapper_dir.strip("/")] = FileSpec(link=f"/{DIRECTORY}")
        return files

    @defines(Activation.activation_scripts["wrappers"])
    def link(self, config: Config) -> ActivationScript:
        """The link where the directory is made at every boot."""
        path = self.wrapper_dir.rstrip("/")
        if not self.wrappers or not f"{path}/".startswith(_VOLATILE):
            return ActivationScript()
        return ActivationScript(text=f"mkdir -p {path.rpartition('/')[0]}\nln -sfn /{DIRECTORY} {path}", deps=["mounts"])

    @check
    def wrappers_make_sense(self, config: Config) -> list[Complaint]:
        """A wrapper gives some right, capabilities exist, owners are users, and no two have one name."""
        complaints: list[Complaint] = []
        names: dict[str, str] = {}
        for name, wrapper in self.wrappers.items():
            here = ("security", "wrappers", name)
            if not wrapper.enable:
                continue
            if (other := names.setdefault(wrapper.program, name)) != name:
                text = f"security.wrappers.{other} and {name} are both called {wrapper.program}"
                complaints.append(Complaint(text, (("security", "wrappers", other), here)))
            if wrapper.setuid and wrapper.capabilities:
                text = f"security.wrappers.{name} is setuid and has capabilities: root has all of them"
                complaints.append(Complaint(text, ((*here, "setuid"), (*here, "capabilities")), "say one of the two"))
            try:
                file_capabilities(_clauses(wrapper.capabilities))
            except ValueError as problem:
                complaints.append(Complaint(f"security.wrappers.{name}.capabilities: {problem}", ((*here, "capabilities"),)))
        return complaints


def _clauses(text: str) -> str:
    """Capabilities as setcap(8) takes them; NixOS also writes `cap_a+ep,cap_b+ep`."""
    words = text.replace(" ", ",").split(",")
    clauses: list[str] = []
    for word in words:
        if clauses and "+" not in clauses[-1] and "=" not in clauses[-1]:
            clauses[-1] += f",{word}"
        elif word:
            clauses.append(word)
    return " ".join(clauses)


def _file(wrapper: Wrapper) -> FileSpec:
    mode = _mode(wrapper.permissions) | (0o4000 if wrapper.setuid else 0) | (0o2000 if wrapper.setgid else 0)
    return FileSpec(
        source=wrapper.source,
        copied=True,
        mode=f"{mode:04o}",
        user=wrapper.owner,
        group=wrapper.group,
        capabilities=_clauses(wrapper.capabilities),
    )


def _mode(text: str) -> int:
    """Permissions of `u+rx,g+x,o+x`; a wrapper starts from none."""
    if text.isdigit():
        return int(text, 8)
    mode = 0
    for clause in text.split(","):
        who, letters = clause[:1], clause[2:]
        bits = sum({"r": 4, "w": 2, "x": 1}.get(letter, 0) for letter in set(letters))
        mode |= bits << {"u": 6, "g": 3, "o": 0}[who]
    return mode
