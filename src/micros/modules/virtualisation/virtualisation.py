"""The virtual machine that `micros run` starts, and the agent it talks to inside."""

from __future__ import annotations

from typing import Annotated, Literal

from micros.lang import REQUIRED, Config, Module, Port, Range, Record, check, defines, option
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


class Forward(Record):
    """A port of the host's loopback that reaches the guest."""

    proto: Literal["tcp", "udp"] = option(default="tcp", doc="Protocol.")
    host_port: Port = option(default=REQUIRED, doc="Port on the host's loopback.")
    guest_port: Port = option(default=REQUIRED, doc="Port in the guest.")


class Disk(Record):
    """A disk besides the root's, empty when it is made."""

    size: Annotated[int, Range(1, 1 << 24)] = option(default=64, doc="Size in MiB.")
    file: str = option(default="", doc="File that keeps it from run to run; without one it is gone after the run.")


class Virtualisation(Module, at="virtualisation"):
    """The machine that `micros run` makes."""

    memory_size: Annotated[int, Range(32, 1 << 20)] = option(default=256, doc="Memory in MiB.")
    cores: Annotated[int, Range(1, 255)] = option(default=1, doc="Processors.")
    forward_ports: list[Forward] = option(default=[], doc="Ports of the host that reach the guest.")
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
    def host_ports_are_distinct(self, config: Config) -> str | None:
        """One port of the host leads to one place."""
        taken: dict[tuple[str, int], int] = {}
        for forward in self.forward_ports:
            other = taken.setdefault((forward.proto, forward.host_port), forward.guest_port)
            if other != forward.guest_port:
                ports = f"to {other} and to {forward.guest_port} in the guest"
                return f"virtualisation.forward_ports leads the host's {forward.proto} port {forward.host_port} {ports}"
        return None
