"""The virtual machine that `micros run` starts, and the agent it talks to inside."""

from __future__ import annotations

from typing import Annotated, Literal

from micros.lang import REQUIRED, Config, Module, Port, Range, Record, check, defines, lazy, option
from micros.machine import machine_named
from micros.modules.services.services import Micros, Service
from micros.modules.system import Platform

AGENT = """\
exec <>/dev/{port} >&0 2>/dev/null
stty raw -echo
echo READY
while read -r word body; do
    case $word in
    PING) echo READY ;;
    RUN)
        echo "$body" | base64 -d >/run/micros/command
        echo BEGIN
        { cd /root; sh /run/micros/command </dev/null 2>&1; echo $? >/run/micros/status; } | base64
        echo "END $(cat /run/micros/status)"
        ;;
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
        doc="Take commands as root on a second serial port. `micros run -c` turns it on in the system it boots, no other.",
    )
    agent_port: str = option(
        default=lazy(lambda config: machine_named(config[Platform].host).console[:-1] + "1"),
        default_text="the second serial port",
        doc="Kernel name of the agent's serial port.",
    )

    @defines(Micros.services["micros-agent"], when=agent)
    def agent_service(self, config: Config) -> Service:
        """The loop that answers `micros.run.vm`."""
        return Service(start_script=AGENT.replace("{port}", self.agent_port))

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
