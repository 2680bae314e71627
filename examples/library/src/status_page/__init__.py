"""A status page for MicrOS systems: `from status_page import StatusPage`."""

from status_page.page import Row, StatusPage

__all__ = ["Row", "StatusPage"]
