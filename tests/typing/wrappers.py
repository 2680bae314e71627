"""Wrappers keep the type of what they wrap."""

from __future__ import annotations

from typing import assert_type

from micros.lang import after, before, default, force, lazy, merge, order, override, when
from tests.typing.modules import Accounts, Sshd, User


def accepted() -> None:
    assert_type(force(22), int)
    assert_type(default("a"), str)
    assert_type(override(10, [1]), list[int])
    assert_type(order(500, ["a"]), list[str])
    assert_type(before(User(uid=1)), User)
    assert_type(after(1.5), float)
    assert_type(when(True, 22), int)
    assert_type(merge([1], [2]), list[int])
    assert_type(lazy(lambda config: 22), int)
    Sshd(port=force(2222), enable=when(Sshd.enable, True), mode=default("password"))
    Sshd(port=when(lazy(lambda config: config[Sshd].enable), force(2222)), limit=lazy(lambda config: None))
    Accounts(users={"ann": when(Sshd.enable, User(uid=default(1000), groups=after(["wheel"])))})
    Accounts(admins=merge([User(uid=1)], before([User(uid=2)])), note=order(10, "first"))


def refused() -> None:
    Sshd(port=force("22"))  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Sshd(port=default(None))  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Sshd(port=override(10, "22"))  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Sshd(port=when(True, "22"))  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Sshd(port=lazy(lambda config: "22"))  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Sshd(port=before("22"))  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Sshd(port=after("22"))  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Sshd(port=order(10, "22"))  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Sshd(port=merge(22, "23"))  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Sshd(mode=force("keys"))  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Sshd(port=override("10", 22))  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Sshd(port=force())  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    Accounts(users={"ann": force(1)})  # type: ignore[dict-item] # pyright: ignore[reportArgumentType]
    Accounts(admins=force([1]))  # type: ignore[list-item] # pyright: ignore[reportArgumentType]
