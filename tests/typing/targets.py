"""Targets: what a method may define, and what it must return."""

from __future__ import annotations

from typing import Literal

from micros.lang import Config, Module, defines, lazy, option
from tests.typing.modules import Accounts, Address, Sshd, User


class Good(Module, at="good"):
    enable: bool = option(default=False)
    ports: list[int] = option(default=[])

    @defines(ports)
    def own(self, config: Config) -> list[int]:
        return [1]

    @defines(Sshd.port, when=enable, priority=50)
    def scalar(self, config: Config) -> int:
        return 22

    @defines(Sshd.mode)
    def literal(self, config: Config) -> Literal["key", "password"]:
        return "key"

    @defines(Sshd.limit, when=lazy(lambda config: config[Sshd].enable))
    def optional(self, config: Config) -> int | None:
        return None

    @defines(Accounts.users)
    def mapping(self, config: Config) -> dict[str, User]:
        return {"ann": User(uid=1)}

    @defines(Accounts.users["ann"])
    def entry(self, config: Config) -> User:
        return User(uid=1)

    @defines(Accounts.users["ann"].groups, order=500)
    def field(self, config: Config) -> list[str]:
        return ["wheel"]

    @defines(Accounts.users["ann"].address)
    def record(self, config: Config) -> Address:
        return Address(ip="::1")


class Bad(Module, at="bad"):
    text: str = option(default="")

    @defines(Accounts.users)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    def list_for_mapping(self, config: Config) -> list[User]:
        return []

    @defines(Accounts.users["ann"])  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    def number_for_record(self, config: Config) -> int:
        return 1

    @defines(Sshd.port)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    def text_for_number(self, config: Config) -> str:
        return "22"

    @defines(text)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    def number_for_text(self, config: Config) -> int:
        return 22

    @defines(Accounts.users["ann"].groups)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    def number_for_list(self, config: Config) -> int:
        return 1

    @defines(Accounts.users[1])  # type: ignore[index] # pyright: ignore[reportArgumentType]
    def key_of_the_wrong_kind(self, config: Config) -> User:
        return User(uid=1)

    @defines(Accounts.users["ann"].sehll)  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]
    def field_that_is_not_there(self, config: Config) -> str:
        return ""

    @defines(Sshd.prot)  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]
    def option_that_is_not_there(self, config: Config) -> str:
        return ""

    @defines(Sshd.port)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    def without_config(self) -> int:
        return 1

    @defines(Sshd.mode)
    def not_one_of_the_words(self, config: Config) -> Literal["key", "password"]:
        return "keys"  # type: ignore[return-value] # pyright: ignore[reportReturnType]

    @defines(Accounts.users)
    def wrong_value_inside(self, config: Config) -> dict[str, User]:
        return {"ann": 1}  # type: ignore[dict-item] # pyright: ignore[reportReturnType]
