"""The system as a whole: its name, its architecture, and every file that modules write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from micros.lang import Complaint, Config, Module, Pattern, Record, Source, option
from micros.lang import check as assertion
from micros.machine import MACHINES, host_machine, machine_named


@dataclass(frozen=True)
class Artefact:
    """Something that can be built: the value of an option below `system.build`.

    `plan` is `module:function`, which gives the steps that make its files (see `micros.plan.artefacts`); `parameters` are
    what that function is told, as plain data.
    """

    plan: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"artefact of {self.plan}"


Mode = Annotated[str, Pattern(r"[0-7]{3,4}", "three or four octal digits")]
"""Permissions, as chmod(1) takes them."""


class FileSpec(Record):
    """One entry of the root file system that is not a package's."""

    text: str = option(default="", doc="Content of a regular file.")
    source: Source | None = option(
        default=None,
        doc="Content from elsewhere: a file of a package (`${pkgs.name}/path`: a link to it, or a copy where a mode or an owner "
        "is given), or a file beside the one that says so, read when the system is built.",
    )
    copied: bool = option(default=False, doc="Whether a `source` on the system itself is copied, never linked to.", internal=True)
    link: str | None = option(default=None, doc="Target: makes a symbolic link instead of a file.")
    directory: bool = option(default=False, doc="Make a directory instead of a file.")
    absent: bool = option(default=False, doc="Leave out what a package has there.")
    mode: Mode | None = option(
        default=None, doc="Permissions, octal digits; of a file 0644, of a directory 0755.", example="0755"
    )
    uid: int = option(default=0, doc="Owner.")
    gid: int = option(default=0, doc="Group.")
    user: str | None = option(default=None, doc="Owner by name; it wins over `uid`.")
    group: str | None = option(default=None, doc="Group by name; it wins over `gid`.")
    capabilities: str = option(
        default="", doc="What the program may do whoever starts it, as setcap(8) takes it.", example="cap_net_raw+ep"
    )


class System(Module, at="system"):
    """The system as a whole."""

    name: str = option(default="micros", doc="Name of the system, in boot messages and file names.")
    files: dict[str, FileSpec] = option(
        default={},
        doc="Every entry of the root file system that is no package's, by path below /; what belongs below /etc is better said "
        "in `environment.etc`.",
    )
    state_version: str = option(default="1", doc="Layout of data that outlives an update.")

    @assertion
    def paths_are_plain(self, config: Config) -> list[Complaint]:
        """A path must stay below the root."""
        return [
            Complaint(f"system.files.{path!r} must be a path below /, without a leading slash", (("system", "files", path),))
            for path in self.files
            if not path.startswith("etc//") and not {"", ".", ".."}.isdisjoint(path.split("/"))
        ]


_MACHINES = "|".join({name: None for machine in MACHINES for name in (machine.system, machine.name, machine.debian)})
MachineName = Annotated[str, Pattern(_MACHINES, f"machine: {', '.join(machine.system for machine in MACHINES)}")]


class Platform(Module, at="platform"):
    """Which machine the system is for, and which builds it."""

    host: MachineName = option(
        default=host_machine().system,
        default_text="the machine that builds",
        doc="The machine the system runs on.",
        example="armv7l-linux",
    )
    build: MachineName = option(
        default=host_machine().system,
        default_text="the machine that builds",
        doc="The machine that builds it, which is the one that `micros` runs on. Nothing of the target runs there.",
    )

    @assertion
    def builds_here(self, config: Config) -> list[Complaint]:
        """No other machine is asked to build."""
        here = host_machine()
        if machine_named(self.build) == here:
            return []
        text = f"platform.build is {self.build!r}, but this machine builds, which is {here.system!r}"
        return [Complaint(text, ("platform.build", "nixpkgs.build_platform"), "leave it out")]


Install = Literal["slim", "full"]
