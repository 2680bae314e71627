"""What shells set up for everybody: /etc/profile for login shells, /etc/shinit for interactive ones."""

from __future__ import annotations

import shlex

from micros.lang import Complaint, Config, Lines, Module, check, defines, option
from micros.modules.environment import Environment, EtcFile
from micros.modules.security.wrappers import Wrappers

Variable = str | int | list[str] | None
"""The value of a variable of the environment: elements of a list are joined by colons; none leaves the variable out."""

PROFILE = """\
# Read by login shells. Made from environment.*; lasting changes belong there.
{lines}"""

INTERACTIVE = """\
# Read by interactive shells, which find it by $ENV.
{lines}"""


def exported(variables: dict[str, Variable]) -> list[str]:
    """Lines that export variables. A `$NAME` in a value is replaced by the shell."""
    lines = []
    for name, value in sorted(variables.items()):
        if value is None:
            continue
        text = ":".join(value) if isinstance(value, list) else str(value)
        escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("`", "\\`")
        lines.append(f'export {name}="{escaped}"')
    return lines


class Shells(Module, at="environment"):
    """The surroundings of shells."""

    variables: dict[str, Variable] = option(
        default={}, doc="Variables that login shells export; `$HOME` and the like are replaced.", example={"EDITOR": "vi"}
    )
    session_variables: dict[str, Variable] = option(
        default={}, doc="Variables of a login session: exported by login shells, and in /etc/environment for PAM."
    )
    profiles: list[str] = option(
        default=["/usr"], doc="Directories whose `bin` and `sbin` are searched for programs, in order.", example=["/opt", "/usr"]
    )
    profile_relative_env_vars: dict[str, list[str]] = option(
        default={},
        doc="Variables whose elements are paths below each profile.",
        example={"MANPATH": ["/share/man"]},
        aliases=["environment.profileRelativeSessionVariables"],
    )
    shell_init: Lines = option(default="", doc="Shell code that every login shell runs.")
    login_shell_init: Lines = option(default="", doc="The same, after `shell_init`.")
    extra_init: Lines = option(default="", doc="Shell code that login shells run after variables are set.")
    interactive_shell_init: Lines = option(default="", doc="Shell code that every interactive shell runs.")
    shell_aliases: dict[str, str | None] = option(default={}, doc="Aliases of interactive shells.", example={"ll": "ls -l"})

    @property
    def path(self) -> list[str]:
        """Where shells look for programs."""
        return [f"{profile.rstrip('/')}/{part}" for profile in self.profiles for part in ("sbin", "bin")]

    @defines(Environment.etc)
    def files(self, config: Config) -> dict[str, EtcFile]:
        """What shells read."""
        wrappers = [config[Wrappers].wrapper_dir] if config[Wrappers].wrappers else []
        path = [*wrappers, *self.path, *(["/sbin", "/bin"] if "/usr" in self.profiles else [])]
        relative = {
            name: [profile.rstrip("/") + suffix for profile in self.profiles for suffix in suffixes]
            for name, suffixes in self.profile_relative_env_vars.items()
        }
        lines = [f"export PATH={shlex.quote(':'.join(path))}", "export ENV=/etc/shinit"]
        lines += exported({**relative, **self.session_variables, **self.variables})
        lines += [text for text in (self.extra_init, self.shell_init, self.login_shell_init) if text]
        shown = {name: text for name, text in sorted(self.shell_aliases.items()) if text is not None}
        interactive = [f"alias {name}={shlex.quote(text)}" for name, text in shown.items()]
        interactive += [self.interactive_shell_init] if self.interactive_shell_init else []
        session = [line.removeprefix("export ") for line in exported(self.session_variables)]
        files = {
            "profile": EtcFile(text=PROFILE.format(lines=_joined(lines))),
            "shinit": EtcFile(text=INTERACTIVE.format(lines=_joined(interactive))),
        }
        return files | ({"environment": EtcFile(text=_joined(session))} if session else {})

    @check
    def names_are_plain(self, config: Config) -> list[Complaint]:
        """Names of variables and aliases are such that a shell takes them."""
        groups = ("variables", "session_variables", "profile_relative_env_vars")
        bad = [(group, name) for group in groups for name in getattr(self, group) if not (name.isidentifier() and name.isascii())]
        bad += [("shell_aliases", name) for name in self.shell_aliases if not name or set(name) & set(" \t\n='\"$`\\;&|<>()")]
        return [
            Complaint(f"environment.{group}: {name!r} is no name a shell takes", (("environment", group, name),))
            for group, name in bad
        ]


def _joined(parts: list[str]) -> str:
    return "".join(part.rstrip("\n") + "\n" for part in parts)
