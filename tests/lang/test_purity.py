"""Bodies that do more than compute are refused, naming what and where; what the language does itself is not."""

from __future__ import annotations

import contextlib
import glob
import inspect
import os
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from micros.base.errors import Kind, MicrosError
from micros.lang import Config, Module, check, defines, evaluate, lazy, option
from micros.lang.cells import HOP

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = __file__


class Box(Module, at="box"):
    value: Any = option(default="nothing")
    other: str = option(default="x")


def line_of(function: Callable[..., Any], text: str) -> int:
    lines, first = inspect.getsourcelines(function)
    return first + next(index for index, line in enumerate(lines) if text in line)


def refused(body: Callable[[Config], Any]) -> MicrosError:
    with pytest.raises(MicrosError) as caught:
        evaluate([Box, Box(value=lazy(body))]).config.get("box.value")
    assert caught.value.kind is Kind.IMPURE
    assert "box.value" in str(caught.value)
    return caught.value


def test_reading_a_file() -> None:
    def body(config: Config) -> str:
        return Path(HERE).read_text()  # the act

    problem = refused(body)
    assert f"opens the file {HERE}" in str(problem)
    assert [(where.file, where.line) for where in problem.places] == [(HERE, line_of(body, "# the act"))]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (lambda config: Path("/etc/hostname").read_text(), "opens the file /etc/hostname"),
        (lambda config: os.listdir("/"), "lists the directory /"),
        (lambda config: glob.glob("/*"), "lists the directory"),
        (lambda config: socket.socket(), "opens a socket"),
        (lambda config: socket.getaddrinfo("localhost", 1), "looks up the host localhost"),
        (lambda config: subprocess.run(["true", "x"], check=True), "starts the process true x"),
        (lambda config: os.system("true"), "starts the process true"),
    ],
)
def test_acts(body: Callable[[Config], Any], said: str) -> None:
    assert said in str(refused(body))


def test_swallowing_the_refusal_does_not_help() -> None:
    def body(config: Config) -> str:
        with contextlib.suppress(Exception):
            return Path(HERE).read_text()
        return "fallback"

    refused(body)


def test_checks_conditions_and_applied_functions_are_bodies_too() -> None:
    class Checked(Module, at="checked"):
        value: int = option(default=1, apply=lambda value: len(Path("/dev/null").read_text()) + value)

        @check
        def sound(self, config: Config) -> str | None:
            return Path("/dev/null").read_text() or None

    with pytest.raises(MicrosError) as caught:
        evaluate([Checked]).config.get("checked.value")
    assert caught.value.kind is Kind.IMPURE

    class Plain(Module, at="plain"):
        @check
        def sound(self, config: Config) -> str | None:
            return Path("/dev/null").read_text() or None

        @defines(Box.value, when=lazy(lambda config: bool(os.listdir("/"))))
        def value(self, config: Config) -> str:
            return "x"

    kinds = {problem.kind for problem in evaluate([Box, Plain]).problems}
    assert kinds == {Kind.IMPURE}


def test_imports_and_the_display_of_errors_are_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "imported_by_a_body.py").write_text("VALUE = 'imported'\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    def body(config: Config) -> str:
        import imported_by_a_body  # type: ignore[import-not-found] # pyright: ignore[reportMissingImports] # made above

        with contextlib.suppress(MicrosError):
            config.get("box.nothing")
        return str(imported_by_a_body.VALUE)

    assert evaluate([Box, Box(value=lazy(body))]).config[Box].value == "imported"


def test_outside_bodies_nothing_changes_and_long_chains_still_use_threads() -> None:
    evaluation = evaluate([Box, Box(value=lazy(lambda config: config[Box].other))])
    assert evaluation.config[Box].value == "x"
    assert Path(HERE).read_text().startswith('"""')

    class Chain(Module, at="chain"):
        steps: dict[str, int] = option(default={})

    def step(number: int) -> int:
        value: int = lazy(lambda config: config[Chain].steps[str(number + 1)] + 1)
        return value

    steps = {str(number): step(number) for number in range(3 * HOP)} | {str(3 * HOP): 0}
    assert evaluate([Chain, Chain(steps=steps)]).config[Chain].steps["0"] == 3 * HOP
