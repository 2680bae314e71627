"""The steps of a test, nested and timed, told to whoever wants to show them."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True, slots=True)
class Step:
    """Something that a test does. Told when it begins, where it will hold others, and when it is over."""

    name: str
    depth: int
    """How many steps it lies in."""
    seconds: float | None = None
    """How long it took; None as it begins."""
    failed: bool = False

    def __str__(self) -> str:
        head = "  " * self.depth + self.name
        if self.seconds is None:
            return head
        return f"{head}: {self.seconds:.2f} s" + (", failed" if self.failed else "")


class Steps:
    """Where a test is. One for all machines of a test."""

    def __init__(self, told: Callable[[Step], object]) -> None:
        self._told = told
        self._depth = 0

    @contextlib.contextmanager
    def step(self, name: str, *, holds_others: bool = False) -> Iterator[None]:
        """Time a step. One that holds others is told of before them as well."""
        depth, began = self._depth, time.monotonic()
        if holds_others:
            self._told(Step(name, depth))
        self._depth += 1
        failed = True
        try:
            yield
            failed = False
        finally:
            self._depth = depth
            self._told(Step(name, depth, time.monotonic() - began, failed))
