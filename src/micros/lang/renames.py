"""Modules that give an option another name, or say that it is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from micros.lang.modules import Decl, Spec
from micros.lang.values import Deferred, If, Loc, show_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from micros.lang.evaluation import Evaluation


def alias(old: Loc, new: Loc) -> Spec:
    """Definitions of `old` are definitions of `new`, with their priority; reading `old` gives `new`."""
    return Spec(options=_tree(old, Decl(redirect=new, visible=False)))


def renamed(old: Loc, new: Loc) -> Spec:
    """Like `alias`, with a warning for each use of the old name."""
    return _warned(old, Decl(redirect=new, warn=True, visible=False))


def changed(old: Loc, new: Loc, convert: Callable[[Any], Any]) -> Spec:
    """Like `renamed`, for an option whose type changed: each old value goes through `convert`."""
    return _warned(old, Decl(redirect=new, warn=True, convert=convert, visible=False))


def removed(old: Loc, text: str) -> Spec:
    """An option that is gone: reading it is an error of kind `removed`, setting it fails an assertion that says `text`."""

    def assertion(ev: Evaluation) -> dict[str, Any]:
        cell = _cell(ev, old)
        message = f"the option `{show_path(ev.prefix + old)}` was removed. {text}"
        return {"assertion": not cell.surviving(), "message": message}

    return Spec(options=_tree(old, Decl(removed=text, visible=False)), config={"assertions": Optional([Deferred(assertion)])})


class Optional(list[Any]):
    """A definition that is dropped where its option is not declared."""


def _warned(old: Loc, decl: Decl) -> Spec:
    def used(ev: Evaluation) -> bool:
        return bool(_cell(ev, old).surviving())

    def text(ev: Evaluation) -> str:
        from micros.lang.hooks import renamed_warning

        return renamed_warning(ev, _cell(ev, old).node)

    return Spec(options=_tree(old, decl), config={"warnings": Optional([If(Deferred(used), Deferred(text))])})


def _cell(ev: Evaluation, path: Loc) -> Any:
    node = ev.root
    for name in path:
        node = node.children[name]
    return ev.cell(node)


def _tree(path: Loc, decl: Decl) -> dict[str, Any]:
    tree: Any = decl
    for name in reversed(path):
        tree = {name: tree}
    return tree  # type: ignore[no-any-return]
