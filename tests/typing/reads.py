"""Reads: `config[Module].option` and `self.option` have the types that are declared."""

from __future__ import annotations

from typing import Any, Literal, assert_type

from micros.lang import Config, Module, defines, evaluate, lazy, option
from tests.typing.modules import Accounts, Sshd, User


class Reader(Module, at="reader"):
    text: str = option(default="")
    numbers: list[int] = option(default=[])

    @defines(text)
    def read(self, config: Config) -> str:
        assert_type(self.text, str)
        assert_type(self.numbers, list[int])
        assert_type(config[Sshd], Sshd)
        assert_type(config[Sshd].enable, bool)
        assert_type(config[Sshd].port, int)
        assert_type(config[Sshd].mode, Literal["key", "password"])
        assert_type(config[Sshd].limit, int | None)
        assert_type(config[Accounts].users, dict[str, User])
        assert_type(config[Accounts].users["ann"].groups, list[str])
        assert_type(config[Accounts].users["ann"].address.prefix, int)
        assert_type(config[Accounts].first, User | None)
        assert_type(config[Accounts].note, str)
        assert_type(config.services.sshd.port, Any)
        return config[Accounts].name


def accepted() -> None:
    config = evaluate([Sshd]).config
    assert_type(config[Sshd].port, int)
    assert_type(config.get("services.sshd.port"), Any)
    Sshd(port=lazy(lambda config: config[Sshd].port + 1))


def refused(config: Config) -> None:
    config[Sshd].prot  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]
    config[Accounts].users["ann"].sehll  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]
    config[Accounts].users.ann  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]
    config[Accounts].first.uid  # type: ignore[union-attr] # pyright: ignore[reportOptionalMemberAccess]
    _number: int = config[Sshd].limit  # type: ignore[assignment] # pyright: ignore[reportAssignmentType]
    _text: str = config[Sshd].port  # type: ignore[assignment] # pyright: ignore[reportAssignmentType]
