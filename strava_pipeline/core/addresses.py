"""Addresses that a person sets: which are valid, and where plain http may go. Pure: nothing is looked up."""

from ipaddress import ip_address
from urllib.parse import urlsplit

# Names that are never public: RFC 6761, RFC 6762 (.local), RFC 8375 (.home.arpa), ICANN's .internal; .lan in many routers.
_OWN_DOMAINS = (".home.arpa", ".internal", ".invalid", ".lan", ".local", ".localdomain", ".localhost", ".test")


def http_url(value: str, plain_hosts: str | None) -> str:
    """`value`, if it is an address with https, or with http to this machine or to `plain_hosts` (with commas); else
    ValueError.
    """
    fault = "not an address; write one like https://www.strava.com"
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError as error:  # half an IPv6 address, a port that is no number
        raise ValueError(fault) from error
    if not usable:
        raise ValueError(fault)
    host = (parts.hostname or "").rstrip(".").lower()
    if parts.scheme == "http" and not is_this_machine(host) and host not in _listed(plain_hosts or ""):
        raise ValueError(
            f"http:// to {host} would let everybody on the way read secrets and positions; write https://. For a host of a "
            "network of your own (a service of a compose file, say) name it in PLAIN_HTTP_HOSTS"
        )
    return value


def own_hosts(hosts: str) -> list[str]:
    """The hosts in a list with commas. Raises ValueError where one may be public."""
    listed = _listed(hosts)
    for host in listed:
        if not is_private_host(host):
            raise ValueError(
                f"{host} may be a public address, where everybody on the way can read; name hosts of a network of your own: "
                "a service of a compose file, an address like 192.168.1.20, a name that ends in .local or .lan"
            )
    return listed


def is_this_machine(host: str) -> bool:
    """Whether the host is this machine by name or number."""
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761, 6.3: always loopback
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _listed(hosts: str) -> list[str]:
    return [host.strip().strip("[]").rstrip(".").lower() for host in hosts.split(",") if host.strip()]


def is_private_host(host: str) -> bool:
    """Whether the host can't be public: a private address, or a name that no public domain has."""
    try:
        address = ip_address(host)
    except ValueError:
        return ("." not in host and not host[:1].isdecimal()) or host.endswith(_OWN_DOMAINS)  # 134744072 is 8.8.8.8
    return not address.is_global and not address.is_unspecified
