"""Addresses from a DHCP server (RFC 2131), by busybox' udhcpc: a service for each interface that asks, or one for all cards.

A client keeps its address until the lease ends, however long the server is gone. When a cable comes back it asks whether
the address still holds there.
"""

from __future__ import annotations

from micros.lang import Config, Module, defines, lazy, option
from micros.modules.activation import Activation, ActivationScript
from micros.modules.boot.container import Container
from micros.modules.boot.kernel import Boot
from micros.modules.networking.bridges import Bridges
from micros.modules.networking.interfaces import Interfaces
from micros.modules.networking.networking import RESOLVER_LIMIT, Networking
from micros.modules.services.services import Micros, Service
from micros.modules.system import FileSpec, System

EVENT = """\
#!/bin/sh
# MicrOS: called by udhcpc with what the server said in the environment.
state=/run/micros/dhcp
case $1 in
deconfig)
    ip -4 addr flush dev "$interface"
    ip link set "$interface" up
    rm -f "$state/$interface.resolv"
    ;;
bound | renew)
    case "$(ip -4 addr show dev "$interface")" in
    *"inet $ip/${mask:-24} "*) ;;
    *)
        ip -4 addr flush dev "$interface"
        ip -4 addr add "$ip/${mask:-24}" dev "$interface"
        ;;
    esac
    [ -z "$mtu" ] || ip link set "$interface" mtu "$mtu"
    # A declared router comes first, then the cards in their order.
    metric=$((1000 + $(cat "/sys/class/net/$interface/ifindex")))
    for gateway in $router; do
        ip -4 route replace default via "$gateway" dev "$interface" metric $metric && break
    done
    {
        [ -z "$search$domain" ] || echo "search ${search:-$domain}"
        for server in $dns; do echo "nameserver $server"; done
    } >"$state/$interface.resolv"
    ;;
*) exit 0 ;;
esac
cat "$state"/*.resolv /etc/micros/resolv.conf 2>/dev/null | awk '!seen[$0]++ && !($1 == "nameserver" && ++n > LIMIT)' \
    >"$state/new" && mv "$state/new" /run/resolv.conf
""".replace("LIMIT", str(RESOLVER_LIMIT))

CLIENT = """\
#!/bin/sh
# MicrOS: ask for an address on the interface $1, for as long as it is there.
state=/run/micros/dhcp/$1
old=$(cat "$state.pid" 2>/dev/null) && grep -q "^udhcpc" "/proc/$old/cmdline" 2>/dev/null && kill "$old"
n=0
until [ -e "/sys/class/net/$1" ]; do
    [ $n != 50 ] || echo "dhcp: waiting for the interface $1"
    sleep 0.2; n=$((n+1))
done
ip link set "$1" up
udhcpc -f -i "$1" -s /etc/micros/dhcp-event -p "$state.pid" -t 4 -T 2 -A 20 -x "hostname:$(hostname)" &
client=$!
trap 'kill $client; wait $client; exit 143' TERM INT HUP
before=1
while kill -0 $client 2>/dev/null; do
    now=0
    { read -r now <"/sys/class/net/$1/carrier"; } 2>/dev/null
    if [ "$before$now" = 01 ]; then
        # Told to renew, udhcpc gives up an address that no server confirms. So first see whether there is one.
        udhcpc -f -n -q -i "$1" -s /bin/true -t 3 -T 1 >/dev/null 2>&1 &
        wait $! && kill -USR1 $client
    fi
    before=$now
    sleep 1 &
    wait $!
done
exit 1
"""

ALL = """\
# MicrOS: ask for an address on every Ethernet card that has no settings of its own; cards may come and go.
trap 'kill $clients 2>/dev/null; exit 143' TERM INT HUP
clients=
while :; do
    for card in /sys/class/net/*; do
        name=${card##*/}
        [ -e "$card/device" ] && read -r type <"$card/type" && [ "$type" = 1 ] || continue
        case " {others} " in *" $name "*) continue ;; esac
        client=
        { read -r client <"/run/micros/dhcp/$name.client"; } 2>/dev/null
        [ -n "$client" ] && case " $clients " in *" $client "*) kill -0 "$client" 2>/dev/null ;; *) false ;; esac && continue
        sh /etc/micros/dhcp-client "$name" &
        echo $! >"/run/micros/dhcp/$name.client"
        clients="$clients $!"
    done
    sleep 2 &
    wait $!
done
"""

STATE = """\
[ -d /run/micros/dhcp ] || mkdir -p /run/micros/dhcp
[ ! -L /etc/resolv.conf ] || [ -e /run/resolv.conf ] || cp /etc/micros/resolv.conf /run/
"""


class Dhcp(Module, at="networking.dhcp"):
    """Addresses from a DHCP server."""

    enable: bool = option(
        default=False,
        doc="Ask on every Ethernet card without settings of its own; `networking.interfaces.<name>.dhcp` asks on one.",
    )
    override_nameservers: bool = option(
        default=False, doc="Whether the name servers that DHCP names come before `networking.nameservers`, or those stand alone."
    )

    @defines(Boot.kernel_modules, when=lazy(lambda config: wanted(config)))
    def modules(self, config: Config) -> list[str]:
        """The cards, and packet sockets for udhcpc."""
        return [*config[Interfaces].drivers, "af_packet"]

    @defines(System.files, when=lazy(lambda config: wanted(config)))
    def programs(self, config: Config) -> dict[str, FileSpec]:
        """What udhcpc calls, and what calls udhcpc."""
        return {
            "etc/micros/dhcp-event": FileSpec(text=EVENT, mode="0755"),
            "etc/micros/dhcp-client": FileSpec(text=CLIENT, mode="0755"),
        }

    @defines(Micros.services, when=lazy(lambda config: wanted(config)))
    def services(self, config: Config) -> dict[str, Service]:
        """A client for each interface that asks."""
        found = {
            f"dhcp-{name}": Service(start_script=f"exec sh /etc/micros/dhcp-client {name}", dependencies=["networking"])
            for name in asking(config)
        }
        if self.enable:
            others = {*config[Interfaces].interfaces, *(p for b in config[Bridges].bridges.values() for p in b.interfaces)}
            found["dhcp"] = Service(start_script=ALL.replace("{others}", " ".join(sorted(others))), dependencies=["networking"])
        return found

    @defines(System.files)
    def resolver(self, config: Config) -> dict[str, FileSpec]:
        """/etc/resolv.conf (resolv.conf(5)): fixed where the declared name servers stand alone, or an engine mounts its own over
        it; else written as leases come."""
        text = "".join(f"nameserver {server}\n" for server in config[Networking].nameservers)
        fixed = not (self.override_nameservers and wanted(config)) if text else config[Container].is_container
        if fixed and (text or not wanted(config)):
            return {"etc/resolv.conf": FileSpec(text=text)}
        return {"etc/resolv.conf": FileSpec(link="/run/resolv.conf"), "etc/micros/resolv.conf": FileSpec(text=text)}

    @defines(Activation.activation_scripts["dhcp"])
    def state(self, config: Config) -> ActivationScript:
        """Where clients keep what they know, and the name servers until a lease comes."""
        return ActivationScript(text=STATE, deps=["mounts"])


def asking(config: Config) -> list[str]:
    """The declared interfaces that ask for an address."""
    return [name for name, entry in config[Interfaces].interfaces.items() if entry.enable and entry.dhcp]


def wanted(config: Config) -> bool:
    """Whether anything asks for an address."""
    return config[Dhcp].enable or bool(asking(config))
