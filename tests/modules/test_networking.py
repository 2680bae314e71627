"""What the options of networking become, without a guest."""

from __future__ import annotations

from typing import Any

import pytest

from micros import system
from micros.base.errors import Kind, MicrosError
from micros.lang import Config
from micros.modules import Boot, Firewall, Interface, Interfaces, Ipv4, Micros, Networking, Nftables, Sockets, System, Table
from micros.modules.networking.nftables import modules_for


def configured(*modules: Any) -> Config:
    described = system(*modules)
    described.evaluation.check()
    return described.config


def text(config: Config, path: str) -> str:
    found: str = config[System].files[path].text
    return found


def complaints(*modules: Any) -> str:
    with pytest.raises(MicrosError) as caught:
        configured(*modules)
    assert {problem.kind for problem in caught.value.problems} <= {Kind.ASSERTION, Kind.WRONG_TYPE, Kind.REMOVED}
    return str(caught.value)


def test_the_parents_list_of_interfaces() -> None:
    config = configured(
        {
            "networking": {
                "hostName": "box",
                "hostId": "8425e349",
                "timeServers": ["time.test"],
                "interfaces": [
                    {"name": "eth0", "dhcp": True, "slaac": True},
                    {"name": "eth1", "ipv4": {"address": "10.0.0.2/24", "gateway": "10.0.0.1"}},
                    {"name": "eth2", "ipv6": {"address": "fd00::2/64", "gateway": "fe80::1"}, "enable": False},
                ],
            }
        },
        {"networking": {"interfaces": [{"name": "eth1", "slaac": True}]}},
    )
    assert set(config[Interfaces].interfaces) == {"eth0", "eth1", "eth2"}
    assert config[Interfaces].interfaces["eth1"].slaac
    assert "ip -4 addr replace 10.0.0.2/24 dev eth1" in text(config, "etc/micros/net/eth1")
    assert "ip -4 route replace default via 10.0.0.1 dev eth1" in text(config, "etc/micros/net/eth1")
    assert "etc/micros/net/eth2" not in config[System].files
    assert "dhcp-eth0" in config[Micros].services
    assert text(config, "etc/hostid").encode("utf-8", "surrogateescape") == bytes.fromhex("49e32584")
    assert config[Networking].time_servers == ["time.test"]


def test_not_os_simple_static_ip() -> None:
    config = configured({"not-os": {"simpleStaticIp": True}})
    assert config[Interfaces].interfaces["eth0"].ipv4.address == "10.0.2.15/24"


def test_dhcp_on_all_cards_leaves_out_those_with_settings() -> None:
    config = configured(
        {"networking": {"dhcp": {"enable": True}, "interfaces": {"eth1": {}}, "bridges": {"br0": {"interfaces": ["eth1"]}}}}
    )
    assert 'case " br0 eth1 "' in config[Micros].services["dhcp"].start_script
    assert "bridge" in config[Boot].kernel_modules
    assert "af_packet" in config[Boot].kernel_modules


def test_declared_name_servers_stand_alone_unless_dhcp_overrides_them() -> None:
    settings: dict[str, Any] = {"networking": {"nameservers": ["10.0.0.53", "fd00::53"], "dhcp": {"enable": True}}}
    assert text(configured(settings), "etc/resolv.conf") == "nameserver 10.0.0.53\nnameserver fd00::53\n"
    settings["networking"]["dhcp"]["overrideNameservers"] = True
    config = configured(settings)
    assert config[System].files["etc/resolv.conf"].link == "/run/resolv.conf"
    assert "10.0.0.53" in text(config, "etc/micros/resolv.conf")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"interfaces": {"eth0": {"ipv4": {"address": "10.0.0.300/24"}}}}, "IPv4 address with the length of its prefix"),
        ({"interfaces": {"eth0": {"ipv4": {"address": "10.0.0.3"}}}}, "IPv4 address with the length of its prefix"),
        ({"interfaces": {"eth0": {"ipv6": {"address": "10.0.0.3/24"}}}}, "IPv6 address with the length of its prefix"),
        ({"interfaces": {"eth0": {"ipv4": {"gateway": "10.0.0.1"}}}}, "gateway needs"),
        ({"interfaces": {"a-name-that-is-too-long": {}}}, "at most 15"),
        ({"interfaces": {"eth0": {"name": "eth1"}}}, "is not its key"),
        ({"interfaces": [{"dhcp": True}]}, "has no `name`"),
        ({"nameservers": ["dns.test"]}, "address"),
        ({"hosts": {"localhost": ["a"]}}, "IPv4 or IPv6 address"),
        ({"hostId": "12"}, "8 hexadecimal digits"),
        ({"vlans": {"v": {"id": 5, "interface": "eth0"}}}, "not declared"),
        ({"vlans": {"v": {"id": 5000, "interface": "eth0"}}}, "4094"),
        ({"bridges": {"b": {"interfaces": ["b"]}}}, "made from each other"),
        (
            {"interfaces": {"e": {}}, "vlans": {"v": {"id": 5, "interface": "e"}, "w": {"id": 5, "interface": "e"}}},
            "both number 5",
        ),
        ({"interfaces": {"e": {"dhcp": True}}, "bridges": {"b": {"interfaces": ["e"]}}}, "port of the bridge"),
        ({"interfaces": {"e": {}}, "bridges": {"b": {"interfaces": ["e"]}, "c": {"interfaces": ["e"]}}}, "both have the port"),
        ({"firewall": {"allowedTCPPortRanges": [{"from": 9, "to": 8}]}}, "ends before it begins"),
        ({"firewall": {"extraForwardRules": "accept"}}, "filter_forward"),
        ({"firewall": {"pingLimit": "often"}}, "rate"),
        ({"firewall": {"interfaces": {"a b": {}}}}, "at most 15"),
        ({"nftables": {"enable": False}}, "networking.firewall.enable = false"),
        ({"firewall": {"enable": False}, "nftables": {"ruleset": "table ip x { }"}}, "networking.nftables.enable is off"),
        ({"nftables": {"tables": {"1x": {}}}}, "name of a table"),
        ({"nftables": {"checkRulesetRedirects": {"/etc/hosts": "x"}}}, "environment.etc"),
        ({"nftables": {"flattenRulesetFile": True}}, "always part"),
    ],
)
def test_what_cannot_be_is_said(settings: dict[str, Any], said: str) -> None:
    assert said in complaints({"networking": settings})


def test_helpers_that_the_kernel_would_ignore_are_refused() -> None:
    assert "connection_tracking_modules" in complaints({"networking": {"firewall": {"autoLoadConntrackHelpers": True}}})


def rules(*settings: Any) -> str:
    return text(configured(*settings), "etc/nftables.conf")


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"networking": {"firewall": {"allowedTCPPorts": [22, 80]}}}, "tcp dport { 22, 80 } accept"),
        (
            {"networking": {"firewall": {"allowedTCPPorts": [22], "allowedTCPPortRanges": [{"from": 20, "to": 30}]}}},
            "tcp dport { 20-30 } accept",
        ),
        ({"networking": {"firewall": {"allowedUDPPorts": [53]}}}, "udp dport { 53 } accept"),
        (
            {"networking": {"firewall": {"allowedUDPPortRanges": [{"from": 60000, "to": 60010}]}}},
            "udp dport { 60000-60010 } accept",
        ),
        (
            {"networking": {"firewall": {"interfaces": {"wan0": {"allowedTCPPorts": [22]}}}}},
            'iifname "wan0" tcp dport { 22 } accept',
        ),
        ({"networking": {"firewall": {"trustedInterfaces": ["lan0"]}}}, 'iifname { "lo", "lan0" } accept'),
        (
            {"networking": {"firewall": {"pingLimit": "2/second burst 5 packets"}}},
            "icmp type echo-request limit rate 2/second burst 5 packets accept",
        ),
        ({"networking": {"firewall": {"rejectPackets": True}}}, "meta l4proto tcp reject with tcp reset"),
        ({"networking": {"firewall": {"checkReversePath": "loose"}}}, "fib saddr . mark oif exists accept"),
        ({"networking": {"firewall": {"checkReversePath": "strict"}}}, "fib saddr . mark . iif oif exists accept"),
        (
            {"networking": {"firewall": {"filterForward": True, "extraForwardRules": "iifname lan0 accept"}}},
            "iifname lan0 accept",
        ),
        ({"networking": {"firewall": {"extraInputRules": "tcp dport 1 accept"}}}, "tcp dport 1 accept"),
        ({"networking": {"firewall": {"extraReversePathFilterRules": "iifname vpn0 accept"}}}, "iifname vpn0 accept"),
        ({"networking": {"firewall": {"logRefusedPackets": True}}}, 'meta pkttype host log prefix "refused packet: " level info'),
        (
            {"networking": {"firewall": {"logRefusedPackets": True, "logRefusedUnicastsOnly": False}}},
            'log prefix "refused packet: " level info',
        ),
        ({"networking": {"firewall": {"logReversePathDrops": True}}}, 'log prefix "rpfilter drop: " level info'),
        ({"networking": {"firewall": {"connectionTrackingModules": ["ftp"]}}}, 'tcp dport 21 ct helper set "ftp"'),
    ],
)
def test_options_of_the_firewall_are_rules(options: dict[str, Any], line: str) -> None:
    assert line in [one.strip() for one in rules(options).splitlines()]
    assert line not in [one.strip() for one in rules().splitlines()] or "strict" in str(options)


@pytest.mark.parametrize(
    ("options", "gone"),
    [
        ({"networking": {"firewall": {"allowPing": False}}}, "icmp type echo-request"),
        ({"networking": {"firewall": {"logRefusedConnections": False}}}, "refused connection"),
        ({"networking": {"firewall": {"checkReversePath": False}}}, "fib "),
    ],
)
def test_what_is_turned_off_is_no_rule(options: dict[str, Any], gone: str) -> None:
    assert gone in rules()
    assert gone not in rules(options)


def test_all_interfaces_are_read_together() -> None:
    config = configured(Firewall(allowed_tcp_ports=[1], interfaces={}), {"networking": {"firewall": {"interfaces": {"a": {}}}}})
    assert config[Firewall].all_interfaces["default"].allowed_tcp_ports == [1]
    assert set(config[Firewall].all_interfaces) == {"default", "a"}


def test_modules_are_those_the_rules_need() -> None:
    assert "nf_conntrack_ftp" in configured(Firewall(connection_tracking_modules=["ftp"]))[Boot].kernel_modules
    assert modules_for('log prefix "reject" # masquerade\nct status dnat accept') == [
        "nf_tables",
        "nft_ct",
        "nft_log",
        "nf_log_syslog",
    ]
    assert "nft_masq" in modules_for("chain x { masquerade }")
    assert "nft_meta_bridge" in modules_for("table bridge x { }")
    assert modules_for("icmpv6 type nd-redirect drop") == ["nf_tables"]


def test_rules_of_the_users_own() -> None:
    config = configured(
        Nftables(
            ruleset="table ip late { }",
            extra_deletions="delete table ip old",
            tables={
                "mine": Table(family="ip", content="chain x { }"),
                "key": Table(name="theirs", family="ip6"),
                "off": Table(enable=False),
            },
        )
    )
    lines = text(config, "etc/nftables.conf").splitlines()
    assert lines[:2] == ["flush ruleset", "delete table ip old"]
    assert lines[-1] == "table ip late { }"
    assert "table ip mine {" in lines
    assert "table ip6 theirs {" in lines
    assert "delete table ip6 theirs" in lines
    assert not any("off" in line for line in lines)


def test_all_tables_go_only_where_that_is_said_or_needed() -> None:
    own = Nftables(ruleset="table ip late { }")
    assert rules(own).startswith("flush ruleset\n")
    assert "flush" not in rules(own, Nftables(flush_ruleset=False))
    assert "flush" not in rules()
    assert rules(Nftables(flush_ruleset=True)).startswith("flush ruleset\n")


def test_no_interface_is_called_default() -> None:
    assert "no interface `default`" in complaints({"networking": {"firewall": {"interfaces": {"default": {}}}}})


def test_without_the_firewall_nothing_of_it_is_there() -> None:
    config = configured(Firewall(enable=False), Interfaces(interfaces={"eth0": Interface(ipv4=Ipv4(address="10.0.0.2/8"))}))
    assert "etc/nftables.conf" not in config[System].files
    assert not any(name.startswith(("nf", "nft")) for name in config[Boot].kernel_modules)
    assert "nft" not in text(config, "etc/micros/activate")


KEY = "CpFwNDcO4QlPCghdqHtnmH7incZnQLQB1OKUt1HYM0Q="


def tunnel(**options: Any) -> dict[str, Any]:
    return {"networking": {"wireguard": {"interfaces": {"wg0": options}}}}


def test_a_tunnel_tells_the_kernel_what_is_declared() -> None:
    peer = {"publicKey": KEY, "allowedIPs": ["10.6.0.9/32"], "presharedKeyFile": "/run/psk", "persistentKeepalive": 25}
    config = configured(tunnel(ips=["10.6.0.1/24"], privateKeyFile="/run/key", allowedIPsAsRoutes=False, peers=[peer]))
    script = text(config, "etc/micros/net/wg0")
    assert "wg set wg0 private-key /run/key\n" in script
    assert "preshared-key /run/psk persistent-keepalive 25 allowed-ips 10.6.0.9/32\n" in script
    assert "route" not in script
    assert "genkey" not in script
    assert "wireguard" in config[Boot].kernel_modules
    assert not config[Sockets].sockets


def test_a_key_that_is_made_at_each_boot_is_warned_about() -> None:
    (warning,) = system(tunnel(generatePrivateKeyFile=True)).evaluation.warnings
    assert "wg0" in warning
    assert not system(tunnel(generatePrivateKeyFile=True), {"storage": {"data": {"enable": True}}}).evaluation.warnings


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"ips": ["10.6.0.1"]}, "length of its prefix"),
        ({"openFirewall": True}, "listen_port"),
        ({"privateKey": KEY}, "no option"),
        ({"peers": [{"publicKey": "short"}]}, "public key"),
        ({"peers": [{"publicKey": KEY, "endpoint": "nowhere"}]}, "host and port"),
    ],
)
def test_what_is_no_tunnel_is_said(options: dict[str, Any], said: str) -> None:
    with pytest.raises(MicrosError) as caught:
        configured(tunnel(**options))
    assert said in str(caught.value)


def test_a_port_has_one_owner() -> None:
    settings = {"enable": True, "openFirewall": True, "settings": {"dhcp-range": "10.0.0.5,10.0.0.9", "domain-needed": True}}
    config = configured({"services": {"dnsmasq": settings}})
    assert config[Sockets].sockets == {key: ["services.dnsmasq.settings"] for key in ("tcp/53", "udp/53", "udp/67")}
    assert config[Firewall].allowed_udp_ports == [53, 67]
    with pytest.raises(MicrosError) as caught:
        configured({"services": {"dnsmasq": settings}}, tunnel(listenPort=53))
    assert "both want udp/53" in str(caught.value)


def test_dnsmasq_asks_those_whom_the_host_would() -> None:
    config = configured({"services": {"dnsmasq": {"enable": True}}, "networking": {"nameservers": ["10.0.0.53"]}})
    assert text(config, "etc/resolv.conf") == "nameserver 127.0.0.1\nnameserver 10.0.0.53\n"
    lines = text(config, "etc/dnsmasq.conf").splitlines()
    assert "no-resolv" in lines
    assert "server=10.0.0.53" in lines
    assert "port=53" in lines
