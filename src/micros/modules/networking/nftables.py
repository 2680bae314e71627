"""nftables: the kernel's packet filter, its rules as tables (nft(8)).

All rules are one file, /etc/nftables.conf, which activation loads in one transaction before any interface comes up. Where
they do not load, everything is dropped; where not even that can be said to the kernel, interfaces stay down. The file is
checked when the system is built (`micros.plan.rules`).
"""

from __future__ import annotations

import re
from typing import Literal

from micros.lang import Config, Lines, Module, Record, Source, check, defines, lazy, option, removed
from micros.modules.activation import Activation, ActivationScript
from micros.modules.boot.kernel import Boot
from micros.modules.environment import Environment
from micros.modules.networking.interfaces import FIREWALL_FAILED
from micros.modules.system import FileSpec, System
from micros.packages import Package, pkgs

RULES = "etc/nftables.conf"
RULESET_FILE = "etc/nftables.d/ruleset.nft"
CLOSED = "etc/micros/closed.nft"

CLOSED_RULES = """\
table inet micros-closed {
    chain input {
        type filter hook input priority -300; policy drop;
        iifname "lo" accept
    }
    chain forward {
        type filter hook forward priority -300; policy drop;
    }
}
"""
"""What is in force where the rules do not load. It needs nothing that the rules may need."""

LOAD = """\
[ ! -e {failed} ] || rm -f {failed}
if nft -f /{rules}; then
    if [ -e /run/micros/firewall-closed ]; then
        nft delete table inet micros-closed
        rm -f /run/micros/firewall-closed
    fi
elif : >/run/micros/firewall-closed; nft list table inet micros-closed >/dev/null 2>&1 || nft -f /{closed}; then
    echo "MicrOS: the firewall's rules could not be loaded: every packet from outside is dropped" | tee /dev/console
    exit 1
else
    : >{failed}
    echo "MicrOS: the firewall could not be loaded: network interfaces stay down" | tee /dev/console
    exit 1
fi
"""

BASE_MODULES = ("nf_tables",)
WORD_MODULES = {
    "ct": ("nft_ct",),
    "ct count": ("nft_connlimit",),
    "dnat": ("nft_nat", "nft_chain_nat"),
    "dup": ("nft_dup_ipv4", "nft_dup_ipv6", "nft_dup_netdev"),
    "fib": ("nft_fib_inet", "nft_fib_ipv4", "nft_fib_ipv6"),
    "flow": ("nft_flow_offload", "nf_flow_table_inet"),
    "flowtable": ("nft_flow_offload", "nf_flow_table_inet"),
    "fwd": ("nft_fwd_netdev",),
    "ipsec": ("nft_xfrm",),
    "jhash": ("nft_hash",),
    "limit": ("nft_limit",),
    "log": ("nft_log", "nf_log_syslog"),
    "masquerade": ("nft_masq", "nft_chain_nat"),
    "nat": ("nft_chain_nat",),
    "numgen": ("nft_numgen",),
    "osf": ("nft_osf",),
    "queue": ("nft_queue", "nfnetlink_queue"),
    "quota": ("nft_quota",),
    "redirect": ("nft_redir", "nft_chain_nat"),
    "reject": ("nft_reject_inet", "nft_reject_ipv4", "nft_reject_ipv6"),
    "snat": ("nft_nat", "nft_chain_nat"),
    "socket": ("nft_socket",),
    "symhash": ("nft_hash",),
    "synproxy": ("nft_synproxy",),
    "tproxy": ("nft_tproxy",),
}
"""Kernel modules by the word of a rule that needs them. What is in nf_tables itself is not listed."""

FAMILY_MODULES = {"bridge": ("nft_meta_bridge", "nft_reject_bridge")}

Family = Literal["ip", "ip6", "inet", "arp", "bridge", "netdev"]


class Table(Record):
    """One table of rules."""

    enable: bool = option(default=True, doc="Whether the table is there.")
    name: str = option(default=lazy(lambda entry: entry.entry_name), default_text="its key", doc="The table's name.")
    family: Family = option(default="inet", doc="Which packets it sees.")
    content: Lines = option(default="", doc="Chains, sets and the like, as nft(8) has them between the table's braces.")


class Nftables(Module, at="networking.nftables",
    imports=[
        removed(
            "networking.nftables.check_ruleset_redirects",
            "Rules are checked beside the system's own files below /etc: declare what they read in environment.etc.",
        ),
        removed("networking.nftables.flatten_ruleset_file", "The ruleset file is always part of what is checked and loaded."),
    ],
):  # fmt: skip
    """The packet filter."""

    enable: bool = option(
        default=lazy(lambda config: _firewall_enabled(config)),
        default_text="whether the firewall is on",
        doc="Load rules into the kernel's packet filter.",
    )
    package: Package = option(default=pkgs.nftables, doc="The package that brings nft.")
    tables: dict[str, Table] = option(default={}, doc="Tables of rules by name.")
    ruleset: Lines = option(default="", doc="Rules as nft reads them, after those of the tables.")
    ruleset_file: Source | None = option(default=None, doc="A file of rules beside the one that says so, after `ruleset`.")
    flush_ruleset: bool = option(
        default=lazy(lambda config: bool(config[Nftables].ruleset or config[Nftables].ruleset_file)),
        default_text="whether there is a ruleset or a ruleset file",
        doc="Delete every table in the kernel first; otherwise only those declared here.",
    )
    extra_deletions: Lines = option(
        default="",
        doc="Commands that run before the tables are made, such as `delete table ip old`.",
        example="delete table ip old",
    )
    check_ruleset: bool = option(default=True, doc="Check the rules when the system is built.")
    pre_check_ruleset: Lines = option(
        default="", doc="Shell code that changes `ruleset.conf`, a copy of the rules, before it is checked.",
        example="sed -i 's/skuid ann/skuid nobody/' ruleset.conf",
    )  # fmt: skip

    @defines(Environment.system_packages, when=enable)
    def packages(self, config: Config) -> list[Package]:
        """The loader."""
        return [self.package]

    @defines(Boot.kernel_modules, when=enable)
    def modules(self, config: Config) -> list[str]:
        """What the rules need of the kernel, and no more."""
        return modules_for(ruleset_text(self))

    @defines(System.files, when=enable)
    def files(self, config: Config) -> dict[str, FileSpec]:
        """The rules, and what is in force without them."""
        files = {RULES: FileSpec(text=ruleset_text(self), mode="0600"), CLOSED: FileSpec(text=CLOSED_RULES)}
        if self.ruleset_file is not None:
            files[RULESET_FILE] = FileSpec(source=self.ruleset_file, mode="0600")
        return files

    @defines(Activation.activation_scripts["firewall"], when=enable)
    def load(self, config: Config) -> ActivationScript:
        """Load the rules, or fail closed."""
        text = LOAD.format(failed=FIREWALL_FAILED, rules=RULES, closed=CLOSED)
        return ActivationScript(text=text, deps=["mounts", "modules"])

    @check
    def rules_are_wanted(self, config: Config) -> str | None:
        """Nothing is declared in vain."""
        if self.enable:
            return None
        if _firewall_enabled(config):
            return "the firewall's rules are nftables'; networking.firewall.enable = false leaves them out"
        declared = self.ruleset or self.ruleset_file or any(table.enable for table in self.tables.values())
        return "there are rules, but networking.nftables.enable is off" if declared else None

    @check
    def names_are_plain(self, config: Config) -> str | None:
        """Names of tables as nft(8) takes them."""
        names = [table.name for table in self.tables.values()]
        bad = [name for name in names if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_/\\.-]*", name)]
        return f"networking.nftables.tables: {', '.join(map(repr, bad))} cannot be the name of a table" if bad else None


def ruleset_text(rules: Nftables) -> str:
    """The whole file, as nft reads it."""
    lines = ["flush ruleset"] if rules.flush_ruleset else []
    lines += [rules.extra_deletions.rstrip()] if rules.extra_deletions else []
    for table in rules.tables.values():
        if table.enable:
            head = f"table {table.family} {table.name}"
            # The first line makes sure that there is something for the second to delete.
            lines += [head, f"delete {head}", f"{head} {{", table.content.rstrip(), "}"]
    lines += [rules.ruleset.rstrip()] if rules.ruleset else []
    lines += [f'include "/{RULESET_FILE}"'] if rules.ruleset_file else []
    return "".join(line + "\n" for line in lines)


def modules_for(text: str) -> list[str]:
    """The kernel modules that rules need, by their words; comments and quoted texts do not count."""
    plain = re.sub(r'"[^"\n]*"|#[^\n]*|\bstatus\s+[a-z]+', " ", text)  # `ct status dnat` changes no address
    words = set(re.findall(r"[A-Za-z][A-Za-z0-9_-]*", plain)) | set(re.findall(r"\bct count\b", plain))
    found = [module for word, modules in WORD_MODULES.items() if word in words for module in modules]
    found += [module for word, modules in FAMILY_MODULES.items() if re.search(rf"\btable {word} ", plain) for module in modules]
    return list(dict.fromkeys([*BASE_MODULES, *found]))


def _firewall_enabled(config: Config) -> bool:
    # Imported late: the firewall is made of this module's tables.
    from micros.modules.networking.firewall import Firewall

    return config[Firewall].enable
