"""Declarations: what an option's default may be, and what a class may not do."""

from __future__ import annotations

from typing import Any, assert_type

from micros.lang import REQUIRED, Config, Module, Record, check, lazy, option
from tests.typing.modules import Sshd, User


class Good(Module, at="good", imports=[Sshd]):
    number: int = option(default=1, doc="A number.", example=2, aliases=["old.number"], read_only=True, internal=True)
    required: int = option(default=REQUIRED)
    computed: int = option(default=lazy(lambda config: config[Sshd].port), default_text="the port", visible=False)
    user: User = option(default=User(uid=1))
    users: dict[str, User] = option(default={})
    maybe: User | None = option(default=None)
    mapped: int = option(default=1, apply=lambda value: value + 1)


class EveryCall(Record):
    """Without `default` the checkers ask for the option in every call: for records that are never given in parts."""

    name: str = option()
    size: int = option(default=1)


def every_call() -> None:
    EveryCall(name="a")
    EveryCall(size=2)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]


class Bad(Record):
    text_for_number: int = option(default="1")  # type: ignore[assignment] # pyright: ignore[reportAssignmentType]
    none_for_record: User = option(default=None)  # type: ignore[assignment] # pyright: ignore[reportAssignmentType]
    number_in_list: list[str] = option(default=[1])  # type: ignore[list-item] # pyright: ignore[reportAssignmentType]
    computed: int = option(default=lazy(lambda config: ""))  # type: ignore[assignment] # pyright: ignore[reportAssignmentType]
    misspelled: int = option(defautl=1)  # type: ignore[call-overload] # pyright: ignore[reportCallIssue]
    positional: int = option(1)  # type: ignore[call-overload] # pyright: ignore[reportCallIssue]

    @check  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    def says_a_number(self, config: Config) -> int:
        return 1


def required_options_read_as_declared(config: Config, entry: Any) -> None:
    assert_type(config[Good].required, int)
    assert_type(config[EveryCall].name, str)
    assert_type(config[Good].mapped, int)
    assert_type(entry, Any)
