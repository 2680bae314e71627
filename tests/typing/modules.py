"""The modules that the other files of this folder check."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from micros.lang import REQUIRED, Config, Lines, Module, Pattern, Port, Range, Record, check, defines, option, warns


class Address(Record):
    ip: str = option(default=REQUIRED)
    prefix: Annotated[int, Range(0, 32)] = option(default=24)


class User(Record):
    uid: int = option(default=REQUIRED)
    groups: list[str] = option(default=[])
    address: Address = option(default=Address(ip="::1"))
    shell: Literal["ash", "dash"] = option(default="ash")


class Accounts(Module, at="users"):
    users: dict[str, User] = option(default={})
    admins: list[User] = option(default=[])
    first: User | None = option(default=None)
    note: Lines = option(default="")
    name: Annotated[str, Pattern("[a-z]+")] = option(default="a")
    extra: dict[str, Any] = option(default={})


class Sshd(Module, at="services.sshd"):
    enable: bool = option(default=False)
    port: Port = option(default=22)
    mode: Literal["key", "password"] = option(default="key")
    limit: int | None = option(default=None)
    weight: float = option(default=1.0)
    banner: str = option(default=REQUIRED)

    @check
    def sane(self, config: Config) -> str | None:
        return "port 0" if self.port == 0 else None

    @warns
    def low(self, config: Config) -> list[str]:
        return ["low"] if self.port < 10 else []

    @defines(Accounts.note, when=enable)
    def noted(self, config: Config) -> str:
        return f"port {self.port}"
