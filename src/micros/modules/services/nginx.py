"""Web pages and proxies: nginx."""

from __future__ import annotations

from typing import Annotated

from micros.lang import Config, Lines, Module, Pattern, Port, Record, check, default, defines, lazy, option
from micros.modules.environment import Environment, EtcFile
from micros.modules.networking.firewall import Firewall
from micros.modules.networking.sockets import Sockets
from micros.modules.services.ready import listening
from micros.modules.services.services import Micros, Service
from micros.modules.users.accounts import Accounts, Group, User
from micros.packages import Package, pkgs

Word = Annotated[str, Pattern(r'[^\s;{}"]+', "text without spaces, quotes, braces and semicolons")]
Value = Annotated[str, Pattern(r"[^\n;{}]+", "text without braces, semicolons and line breaks")]
Line = Annotated[str, Pattern(r"[^\n]+", "text of one line")]

CONF = """\
daemon off;
user www-data;
pid /run/nginx/pid;
error_log stderr;
{append}events {{
{events}}}
http {{
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    access_log off;
    server_tokens off;
    sendfile on;
    client_body_temp_path /run/nginx/body;
    proxy_temp_path /run/nginx/proxy;
    fastcgi_temp_path /run/nginx/fastcgi;
    uwsgi_temp_path /run/nginx/uwsgi;
    scgi_temp_path /run/nginx/scgi;
{http}}}
"""


class NginxLocation(Record):
    """What is done for paths that begin alike."""

    root: Value | None = option(default=None, doc="Directory of the pages.")
    index: Value | None = option(default=None, doc="Names of the page of a directory.")
    try_files: Value | None = option(default=None, doc="Files to look for, and what to do where none is there.")
    proxy_pass: Word | None = option(default=None, doc="Server that answers instead.", example="http://127.0.0.1:8080")
    return_: Line | None = option(
        default=None, doc="Answer at once: a code, and a text or an address.", example="204", aliases=["return"]
    )
    extra_config: Lines = option(default="", doc="More directives, each ended by a semicolon.")


class NginxListen(Record):
    """One address and port."""

    addr: Word = option(default="0.0.0.0", doc="Address; one of IPv6 stands in brackets.")
    port: Port = option(default=80, doc="TCP port.")
    ssl: bool = option(default=False, doc="Speak TLS.")


class NginxHost(Record):
    """One site."""

    server_name: Value = option(
        default=lazy(lambda host: host.name), default_text="the name of the entry", doc="Names of the site."
    )
    default: bool = option(default=False, doc="Answer for names that no site has.")
    listen: list[NginxListen] = option(default=[NginxListen(port=80)], doc="Where the site is.")
    root: Value | None = option(default=None, doc="Directory of the pages.")
    locations: dict[Value, NginxLocation] = option(default={}, doc="What is done for which paths.")
    ssl_certificate: Word | None = option(default=None, doc="File of the certificate, on the running system.")
    ssl_certificate_key: Word | None = option(default=None, doc="File of its private key, on the running system.")
    extra_config: Lines = option(default="", doc="More directives, each ended by a semicolon.")


class Nginx(Module, at="services.nginx"):
    """A web server and proxy."""

    enable: bool = option(default=False, doc="Run nginx.")
    package: Package = option(default=pkgs.nginx, doc="The package of nginx.")
    virtual_hosts: dict[str, NginxHost] = option(default={}, doc="Sites by name.")
    open_firewall: bool = option(default=False, doc="Open the ports of all sites in the firewall.")
    config: Lines | None = option(default=None, doc="The whole nginx.conf, in place of what the other options make.")
    append_config: Lines = option(default="", doc="More directives for all of nginx, each ended by a semicolon.")
    events_config: Lines = option(default="", doc="Directives of `events`, each ended by a semicolon.")
    append_http_config: Lines = option(default="", doc="More directives of `http`, each ended by a semicolon.")

    @defines(Environment.etc["nginx/nginx.conf"], when=enable)
    def conf(self, config: Config) -> EtcFile:
        """What nginx reads."""
        return EtcFile(text=self.config if self.config is not None else nginx_conf(self))

    @defines(Environment.system_packages, when=enable)
    def packages(self, config: Config) -> list[Package]:
        """nginx."""
        return [self.package]

    @defines(Micros.services["nginx"], when=enable)
    def service(self, config: Config) -> Service:
        """nginx in the foreground; those that talk to strangers are www-data."""
        return Service(
            start_script=f"exec {self.package}/usr/sbin/nginx -e stderr",
            runtime_directories=["nginx"],
            log_directories=["nginx"],
            ready_script=listening(*self.ports()),
        )

    @defines(Accounts.users["www-data"], when=enable)
    def user(self, config: Config) -> User:
        """Whom nginx' workers are."""
        return User(group=default("www-data"), shell=default("/bin/false"))

    @defines(Accounts.groups["www-data"], when=enable)
    def group(self, config: Config) -> Group:
        """Their group."""
        return Group()

    @defines(Sockets.sockets, when=enable)
    def sockets(self, config: Config) -> dict[str, list[str]]:
        """The ports are taken."""
        return {f"tcp/{port}": ["services.nginx.virtual_hosts"] for port in self.ports()}

    @defines(Firewall.allowed_tcp_ports, when=enable)
    def open_ports(self, config: Config) -> list[Port]:
        """What the firewall lets through."""
        return self.ports() if self.open_firewall else []

    @check
    def hosts_make_sense(self, config: Config) -> str | None:
        """TLS needs a certificate, and a default is one."""
        problems: list[str] = []
        defaults: dict[int, str] = {}
        for name, host in self.virtual_hosts.items() if self.enable else ():
            if any(one.ssl for one in host.listen) and not (host.ssl_certificate and host.ssl_certificate_key):
                problems.append(f"services.nginx.virtual_hosts.{name} listens with ssl and has no ssl_certificate and its key")
            for port in {one.port for one in host.listen} if host.default else ():
                other = defaults.setdefault(port, name)
                if other != name:
                    problems.append(f"services.nginx.virtual_hosts: {other} and {name} are both the default on port {port}")
        return "\n".join(problems) or None

    def ports(self) -> list[int]:
        """The ports of all sites."""
        return sorted({one.port for host in self.virtual_hosts.values() for one in host.listen})


def nginx_conf(nginx: Nginx) -> str:
    """nginx.conf."""
    hosts = "".join(_host(host) for _, host in sorted(nginx.virtual_hosts.items()))
    return CONF.format(
        append=_lines(nginx.append_config, ""),
        events=_lines(nginx.events_config, "    "),
        http=_lines(nginx.append_http_config, "    ") + hosts,
    )


def _host(host: NginxHost) -> str:
    lines = [f"listen {one.addr}:{one.port}{' ssl' * one.ssl}{' default_server' * host.default};" for one in host.listen]
    lines.append(f"server_name {host.server_name};")
    for name in ("root", "ssl_certificate", "ssl_certificate_key"):
        lines += _directive(name, getattr(host, name))
    body = _lines("\n".join(lines), " " * 8) + _lines(host.extra_config, " " * 8)
    locations = "".join(_location(path, location) for path, location in host.locations.items())
    return f"    server {{\n{body}{locations}    }}\n"


def _location(path: str, location: NginxLocation) -> str:
    lines = [
        line
        for name in ("root", "index", "try_files", "proxy_pass", "return_")
        for line in _directive(name.rstrip("_"), getattr(location, name))
    ]
    body = _lines("\n".join([*lines, location.extra_config]), " " * 12)
    return f"        location {path} {{\n{body}        }}\n"


def _directive(name: str, value: str | None) -> list[str]:
    return [] if value is None else [f"{name} {value};"]


def _lines(text: str, indent: str) -> str:
    return "".join(f"{indent}{line}\n" for line in text.splitlines() if line.strip())
