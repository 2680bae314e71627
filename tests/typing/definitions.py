"""Definitions: what a call of a module may give."""

from __future__ import annotations

from tests.typing.modules import Accounts, Address, Sshd, User


def accepted() -> None:
    Sshd()
    Sshd(enable=True, port=2222, mode="password", limit=None, weight=0.5, banner="hello")
    Sshd(limit=3)
    Accounts(users={"ann": User(uid=1000, groups=["wheel"])}, admins=[User(uid=1)], first=User(uid=2))
    Accounts(first=None, note="a line", name="ann", extra={"any": [1, "thing"]})
    User(address=Address(ip="10.0.0.1", prefix=8))
    # A definition may be partial: whether a required option has a value is known when all definitions are.
    User(groups=[])
    Address(prefix=8)


def refused() -> None:
    Sshd(enable=1)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Sshd(port="22")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Sshd(mode="keys")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Sshd(limit="3")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Sshd(weight="heavy")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Sshd(prot=22)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    Sshd(True)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    Accounts(users=[User(uid=1)])  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Accounts(users={"ann": 1000})  # type: ignore[dict-item] # pyright: ignore[reportArgumentType]
    Accounts(users={1: User(uid=1)})  # type: ignore[dict-item] # pyright: ignore[reportArgumentType]
    Accounts(admins=[Address(ip="::1")])  # type: ignore[list-item] # pyright: ignore[reportArgumentType]
    Accounts(note=["a", "b"])  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
