"""`micros explain`: where a value comes from."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import Command

BOX = """\
from micros import default, force, system
from micros.modules import Accounts, Getty, Micros, Networking, Service, User

box = system(
    Networking(host_name="box", hosts={"10.0.0.1": ["far"]}),
    Networking(
        nameservers=["10.0.0.2"],
        host_name=default("other"),
    ),
    Getty(enable=True, terminal=force("tty1")),
    Accounts(users={"ann": User(uid=1000)}),
    Micros(services={"hello": Service(start_script="exec hello")}),
)
"""


@pytest.fixture
def told(micros: Command) -> Any:
    micros.write("box.py", BOX)

    def tell(option: str) -> dict[str, Any]:
        done = micros("explain", "box.py", option, "--json")
        assert done.status == 0, done.err
        record: dict[str, Any] = json.loads(done.out)
        return record

    return tell


def _winners(record: dict[str, Any]) -> list[tuple[str, int, str]]:
    return [(one["where"], one["priority"], one["value"]) for one in record["definitions"] if one["wins"]]


def _losers(record: dict[str, Any]) -> list[tuple[str, int, str]]:
    return [(one["where"], one["priority"], one["value"]) for one in record["definitions"] if not one["wins"]]


def test_winners_losers_and_readers(told: Any) -> None:
    record = told("networking.hostName")
    assert record["value"] == '"box"'
    assert _winners(record) == [("box.py:5", 100, '"box"')]
    assert _losers(record)[0] == ("box.py:8", 1000, '"other"')
    assert _losers(record)[1][1:] == (1500, '"micros"')
    assert "environment.etc" in {edge["option"] for edge in record["read_by"]}
    assert all(edge["where"].startswith("micros/modules/") for edge in record["read_by"])


def test_what_it_reads_and_conditions(told: Any) -> None:
    conditions = {"profiles.headless.enable", "security.hardening.enable", "boards.generic_uefi.enable"}
    reads = {edge["option"] for edge in told("boot.kernel_params")["reads"]}
    assert reads == {"boot.console", "boot.console_log_level", "boards.chosen"} | conditions
    assert {"option": "micros.services", "where": None} in told("services.getty.enable")["read_by"]
    assert {edge["option"] for edge in told("micros.services")["reads"]} >= {"services.getty.terminal"}
    assert "micros.services" in {edge["option"] for edge in told("services.getty.terminal")["read_by"]}
    assert "a check" in {edge["option"] for edge in told("users")["read_by"]}


def test_entries_and_fields_of_records(told: Any) -> None:
    assert _winners(told("users.ann.uid")) == [("box.py:11", 100, "1000")]
    assert _winners(told("users.ann.shell"))[0][1:] == (1500, '"/bin/sh"')
    record = told('networking.hosts."10.0.0.1"')
    assert (record["value"], _winners(record)) == ('["far"]', [("box.py:5", 100, '["far"]')])
    assert told("services.chrony.enable")["option"] == "services.chronyd.enable"


def test_definitions_whose_condition_does_not_hold(micros: Command) -> None:
    micros.write(
        "box.py",
        "from micros import default, merge, system, when\n"
        "from micros.modules import Dhcp, Networking\n"
        "box = system(\n"
        '    Networking(host_name=when(Dhcp.enable, "moving")),\n'
        '    Networking(host_name=merge(default("a"), when(False, default("b")))),\n'
        ")\n",
    )
    record = json.loads(micros("explain", "box.py", "networking.host_name", "--json").out)
    assert record["value"] == '"a"'
    absent = [(one["where"], one["value"], one["wins"]) for one in record["definitions"] if one["priority"] is None]
    assert absent == [("box.py:4", '"moving"', False), ("box.py:5", '"b"', False)]
    shown = micros("explain", "box.py", "networking.host_name").out
    assert 'definitions whose condition does not hold:\n    box.py:4  "moving"\n' in shown


def test_for_people(micros: Command) -> None:
    micros.write("box.py", BOX)
    done = micros("explain", "box.py", "networking.host_name", "--set", "networking.host_name=set")
    assert done.out.splitlines()[0] == 'networking.host_name = "set"'
    assert "<command line>  " in done.out
    assert "definitions that lost:" in done.out


def test_a_value_that_cannot_be_computed(micros: Command) -> None:
    micros.write("box.toml", 'boot.console_log_level = "x"\n')
    record = json.loads(micros("explain", "box.toml", "boot.console_log_level", "--json").out)
    assert "error" in record
    assert _winners(record) == [("box.toml:1", 100, '"x"')]


@pytest.mark.parametrize("option", ["networking.hots", "networking", "users.bob.uid", "users.ann.sehll"])
def test_unknown_options(micros: Command, option: str) -> None:
    micros.write("box.py", BOX)
    done = micros("explain", "box.py", option, "--json")
    assert (done.status, done.kinds) == (1, ["unknown-option"])
