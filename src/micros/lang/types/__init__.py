"""Types of options that stand for themselves: what a value must be, how definitions merge, how it is called.

A type that is declared twice for one option merges with the other declaration (`unite`): ranges intersect and added
checks are kept. Types made of other types are in `micros.lang.containers`, those that hold modules in `micros.lang.records`.
"""

from __future__ import annotations

from micros.lang.types.atoms import BOOL, FILE_SET, LUA_INLINE, PACKAGE_SET, BoolByOr, Enum, Leaf, Sink, Tagged
from micros.lang.types.base import Check, Scalar, Type, add_check, not_unique, phrase, same
from micros.lang.types.numbers import (
    FLOAT,
    INT,
    NON_NEGATIVE,
    NUMBER,
    PORT,
    POSITIVE,
    POSITIVE_NUMBER,
    S8,
    S16,
    S32,
    U8,
    U16,
    U32,
    UINT,
    Number,
    between,
)
from micros.lang.types.paths import (
    EXTERNAL_PATH,
    LOCATED,
    PACKAGE,
    PATH,
    PATH_IN_STORE,
    SHELL_PACKAGE,
    Located,
    PackageKind,
    PathKind,
)
from micros.lang.types.texts import (
    COMMAS,
    ENV_VAR,
    LINES,
    NON_EMPTY_STR,
    PASSWD_ENTRY,
    STR,
    Matching,
    Separated,
    SingleLine,
    passwd_entry,
)

__all__ = [
    "BOOL", "COMMAS", "ENV_VAR", "EXTERNAL_PATH", "FILE_SET", "FLOAT", "INT", "LINES", "LOCATED", "LUA_INLINE", "NON_EMPTY_STR",
    "NON_NEGATIVE", "NUMBER", "PACKAGE", "PACKAGE_SET", "PASSWD_ENTRY", "PATH", "PATH_IN_STORE", "PORT", "POSITIVE",
    "POSITIVE_NUMBER", "S8", "S16", "S32", "SHELL_PACKAGE", "STR", "U8", "U16", "U32", "UINT", "BoolByOr", "Check", "Enum",
    "Leaf", "Located", "Matching", "Number", "PackageKind", "PathKind", "Scalar", "Separated", "SingleLine", "Sink", "Tagged",
    "Type", "add_check", "between", "not_unique", "passwd_entry", "phrase", "same",
]  # fmt: skip
