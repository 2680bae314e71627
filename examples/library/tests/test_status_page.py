"""The library's own tests: evaluated systems; nothing is built."""

from typing import Any

import pytest
from status_page import Row, StatusPage

from micros import default, system
from micros.base.errors import Kind, MicrosError
from micros.modules import Environment, Micros, Networking


def test_the_page_and_its_server() -> None:
    box = system(
        Networking(host_name="box"),
        StatusPage(enable=True, port=8080, rows={"place": Row(text="shelf & floor"), "first": Row(text="1st", position=1)}),
    )
    box.evaluation.check()
    page = box.config[Environment].etc["status/index.html"].text
    assert "<title>box</title>" in page
    assert page.index("A MicrOS system") < page.index("1st") < page.index("shelf &amp; floor")
    assert "-p 8080" in box.config[Micros].services["status-page"].start_script


def test_nothing_without_enable() -> None:
    box = system(StatusPage(port=8080))
    assert "status-page" not in box.config[Micros].services
    assert "status/index.html" not in box.config[Environment].etc


def test_the_old_name_of_the_port() -> None:
    old: dict[str, Any] = {"services": {"status_page": {"listen": 81}}}
    assert system(StatusPage, old).config[StatusPage].port == 81


@pytest.mark.parametrize(
    ("definition", "kind"),
    [
        (StatusPage(enable=True, port=0), Kind.ASSERTION),
        (StatusPage(rows={"a": Row(position=1)}), Kind.NO_VALUE),
        (StatusPage(rows={"a": Row(text="a", position=101)}), Kind.WRONG_TYPE),
        (StatusPage(rows={"system": Row(text="mine")}), Kind.CONFLICT),
    ],
)
def test_what_is_refused(definition: StatusPage, kind: Kind) -> None:
    with pytest.raises(MicrosError) as caught:
        system(definition).evaluation.check()
    assert caught.value.kind is kind


def test_a_default_gives_way() -> None:
    assert system(StatusPage(title=default("a")), StatusPage(title="b")).config[StatusPage].title == "b"
