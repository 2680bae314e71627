"""What must hold of users and groups; everything that is wrong is said at once, each with the lines that say it."""

from __future__ import annotations

import re

from micros.lang import Complaint, Config, Module, check
from micros.modules.environment import Environment
from micros.modules.system import System
from micros.modules.users.accounts import LOCKED, Accounts, User
from micros.packages import without_markers

NAME = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
"""Names of users and groups, as useradd(8) takes them."""


class AccountChecks(Module):
    """Checks of users and groups."""

    @check
    def names_are_plain(self, config: Config) -> list[Complaint]:
        """Names that account files and programs take."""
        accounts = config[Accounts]
        names = [("users", name, user.name) for name, user in accounts.users.items()]
        names += [("groups", name, name) for name in accounts.groups]
        rule = "names begin with a small letter and hold small letters, digits, - and _ (32 at most)"
        return [
            Complaint(f"{what}.{name!r}: {rule}", ((what, name),)) for what, name, called in names if not NAME.fullmatch(called)
        ]

    @check
    def ids_are_unique(self, config: Config) -> list[Complaint]:
        """No two users share a uid, no two groups a gid."""
        accounts = config[Accounts]
        kinds = (
            ("users", "uid", {name: user.uid for name, user in accounts.users.items()}),
            ("groups", "gid", {name: group.gid for name, group in accounts.groups.items()}),
        )
        complaints: list[Complaint] = []
        for what, field, ids in kinds:
            found: dict[int, str] = {}
            for name, number in ids.items():
                other = found.setdefault(number, name)
                if other != name:
                    both = ((what, other, field), (what, name, field))
                    text = f"{what}.{other} and {what}.{name} have the same {field} {number}"
                    complaints.append(Complaint(text, both, f"set the {field} of one of them to another number"))
        return complaints

    @check
    def groups_exist(self, config: Config) -> list[Complaint]:
        """Users name groups that there are, and groups users."""
        accounts = config[Accounts]
        complaints: list[Complaint] = []
        for name, user in accounts.users.items():
            wanted = [(user.group, "group")] if user.group is not None else []
            for group, field in [*wanted, *((group, "extra_groups") for group in user.extra_groups)]:
                if group not in accounts.groups:
                    text = f"users.{name}.{field} names the group {group!r}, which there is not"
                    complaints.append(Complaint(text, (("users", name, field),), f"declare it: groups.{group}.gid"))
            if user.group in accounts.groups and accounts.groups[user.group].gid != user.gid:
                both = (("users", name, "group"), ("users", name, "gid"))
                complaints.append(Complaint(f"users.{name} has the group {user.group} and another gid, {user.gid}", both))
        for name, entry in accounts.groups.items():
            for member in entry.members:
                if member not in accounts.users:
                    text = f"groups.{name}.members names the user {member!r}, which there is not"
                    complaints.append(Complaint(text, (("groups", name, "members"),)))
        return complaints

    @check
    def owners_exist(self, config: Config) -> list[Complaint]:
        """Files are owned by users and groups that there are."""
        accounts = config[Accounts]
        names = {path: ("environment", "etc", name) for name, path, _ in config[Environment].targets}
        complaints: list[Complaint] = []
        for path, file in config[System].files.items():
            here = names.get(path, ("system", "files", path))
            if file.user is not None and file.user not in accounts.users:
                complaints.append(
                    Complaint(f"/{path} is to belong to the user {file.user!r}, which there is not", ((*here, "user"),))
                )
            if file.group is not None and file.group not in accounts.groups:
                text = f"/{path} is to belong to the group {file.group!r}, which there is not"
                complaints.append(Complaint(text, ((*here, "group"),)))
        return complaints

    @check
    def passwords_are_hashes(self, config: Config) -> list[Complaint]:
        """A password in plain text would be readable in the description, an empty one lets everybody in."""
        return [found for name, user in config[Accounts].users.items() for found in _password(name, user)]

    @check
    def shells_are_paths(self, config: Config) -> list[Complaint]:
        """A shell is an absolute path."""
        return [
            Complaint(f"users.{name}.shell is not an absolute path", (("users", name, "shell"),))
            for name, user in config[Accounts].users.items()
            if not re.fullmatch(r"/[^:\n]+", without_markers(user.shell))
        ]


def _password(name: str, user: User) -> list[Complaint]:
    """What is wrong with the secrets of one user."""
    found: list[Complaint] = []
    word = user.hashed_password
    if not word or (not word.startswith(("$", "!", "*")) and len(word) != 13):
        text = f"users.{name}.hashed_password is no hash as crypt(5) writes it"
        hint = "make one with `micros password`, or set login_without_password to let everybody in"
        found.append(Complaint(text, (("users", name, "hashed_password"),), hint))
    if user.password is None:
        return found
    here = (("users", name, "password"),)
    if user.password == "":
        hint = "to let everybody in, set login_without_password"
        found.append(Complaint(f"users.{name}.password is empty", here, hint))
    elif not user.allow_plain_text_password:
        hint = "set hashed_password to what `micros password` prints, or allow_plain_text_password = true if anybody may know it"
        found.append(Complaint(f"users.{name}.password is in plain text", here, hint))
    if word != LOCKED or user.login_without_password:
        other = "hashed_password" if word != LOCKED else "login_without_password"
        found.append(Complaint(f"users.{name} has both a password and {other}", (*here, ("users", name, other))))
    return found
