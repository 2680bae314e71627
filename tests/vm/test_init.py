"""What `micros init` writes boots and passes its own test."""

from __future__ import annotations

from tests.conftest import Command


def test_the_first_system_passes_its_own_test(micros: Command) -> None:
    assert micros("init").status == 0
    done = micros("test", "system.py")
    assert done.status == 0, done.err
    assert done.out.startswith("ok     test_web ")
