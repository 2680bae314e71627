"""Types made of other types."""

from __future__ import annotations

from micros.lang.containers.functions import FunctionTo
from micros.lang.containers.lists import AttrListOf, ListOf
from micros.lang.containers.mappings import AttrCell, Attrs, AttrsOf
from micros.lang.containers.shapes import Wrapping, as_mapping, is_list, is_set
from micros.lang.containers.unions import CoercedTo, Either, NullOr, Unique, one_of
from micros.lang.containers.untyped import UNSPECIFIED, AnyAttrs, Anything, RawOpen, Unspecified, opened

__all__ = [
    "UNSPECIFIED", "AnyAttrs", "Anything", "AttrCell", "AttrListOf", "Attrs", "AttrsOf", "CoercedTo", "Either",
    "FunctionTo", "ListOf", "NullOr", "RawOpen", "Unique", "Unspecified", "Wrapping", "as_mapping", "is_list", "is_set",
    "one_of", "opened",
]  # fmt: skip
