"""The service suite: one system whose services show all that a service can ask for, booted with every init system."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from micros import system
from micros.modules import Accounts, Cron, CronJob, Group, Init, Micros, Service, User
from micros.modules.services.services import Log
from micros.system import MicrosSystem
from micros.testing import Driver, machine

CHAIN = {
    "first": Service(type="oneshot", start_script="echo first >>/run/order", finish_script="echo $1 >/run/first-status"),
    "second": Service(
        dependencies=["first"],
        start_script="echo second >>/run/order\nsleep 1\n: >/run/second-ready\nexec sleep 1000",
        ready_script="test -e /run/second-ready",
        finish_script='echo "stopped second" >/dev/console',
    ),
    "third": Service(
        dependencies=["second"],
        start_script="test -e /run/second-ready && echo third >>/run/order\n"
        "trap 'echo \"third: at its end\"; exit 0' TERM\nwhile :; do sleep 0.2; done",
        finish_script='echo "stopped third with $1" >/dev/console',
    ),
}
FAILING = {
    "crashing": Service(
        start_script="cut -d' ' -f1 /proc/uptime >>/run/crashes\nexit 3", restart_limit=3, restart_delay=1, restart_delay_max=2
    ),
    "content": Service(start_script="exit 0", restart="on-failure"),
    "broken": Service(type="oneshot", start_script="false\n: >/run/broken-went-on"),
    "unready": Service(start_script="exec sleep 1001", ready_script="false", ready_seconds=2),
    "needy": Service(dependencies=["unready"], start_script="touch /run/needy; exec sleep 1002"),
    "forking": Service(start_script="sleep 5000 &\nexit 0", restart_limit=2),
    "stubborn": Service(start_script="trap '' TERM\nwhile :; do sleep 1; done", stop_seconds=1),
}
OTHERS = {
    "kept": Service(start_script="exec sleep 4242"),
    "manual": Service(start_on_boot=False, start_script="exec sleep 1003"),
    "worker": Service(
        user="worker",
        supplementary_groups=["dialout"],
        setup_script="id -u >/run/worker-setup",
        conf_script="COLOUR=blue",
        start_script='{ id -u; id -g; id -G; pwd; echo "$GREETING $HOME $COLOUR"; ulimit -n; ulimit -c; } >/run/worker/facts\n'
        "grep -E '^(NoNewPrivs|CapEff|CapBnd)' /proc/self/status >>/run/worker/facts\n"
        "touch /var/lib/worker/mine\nexec sleep 1004",
        environment={"GREETING": "hello you"},
        working_directory="/var/lib/worker",
        runtime_directories=["worker"],
        state_directories=["worker"],
        limits={"nofile": 77, "core": "unlimited"},
        no_new_privileges=True,
        capabilities=["CAP_NET_BIND_SERVICE"],
    ),
    "logged": Service(
        start_script="i=0\nwhile [ $i -lt 400 ]; do echo line $i; i=$((i + 1)); done\nexec sleep 1005",
        log=Log(directory="/var/log/logged", max_size_kib=1, max_files=2),
    ),
    "drowned": Service(
        setup_script="mkdir -p /run/full\nmount -t tmpfs -o size=64k full /run/full\n"
        "dd if=/dev/zero of=/run/full/filler bs=1k count=64 2>/dev/null || :",
        start_script="i=0\nwhile [ $i -lt 3000 ]; do echo lost line number $i of many; i=$((i + 1)); done\n: >/run/drowned\n"
        "while :; do sleep 0.5; echo again; done",
        log=Log(directory="/run/full", max_size_kib=16, max_files=2),
    ),
}

BACKENDS = ["runit", *(pytest.param(name, marks=pytest.mark.slow) for name in ("s6", "busybox", "finit", "openrc"))]


def suite(backend: str) -> MicrosSystem:
    return system(
        Accounts(users={"worker": User(uid=900, gid=900, home="/var/lib/worker")}, groups={"worker": Group(gid=900)}),
        Init(backend=backend),
        Cron(
            enable=True,
            jobs={"hourly": CronJob(schedule="@hourly", user="worker", command="id -u >/tmp/hourly")},
            system_cron_jobs=["* * * * * root id -u >/tmp/minutely"],
        ),
        Micros(services={**CHAIN, **FAILING, **OTHERS}),
    )


@pytest.fixture(scope="module", params=BACKENDS)
def guest(request: pytest.FixtureRequest, store_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    lock = tmp_path_factory.mktemp("backend") / "micros.lock"
    with machine(suite(request.param), store=store_root, lock=lock) as guest:
        yield guest


def state(guest: Driver, name: str) -> str:
    return guest.execute(f"micros-service status {name}")[1].strip()


def test_start_order_and_readiness(guest: Driver) -> None:
    guest.wait_for_service("third")
    assert guest.succeed("cat /run/order") == "first\nsecond\nthird\n"
    assert guest.succeed("cat /run/first-status") == "0\n"
    assert state(guest, "first") == "first: done, starts 1, last exit 0"
    assert state(guest, "third") == "third: ready, starts 1, last exit -"


def test_who_a_service_is_and_what_it_may(guest: Driver) -> None:
    guest.wait_for_file("/var/lib/worker/mine")
    assert guest.succeed("cat /run/worker-setup") == "0\n"
    facts = guest.succeed("cat /run/worker/facts").splitlines()
    assert facts[:3] == ["900", "900", "900 20"]
    assert facts[3:7] == ["/var/lib/worker", "hello you /var/lib/worker blue", "77", "unlimited"]
    assert facts[7:] == ["CapEff:\t0000000000000400", "CapBnd:\t0000000000000400", "NoNewPrivs:\t1"]
    assert guest.succeed("stat -c '%u %g %a' /run/worker /var/lib/worker") == "900 900 755\n" * 2


def test_a_service_that_ends_is_started_again_later_and_later_until_it_is_given_up(guest: Driver) -> None:
    guest.wait_until_succeeds("micros-service status crashing | grep failed")
    assert state(guest, "crashing") == "crashing: failed, starts 3, last exit 3"
    times = [float(line) for line in guest.succeed("cat /run/crashes").split()]
    assert times[1] - times[0] >= 1
    assert times[2] - times[1] >= 2
    guest.wait_for_console_text(r"^MicrOS: degraded: crashing is given up after 3 starts in a row, the last with status 3$")
    assert state(guest, "content") == "content: ended, starts 1, last exit 0"
    guest.succeed("kill -9 $(cut -d' ' -f1 /run/micros/services/kept/main)")
    guest.wait_until_succeeds("micros-service status kept | grep 'ready, starts 2, last exit 137'")


def test_what_fails_hangs_or_forks_is_named_and_holds_up_nobody_else(guest: Driver) -> None:
    assert state(guest, "broken") == "broken: failed, starts 1, last exit 1"
    guest.fail("test -e /run/broken-went-on")
    guest.wait_for_console_text(r"^MicrOS: degraded: broken failed with status 1$")
    guest.wait_for_console_text(r"^MicrOS: degraded: unready is not ready after 2 s$")
    assert state(guest, "needy") == "needy: waiting, starts 0, last exit -"
    guest.fail("test -e /run/needy")
    guest.wait_until_succeeds("micros-service status forking | grep failed")
    guest.fail("ps | grep '[s]leep 5000'")
    listed = guest.succeed("micros-service list")
    assert "forking: failed, starts 2, last exit 0" in listed
    assert "unready: starting, starts 1, last exit -" in listed
    assert guest.console.count("degraded: crashing") == 1


def test_logs_are_bounded_and_a_full_disk_holds_up_nobody(guest: Driver) -> None:
    guest.wait_until_succeeds("grep -qx 'line 399' /var/log/logged/current")
    sizes = guest.succeed("cd /var/log/logged; ls; stat -c %s *").split()
    assert sizes[:2] == ["current", "old.1"]
    assert all(int(size) < 1100 for size in sizes[2:])
    guest.wait_for_file("/run/drowned")
    guest.succeed("rm /run/full/filler")
    lost = guest.wait_until_succeeds("grep -h 'lines were lost here' /run/full/*", timeout=20)
    assert int(lost.split()[1]) > 1000
    guest.wait_until_succeeds("grep -hx again /run/full/*", timeout=20)


def test_start_stop_restart_by_hand(guest: Driver) -> None:
    assert state(guest, "manual") == "manual: down, starts 0, last exit -"
    assert guest.succeed("micros-service start manual") == "manual: ready, starts 1, last exit -\n"
    assert guest.succeed("micros-service restart manual") == "manual: ready, starts 2, last exit 143\n"
    assert guest.succeed("micros-service stop manual") == "manual: down\n"
    assert guest.execute("micros-service status manual") == (1, "manual: down, starts 2, last exit 143\n")
    assert guest.execute("micros-service status nothing") == (2, "micros-service: there is no service nothing\n")
    assert re.match(r"crashing: (ready|dead|delayed), starts 4, last exit 3", guest.execute("micros-service start crashing")[1])


def test_no_second_copy_after_the_supervisor_is_killed(guest: Driver) -> None:
    main = "$(cut -d' ' -f1 /run/micros/services/kept/main)"
    before = guest.succeed(f"echo {main}").strip()
    guest.succeed(f"kill -9 $(cut -d' ' -f4 /proc/{main}/stat)")
    guest.wait_until_succeeds(f"[ {main} != {before} ] && micros-service status kept")
    assert guest.succeed("ps | grep -c '[s]leep 4242'") == "1\n"


def test_cron_runs_its_jobs_as_their_users(guest: Driver) -> None:
    guest.succeed("date -s '2030-01-01 00:59:57'", "micros-service restart cron")
    guest.wait_until_succeeds("[ -s /tmp/hourly ] && [ -s /tmp/minutely ]", timeout=20)
    assert guest.succeed("cat /tmp/hourly /tmp/minutely") == "900\n0\n"


def test_services_stop_in_reverse_order_within_half_a_minute(guest: Driver) -> None:
    log = guest.vm.log
    begun = time.monotonic()
    guest.shutdown(timeout=60)
    assert time.monotonic() - begun < 30
    console = log.decode(errors="replace").replace("\r\n", "\n")
    assert re.search(
        r"third: at its end\n(.*\n)*stopped third with 0\n(.*\n)*stopped second\n(.*\n)*.*reboot: Power down", console
    )
