"""Users and groups: /etc/passwd, /etc/group, /etc/shadow (passwd(5), group(5), shadow(5))."""

from __future__ import annotations

import re
from typing import Annotated

from micros.lang import REQUIRED, Config, Module, Pattern, Range, Record, check, default, defines, option
from micros.modules.environment import Environment
from micros.modules.system import FileSpec, System
from micros.packages import Package

Id = Annotated[int, Range(0, 4294967294)]

Field = Annotated[str, Pattern(r"[^:\n]*", "text without a colon or a line break")]
"""What fits between the colons of an account file (passwd(5))."""

NAME = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
"""Names of users and groups, as useradd(8) takes them."""

LOCKED = "!"


class User(Record):
    """Somebody who may own files, and log in if a password or key says so."""

    uid: Id = option(default=REQUIRED, doc="User id.")
    gid: Id = option(default=100, doc="Id of the first group.")
    home: Field = option(default="/", doc="Home directory; `/` is none of its own.")
    shell: Field = option(default="/bin/sh", doc="Login shell.")
    description: Field = option(default="", doc="Full name.")
    hashed_password: Field = option(default=LOCKED, doc="Hash as crypt(5) writes it; `!` locks the password.")
    login_without_password: bool = option(
        default=False, doc="Let this user in at a console without any password. Whoever reaches the console owns it."
    )
    packages: list[Package] = option(
        default=[], doc="Packages for this user. One root has one set of files: everybody on the system finds them."
    )


class Group(Record):
    """A group of users."""

    gid: Id = option(default=REQUIRED, doc="Group id.")
    members: list[Field] = option(default=[], doc="Users that belong to it besides those whose first group it is.")


class Accounts(Module):
    """Users and groups."""

    users: dict[str, User] = option(default={}, doc="Users by name.")
    groups: dict[str, Group] = option(default={}, doc="Groups by name.")

    @defines(users)
    def system_users(self, config: Config) -> dict[str, User]:
        """Who owns the system, and who owns nothing."""
        return {
            "root": User(uid=0, gid=default(0), home=default("/root"), description=default("root")),
            "nobody": User(uid=default(65534), gid=default(65534), shell=default("/bin/false")),
        }

    @defines(groups)
    def system_groups(self, config: Config) -> dict[str, Group]:
        """The groups that programs expect."""
        ids = {"root": 0, "tty": 5, "disk": 6, "dialout": 20, "users": 100, "nogroup": 65534}
        return {name: Group(gid=default(number)) for name, number in ids.items()}

    @defines(Environment.system_packages)
    def user_packages(self, config: Config) -> list[Package]:
        """Packages of all users."""
        return [package for user in self.users.values() for package in user.packages]

    @defines(System.files)
    def databases(self, config: Config) -> dict[str, FileSpec]:
        """The account files and the homes."""
        users = sorted(self.users.items(), key=lambda item: item[1].uid)
        groups = sorted(self.groups.items(), key=lambda item: item[1].gid)
        passwd = "".join(f"{n}:x:{u.uid}:{u.gid}:{u.description}:{u.home}:{u.shell}\n" for n, u in users)
        shadow = "".join(f"{name}:{'' if user.login_without_password else user.hashed_password}:::::::\n" for name, user in users)
        group = "".join(f"{name}:x:{group.gid}:{','.join(group.members)}\n" for name, group in groups)
        files = {
            "etc/passwd": FileSpec(text=passwd),
            "etc/group": FileSpec(text=group),
            "etc/shadow": FileSpec(text=shadow, mode="0600"),
        }
        for _, user in users:
            if user.home not in ("/", "/root"):
                files[user.home.strip("/")] = FileSpec(directory=True, mode="0700", uid=user.uid, gid=user.gid)
        return files

    @check
    def names_are_plain(self, config: Config) -> str | None:
        """Names that account files and programs take."""
        bad = [f"users.{name}" for name in self.users if not NAME.fullmatch(name)]
        bad += [f"groups.{name}" for name in self.groups if not NAME.fullmatch(name)]
        if bad:
            return f"{', '.join(bad)}: names begin with a small letter and hold small letters, digits, - and _ (32 at most)"
        return None

    @check
    def ids_are_unique(self, config: Config) -> str | None:
        """No two users share a uid, no two groups a gid."""
        numbers = {
            "uid": [(name, user.uid) for name, user in self.users.items()],
            "gid": [(name, group.gid) for name, group in self.groups.items()],
        }
        for what, pairs in numbers.items():
            found: dict[int, str] = {}
            for name, number in pairs:
                other = found.setdefault(number, name)
                if other != name:
                    return f"{other} and {name} have the same {what} {number}"
        return None

    @check
    def passwords_are_hashes(self, config: Config) -> str | None:
        """A password in plain text would be readable in the image."""
        for name, user in self.users.items():
            word = user.hashed_password
            if not word or (not word.startswith(("$", "!", "*")) and len(word) != 13):
                return (
                    f"users.{name}.hashed_password is no hash as crypt(5) writes it; make one with `openssl passwd -6`, "
                    "or set login_without_password to let everybody in"
                )
        return None
