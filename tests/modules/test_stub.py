"""The stub of `micros.modules` names every public class."""

from micros.modules import stub


def test_the_stub_is_not_stale() -> None:
    assert stub.STUB.read_text() == stub.text(), "run `python -m micros.modules.stub`"
