"""One guest with what environment, users, activation and security can be told: each option's effect is seen inside it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from micros import pkgs, system
from micros.base.crypt import sha512_crypt
from micros.modules import (
    Accounts,
    Activation,
    ActivationScript,
    Environment,
    EtcFile,
    Firewall,
    Group,
    Interface,
    Interfaces,
    Pam,
    Pki,
    Shells,
    User,
    Wrapper,
    Wrappers,
)
from micros.modules.system import FileSpec, System
from micros.testing import Driver, machine

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nbm8gY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n"
BYTES = bytes(range(256))

box = system(
    Environment(
        system_packages=[pkgs.pamtester],
        extra_outputs_to_install=["doc"],
        paths_to_link=["/share/man"],
        usrbinenv="/usr/bin/busybox",
        etc={
            "services": EtcFile(source=f"{pkgs.netbase}/etc/services", mode="0640", group="dialout"),
            "protocols.link": EtcFile(source=f"{pkgs.netbase}/etc/protocols"),
            "at-run-time": EtcFile(source="/proc/version"),
            "bytes": EtcFile(source=Path("files/bytes"), target="micros/bytes", user="ann", mode="0400"),
            "numbers": EtcFile(text="n", uid=11, gid=12),
            "gone": EtcFile(enable=False, text="no"),
            "skel/.greeting": EtcFile(text="welcome\n"),
        },
    ),
    System(name="everything", files={"opt/tool": FileSpec(text="#!/bin/sh\necho tool\n", mode="0755", uid=7, gid=8)}),
    Shells(
        variables={"EDITOR": "vi", "PLACES": ["/a", "$HOME/b"]},
        session_variables={"SESSION": "yes"},
        profiles=["/opt", "/usr"],
        profile_relative_env_vars={"MANPATH": ["/share/man"]},
        shell_init="export SHELL_INIT=1",
        login_shell_init="export LOGIN_INIT=1",
        extra_init="export EXTRA_INIT=1",
        interactive_shell_init="echo interactive",
        shell_aliases={"tell": "echo told"},
    ),
    Accounts(
        users={
            "ann": User(
                uid=1234,
                group="crew",
                extra_groups=["dialout"],
                home="/run/homes/ann",
                home_mode="0710",
                description="Ann of the box",
                shell=f"{pkgs.dash}/bin/dash",
                hashed_password=sha512_crypt("ann's", "salt"),
                packages=[pkgs.hello],
            ),
            "bob": User(is_normal_user=True, create_home=False, password="bob's", allow_plain_text_password=True),
            "daemon": User(name="demon", is_system_user=True),
        },
        groups={"crew": Group(gid=1300, members=["bob"])},
    ),
    Activation(
        activation_scripts={
            "second": ActivationScript(text="echo second >>/run/order", deps=["first"]),
            "first": ActivationScript(text="echo first >/run/order"),
        }
    ),
    Wrappers(
        wrappers={
            "ping": Wrapper(source="/bin/busybox", capabilities="cap_net_raw+ep"),
            "as-root": Wrapper(
                source=f"{pkgs.dash}/bin/dash", program="rootsh", setuid=True, group="crew", permissions="u+rx,g+x"
            ),
            "off": Wrapper(enable=False, source="/bin/busybox", setuid=True),
        },
        privileged_files={"usr/bin/newgrp": "strip", "usr/bin/su": "strip"},
    ),
    Pki(certificates=[CERTIFICATE]),
    Pam(
        enable=True, login_text="auth required pam_unix.so\naccount required pam_unix.so\nsession required pam_env.so readenv=1\n"
    ),
    Interfaces(interfaces={"eth0": Interface(dhcp=True)}),
    Firewall(allowed_tcp_ports=[4000], allowed_udp_ports=[4001]),
    {"system": {"activationScripts": {"text": "touch /run/from-text"}}, "users": {"groups": {"zoo": {"gid": 1301}}}},
)


@pytest.fixture(scope="module")
def greeter() -> Iterator[int]:
    """A port of the host's loopback where one client is greeted."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            with server.accept()[0] as client:
                client.sendall(b"hello from the host\n")
                client.recv(1)

        threading.Thread(target=greet, daemon=True).start()
        yield server.getsockname()[1]


@pytest.fixture(scope="module")
def port() -> int:
    """A port of the host's loopback that is free."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture(scope="module")
def guest(store_root: Path, tmp_path_factory: pytest.TempPathFactory, greeter: int, port: int) -> Iterator[Driver]:
    network = {
        "virtualisation": {
            "cores": 2,
            "networkingOptions": ["hostname=named-by-qemu"],
            "forwardPorts": [
                {"host": {"address": "127.0.0.2", "port": port}, "guest": {"address": "10.0.2.15", "port": 4000}},
                {"proto": "udp", "host": {"port": port}, "guest": {"port": 4001}},
                {"from": "guest", "host": {"port": greeter}, "guest": {"address": "10.0.2.101", "port": 80}},
            ],
        }
    }
    lock = tmp_path_factory.mktemp("system") / "micros.lock"
    with machine(box.extend(network), store=store_root, lock=lock) as guest:
        yield guest


def test_the_machine_and_ports_that_are_forwarded(guest: Driver, port: int) -> None:
    assert guest.succeed("nproc") == "2\n"
    guest.wait_until_succeeds("ip -4 addr show dev eth0 | grep 10.0.2.15")
    assert guest.execute("timeout 5 nc 10.0.2.101 80 </dev/null")[1].startswith("hello from the host\n")
    guest.succeed("(echo hello from the guest | nc -l -p 4000 -w 20 >/dev/null 2>&1 &)")
    # QEMU accepts for the guest: a connection made before the guest listens would end without a word.
    guest.wait_until_succeeds("netstat -ltn | grep ':4000 '")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 20)
    with socket.create_connection(("127.0.0.2", port), 20) as connection:
        assert connection.makefile().readline() == "hello from the guest\n"
    # Nothing here listens by UDP; what the firewall lets in is counted behind it.
    guest.succeed("nft 'table ip behind { chain in { type filter hook input priority 10; udp dport 4001 counter; }; }'")
    guest.succeed("nft list table ip behind | grep 'packets 0 '")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"a datagram\n", ("127.0.0.1", port))
    guest.wait_until_succeeds("nft list table ip behind | grep 'packets 1 '")


def stat(guest: Driver, path: str) -> str:
    return guest.succeed(f"stat -c '%A %u:%g' {path}").strip()


def test_files_of_packages_and_beside_the_description(guest: Driver) -> None:
    assert "ssh\t\t22/tcp" in guest.succeed("cat /etc/services")
    assert stat(guest, "/etc/services") == "-rw-r----- 0:20"
    assert guest.succeed("readlink /etc/protocols.link") == "/etc/protocols\n"
    assert guest.succeed("readlink /etc/at-run-time") == "/proc/version\n"
    assert stat(guest, "/etc/micros/bytes") == "-r-------- 1234:0"
    assert guest.succeed("od -An -v -tx1 /etc/micros/bytes").split() == [f"{byte:02x}" for byte in BYTES]
    guest.fail("test -e /etc/gone")
    assert stat(guest, "/etc/numbers") == "-rw-r--r-- 11:12"
    assert guest.succeed("/opt/tool") == "tool\n"
    assert "MicrOS (everything)" in guest.succeed("cat /etc/os-release")
    assert stat(guest, "/opt/tool") == "-rwxr-xr-x 7:8"
    assert guest.succeed("readlink /usr/bin/env") == "/usr/bin/busybox\n"


def test_what_slimming_leaves_in_when_asked(guest: Driver) -> None:
    guest.succeed("ls /usr/share/doc/pamtester/copyright /usr/share/man/man1/hello.1.gz")
    guest.fail("ls /usr/share/locale/de")


def test_surroundings_of_shells(guest: Driver) -> None:
    shown = guest.succeed("env -i HOME=/root sh -lc 'env; hello >/dev/null'")
    for line in ("EDITOR=vi", "PLACES=/a:/root/b", "SESSION=yes", "MANPATH=/opt/share/man:/usr/share/man", "LOGIN_INIT=1"):
        assert line in shown.splitlines()
    for line in ("SHELL_INIT=1", "EXTRA_INIT=1", "ENV=/etc/shinit"):
        assert line in shown.splitlines()
    assert "PATH=/run/wrappers/bin:/opt/sbin:/opt/bin:/usr/sbin:/usr/bin:/sbin:/bin" in shown.splitlines()
    assert guest.succeed("echo tell | ENV=/etc/shinit sh -i 2>/dev/null").split()[-2:] == ["interactive", "told"]


def test_users(guest: Driver) -> None:
    passwd = guest.succeed("cat /etc/passwd")
    assert "ann:x:1234:1300:Ann of the box:/run/homes/ann:/bin/dash\n" in passwd
    (bob,) = (line.split(":") for line in passwd.splitlines() if line.startswith("bob:"))
    assert 1000 <= int(bob[2]) < 29000
    assert bob[3:] == ["100", "", "/home/bob", "/bin/sh"]
    (demon,) = (line.split(":") for line in passwd.splitlines() if line.startswith("demon:"))
    assert 400 <= int(demon[2]) < 900
    shadow = dict(line.split(":")[:2] for line in guest.succeed("cat /etc/shadow").splitlines())
    assert (shadow["root"], shadow["demon"]) == ("!", "!")
    assert shadow["bob"].startswith("$6$")
    groups = guest.succeed("cat /etc/group").splitlines()
    assert {"crew:x:1300:bob", "dialout:x:20:ann", "zoo:x:1301:"} <= set(groups)
    assert guest.succeed("su ann -c 'id -Gn'").split() == ["crew", "dialout"]
    assert guest.succeed("cat /etc/shells").split() == ["/bin/dash", "/bin/sh"]
    assert stat(guest, "/etc/shadow") == "-rw------- 0:0"
    guest.fail("test -e /home/bob")


def test_homes_begin_with_the_skeleton(guest: Driver) -> None:
    assert stat(guest, "/run/homes/ann") == "drwx--x--- 1234:1300"
    assert guest.succeed("su ann -c 'cat ~/.greeting'") == "welcome\n"
    assert stat(guest, "/run/homes/ann/.greeting") == "-rw-r--r-- 1234:1300"


def test_activation_runs_in_order_and_a_second_time_changes_nothing(guest: Driver) -> None:
    assert guest.succeed("cat /run/order") == "first\nsecond\n"
    guest.succeed("test -e /run/from-text")
    listing = "{ find /run /var /tmp /home -xdev ! -path '*/supervise/*' ! -path '/run/micros/*' | sort; cat /proc/mounts; }"
    guest.succeed(f"{listing} >/dev/shm/before", "/etc/micros/activate", f"{listing} >/dev/shm/after")
    assert guest.succeed("diff /dev/shm/before /dev/shm/after && cat /run/order") == "first\nsecond\n"


def test_wrappers_are_the_only_privileged_files(guest: Driver) -> None:
    assert guest.succeed("find / -xdev -type f -perm /6000") == "/usr/lib/micros/wrappers/rootsh\n"
    assert guest.succeed("ls /run/wrappers/bin/").split() == ["ping", "rootsh"]
    assert stat(guest, "/usr/lib/micros/wrappers/rootsh") == "-r-s--x--- 0:1300"
    as_root = """su ann -c '/run/wrappers/bin/rootsh -p -c "read line </etc/shadow; echo \\$line"'"""
    assert guest.succeed(as_root) == "root:!:::::::\n"
    guest.fail("su bob -c /usr/lib/micros/wrappers/off")
    guest.fail("su demon -s /bin/sh -c '/run/wrappers/bin/rootsh -p -c true'")


def test_a_capability_is_enough_to_ping(guest: Driver) -> None:
    guest.fail("su ann -c '/usr/bin/ping -c 1 127.0.0.1'")
    guest.succeed("su ann -c '/run/wrappers/bin/ping -c 1 127.0.0.1'")


def test_authorities(guest: Driver) -> None:
    assert guest.succeed("cat /etc/ssl/certs/ca-certificates.crt") == CERTIFICATE


def test_logins_go_through_pam(guest: Driver) -> None:
    assert "pam_env.so readenv=1" in guest.succeed("cat /etc/pam.d/login")
    assert "pam_deny.so" in guest.succeed("cat /etc/pam.d/other")
    guest.succeed("test ! -L /usr/bin/login && login --version | grep util-linux")
    ask = "| pamtester login {name} authenticate acct_mgmt open_session 2>&1"
    assert "successfully opened a session" in guest.succeed(f'echo "bob\'s" {ask.format(name="bob")}')
    guest.fail(f"echo wrong {ask.format(name='bob')}", f"echo {ask.format(name='root')}")
