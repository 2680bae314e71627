"""`micros serve DIR`: hand out a directory over HTTP and TFTP, for machines that boot from the network."""

from __future__ import annotations

import json
import signal
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from micros.base.errors import Kind, error
from micros.cli.progress import progress_for
from micros.run.ports import refused
from micros.run.served import Served
from micros.run.tftp import TftpServer
from micros.run.web import WebServer

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

HTTP_PORT = 8080
TFTP_PORT = 6969
"""69, which firmware asks, is root's."""
Server = TypeVar("Server")
EVERYWHERE = ("0.0.0.0", "::")


def options(parser: argparse.ArgumentParser) -> None:
    """This verb's arguments."""
    parser.add_argument("directory", metavar="DIR", help="what `micros build FILE netboot` made, or any other directory")
    parser.add_argument(
        "--address", metavar="ADDRESS", default="127.0.0.1", help="where to listen (127.0.0.1: this machine only)"
    )
    parser.add_argument("--http-port", type=_port, metavar="PORT", default=HTTP_PORT, help=f"port of HTTP ({HTTP_PORT}); 0: any")
    parser.add_argument("--tftp-port", type=_port, metavar="PORT", default=TFTP_PORT, help=f"port of TFTP ({TFTP_PORT}); 0: any")


def _port(text: str) -> int:
    if not 0 <= int(text) < 1 << 16:
        raise ValueError(text)
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM."""
    progress = progress_for(as_json=arguments.json, verbose=arguments.verbose)
    served = Served(Path(arguments.directory))
    address = _numeric(arguments.address)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: ended.set())
    web = _bound("tcp", "HTTP", address, arguments.http_port, lambda port: WebServer(address, port, served, progress.say))
    with web:
        tftp = _bound("udp", "TFTP", address, arguments.tftp_port, lambda port: TftpServer(address, port, served, progress.say))
        ports = {"http": web.server_port, "tftp": tftp.port}
        seen = _seen(address)
        urls = {name: f"{name}://{f'[{seen}]' if ':' in seen else seen}:{port}/" for name, port in ports.items()}
        for text in [f"serving {served.directory}, read-only; Ctrl-C ends it", *_advice(served, address, urls, ports)]:
            progress.say(text)
        print(json.dumps(urls) if arguments.json else "\n".join(urls.values()), flush=True)
        threads = [threading.Thread(target=server.serve_forever, daemon=True) for server in (web, tftp)]
        for thread in threads:
            thread.start()
        ended.wait()
        web.shutdown()
        tftp.close()
        for thread in threads:
            thread.join()
    progress.say("no longer serving")
    return 0


def _numeric(address: str) -> str:
    """An address as numbers. Raises an error of kind `usage`."""
    try:
        return str(socket.getaddrinfo(address, None, type=socket.SOCK_DGRAM)[0][4][0])
    except OSError as problem:
        raise error(Kind.USAGE, f"{address} is no address: {problem.strerror}", hint="such as --address 192.0.2.1") from None


def _bound(protocol: str, name: str, address: str, port: int, make: Callable[[int], Server]) -> Server:
    try:
        return make(port)
    except OSError as problem:
        raise refused(protocol, name, address, port, f"--{name.lower()}-port", problem) from None


def _seen(address: str) -> str:
    """What others call this machine, where it listens on all of its addresses: the one that it would send from."""
    if address not in EVERYWHERE:
        return address
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("2001:db8::1" if ":" in address else "192.0.2.1", 9))  # nothing is sent
        except OSError:  # no network
            return "::1" if ":" in address else "127.0.0.1"
        return str(probe.getsockname()[0])


def _advice(served: Served, address: str, urls: dict[str, str], ports: dict[str, int]) -> list[str]:
    """What to say to QEMU, iPXE and a DHCP server."""
    script = "boot.ipxe"
    if not (served.directory / script).exists():
        return []
    lines = [f"iPXE:    dhcp && chain {urls['http']}{script}"]
    if address in ("127.0.0.1", *EVERYWHERE):
        lines.append(f"QEMU:    -netdev user,id=net,bootfile=http://10.0.2.2:{ports['http']}/{script}")
    lines += ["dnsmasq: dhcp-match=set:ipxe,175", f"         dhcp-boot=tag:ipxe,{urls['http']}{script}"]
    if (served.directory / "undionly.kpxe").exists():
        where = urls["tftp"].split("/")[2].rpartition(":")[0]
        lines += [f"         dhcp-boot=tag:!ipxe,undionly.kpxe,,{where}    (ipxe.efi for UEFI)"]
        if ports["tftp"] != 69:
            lines.append("note: firmware asks port 69: serve with --tftp-port 69, as root")
    if address.startswith("127.") or address == "::1":
        lines.append("note: only this machine and QEMU's guests on it reach these; --address ADDRESS is for others")
    return lines
