"""`micros options`: what can be set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from micros.lang import evaluate
from micros.lang.docs import reference
from micros.lang.search import matching
from micros.modules import all_modules
from tests.conftest import Command

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def records() -> list[dict[str, Any]]:
    return reference(evaluate(all_modules()))


def test_json_is_a_list_of_records(micros: Command) -> None:
    done = micros("options", "--json")
    assert done.status == 0, done.err
    found = {record["name"]: record for record in json.loads(done.out)}
    port = found["virtualisation.forward_ports.*.host_port"]
    assert port["type"] == "int, 0 to 65535"
    assert port["default"] is None
    assert port["description"]
    assert found["users.<name>.uid"]["default"] == "made from the name"
    assert found["virtualisation.forward_ports.*.proto"]["default"] == '"tcp"'
    assert found["environment.shell"]["default"].startswith("pkgs.")
    assert found["boot.kernel_package"]["aliases"] == ["boot.kernel_packages"]
    assert "networking.sockets" not in found
    assert "system.files.<name>.copied" not in found
    assert str(ROOT) not in done.out
    (place,) = port["declared"]
    file, _, line = place.rpartition(":")
    assert "host_port" in (ROOT / "src" / file).read_text().splitlines()[int(line) - 1]


@pytest.mark.parametrize(
    ("pattern", "some"),
    [
        ("getty", "services.getty.enable"),
        ("hostName", "networking.host_name"),
        ("host-name", "networking.host_name"),
        ("LOGIN on the terminal", "services.getty.enable"),
        ("*.enable", "micros.services.<name>.enable"),
        ("services.*", "services.getty.baud"),
        ("ena[b]le", "services.getty.enable"),
        ("users.ann.shell", "users.<name>.shell"),
        ("users.<name>.shell", "users.<name>.shell"),
        ("virtualisation.forward_ports.*.proto", "virtualisation.forward_ports.*.proto"),
        ("nixpkgs", "nixpkgs.host_platform.system"),
    ],
)
def test_patterns(records: list[dict[str, Any]], pattern: str, some: str) -> None:
    names = [record["name"] for record in matching(records, pattern)]
    assert some in names
    assert len(names) < len(records) / 2


def test_nothing_found_is_an_error(micros: Command) -> None:
    done = micros("options", "no-such-thing", "--json")
    assert (done.status, done.kinds) == (1, ["unknown-option"])


def test_options_of_the_users_own_modules(micros: Command) -> None:
    micros.write(
        "box.py",
        "from micros import system\n"
        "from micros.lang import Module, option\n"
        'class Kiosk(Module, at="kiosk"):\n'
        '    url: str = option(default="about:blank", doc="Page shown at start.")\n'
        "box = system(Kiosk)\n",
    )
    done = micros("options", "start", "--file", "box.py", "--json")
    assert [(one["name"], one["declared"]) for one in json.loads(done.out) if "kiosk" in one["name"]] == [
        ("kiosk.url", ["box.py:4"])
    ]
    done = micros("options", "kiosk.url", "--file", "box.py")
    assert done.out.splitlines()[0] == "kiosk.url"
    assert "Page shown at start." in done.out


def test_the_reference_is_not_stale(micros: Command) -> None:
    made = micros("options", "--markdown").out
    assert (ROOT / "docs/options.md").read_text() == made, "run `micros options --markdown >docs/options.md`"
