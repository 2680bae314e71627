"""A page of HTML that busybox httpd serves."""

from html import escape
from typing import Annotated

from micros import lazy
from micros.lang import REQUIRED, Config, Module, Port, Range, Record, check, defines, option
from micros.modules import Environment, EtcFile, Micros, Networking, Service


class Row(Record):
    """One line of the page."""

    text: str = option(default=REQUIRED, doc="What it says.")
    position: Annotated[int, Range(0, 100)] = option(default=50, doc="Lines are shown in this order, then by name.")


class StatusPage(Module, at="services.status_page"):
    """A page that says how this system is doing."""

    enable: bool = option(default=False, doc="Serve the page.")
    # Renamed in 1.1; files that say `listen` keep working.
    port: Port = option(default=80, doc="TCP port to serve it on.", aliases=["services.status_page.listen"])
    title: str = option(
        default=lazy(lambda config: config[Networking].host_name), default_text="the host's name", doc="Head of the page."
    )
    rows: dict[str, Row] = option(default={}, doc="Lines of the page, by name.")

    @defines(rows)
    def about(self, config: Config) -> dict[str, Row]:
        """What every page says."""
        return {"system": Row(text="A MicrOS system", position=0)}

    @defines(Environment.etc["status/index.html"], when=enable)
    def page(self, config: Config) -> EtcFile:
        """The page itself."""
        rows = sorted(self.rows.items(), key=lambda item: (item[1].position, item[0]))
        lines = "".join(f"<p id={name}>{escape(row.text)}</p>\n" for name, row in rows)
        return EtcFile(text=f"<!doctype html>\n<title>{escape(self.title)}</title>\n{lines}")

    @defines(Micros.services["status-page"], when=enable)
    def server(self, config: Config) -> Service:
        """busybox httpd, in the foreground."""
        return Service(start_script=f"exec httpd -f -p {self.port} -h /etc/status")

    @check
    def can_listen(self, config: Config) -> str | None:
        """Port 0 would be another one at each start."""
        return "services.status_page.port must not be 0" if self.enable and self.port == 0 else None
