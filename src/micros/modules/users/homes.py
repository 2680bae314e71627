"""Home directories, made at activation where the image has none and their place can be written."""

from __future__ import annotations

import shlex

from micros.lang import Config, Module, defines
from micros.modules.activation import Activation, ActivationScript
from micros.modules.system import FileSpec, System
from micros.modules.users.accounts import Accounts, home_of

# The new directory gets its name when it is complete, so that a cut leaves no half of one.
MAKE_HOME = """\
home() {
    [ ! -e "$1" ] || return 0
    mkdir -p "${1%/*}" 2>/dev/null && [ -w "${1%/*}" ] || return 0
    rm -rf "$1.new"
    mkdir -m 0700 "$1.new"
    cp -a /etc/skel/. "$1.new"
    chown -R "$2" "$1.new"
    chmod "$3" "$1.new"
    mv "$1.new" "$1"
}
"""


class Homes(Module):
    """Home directories on file systems that can be written."""

    @defines(System.files)
    def skeleton(self, config: Config) -> dict[str, FileSpec]:
        """What a new home starts with: what `environment.etc."skel/..."` says."""
        return {"etc/skel": FileSpec(directory=True)}

    @defines(Activation.activation_scripts["homes"])
    def make(self, config: Config) -> ActivationScript:
        """Make what is missing."""
        users = sorted(config[Accounts].users.items())
        lines = [
            f"home {shlex.quote(home.rstrip('/'))} {user.uid}:{user.gid} {user.home_mode}\n"
            for _, user in users
            if (home := home_of(user))
        ]
        return ActivationScript(text=MAKE_HOME + "".join(lines) if lines else "", deps=["mounts"])
