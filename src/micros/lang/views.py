"""Values as bodies and users read them: by attribute, by key, by path, or by module class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, overload

from micros.lang.values import Loc, parse_path, show_path

if TYPE_CHECKING:
    from micros.lang.evaluation import Evaluation
    from micros.lang.tree import Node

M = TypeVar("M")


class View(Mapping[str, Any]):
    """Values below a path, by attribute (`config.services.sshd`), by key, or by dotted path (`get`)."""

    __slots__ = ("_ev", "_node")

    def __init__(self, ev: Evaluation, node: Node) -> None:
        self._ev = ev
        self._node = node

    @overload
    def __getitem__(self, name: str) -> Any: ...
    @overload
    def __getitem__(self, name: type[M]) -> M: ...
    def __getitem__(self, name: Any) -> Any:
        if isinstance(name, type):
            from micros.lang.surface import reader

            return reader(name, self._ev)
        return self._ev.child(self._node, name)

    def get(self, path: str, default: Any = None) -> Any:  # noqa: ARG002 # the mapping's signature
        """The value at a dotted path; raises an error of kind `unknown-option` where nothing is declared."""
        return self.lookup(parse_path(path))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self._ev.child(self._node, name)
        except KeyError:
            raise self._ev.unknown((*self._node.path, name)) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._ev.names(self._node))

    def __len__(self) -> int:
        return len(self._ev.names(self._node))

    def __contains__(self, name: object) -> bool:
        return name in self._ev.names(self._node)

    def __repr__(self) -> str:
        return f"<values below `{show_path(self._ev.prefix + self._node.path)}`>"

    def lookup(self, path: Loc) -> Any:
        """The value at a path; raises an error of kind `unknown-option` where nothing is declared."""
        value: Any = self
        for index, name in enumerate(path):
            try:
                value = value[int(name)] if isinstance(value, list) else value[name]
            except (KeyError, IndexError, ValueError, TypeError):
                if isinstance(value, View):
                    raise value._ev.unknown(value._node.path + path[index:]) from None
                raise self._ev.unknown(self._node.path + path[: index + 1]) from None
        return value


Config = View
"""What bodies are given: all values of the system, `config[Sshd].port` and `config.services.sshd.port`."""
