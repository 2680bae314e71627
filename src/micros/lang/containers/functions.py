"""Functions whose results merge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from micros.base.errors import MicrosError
from micros.lang.containers.shapes import Wrapping
from micros.lang.merging import Def, body_failed, merge_definitions

if TYPE_CHECKING:
    from micros.lang.evaluation import Evaluation
    from micros.lang.values import Loc


class FunctionTo(Wrapping):
    """Functions; the results of all definitions are merged at each call."""

    name = "functionTo"
    shape = "function that evaluates to a(n) {}"

    def accepts(self, value: Any) -> bool:
        """Whether a value, as far as its outside tells, is of this type."""
        return callable(value)

    def suboptions(self, loc: Loc) -> list[tuple[Loc, Any]]:
        """Evaluations without definitions to document."""
        return self.elem.suboptions((*loc, "<function body>"))

    def combine(self, ev: Evaluation, loc: Loc, defs: list[Def]) -> Any:
        """One value of computed, valid definitions."""
        inner = (*loc, "<function body>")
        elem = self.elem

        def call(*args: Any, **keywords: Any) -> Any:
            results = []
            for definition in defs:
                try:
                    results.append(Def(definition.value(*args, **keywords), definition.where, definition.env))
                except MicrosError:
                    raise
                except Exception as problem:
                    raise body_failed(problem, inner, definition.where) from problem
            return merge_definitions(ev, inner, elem, results)

        return call
