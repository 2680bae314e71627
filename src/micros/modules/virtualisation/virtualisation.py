"""The virtual machine that `micros run` starts, and the agent it talks to inside."""

from __future__ import annotations

from typing import Annotated, Literal

from micros.lang import REQUIRED, Config, Module, Pattern, Port, Range, Record, check, defines, lazy, option
from micros.modules.boot.kernel import Boot
from micros.modules.services.services import Micros, Service

AGENT = """\
here=/run/micros/agent
mkdir -p $here
until name=$(grep -lx micros.agent /sys/class/virtio-ports/*/name); do sleep 0.1; done
name=${name%/name}
exec <>/dev/${name##*/} >&0 2>/dev/null
answer() {
    setsid sh $here/$1.command <$2 >$here/$1.output 2>&1 &
    echo $! >$here/$1.pid
    wait $!
    status=$?
    echo "BEGIN $1"
    base64 $here/$1.output
    echo "END $1 $status"
    rm -f $here/$1.*
}
cd /root
echo READY
while read -r word number length given; do
    case $word in
    RUN)
        input=/dev/null
        dd of=$here/$number.command bs=$length count=1 iflag=fullblock
        if [ $given -gt 0 ]; then
            input=$here/$number.input
            dd of=$input bs=$given count=1 iflag=fullblock
        fi
        answer $number $input &
        ;;
    KILL) kill -KILL -$(cat $here/$number.pid) ;;
    esac
done
"""


NetAddress = Annotated[str, Pattern(r"[0-9.]*", "IPv4 address")]


class Forward(Record):
    """A port of the host that reaches the guest, or the other way round."""

    proto: Literal["tcp", "udp"] = option(default="tcp", doc="Protocol.")
    origin: Literal["host", "guest"] = option(
        default="host",
        doc="Who connects: `host` to a port of the guest, or `guest`, by TCP, to one of the host.",
        aliases=["from"],
    )
    host_address: NetAddress = option(
        default="127.0.0.1", doc="Address on the host; loopback unless said.", aliases=["host.address"]
    )
    host_port: Port = option(default=REQUIRED, doc="Port on the host.", aliases=["host.port"])
    guest_address: NetAddress = option(
        default=lazy(lambda entry: "10.0.2.100" if entry.origin == "guest" else ""),
        default_text="10.0.2.100 for what the guest connects to, else the guest's own",
        doc="Address in the guest's network.",
        aliases=["guest.address"],
    )
    guest_port: Port = option(default=REQUIRED, doc="Port in the guest.", aliases=["guest.port"])


def forwarding(forward: Forward) -> str:
    """A word of QEMU's user network (qemu(1), -netdev user)."""
    host = f"{forward.host_address}:{forward.host_port}"
    guest = f"{forward.guest_address}:{forward.guest_port}"
    if forward.origin == "guest":
        return f"guestfwd=tcp:{guest}-tcp:{host}"
    return f"hostfwd={forward.proto}:{host}-{guest}"


class Disk(Record):
    """A disk besides the root's, empty when it is made."""

    size: Annotated[int, Range(1, 1 << 24)] = option(default=64, doc="Size in MiB.")
    file: str = option(default="", doc="File that keeps it from run to run; without one it is gone after the run.")


class Virtualisation(Module, at="virtualisation"):
    """The machine that `micros run` makes."""

    memory_size: Annotated[int, Range(32, 1 << 20)] = option(default=256, doc="Memory in MiB.")
    cores: Annotated[int, Range(1, 255)] = option(default=1, doc="Processors.")
    forward_ports: list[Forward] = option(default=[], doc="Ports of the host that reach the guest, or the other way round.")
    networking_options: list[str] = option(
        default=[], doc="More words of QEMU's user network (qemu(1), -netdev user).", example=["restrict=on"]
    )

    @property
    def network(self) -> tuple[str, ...]:
        """All words of QEMU's user network."""
        return (*(forwarding(forward) for forward in self.forward_ports), *self.networking_options)

    disks: list[Disk] = option(default=[], doc="More disks: /dev/vdb and so on.")
    agent: bool = option(
        default=False,
        doc="Take commands as root on a virtio-serial port. `micros run -c` and `micros test` turn it on in what they boot.",
    )

    @defines(Boot.kernel_modules, when=agent)
    def agent_modules(self, config: Config) -> list[str]:
        """The driver of the agent's port."""
        return ["virtio_console"]

    @defines(Micros.services["micros-agent"], when=agent)
    def agent_service(self, config: Config) -> Service:
        """The loop that answers `micros.run.agent`."""
        return Service(start_script=AGENT)

    @check
    def guests_connect_by_tcp(self, config: Config) -> str | None:
        """QEMU forwards nothing else from the guest."""
        bad = [str(forward.host_port) for forward in self.forward_ports if (forward.origin, forward.proto) == ("guest", "udp")]
        return f"virtualisation.forward_ports: port {', '.join(bad)} is to be reached from the guest by UDP" if bad else None

    @check
    def host_ports_are_distinct(self, config: Config) -> str | None:
        """One port of the host leads to one place."""
        taken: dict[tuple[str, int], int] = {}
        for forward in self.forward_ports:
            other = taken.setdefault((forward.proto, forward.host_port), forward.guest_port)
            if other != forward.guest_port:
                ports = f"to {other} and to {forward.guest_port} in the guest"
                return f"virtualisation.forward_ports leads the host's {forward.proto} port {forward.host_port} {ports}"
        return None
