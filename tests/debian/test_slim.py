"""Slimming on real packages: what their files need comes along, what serves other systems stays out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from micros.base.tree import File
from micros.debian.universe import Universe
from micros.machine import machine_named

if TYPE_CHECKING:
    from micros.store.scheduler import Scheduler

SERVERS = ("chrony", "dnsmasq", "dropbear-bin", "iproute2", "nftables", "nginx", "openssh-server", "rsyslog", "wireguard-tools")


def test_servers_bring_all_they_need_and_nothing_of_other_init_systems(scheduler: Scheduler) -> None:
    closure = Universe(scheduler, machine_named("amd64")).closure(SERVERS)
    assert closure.unmet == ()
    trees = {name: scheduler.store.tree(digest) for name, digest in closure.trees.items()}
    for tree in trees.values():
        assert not [path for path in tree if path.startswith(("etc/sv/", "etc/init.d/", "usr/lib/systemd/", "usr/share/doc/"))]
    assert "usr/bin/wg" in trees["wireguard-tools"]
    assert "bash" not in trees, "wg-quick, a script of bash, is left out: tunnels are brought up without it"
    assert not {"perl-base", "debconf", "adduser", "init-system-helpers"} & trees.keys()


def test_a_package_that_only_lists_others_brings_those_without_the_helpers_of_their_scripts(scheduler: Scheduler) -> None:
    closure = Universe(scheduler, machine_named("amd64")).closure(["php-cli"])
    assert closure.unmet == ()
    programs = {path for digest in closure.trees.values() for path, entry in scheduler.store.tree(digest).items()
                if isinstance(entry, File) and path.startswith("usr/bin/php")}  # fmt: skip
    assert programs
