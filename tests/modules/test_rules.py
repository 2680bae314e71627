"""Rules of the packet filter, checked when a system is built."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Command

ALL = """
[networking.firewall]
allowedTCPPorts = [22, 80]
allowedTCPPortRanges = [{ from = 70, to = 90 }]
allowedUDPPortRanges = [{ from = 60000, to = 60010 }]
interfaces.wan0.allowedUDPPorts = [53]
trustedInterfaces = ["lan0"]
pingLimit = "2/second burst 5 packets"
rejectPackets = true
checkReversePath = "loose"
filterForward = true
logRefusedPackets = true
logReversePathDrops = true
connectionTrackingModules = ["amanda", "ftp", "irc", "netbios_ns", "pptp", "sane", "sip", "snmp", "tftp"]
extraForwardRules = "iifname lan0 oifname wan0 accept"

[networking.nftables.tables.nat]
family = "ip"
content = "chain out { type nat hook postrouting priority srcnat; oifname wan0 masquerade; }"
"""
TYPO = "tcp dprot 23 accept"


def build(micros: Command, text: str, **environment: str) -> list[str]:
    """Kinds of the errors of a build."""
    micros.write("box.toml", text)
    done = micros("build", "box.toml", "--json", **environment)
    return [] if done.status == 0 else done.kinds


@pytest.fixture
def path_without_namespaces(tmp_path: Path) -> str:
    fake = tmp_path / "bin/bwrap"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\necho 'bwrap: Creating new namespace failed: Operation not permitted' >&2\nexit 1\n")
    fake.chmod(0o755)
    return f"{fake.parent}:/usr/sbin:/usr/bin:/sbin:/bin"


def test_everything_the_firewall_can_be_told_means_something_to_nft(micros: Command) -> None:
    assert build(micros, ALL) == []


def test_a_wrong_rule_ends_the_build_at_its_place(micros: Command) -> None:
    micros.write("box.toml", f'networking.firewall.extra_input_rules = "{TYPO}"\n')
    micros.write("rules.nft", "table ip x {\n    chian y { }\n}\n")
    done = micros("build", "box.toml", "--json", "--set", 'networking.nftables.ruleset="table ip a { chain b { nonsense; } }"')
    assert done.kinds[0] == "bad-rules"
    assert all(kind == "bad-rules" for kind in done.kinds)
    assert any(TYPO in str(one) and "box.toml" in str(one) for one in done.errors)
    micros.write("file.toml", 'networking.nftables.ruleset_file = "./rules.nft"\n')
    done = micros("build", "file.toml", "--json")
    assert done.kinds[0] == "bad-rules"
    assert "chian y" in str(done.errors[0])
    assert "file.toml" in str(done.errors[0])


def test_rules_are_checked_after_the_users_changes_or_not_at_all(micros: Command) -> None:
    wrong = f'networking.firewall.extraInputRules = "{TYPO}"\n'
    assert build(micros, wrong) == ["bad-rules"]
    assert build(micros, wrong + "networking.nftables.preCheckRuleset = \"sed -i 's/dprot/dport/' ruleset.conf\"\n") == []
    assert build(micros, wrong + 'networking.nftables.preCheckRuleset = "false"\n') == ["step-failed"]
    assert build(micros, wrong + "networking.nftables.checkRuleset = false\n") == []


def test_names_of_the_system_mean_something_to_rules(micros: Command) -> None:
    rule = 'networking.firewall.extraInputRules = "meta skuid ann accept"\n'
    assert build(micros, rule) == ["bad-rules"]
    assert build(micros, rule + "users.ann.uid = 1000\n") == []


def test_a_host_that_cannot_check_believes_modules_but_not_users(micros: Command, path_without_namespaces: str) -> None:
    assert build(micros, "networking.firewall.allowedTCPPorts = [4711]\n", PATH=path_without_namespaces) == []
    rule = 'networking.firewall.extraInputRules = "tcp dport 4712 accept"\n'
    assert build(micros, rule, PATH=path_without_namespaces) == ["sandbox"]
