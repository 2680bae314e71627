"""The test driver: its verbs in one guest, what they say when they fail, and guests that see each other."""

from __future__ import annotations

import linecache
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from micros import system
from micros.base.errors import Kind, MicrosError
from micros.modules import Firewall, Micros, Networking, Service
from micros.testing import Driver, machine, machines

LISTEN = "exec nc -ll -p 4000 -e true"
box = system(
    Networking(host_name="box"),
    Firewall(allowed_tcp_ports=[4000]),
    Micros(
        services={
            "listener": Service(start_script='echo "the listener starts"\n' + LISTEN),
            "asleep": Service(start_on_boot=False, start_script="exec sleep 1000"),
            "once": Service(type="oneshot", start_script="sleep 2; echo done >/run/once"),
        }
    ),
)


@pytest.fixture(scope="module")
def guest(store_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    with machine(box, store=store_root, lock=tmp_path_factory.mktemp("driver") / "micros.lock") as guest:
        yield guest


def failure(verb: Callable[[], object]) -> MicrosError:
    """The error of a verb, which says where it was used."""
    with pytest.raises(MicrosError) as caught:
        verb()
    *_, place = caught.value.places
    assert place.file == __file__
    assert "guest." in linecache.getline(place.file, place.line)
    text = str(caught.value)
    assert "MicrOS: stage 2 done" in text, "the console's log is not in the notes"
    for other in caught.value.places:
        assert other.file.startswith(str(Path(__file__).parent)), "a place that is not the user's"
    return caught.value


def test_waiting(guest: Driver) -> None:
    guest.wait_for_console_text(r"^the listener starts$")
    guest.wait_for_service("listener")
    guest.wait_for_service("once")
    assert guest.succeed("cat /run/once") == "done\n", "a service that runs once is up when it is done"
    guest.wait_for_open_port(4000)
    guest.wait_for_open_port(4000, "127.0.0.1")
    guest.wait_for_closed_port(4001)
    guest.execute("(sleep 1; touch /run/late) &")
    guest.wait_for_file("/run/late")
    assert guest.wait_until_succeeds("echo a >>/run/a; wc -l </run/a; [ $(wc -l </run/a) = 3 ]") == "3\n"
    assert guest.wait_until_fails("echo b >>/run/b; [ $(wc -l </run/b) -lt 3 ]") == ""


def test_commands(guest: Driver) -> None:
    assert guest.execute("echo out; echo err >&2; exit 7") == (7, "out\nerr\n")
    assert guest.succeed("id -u", "pwd") == "0\n/root\n"
    assert guest.fail("echo no; false") == "no\n"
    assert guest.succeed("cat") == "", "a command has no input of its own"
    assert guest.execute("tr a-z A-Z", stdin=b"given") == (0, "GIVEN")
    assert guest.execute("exit 255; END 1 0\n") == (255, "")
    assert guest.execute("kill -9 $$")[0] == 128 + 9
    long = "x" * 300_000
    assert guest.succeed(f"printf %s {long} | wc -c", "echo READY") == "300000\nREADY\n"


def test_output_of_any_kind_and_size(guest: Driver, tmp_path: Path) -> None:
    size = 3 << 20
    status, output = guest.vm.run(f"head -c {size} /dev/urandom | tee /run/random")
    assert (status, len(output)) == (0, size)
    guest.copy_from_guest("/run/random", tmp_path / "random")
    assert (tmp_path / "random").read_bytes() == output
    (tmp_path / "random").chmod(0o750)
    guest.copy_to_guest(tmp_path / "random", "/run/copied file")
    guest.succeed("cmp /run/random '/run/copied file'", "rm /run/random")
    assert guest.succeed("stat -c %a '/run/copied file'; rm '/run/copied file'") == "750\n"
    guest.copy_to_guest(os.devnull, "/run/empty")
    guest.copy_from_guest("/run/empty", tmp_path / "empty")
    assert (tmp_path / "empty").read_bytes() == b""


def test_what_a_command_leaves_running_holds_nothing_back(guest: Driver) -> None:
    began = time.monotonic()
    assert guest.succeed("sleep 1000 & echo $! >/run/left; echo here") == "here\n"
    assert time.monotonic() - began < 30
    guest.succeed("kill $(cat /run/left)")


def test_a_command_that_takes_too_long_is_killed_with_what_it_started(guest: Driver) -> None:
    problem = failure(lambda: guest.succeed("echo begun; sleep 1001; echo never", timeout=1))
    assert problem.kind == Kind.TIMEOUT
    assert "begun" in str(problem), "what it said is lost"
    assert "sleep 1001" not in guest.succeed("ps").replace("ps", "")
    assert guest.succeed("echo usable") == "usable\n"


def test_an_agent_that_is_killed_comes_back(guest: Driver) -> None:
    problem = failure(lambda: guest.execute("kill -9 $PPID $(cut -d' ' -f4 /proc/$PPID/stat)"))
    assert problem.kind == Kind.COMMAND_FAILED
    assert guest.succeed("echo back") == "back\n"


def test_failures(guest: Driver) -> None:
    problem = failure(lambda: guest.succeed("echo why; exit 3"))
    assert problem.kind == Kind.COMMAND_FAILED
    for part in ("`succeed` in box", "'echo why; exit 3'", "exit status 3", "    why"):
        assert part in str(problem)
    problem = failure(lambda: guest.fail("echo fine"))
    assert problem.kind == Kind.COMMAND_FAILED
    assert "exit status 0" in str(problem)
    for wait in (
        lambda: guest.wait_until_succeeds("echo no; exit 5", timeout=1),
        lambda: guest.wait_until_fails("true", timeout=1),
        lambda: guest.wait_for_open_port(4001, timeout=1),
        lambda: guest.wait_for_closed_port(4000, timeout=1),
        lambda: guest.wait_for_service("asleep", timeout=1),
        lambda: guest.wait_for_file("/run/none", timeout=1),
        lambda: guest.wait_for_console_text("never said", timeout=1),
    ):
        assert failure(wait).kind == Kind.TIMEOUT
    assert failure(lambda: guest.wait_for_service("nothing")).kind == Kind.COMMAND_FAILED
    assert failure(lambda: guest.copy_from_guest("/none", os.devnull)).kind == Kind.COMMAND_FAILED


def test_steps_are_nested_and_timed(guest: Driver, capfd: pytest.CaptureFixture[str]) -> None:
    with guest.subtest("outer"):
        guest.succeed("sleep 1")
        with guest.subtest("inner"):
            pass
        with pytest.raises(MicrosError):
            guest.succeed("a='\n'\nfalse")
    lines = capfd.readouterr().err.splitlines()
    heads, seconds = zip(*(line.partition(": ")[::2] for line in lines), strict=True)
    assert heads == ("outer", "  box", "  inner", "  inner", "  box", "outer")
    assert lines[1].startswith("  box: succeed sleep 1: ")
    assert float(seconds[1].split()[-2]) >= 1
    assert lines[4].startswith("  box: succeed a=' ...: ")
    assert lines[4].endswith(" s, failed")


def test_reboot_shutdown_start(guest: Driver) -> None:
    guest.succeed("touch /run/before")
    guest.reboot()
    guest.fail("test -e /run/before")
    guest.wait_for_service("listener")
    guest.shutdown()
    assert not guest.is_running
    with pytest.raises(MicrosError) as caught:
        guest.succeed("true")
    assert caught.value.kind == Kind.USAGE


def test_two_guests_share_a_segment(store_root: Path, tmp_path: Path) -> None:
    with machines(box, box, store=store_root, lock=tmp_path / "micros.lock") as (one, two):
        assert (one.name, two.name) == ("box", "box2")
        one.succeed("ip addr add 192.168.7.1/24 dev eth1", "ip link set eth1 up")
        two.succeed("ip addr add 192.168.7.2/24 dev eth1", "ip link set eth1 up")
        two.wait_for_open_port(4000, "192.168.7.1")
        one.succeed("ping -c 2 -s 1400 192.168.7.2")
        one.crash()
        two.fail("ping -c 1 -W 1 192.168.7.1")
