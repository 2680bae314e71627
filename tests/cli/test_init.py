"""`micros init` writes systems that evaluate, and overwrites nothing."""

from __future__ import annotations

import pytest

from micros.cli.init import templates
from tests.conftest import Command


@pytest.mark.parametrize("template", templates())
def test_every_template_evaluates(template: str, micros: Command) -> None:
    done = micros("init", "--template", template, "new/dir")
    assert (done.status, done.out) == (0, "new/dir/system.py\n")
    assert (micros.directory / "new/dir/system.py").read_text().startswith('"""')
    done = micros("build", "new/dir/system.py", "--list")
    assert done.status == 0, done.err
    machine = micros("eval", "new/dir/system.py", "platform.host").out
    assert (machine == "armv7l-linux\n") == (template == "rpi")


def test_the_templates_are_those_of_the_documentation() -> None:
    assert templates() == ["container", "qemu", "rpi"]


def test_a_file_that_is_there_stays(micros: Command) -> None:
    micros.write("system.py", "mine\n")
    done = micros("init", "--json")
    assert (done.status, done.kinds) == (2, ["usage"])
    assert (micros.directory / "system.py").read_text() == "mine\n"
    assert micros("init", "system.py/below", "--json").kinds == ["bad-file"]
