"""`micros test`: a user's file with systems and tests of them."""

from __future__ import annotations

import json
import os

import pytest

from tests.conftest import TIMEOUT_SECONDS, Command, Terminal

ONE = """\
from micros import system
from micros.modules import Networking

kiosk = system(Networking(host_name="kiosk"))


def test_name(guest):
    with guest.subtest("who it is"):
        assert guest.succeed("hostname") == "kiosk\\n"
    guest.succeed("touch /run/seen")


def check(guest):
    guest.succeed("test -e /run/seen; echo so far; exit 3")


def test_command(kiosk):
    check(kiosk)


def test_assertion(kiosk):
    kiosk.fail("test -e /run/seen")
    assert kiosk.execute("exit 4")[0] == 5
"""


def test_one_machine_serves_tests_until_one_fails_and_a_failure_can_be_looked_at(micros: Command) -> None:
    micros.write("kiosk.py", ONE)
    with Terminal(micros, "test", "kiosk.py", "--interactive") as terminal:
        shown = terminal.read_until(b"ok     test_name")
        for text in (
            b"kiosk: build: ",
            b"kiosk: start: ",
            b"  who it is\r\n",
            b"    kiosk: succeed hostname: ",
            b"  who it is: ",
        ):
            assert text in shown
        shown = terminal.read_until(b"a shell in kiosk")
        assert b"failed test_command" in shown
        assert b"exit status 3" in shown
        for place in (b"kiosk.py:18 ", b"kiosk.py:14 "):
            assert place in shown
        assert b"so far" in shown
        assert b"cli/test.py" not in shown
        terminal.read_until(b"# ")
        terminal.type(b"tty; ls /run/seen; stty size\r")
        shown = terminal.read_until(b"24 80")
        assert b"/dev/hvc0" in shown
        assert b"\n/run/seen" in shown
        terminal.type(b"exit\r")
        shown = terminal.read_until(b"a shell in kiosk")
        assert b"kiosk: start: " in shown, "a machine that a failure left serves another test"
        assert b"failed test_assertion" in shown
        assert b"kiosk.py:23 " in shown
        terminal.read_until(b"# ")
        terminal.type(b"\x04")
        terminal.read_until(b"1 passed, 2 failed")
        assert terminal.process.wait(TIMEOUT_SECONDS) == 1


TWO = """\
from micros import system
from micros.modules import Interface, Interfaces, Ipv4, Networking

server = system(Networking(host_name="server"), Interfaces(interfaces={"eth1": Interface(ipv4=Ipv4(address="10.9.0.1/24"))}))
client = system(Networking(host_name="client"), Interfaces(interfaces={"eth1": Interface(ipv4=Ipv4(address="10.9.0.2/24"))}))


def test_alone(client):
    client.succeed("true")
    client.shutdown()


def test_together(server, client):
    client.wait_until_succeeds("ping -c 1 -W 1 10.9.0.1")
"""


def test_machines_by_name_as_json(micros: Command) -> None:
    micros.write("net.py", TWO)
    done = micros("test", "net.py", "test_together", "--json", "--set", "virtualisation.memory_size=128")
    assert done.status == 0, done.err
    (record,) = map(json.loads, done.out.splitlines())
    assert (record["test"], record["outcome"]) == ("test_together", "passed")
    assert record["steps"][-1]["name"] == "client: wait_until_succeeds ping -c 1 -W 1 10.9.0.1"
    assert record["seconds"] > max(step["seconds"] for step in record["steps"]) > 0
    assert "client: start" in done.err
    assert (micros.directory / "micros.lock").exists()


@pytest.mark.parametrize(
    ("text", "arguments", "kind", "line"),
    [
        ("x = 1\n", [], "bad-file", 0),
        (TWO, ["test_none"], "usage", None),
        (TWO + "\n\ndef test_more(guest):\n    guest.succeed('true')\n", [], "bad-file", 17),
        ("1 / 0\n", [], "bad-file", 1),
    ],
)
def test_what_cannot_be_tested_is_refused(micros: Command, text: str, arguments: list[str], kind: str, line: int | None) -> None:
    micros.write("net.py", text)
    done = micros("test", "net.py", *arguments, "--json")
    assert done.status == (2 if kind == "usage" else 1)
    (problem,) = done.errors
    assert problem["kind"] == kind
    assert [place["line"] for place in problem["places"]] == ([] if line is None else [line])


def test_a_file_that_is_not_python_is_refused(micros: Command) -> None:
    micros.write("box.toml", "")
    for name in ("box.toml", "none.py", os.devnull):
        assert micros("test", name, "--json").kinds == ["bad-file"]
