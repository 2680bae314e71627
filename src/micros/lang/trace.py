"""Which option reads which: an evaluation that notes every read of an option, with the line that reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from micros.lang.evaluation import Evaluation
from micros.lang.hooks import all_problems
from micros.lang.places import reading_line

if TYPE_CHECKING:
    from micros.base.where import Where
    from micros.lang.tree import Node
    from micros.lang.values import Loc


@dataclass(frozen=True, slots=True)
class Read:
    """One option was read while another was computed."""

    reader: Loc
    """The option, or entry of a mapping, whose body read; empty where a check did."""
    option: Loc
    where: Where | None
    """The line that read; None where a condition (`when=option`) did."""


class Traced(Evaluation):
    """An evaluation that keeps what reads what, also inside records; their evaluations share the record of the whole."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.reads: dict[Read, None] = self.parent.reads if isinstance(self.parent, Traced) else {}

    def child(self, node: Node, name: str) -> Any:
        """A value or a view below a node. Raises KeyError."""
        below = node.children.get(name)
        if below is not None and below.decls:
            stack = self.runtime.stack
            reader = stack[-1].loc if stack else ()
            where = reading_line()
            if stack or where is not None:
                self.reads[Read(reader, self.prefix + below.path, where)] = None
        return super().child(node, name)


def traced(ev: Evaluation) -> Traced:
    """The same modules evaluated anew, whole, with every read noted; problems on the way only end what they touch."""
    again = Traced(ev.roots, prefix=ev.prefix, special_args=ev.special_args, kind=ev.kind, checked=ev.checked)
    all_problems(again)
    return again
