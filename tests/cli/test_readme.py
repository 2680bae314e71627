"""What the README shows is true."""

from __future__ import annotations

import re
from pathlib import Path

from tests.conftest import Command

ROOT = Path(__file__).parents[2]


def _block(language: str) -> str:
    text = (ROOT / "README.md").read_text()
    match = re.search(rf"```{language}\n(.*?)```", text, re.DOTALL)
    assert match is not None
    return match[1]


def test_the_python_example_evaluates(micros: Command) -> None:
    micros.write("hello.py", _block("python"))
    done = micros("eval", "hello.py", "networking.hostName")
    assert (done.status, done.out) == (0, "hello\n"), done.err


def test_the_toml_example_evaluates_and_its_package_comes_along(micros: Command) -> None:
    micros.write("hello.toml", _block("toml"))
    done = micros("eval", "hello.toml", "networking.host_name")
    assert (done.status, done.out) == (0, "hello\n"), done.err
    done = micros("build", "hello.toml", "manifest")
    assert done.status == 0, done.err
    assert '"coreutils"' in (micros.directory / "result/manifest.json").read_text()


def test_links_of_the_readme_exist() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text()):
        assert (ROOT / target).exists(), target
