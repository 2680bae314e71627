"""The system as a whole: its name, its architecture, and every file that modules write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from micros.lang import Config, Module, Pattern, Record, option
from micros.lang import check as assertion
from micros.machine import MACHINES, host_machine


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


class FileSpec(Record):
    """One entry of the root file system that is not a package's."""

    text: str = option(default="", doc="Content of a regular file.")
    link: str | None = option(default=None, doc="Target: makes a symbolic link instead of a file.")
    directory: bool = option(default=False, doc="Make a directory instead of a file.")
    mode: str = option(default="0644", doc="Permissions, octal digits.", example="0755")
    uid: int = option(default=0, doc="Owner.")
    gid: int = option(default=0, doc="Group.")


class System(Module, at="system"):
    """The system as a whole."""

    name: str = option(default="micros", doc="Name of the system, in boot messages and file names.")
    files: dict[str, FileSpec] = option(
        default={}, doc="Every entry modules add to the root file system, by path below /.", internal=True
    )
    state_version: str = option(default="1", doc="Layout of data that outlives an update.")

    @assertion
    def paths_are_plain(self, config: Config) -> str | None:
        """A path must stay below the root."""
        bad = [path for path in self.files if path.startswith("/") or ".." in path.split("/") or not path]
        return f"system.files: {', '.join(map(repr, bad))} must be paths below /, without a leading slash" if bad else None


_MACHINES = "|".join({name: None for machine in MACHINES for name in (machine.system, machine.name, machine.debian)})
MachineName = Annotated[str, Pattern(_MACHINES, f"machine: {', '.join(machine.system for machine in MACHINES)}")]


class Platform(Module, at="platform"):
    """Which machine the system is for, and which builds it."""

    host: MachineName = option(
        default=host_machine().system,
        default_text="the machine that builds",
        doc="The machine the system runs on.",
        aliases=["nixpkgs.hostPlatform.system"],
        example="armv7l-linux",
    )
    build: MachineName = option(
        default=host_machine().system,
        default_text="the machine that builds",
        doc="The machine that builds it. Nothing of the target runs there.",
        aliases=["nixpkgs.buildPlatform.system"],
    )


Install = Literal["slim", "full"]
