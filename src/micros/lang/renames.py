"""Modules that give an option another name, or say that it is gone or has changed.

Each is imported by the module that has the new option: `class Sshd(Module, imports=[renamed("services.ssh.port", port)])`.
Paths are dotted texts, tuples of names, or options of a class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from micros.lang.modules import Decl, Spec
from micros.lang.places import place
from micros.lang.values import Deferred, If, Loc, parse_path, show_path

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from micros.lang.evaluation import Evaluation, OptionCell

OptionPath = Any
"""A dotted text, a tuple of names, or an option of a class (which has its path only once its class is made)."""


def alias(old: OptionPath, new: OptionPath, *, condition: Any = True) -> Spec:
    """Definitions of `old` are definitions of `new`, with their priority; reading `old` gives `new`.

    With a condition (a bool, or a deferred one) only where that holds.
    """
    path = path_of(old)
    return Spec(options=_tree(path, Decl(redirect=path_of(new), visible=False, condition=condition)))


def renamed(old: OptionPath, new: OptionPath, *, condition: Any = True, since: str = "", oldest_supported: str = "") -> Spec:
    """Like `alias`, with a warning for each use of the old name.

    With `since` (the release that knows the new name, "26.05") the warning comes only once no older release is supported,
    so that until then a system may be written for several.
    """
    warn = not since or _release(oldest_supported) >= _release(since)
    return _warned([path_of(old)], Decl(redirect=path_of(new), warn=warn, visible=False, condition=condition))


def changed(old: OptionPath, new: OptionPath, convert: Callable[[Any], Any]) -> Spec:
    """Like `renamed`, for an option whose type changed: each old value goes through `convert`."""
    return _warned([path_of(old)], Decl(redirect=path_of(new), warn=True, convert=convert, visible=False))


def merged(olds: Sequence[OptionPath], new: OptionPath, convert: Callable[[list[Any]], Any]) -> Spec:
    """Several old options that became one: `convert` gets their values, None for one that is not set, where any is set."""
    paths = [path_of(old) for old in olds]

    def value(ev: Evaluation) -> Any:
        return convert([ev.config.lookup(path) if _cell(ev, path).is_defined else None for path in paths])

    return replaced(paths, path_of(new), value)


def replaced(olds: list[Loc], new: Loc, value: Callable[[Evaluation], Any]) -> Spec:
    """Old options that keep their own values; where any is set, a value computed from them is a definition of `new`."""

    def used(ev: Evaluation) -> bool:
        return any(_cell(ev, old).is_defined for old in olds)

    spec = _warned(olds, Decl(warn=True, silent=True, visible=False, replaced_by=new))
    spec.config = {**spec.config, **_tree(new, If(Deferred(used), Deferred(value)))}
    return spec


def removed(old: OptionPath, text: str) -> Spec:
    """An option that is gone: reading it is an error of kind `removed`, setting it fails an assertion that says `text`."""
    path = path_of(old)

    def assertion(ev: Evaluation) -> dict[str, Any]:
        found = _cell(ev, path).surviving()
        files = ", ".join(dict.fromkeys(str(place(one.where)) for one in found))
        said = f" is set in {files}, but" if found else ""
        message = f"the option `{show_path(ev.prefix + path)}`{said} was removed. {text}"
        return {"assertion": not found, "message": message}

    return Spec(options=_tree(path, Decl(removed=text, visible=False)), config={"assertions": Optional([Deferred(assertion)])})


def unavailable(path: OptionPath, text: str) -> Spec:
    """A name that other systems have and this one does not, with all below it: reading it is an error of kind `removed`.

    Whoever declares it checks whether it is set (`places_of`), and says `text`.
    """
    return Spec(options=_tree(path_of(path), Decl(removed=text, visible=False)))


class Optional(list[Any]):
    """A definition that is dropped where its option is not declared."""


def path_of(option: OptionPath) -> Loc:
    """The path of an option that is named in any way."""
    if isinstance(option, str):
        return parse_path(option)
    return tuple(option.path) if hasattr(option, "path") else tuple(option)


def _release(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part)


def _warned(olds: list[Loc], decl: Decl) -> Spec:
    options: dict[str, Any] = {}
    for old in olds:
        node = options
        for name in old[:-1]:
            node = node.setdefault(name, {})
        node[old[-1]] = decl
    texts = [_warning(old, decl.condition) for old in olds] if decl.warn else []
    return Spec(options=options, config={"warnings": Optional(texts)})


def _warning(old: Loc, condition: Any) -> If:
    """The warning about one old name, where it is used."""

    def used(ev: Evaluation) -> bool:
        return _cell(ev, old).is_defined

    def text(ev: Evaluation) -> str:
        from micros.lang.hooks import renamed_warning

        return renamed_warning(ev, _cell(ev, old).node)

    return If(condition, If(Deferred(used), Deferred(text)))


def _cell(ev: Evaluation, path: Loc) -> OptionCell:
    return ev.option_at(path)


def _tree(path: Loc, decl: Any) -> dict[str, Any]:
    tree: Any = decl
    for name in reversed(path):
        tree = {name: tree}
    return tree  # type: ignore[no-any-return]
