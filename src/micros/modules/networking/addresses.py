"""Addresses and names of interfaces as option types."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any

from micros.lang import Pattern
from micros.lang.types import Scalar

_SCOPED = re.compile(r"([^%]+)%[A-Za-z0-9_.-]+")


def _is_address(value: Any) -> bool:
    """Whether a text is an IPv4 or IPv6 address; one of IPv6 may name a zone, `fe80::1%eth0` (RFC 4007, 11)."""
    if not isinstance(value, str):
        return False
    scoped = _SCOPED.fullmatch(value)
    try:
        parsed = ipaddress.ip_address(scoped[1] if scoped else value)
    except ValueError:
        return False
    return not scoped or parsed.version == 6


def _is_version(value: Any, version: int) -> bool:
    try:
        return isinstance(value, str) and ipaddress.ip_address(value).version == version
    except ValueError:
        return False


def _is_interface(value: Any, version: int) -> bool:
    """Whether a text is an address a host may have, with the length of its network's prefix: `10.0.0.2/24`."""
    if not isinstance(value, str) or not re.fullmatch(r"[^/]+/[0-9]{1,3}", value):
        return False
    try:
        parsed = ipaddress.ip_interface(value)
    except ValueError:
        return False
    return parsed.version == version and not parsed.is_multicast and not parsed.is_unspecified


def _is_network(value: Any) -> bool:
    """Whether a text is an address with the length of a prefix, of either version, which may be that of a whole network."""
    try:
        return isinstance(value, str) and "/" in value and bool(ipaddress.ip_interface(value))
    except ValueError:
        return False


ADDRESS = Scalar("address", "IPv4 or IPv6 address", _is_address)
IPV4 = Scalar("ipv4", "IPv4 address", lambda value: _is_version(value, 4))
IPV6 = Scalar("ipv6", "IPv6 address", lambda value: _is_version(value, 6))
IPV4_NETWORK = Scalar(
    "ipv4Interface", "IPv4 address with the length of its prefix, as 10.0.0.2/24", lambda v: _is_interface(v, 4)
)
IPV6_NETWORK = Scalar("ipv6Interface", "IPv6 address with the length of its prefix, as fd00::2/64", lambda v: _is_interface(v, 6))
NETWORK = Scalar("network", "address with the length of its prefix, as 10.0.0.0/24", _is_network)

Address = Annotated[str, ADDRESS]
"""An IPv4 or IPv6 address."""
InterfaceName = Annotated[
    str, Pattern(r"(?!\.\.?$)[A-Za-z0-9_.@-]{1,15}", "name of an interface: letters, digits, - _ . and @, at most 15")
]
"""What the kernel takes as the name of an interface (IFNAMSIZ of uapi/linux/if.h, less the NUL), without what shells and rules
would have to quote."""
