"""What type checkers must accept and refuse; the lines that must be errors carry an ignore, and unused ones are errors."""

from __future__ import annotations

from typing import Annotated, Literal, assert_type

from micros.lang import Config, Module, Port, Range, Record, defines, evaluate, force, lazy, option, when


class User(Record):
    uid: int = option(default=0)
    groups: list[str] = option(default=[])


class Accounts(Module, at="users"):
    users: dict[str, User] = option(default={})
    shell: Literal["ash", "dash"] = option(default="ash")
    nice: Annotated[int, Range(0, 7)] | None = option(default=None)


class Sshd(Module, at="services.sshd"):
    enable: bool = option(default=False)
    port: Port = option(default=22)

    @defines(Accounts.users["sshd"], when=enable)
    def user(self, config: Config) -> User:
        assert_type(self.port, int)
        assert_type(config[Accounts].users["a"].groups, list[str])
        return User(uid=self.port)

    @defines(Accounts.users)  # type: ignore[arg-type]
    def wrong(self, config: Config) -> list[str]:  # pyright: ignore
        return []


def accepted() -> None:
    Sshd(enable=True, port=force(2222))
    Sshd(port=lazy(lambda config: config[Sshd].port), enable=when(Sshd.enable, True))
    Accounts(users={"ann": User(uid=1000)}, shell="dash", nice=3)
    config = evaluate([Sshd]).config
    assert_type(config[Sshd].port, int)
    assert_type(config[Accounts].users, dict[str, User])


def refused() -> None:
    Sshd(port="x")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Sshd(port=force("x"))  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Sshd(prot=1)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    Accounts(shell="bash")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Accounts(users={"ann": 1})  # type: ignore[dict-item] # pyright: ignore[reportArgumentType]
