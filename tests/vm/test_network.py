"""Interfaces and the firewall in one guest. Its other ends of virtual cables lie in a network namespace: the outside."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from micros import system
from micros.modules import (
    Activation,
    ActivationScript,
    Boot,
    Bridge,
    Bridges,
    Dhcp,
    Dnsmasq,
    DnsmasqSettings,
    Firewall,
    Forward,
    Interface,
    Interfaces,
    Ipv4,
    Ipv6,
    Link,
    Micros,
    Networking,
    Nftables,
    OpenPorts,
    PortRange,
    Service,
    Table,
    Virtualisation,
    Vlan,
    Vlans,
    Wireguard,
    WireguardInterface,
    WireguardPeer,
)
from micros.testing import Driver, machine

PORTS = (80, 81, 7001, 7003, 9999)
CABLES = ("lan0", "lan1", "lan2")
PROBE = "ip -o link | grep -v ' lo: ' >/run/probe; nft list tables >>/run/probe"


def cable(name: str) -> Link:
    """A virtual cable, whose other end is `<name>-end`."""
    end = f"{name}-end"
    make = f"[ -e /sys/class/net/{name} ] || {{ ip link add {name} type veth; ip link set veth0 name {end}; }}"
    return Link(make=make, declared_by="networking.interfaces")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


OUTSIDE_KEY = "oHoAsM6jUXNLVSTR5uPbZ9R+16HSWNMt25n4KO+abVE="
OUTSIDE_PUBLIC_KEY = "CpFwNDcO4QlPCghdqHtnmH7incZnQLQB1OKUt1HYM0Q="
OPEN, SHUT = free_port(), free_port()

box = system(
    Networking(host_name="box", host_id="8425e349", nameservers=["10.9.9.9"], hosts={"10.1.0.1": ["box.test"]}),
    Dhcp(override_nameservers=True),
    Interfaces(
        interfaces={
            "eth0": Interface(dhcp=True, slaac=True),
            "lan0": Interface(
                ipv4=Ipv4(address="10.1.0.1/24", gateway="10.1.0.9"), ipv6=Ipv6(address="fd01::1/64", gateway="fd01::9")
            ),
            "lan1": Interface(),
            "lan2": Interface(dhcp=True),
            "office": Interface(ipv4=Ipv4(address="10.5.0.1/24")),
            "br0": Interface(ipv4=Ipv4(address="10.2.0.1/24")),
            "idle": Interface(enable=False),
        },
        links={name: cable(name) for name in CABLES},
    ),
    Vlans(vlans={"office": Vlan(id=5, interface="lan0")}),
    Bridges(bridges={"br0": Bridge(interfaces=["lan1"])}),
    Firewall(
        allowed_tcp_ports=[80],
        allowed_tcp_port_ranges=[PortRange(start=7000, end=7002)],
        interfaces={"office": OpenPorts(allowed_tcp_ports=[81])},
        trusted_interfaces=["br0"],
        extra_input_rules="tcp dport 9999 ip saddr 10.1.0.9 accept",
    ),
    Nftables(tables={"mine": Table(family="ip", content="chain marks {\n    type filter hook output priority 0;\n}")}),
    Wireguard(
        interfaces={
            "wg0": WireguardInterface(
                ips=["10.6.0.1/24", "fd06::1/64"],
                generate_private_key_file=True,
                listen_port=51820,
                open_firewall=True,
                mtu=1380,
                peers=[
                    WireguardPeer(
                        public_key=OUTSIDE_PUBLIC_KEY,
                        preshared_key_file="/run/shared.key",
                        allowed_ips=["10.6.0.9/32", "10.7.0.0/24"],
                        endpoint="10.1.0.9:51821",
                        persistent_keepalive=25,
                    )
                ],
                post_setup="touch /run/tunnel-is-up",
            )
        }
    ),
    Dnsmasq(
        enable=True,
        resolve_local_queries=False,
        open_firewall=True,
        settings=DnsmasqSettings(port=5300) | {"address": ["/a.test/10.0.0.1", "/b.test/10.0.0.2"], "no-hosts": True},
    ),
    Activation(
        activation_scripts={
            "shared": ActivationScript(
                text="echo 'oHoAsM6jUXNLVSTR5uPbZ9R+16HSWNMt25n4KO+abVE=' >/run/shared.key", deps=["mounts"]
            )
        }
    ),
    Boot(kernel_modules=["veth"]),
    Activation(activation_scripts={"probe": ActivationScript(text=PROBE, deps=["firewall"])}),
    Micros(
        services={f"port{port}": Service(start_script=f"exec nc -ll -p {port} -e echo here is {port}") for port in PORTS},
    ),
    Virtualisation(forward_ports=[Forward(host_port=OPEN, guest_port=80), Forward(host_port=SHUT, guest_port=81)]),
)

OUTSIDE = """
unshare -n sh -c 'echo $$ >/run/outside; exec sleep 100000' &
until [ -s /run/outside ]; do sleep 0.1; done
out() { nsenter -t $(cat /run/outside) -n "$@"; }
for name in lan0 lan1 lan2; do ip link set $name-end netns $(cat /run/outside); out ip link set $name-end up; done
out ip addr add 10.1.0.9/24 dev lan0-end
out ip addr add fd01::9/64 dev lan0-end
out ip link add link lan0-end name vlan5 type vlan id 5
out ip link set vlan5 up
out ip addr add 10.5.0.9/24 dev vlan5
out ip addr add 10.2.0.9/24 dev lan1-end
out ip addr add 10.3.0.9/24 dev lan2-end
cat >/run/udhcpd.conf <<.
start 10.3.0.100
end 10.3.0.100
interface lan2-end
lease_file /run/leases
pidfile /run/udhcpd.pid
option lease 60
option subnet 255.255.255.0
option dns 10.3.0.53
option domain lan.test
min_lease 5
.
touch /run/leases
"""


def outside(guest: Driver, command: str) -> tuple[int, str]:
    """Run a command at the other ends of the cables."""
    return guest.execute(f"nsenter -t $(cat /run/outside) -n {command}")


def reaches(guest: Driver, address: str, port: int) -> bool:
    """Whether a port answers the outside."""
    status, said = outside(guest, f"nc -w 1 {address} {port} </dev/null 2>&1")
    assert status == 0 or "timed out" in said or "refused" in said, said
    return f"here is {port}" in said


@pytest.fixture(scope="module")
def guest(store_root: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    with machine(box, store=store_root, lock=tmp_path_factory.mktemp("network") / "micros.lock") as guest:  # type: ignore[arg-type]
        guest.wait_for_service("networking")
        guest.succeed(OUTSIDE)
        yield guest


def test_the_rules_were_there_before_any_interface(guest: Driver) -> None:
    probe = guest.succeed("cat /run/probe")
    assert "eth0" in probe
    assert "UP" not in probe
    assert "table inet micros-fw" in probe
    assert "table ip mine" in probe


def test_names(guest: Driver) -> None:
    assert guest.succeed("hostname; hostid; od -An -tx1 /etc/hostid").split() == ["box", "8425e349", "49", "e3", "25", "84"]
    assert "10.1.0.1 box.test" in guest.succeed("cat /etc/hosts")


def test_fixed_addresses_vlan_and_bridge(guest: Driver) -> None:
    lan0 = guest.succeed("ip addr show dev lan0")
    assert "inet 10.1.0.1/24" in lan0
    assert "inet6 fd01::1/64" in lan0
    guest.wait_until_fails("ip addr show dev lan0 | grep tentative")
    assert "10.1.0.9" in guest.succeed("ip route show dev lan0")
    assert "fd01::9" in guest.succeed("ip -6 route show dev lan0")
    assert "inet 10.5.0.1/24" in guest.succeed("ip addr show dev office")
    assert "inet 10.2.0.1/24" in guest.succeed("ip addr show dev br0")
    guest.succeed(
        "grep -q 'VID: 5' /proc/net/vlan/office", "[ -e /sys/class/net/br0/brif/lan1 ]", "[ ! -e /etc/micros/net/idle ]"
    )
    assert guest.succeed("cat /proc/sys/net/ipv6/conf/lan0/accept_ra /proc/sys/net/ipv6/conf/eth0/accept_ra").split() == [
        "0",
        "1",
    ]
    assert outside(guest, "ping -c 1 -W 5 10.1.0.1")[0] == 0
    assert outside(guest, "ping -c 1 -W 5 fd01::1")[0] == 0, "neighbours cannot find each other"
    assert outside(guest, "ping -c 1 -W 5 10.5.0.1")[0] == 0
    assert outside(guest, "ping -c 1 -W 5 10.2.0.1")[0] == 0


def test_dhcp_and_router_advertisements(guest: Driver) -> None:
    guest.wait_until_succeeds("ip addr show dev eth0 | grep 'inet 10.0.2.15/24'")
    guest.wait_until_succeeds("ip -6 addr show dev eth0 | grep 'scope [gs]' | grep -v tentative", timeout=30)
    servers = guest.succeed("cat /etc/resolv.conf")
    assert servers.index("10.0.2.3") < servers.index("10.9.9.9"), "the declared servers come after those of the lease"


def test_exactly_the_declared_ports_answer(guest: Driver) -> None:
    for address in ("10.1.0.1", "fd01::1"):
        found = [port for port in PORTS if reaches(guest, address, port)]
        assert found == ([80, 7001, 9999] if address == "10.1.0.1" else [80, 7001]), address
    assert [port for port in PORTS if reaches(guest, "10.5.0.1", port)] == [80, 81, 7001]
    assert [port for port in PORTS if reaches(guest, "10.2.0.1", port)] == list(PORTS)
    assert "refused connection: " in guest.succeed("dmesg")


def test_the_hosts_own_view(guest: Driver) -> None:
    def answer(port: int) -> bytes:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.settimeout(5)
            try:
                return connection.recv(100)
            except (TimeoutError, ConnectionError):
                return b""

    assert answer(OPEN) == b"here is 80\n"
    assert answer(SHUT) == b""


def test_a_tunnel(guest: Driver) -> None:
    guest.wait_for_file("/run/tunnel-is-up")
    assert guest.succeed("stat -c %a /var/lib/micros/wireguard/wg0.key; cat /sys/class/net/wg0/mtu").split() == ["600", "1380"]
    assert "10.7.0.0/24" in guest.succeed("ip route show dev wg0")
    assert "inet6 fd06::1/64" in guest.succeed("ip addr show dev wg0")
    guest.succeed(
        f"echo {OUTSIDE_KEY} >/run/outside.key; wg pubkey </var/lib/micros/wireguard/wg0.key >/run/wg0.pub",
        "ip link add wgout type wireguard; ip link set wgout netns $(cat /run/outside)",
    )
    outside(
        guest,
        "wg set wgout private-key /run/outside.key listen-port 51821 peer $(cat /run/wg0.pub) preshared-key /run/shared.key "
        "allowed-ips 10.6.0.0/24 endpoint 10.1.0.1:51820",
    )
    outside(guest, "ip addr add 10.6.0.9/24 dev wgout")
    outside(guest, "ip link set wgout up")
    assert outside(guest, "ping -c 1 -W 5 10.6.0.1")[0] == 0, guest.succeed("wg show")
    assert [port for port in PORTS if reaches(guest, "10.6.0.1", port)] == [80, 7001]


def test_a_name_server_for_others(guest: Driver) -> None:
    guest.wait_for_service("dnsmasq")
    for name, address in (("a.test", "10.0.0.1"), ("b.test", "10.0.0.2")):
        status, said = outside(guest, f"nslookup -type=a {name} 10.1.0.1:5300")
        assert address in said, (status, said)
    assert guest.succeed("awk '/^Uid/ { print $2 }' /proc/$(pidof dnsmasq)/status") == "106\n"


def test_what_comes_by_the_wrong_way_is_dropped(guest: Driver) -> None:
    outside(guest, "ip addr add 10.2.0.77/32 dev lan0-end")
    assert outside(guest, "ping -c 1 -W 2 -I 10.2.0.77 10.1.0.1")[0] != 0


def test_a_lease_outlives_its_server_and_is_asked_for_again_when_the_cable_returns(guest: Driver) -> None:
    outside(guest, "udhcpd /run/udhcpd.conf")
    guest.wait_until_succeeds("ip addr show dev lan2 | grep 'inet 10.3.0.100/24'", timeout=40)
    assert "search lan.test" in guest.succeed("cat /etc/resolv.conf")
    lines = "cat /run/leases; kill $(cat /run/udhcpd.pid); sleep 3; ip addr show dev lan2"
    assert "10.3.0.100/24" in guest.succeed(lines)
    for _ in range(2):
        outside(guest, "ip link set lan2-end down")
        guest.succeed("sleep 1.5")
        outside(guest, "ip link set lan2-end up")
        guest.succeed("sleep 1.5")
    assert "10.3.0.100/24" in guest.succeed("ip addr show dev lan2"), "the address went with the server"
    outside(guest, "udhcpd /run/udhcpd.conf")
    guest.succeed("sleep 4; rm /run/micros/dhcp/lan2.resolv")
    outside(guest, "ip link set lan2-end down")
    guest.succeed("sleep 1.5")
    outside(guest, "ip link set lan2-end up")
    guest.wait_for_file("/run/micros/dhcp/lan2.resolv", timeout=20)
    assert "10.3.0.100/24" in guest.succeed("ip addr show dev lan2")


def test_a_killed_client_leaves_no_second_one(guest: Driver) -> None:
    client = guest.succeed("cat /run/micros/dhcp/eth0.pid")
    guest.succeed("kill -9 $(awk '/PPid/ { print $2 }' /proc/$(cat /run/micros/dhcp/eth0.pid)/status)")
    guest.wait_until_succeeds(f"[ $(cat /run/micros/dhcp/eth0.pid) != {client.strip()} ]")
    guest.wait_until_succeeds("ip addr show dev eth0 | grep 10.0.2.15")
    assert guest.succeed("cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -o '[u]dhcpc -f -i eth0' | wc -l") == "1\n"


def test_rules_that_do_not_load_close_everything(guest: Driver) -> None:
    guest.succeed("echo 'table inet x { nonsense }' >/run/bad; mount -o bind /run/bad /etc/nftables.conf")
    guest.fail("/etc/micros/activate")
    guest.wait_for_console_text("every packet from outside is dropped")
    assert not any(reaches(guest, address, port) for address in ("10.1.0.1", "fd01::1", "10.2.0.1") for port in (80, 9999))
    assert "here is 80" in guest.succeed("nc 127.0.0.1 80 </dev/null"), "loopback is closed too"
    guest.succeed("umount /etc/nftables.conf; /etc/micros/activate")
    assert reaches(guest, "10.1.0.1", 80)
    assert "closed" not in guest.succeed("nft list tables")


def test_without_any_rules_interfaces_stay_down(guest: Driver) -> None:
    guest.succeed("mount -o bind /bin/false /usr/sbin/nft; ip link set lan0 down")
    guest.fail("/etc/micros/activate")
    guest.wait_for_console_text("network interfaces stay down")
    assert "stays down" in guest.fail("sh /etc/micros/net/lan0")
    assert ",UP" not in guest.succeed("ip link show dev lan0")
    guest.succeed("umount /usr/sbin/nft; /etc/micros/activate; sh /etc/micros/net/lan0")
    guest.wait_until_succeeds("ip link show dev lan0 | grep ',UP'")
