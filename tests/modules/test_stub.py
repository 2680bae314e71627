"""The stub of `micros.modules` names every public class."""

from micros.modules import public_names, stub


def test_the_stub_is_not_stale() -> None:
    assert stub.STUB.read_text() == stub.text(), "run `python -m micros.modules.stub`"


def test_a_star_import_brings_the_classes_and_nothing_else() -> None:
    found: dict[str, object] = {}
    exec("from micros.modules import *", found)
    del found["__builtins__"]
    assert found.keys() == public_names().keys()
