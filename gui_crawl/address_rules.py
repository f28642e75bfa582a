"""Which network addresses the crawl may touch: public ones, and what the recipe allows by name.

Whatever a page asks for (links, redirects, pictures, scripts, sockets) goes through `gui_crawl.gateway`, which resolves the name once, asks
here about every address that came back and connects to the very address it asked about, so that a name which resolves anew (DNS
rebinding) gains nothing.
"""

import ipaddress
from dataclasses import dataclass

IPv6 = ipaddress.IPv6Address


@dataclass(frozen=True, kw_only=True, slots=True)
class AddressRules:
    """What may be touched.

    Attributes:
        allow: `host` or `host:port`, as a URL writes it, that may lie on a private or loopback address.
    """

    allow: tuple[str, ...] = ()

    def allows(self, host: str, port: int, address: str) -> bool:
        """Whether `address` (an IP address in text), which `host` resolved to, may be connected to."""
        return is_public(address) or host.lower() in self.allow or f"{host.lower()}:{port}" in self.allow


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet: not private, loopback, link-local (so no cloud metadata), multicast or reserved.

    An IPv6 address that carries an IPv4 one (mapped, 6to4, Teredo) is judged by that one as well; translated ones (NAT64) are not public.
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return _plain_public(found) and all(_plain_public(inner) for inner in _carried(found))


def _plain_public(address: ipaddress.IPv4Address | IPv6) -> bool:
    return address.is_global and not address.is_multicast and not address.is_reserved


def _carried(address: ipaddress.IPv4Address | IPv6) -> list[ipaddress.IPv4Address]:
    if not isinstance(address, IPv6):
        return []
    inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    return [a for a in inner if a is not None]
