"""Users and groups: /etc/passwd, /etc/group, /etc/shadow (passwd(5), group(5), shadow(5))."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any

from micros.base.crypt import sha512_crypt
from micros.lang import Config, Module, Pattern, Range, Record, default, defines, lazy, option
from micros.modules.environment import Environment, EtcFile
from micros.modules.system import FileSpec, Mode, System
from micros.modules.users.ids import SYSTEM_IDS
from micros.modules.users.keys import AuthorizedKey
from micros.packages import Package, without_markers

Id = Annotated[int, Range(0, 4294967294)]

Field = Annotated[str, Pattern(r"[^:\n]*", "text without a colon or a line break")]
"""What fits between the colons of an account file (passwd(5))."""

LOCKED = "!"
USERS_GROUP = 100
_SYSTEM_FIRST, _SYSTEM_COUNT = 400, 500
_NORMAL_FIRST, _NORMAL_COUNT = 1000, 28000


def assigned_id(name: str, *, is_system: bool) -> int:
    """The id of a user or group that says none: fixed for its name, so that its files stay its own when others come or go.

    400 to 899 for those of services, 1000 to 28999 for people; two names may meet, which is an error then.
    """
    if name in SYSTEM_IDS:
        return SYSTEM_IDS[name]
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    return _SYSTEM_FIRST + number % _SYSTEM_COUNT if is_system else _NORMAL_FIRST + number % _NORMAL_COUNT


def _first_group(entry: Any) -> int:
    """The gid of the named first group; 100 where none is named, or there is none of that name, which a check reports."""
    group = entry[Accounts].groups.get(entry.group) if entry.group is not None else None
    return USERS_GROUP if group is None else int(group.gid)


class User(Record):
    """Somebody who may own files, and log in if a password or key says so."""

    name: str = option(
        default=lazy(lambda entry: entry.entry_name), default_text="the entry's name", doc="What the user is called."
    )
    uid: Id = option(
        default=lazy(lambda entry: assigned_id(entry.name, is_system=entry.is_system_user)),
        default_text="made from the name",
        doc="User id. One that is not set stays the same as long as the name does.",
    )
    gid: Id = option(default=lazy(_first_group), default_text="that of `group`, else 100 (users)", doc="Id of the first group.")
    group: Field | None = option(default=None, doc="Name of the first group.", example="users")
    extra_groups: list[Field] = option(default=[], doc="Names of other groups the user belongs to.", example=["dialout"])
    is_system_user: bool = option(default=False, doc="Whether it is a service's user: one that is not set gets a uid below 1000.")
    is_normal_user: bool = option(default=False, doc="Whether it is a person's: with a home below /home unless one is set.")
    home: Field = option(
        default=lazy(lambda entry: f"/home/{entry.name}" if entry.is_normal_user else "/"),
        default_text="`/home/<name>` of normal users, else `/`",
        doc="Home directory; `/` is none of its own.",
    )
    create_home: bool = option(default=True, doc="Make the home directory, with what is in /etc/skel.")
    home_mode: Mode = option(default="0700", doc="Permissions of the home directory, octal digits.")
    shell: str = option(default="/bin/sh", doc="Login shell; `${pkgs.bash}/bin/bash` brings its package.")
    description: Field = option(default="", doc="Full name.")
    hashed_password: Field = option(
        default=LOCKED, doc="Hash as crypt(5) writes it, such as `micros password` makes; `!` locks the password."
    )
    password: str | None = option(
        default=None, doc="Password in plain text: whoever reads the description knows it. Wants `allow_plain_text_password`."
    )
    allow_plain_text_password: bool = option(default=False, doc="Say that `password` may be readable in the description.")
    login_without_password: bool = option(
        default=False, doc="Let this user in at a console without any password. Whoever reaches the console owns it."
    )
    authorized_keys: list[AuthorizedKey] = option(
        default=[],
        doc="Public keys that let this user in over SSH.",
        aliases=["openssh.authorizedKeys.keys"],
    )
    packages: list[Package] = option(
        default=[], doc="Packages for this user. One root has one set of files: everybody on the system finds them."
    )


class Group(Record):
    """A group of users."""

    gid: Id = option(
        default=lazy(lambda entry: assigned_id(entry.name, is_system=True)), default_text="made from the name", doc="Group id."
    )
    members: list[Field] = option(default=[], doc="Users that belong to it besides those whose first group it is.")


class Accounts(Module):
    """Users and groups."""

    users: dict[str, User] = option(
        default={},
        doc="Users by name. `users.users.<name>` and `users.groups.<name>`, as NixOS writes them, are taken too.",
        entries={"users": "users", "groups": "groups"},
    )
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
        """The groups that programs expect, with the ids Debian gives them (base-passwd)."""
        ids = {
            "root": 0, "tty": 5, "disk": 6, "kmem": 15, "dialout": 20, "cdrom": 24, "audio": 29, "shadow": 42, "video": 44,
            "users": USERS_GROUP, "nogroup": 65534,
        }  # fmt: skip
        return {name: Group(gid=default(number)) for name, number in ids.items()}

    @defines(Environment.system_packages)
    def user_packages(self, config: Config) -> list[Package]:
        """Packages of all users."""
        return [package for user in self.users.values() for package in user.packages]

    def members_of(self, group: str) -> list[str]:
        """What the users are called that belong to a group besides those whose first group it is."""
        listed = self.groups[group].members
        return sorted(user.name for name, user in self.users.items() if name in listed or group in user.extra_groups)

    @defines(System.files)
    def databases(self, config: Config) -> dict[str, FileSpec]:
        """The account files and the homes that the image has."""
        users = sorted(self.users.items(), key=lambda item: item[1].uid)
        groups = sorted(self.groups.items(), key=lambda item: item[1].gid)
        passwd = "".join(f"{u.name}:x:{u.uid}:{u.gid}:{u.description}:{u.home}:{u.shell}\n" for _, u in users)
        shadow = "".join(f"{user.name}:{secret_of(user)}:::::::\n" for _, user in users)
        group = "".join(f"{name}:x:{group.gid}:{','.join(self.members_of(name))}\n" for name, group in groups)
        homes = {
            home.strip("/"): FileSpec(directory=True, mode=user.home_mode, uid=user.uid, gid=user.gid)
            for _, user in users
            if (home := home_of(user))
        }
        return {
            "etc/passwd": FileSpec(text=passwd),
            "etc/group": FileSpec(text=group),
            "etc/shadow": FileSpec(text=shadow, mode="0600"),
            **homes,
        }

    @defines(Environment.etc)
    def shells(self, config: Config) -> dict[str, EtcFile]:
        """Which login shells there are (shells(5))."""
        found = {without_markers(user.shell) for user in self.users.values()} - {"/bin/false", "/bin/true", "/sbin/nologin"}
        return {"shells": EtcFile(text="".join(f"{shell}\n" for shell in sorted({"/bin/sh", *found})))}


def home_of(user: User) -> str:
    """The home directory if it is to be made, else nothing."""
    return user.home if user.create_home and user.home.rstrip("/") not in ("", "/root", "/var/empty") else ""


def secret_of(user: User) -> str:
    """A user's field in /etc/shadow."""
    if user.login_without_password:
        return ""
    if user.password is not None and user.allow_plain_text_password:
        # A salt that is the same in every build: the password can be read beside it anyway.
        return sha512_crypt(user.password, hashlib.sha256(f"micros {user.name}".encode()).hexdigest()[:16])
    # To OpenSSH `!` locks the whole account; to `*` no password fits, but keys do.
    return "*" if user.hashed_password == LOCKED and user.authorized_keys else user.hashed_password


def login_shells(users: Mapping[str, User]) -> dict[str, str]:
    """The path of every user's shell, and which option names it."""
    return {without_markers(user.shell): f"users.{name}.shell" for name, user in users.items()}
