"""Texts: any, of a form, or joined from several definitions."""

# ruff: noqa: ARG002 - methods of types take what any type may need
from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from micros.base.errors import Kind, error
from micros.lang.types.base import Scalar, Type, add_check, is_str

if TYPE_CHECKING:
    from collections.abc import Callable

    from micros.lang.evaluation import Evaluation
    from micros.lang.merging import Def
    from micros.lang.values import Loc

STR = Scalar("str", "string", is_str)
NON_EMPTY_STR = Scalar("nonEmptyStr", "non-empty string", lambda value: is_str(value) and bool(value.strip()))


class Matching(Type):
    """Texts that match a regular expression (`re`) as a whole.

    Raises an error of kind `bad-declaration` where the expression is none.
    """

    def __init__(self, pattern: str, description: str = "") -> None:
        super().__init__()
        self.name = f"strMatching {pattern}"
        self.description = description or f"string matching the pattern {pattern}"
        try:
            self._match = re.compile(pattern).fullmatch
        except re.error as problem:
            raise error(Kind.BAD_DECLARATION, f"the pattern {pattern} is no regular expression: {problem}") from None

    def accepts(self, value: Any) -> bool:
        """Whether a value, as far as its outside tells, is of this type."""
        return is_str(value) and self._match(value) is not None


class SingleLine(Type):
    """A text of one line; one newline at the end is dropped."""

    name, description = "singleLineStr", "(optionally newline-terminated) single-line string"

    def accepts(self, value: Any) -> bool:
        """Whether a value, as far as its outside tells, is of this type."""
        return is_str(value) and not set("\n\r") & set(value.removesuffix("\n"))

    def combine(self, ev: Evaluation, loc: Loc, defs: list[Def]) -> Any:
        """One value of computed, valid definitions."""
        return str(super().combine(ev, loc, defs)).removesuffix("\n")


class Separated(Type):
    """Texts joined by a separator."""

    immediate = True

    def __init__(self, separator: str) -> None:
        super().__init__()
        self.separator = separator
        self.function: Callable[[str], Any] | None = None
        """What the joined text goes through."""
        self.name = f"separatedString {separator!r}"
        shown = json.dumps(separator, ensure_ascii=False)
        self.description = f"strings concatenated with {shown}" if separator else "Concatenated string"

    def accepts(self, value: Any) -> bool:
        """Whether a value, as far as its outside tells, is of this type."""
        return is_str(value)

    def combine(self, ev: Evaluation, loc: Loc, defs: list[Def]) -> Any:
        """One value of computed, valid definitions."""
        text = self.separator.join(definition.value for definition in defs)
        return text if self.function is None or "${" not in text else self.function(text)


LINES, COMMAS, ENV_VAR = Separated("\n"), Separated(","), Separated(":")


def passwd_entry(kind: Type) -> Type:
    """The type, without what would end a field or a line of `/etc/passwd` (passwd(5))."""
    result = add_check(kind, _one_field)
    result.name = "passwdEntry" if kind is STR else f"passwdEntry {kind.name}"
    result.description = f"{kind.description}, not containing newlines or colons"
    result.phrase = "clause"
    return result


def _one_field(text: str) -> bool:
    return not {":", "\n"} & set(text)


PASSWD_ENTRY = passwd_entry(STR)
