"""The shipped services run: the small ones in one guest, booted twice, the large ones in another."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from micros import pkgs, system
from micros.modules import (
    Accounts,
    Boot,
    Chronyd,
    Clock,
    DeviceRule,
    Dhcp,
    Environment,
    Forward,
    HostKey,
    Logging,
    Mdevd,
    Mosquitto,
    MqttListener,
    MqttUser,
    Networking,
    Nginx,
    NginxHost,
    NginxListen,
    NginxLocation,
    Nix,
    Ntpd,
    Rngd,
    Sshd,
    SshdSettings,
    User,
    Virtualisation,
)
from micros.testing import Driver, machine
from tests.conftest import Program

FLOOR = 1900000000
"""A time to come, by which the guest's clock shows that it was set forward."""


@dataclass
class Client:
    """dropbear's client on the host, with a key of its own, and the host's ports that lead to servers of guests."""

    program: str
    key: Path
    public: str
    ports: dict[str, int]

    def __call__(self, guest: Driver, user: str, command: str) -> subprocess.CompletedProcess[str]:
        argv = [self.program, "-y", "-y", "-i", str(self.key), "-p", str(self.ports[guest.name]), f"{user}@127.0.0.1", command]
        return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def client(program: Program, tmp_path_factory: pytest.TempPathFactory) -> Client:
    key = tmp_path_factory.mktemp("key") / "id"
    argv = [program("dropbear-bin", "dropbearkey"), "-t", "ed25519", "-f", str(key)]
    said = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    public = re.search(r"^ssh-ed25519 \S+", said, re.MULTILINE)
    assert public is not None
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        ports = {"small": one.getsockname()[1], "large": other.getsockname()[1]}
    return Client(program("dropbear-bin", "dbclient"), key, public[0], ports)


class Collector:
    """A UDP socket of the host's loopback, which guests reach by QEMU's own network."""

    def __init__(self, found: socket.socket) -> None:
        self._socket = found
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(1)
        self.address = f"10.0.2.2:{found.getsockname()[1]}"

    def gets_logs_of(self, guest: Driver) -> bool:
        """Whether what is logged in a guest arrives here, besides all that came before."""
        for number in range(60):
            guest.succeed(f"logger -t me message {number} to all")
            with contextlib.suppress(TimeoutError):
                while f"me: message {number} to all" not in self._socket.recv(65536).decode():
                    pass
                return True
        return False


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with socket.socket(type=socket.SOCK_DGRAM) as found:
        yield Collector(found)


def mqtt_hash(password: str) -> str:
    """What mosquitto_passwd makes of a password: PBKDF2 with SHA-512."""
    salt = b"twelve bytes"
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 101)
    return f"$7$101${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


@pytest.fixture(scope="module")
def small(store_root: Path, client: Client, collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    may_log_in = User(authorized_keys=[client.public])
    page = NginxLocation(return_='200 "a page"')
    ann = MqttUser(hashed_password=mqtt_hash("secret"), acl=["readwrite home/#"])
    box = system(
        Networking(host_name="small"),
        Dhcp(enable=True),
        Accounts(users={"root": may_log_in, "ann": may_log_in, "bob": User(uid=1001)}),
        Accounts(users={"ann": User(uid=1000, home="/home/ann")}),
        Clock(floor=FLOOR),
        Sshd(enable=True, ports=[22, 2022], banner="Welcome"),
        Chronyd(enable=True, servers=["127.0.0.1"], extra_config="port 0"),
        Logging(enable=True, max_size_kib=8, max_files=2, remote=[collector.address]),
        Mdevd(
            enable=True,
            rules={"loop0": DeviceRule(owner="root:dialout", mode="0640", command="echo $ACTION $MDEV >>/run/loop0")},
            kernel_modules=["virtio_balloon"],
        ),
        Rngd(enable=True),
        Nginx(enable=True, virtual_hosts={"web": NginxHost(listen=[NginxListen(port=8080)], locations={"/": page})}),
        Mosquitto(enable=True, listeners=[MqttListener(users={"ann": ann})]),
        Environment(system_packages=[pkgs.mosquitto_clients]),
        Boot(kernel_modules=["loop"]),
        Virtualisation(forward_ports=[Forward(host_port=client.ports["small"], guest_port=2022)]),
    )
    with machine(box, store=store_root, lock=tmp_path_factory.mktemp("small") / "micros.lock") as guest:
        yield guest


@pytest.fixture(scope="module")
def large(store_root: Path, client: Client, collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    may_log_in = User(authorized_keys=[client.public])
    box = system(
        Networking(host_name="large"),
        Dhcp(enable=True),
        Accounts(users={"root": may_log_in, "ann": may_log_in}),
        Accounts(users={"ann": User(uid=1000, home="/home/ann")}),
        Sshd(
            enable=True,
            package=pkgs.openssh_server,
            host_keys=[HostKey(type="ed25519"), HostKey(type="ecdsa", bits=256, path="/var/lib/other/key")],
            settings=SshdSettings(permit_root_login="no", max_auth_tries=3) | {"LogLevel": "VERBOSE"},
            banner="Welcome",
        ),
        Ntpd(enable=True, servers=["127.0.0.1"]),
        Logging(enable=True, syslog_package=pkgs.rsyslog, max_size_kib=8, max_files=2, remote=[collector.address]),
        Nix(enable=True, nix_path=["things=/tmp/things"], settings={"sandbox": False}, build_users=2),
        Rngd(enable=True, package=pkgs.rng_tools5),
        Virtualisation(memory_size=512, forward_ports=[Forward(host_port=client.ports["large"], guest_port=22)]),
    )
    with machine(box, store=store_root, lock=tmp_path_factory.mktemp("large") / "micros.lock") as guest:
        yield guest


def fill_log(guest: Driver, lines: int) -> None:
    """Write more than a log file may hold."""
    text = "of many that make the file long, so that it has to be put aside"
    guest.succeed(f'i=0; while [ $i -lt {lines} ]; do logger "line $i {text}"; i=$((i+1)); done')


# The small ones


def test_every_service_is_ready(small: Driver) -> None:
    for name in ("sshd", "chronyd", "syslogd", "klogd", "mdevd", "rngd", "nginx", "mosquitto"):
        small.wait_for_service(name)


def test_keys_let_in_over_ssh_and_nothing_else(small: Driver, client: Client) -> None:
    small.wait_for_service("sshd")
    entered = client(small, "root", "id -un")
    assert entered.stdout == "root\n", entered.stderr
    assert "Welcome" in entered.stderr
    assert client(small, "ann", "id -un; pwd").stdout == "ann\n/home/ann\n"
    assert client(small, "bob", "id -un").returncode != 0


def test_the_clock_starts_at_the_floor_and_chrony_keeps_it(small: Driver) -> None:
    assert FLOOR <= int(small.succeed("date +%s")) < FLOOR + 3600
    small.wait_for_console_text("the clock says .* set forward")
    conf = r"local stratum 1\nallow\ncmdport 0\nbindcmdaddress /run/server/s\npidfile /run/server/p\n"
    small.succeed(f"mkdir -p /run/server; printf '{conf}' >/run/server/conf")
    small.succeed("chronyd -x -u root -f /run/server/conf")
    small.wait_until_succeeds("chronyc -n sources | grep -F '^* 127.0.0.1'")
    small.succeed("kill $(cat /run/server/p)")


def test_the_log_is_rotated_and_sent_and_a_full_disk_stops_nobody(small: Driver, collector: Collector) -> None:
    small.wait_for_service("klogd")
    small.succeed("logger -t me hello; echo '<4>said by the kernel' >/dev/kmsg")
    small.wait_until_succeeds("grep 'me: hello' /var/log/messages* && grep 'kernel: .*said by the kernel' /var/log/messages*")
    assert collector.gets_logs_of(small)
    fill_log(small, 500)
    small.wait_until_succeeds("[ -e /var/log/messages.1 ]")
    assert "messages.2" not in small.succeed("ls /var/log")
    assert int(small.succeed("du -k /var/log/messages").split()[0]) <= 12
    small.succeed("dd if=/dev/zero of=/var/fill bs=64k 2>/dev/null || [ -s /var/fill ]")
    fill_log(small, 200)
    assert small.succeed("wget -qO- http://127.0.0.1:8080/") == "a page"
    small.succeed("rm /var/fill; logger -t me again")
    small.wait_until_succeeds("grep 'me: again' /var/log/messages*")


def test_devices_get_owners_commands_names_and_modules(small: Driver) -> None:
    small.wait_for_service("mdevd")
    found = small.succeed("stat -c '%a %U:%G' /dev/null /dev/vda /dev/ttyS0").splitlines()
    assert found == ["666 root:root", "660 root:disk", "660 root:dialout"]
    small.succeed("dd if=/dev/zero of=/tmp/disk bs=1M count=4 2>/dev/null; losetup /dev/loop0 /tmp/disk")
    small.succeed("mke2fs -L 'my disk' /dev/loop0; echo add >/sys/class/block/loop0/uevent")
    small.wait_until_succeeds("grep 'add loop0' /run/loop0")
    assert small.succeed("stat -c '%a %U:%G' /dev/loop0") == "640 root:dialout\n"
    call = "MDEV=loop0 ACTION={} /etc/micros/mdev-block"
    small.succeed(call.format("add"))
    assert small.succeed("ls /dev/disk/by-label; readlink /dev/disk/by-uuid/*") == "my\\x20disk\n../../loop0\n"
    small.succeed(call.format("remove"))
    assert small.succeed("ls /dev/disk/by-label /dev/disk/by-uuid | grep -v : | grep -c . || true") == "0\n"
    small.fail("modprobe -n no_such_module")


def test_a_page_and_messages_for_those_who_may(small: Driver) -> None:
    small.wait_for_open_port(8080)
    small.wait_for_open_port(1883)
    assert small.succeed("wget -qO- http://127.0.0.1:8080/") == "a page"
    small.succeed("mosquitto_sub -u ann -P secret -t home/lamp -C 1 -W 20 >/run/got 2>&1 & sleep 1")
    small.succeed("mosquitto_pub -u ann -P secret -t home/lamp -m on")
    small.wait_until_succeeds("grep on /run/got")
    for who in ("-u ann -P wrong", ""):
        assert "not authorised" in small.fail(f"mosquitto_pub {who} -t home/lamp -m on 2>&1").lower()


def test_daemons_are_users_of_their_own(small: Driver) -> None:
    assert small.succeed("stat -c %U /proc/$(pidof mosquitto)") == "mosquitto\n"
    assert "_chrony" in small.succeed("for pid in $(pidof chronyd); do stat -c %U /proc/$pid; done")
    assert "www-data" in small.succeed("for pid in $(pidof nginx); do stat -c %U /proc/$pid; done")
    assert small.succeed("grep -E 'CapEff|NoNewPrivs' /proc/$(pidof mosquitto)/status | tr -d ' \\t'") == (
        "CapEff:0000000000000000\nNoNewPrivs:1\n"
    )


def test_what_listens_is_what_was_declared(small: Driver) -> None:
    lines = small.succeed("netstat -ltn").splitlines()[2:]
    assert {line.split()[3].rpartition(":")[2] for line in lines} == {"22", "2022", "8080", "1883"}


def test_host_keys_are_made_on_the_machine_and_never_twice_the_same(small: Driver, client: Client) -> None:
    small.wait_for_service("sshd")
    key = "/var/lib/micros/ssh/ssh_host_ed25519_key"
    assert small.succeed("find /etc /home /root /usr -xdev -type f -name '*host*key*'") == "", "a key in the image"
    assert small.succeed(f"stat -c '%a %U' {key}; stat -c %a /var/lib/micros/ssh") == "600 root\n700\n"
    prints = []
    for _ in range(2):
        small.wait_for_service("sshd")
        found = re.search(r"SHA256:\S+", small.succeed("dropbearkey -y -f /run/ssh/ssh_host_ed25519_key"))
        assert found is not None
        prints.append(found[0])
        small.wait_for_console_text(re.escape(found[0]))
        small.reboot()
    assert prints[0] != prints[1]


# The large ones


def test_openssh_lets_in_by_key_and_keeps_root_out(large: Driver, client: Client) -> None:
    large.wait_for_service("sshd")
    entered = client(large, "ann", "id -un; pwd")
    assert entered.stdout == "ann\n/home/ann\n", entered.stderr
    assert "Welcome" in entered.stderr
    assert client(large, "root", "true").returncode != 0
    assert large.succeed("head -qn 1 /var/lib/micros/ssh/*_key /var/lib/other/key").count("PRIVATE KEY") == 2
    large.succeed("[ -x /usr/lib/openssh/sftp-server ]")


def test_rsyslog_rotates_and_sends(large: Driver, collector: Collector) -> None:
    large.wait_for_service("syslogd")
    large.succeed("logger -t me hello; echo h >/proc/sysrq-trigger")
    large.wait_until_succeeds("grep 'me: hello' /var/log/messages")
    assert collector.gets_logs_of(large)
    large.wait_until_succeeds("grep 'kernel: .*sysrq' /var/log/messages*")
    fill_log(large, 300)
    large.wait_until_succeeds("[ -e /var/log/messages.1 ]")
    assert "messages.2" not in large.succeed("sleep 1; ls /var/log")
    large.succeed("logger -t me still here")
    large.wait_until_succeeds("grep 'me: still here' /var/log/messages*")


def test_ntpd_asks_its_servers_without_rights(large: Driver) -> None:
    large.wait_for_service("ntpd")
    large.wait_until_succeeds("ntpctl -s peers | grep 127.0.0.1")
    users = large.succeed("for pid in $(pidof ntpd); do stat -c %U /proc/$pid; done").split()
    assert sorted(users) == ["ntpd", "ntpd", "root"]
    large.wait_for_service("rngd")


def test_nix_builds_for_its_users(large: Driver) -> None:
    large.wait_for_service("nix-daemon")
    make = 'builder = "/bin/sh"; args = ["-c" "echo $UID >$out"];'
    text = 'derivation { name = "built"; system = builtins.currentSystem; ' + make + " }"
    large.succeed(f"mkdir -p /tmp/things; echo '{text}' >/tmp/things/default.nix")
    path = large.succeed("HOME=/tmp NIX_REMOTE=daemon nix-build '<things>' --no-out-link 2>/run/nix.log").strip()
    assert path.startswith("/nix/store/")
    assert path.endswith("-built")
    large.succeed(f"[ -e {path} ] && [ -e /var/lib/nix/upper/store/{path.rpartition('/')[2]} ]")
    assert large.succeed("stat -c '%a %U:%G' /nix/store") == "1775 root:nixbld\n"


def test_a_log_goes_on_where_the_clock_is_right(large: Driver) -> None:
    floor = int(large.succeed("cat /etc/micros/time"))
    assert 1700000000 < floor <= time.time()
    assert int(large.succeed("date +%s")) >= floor
