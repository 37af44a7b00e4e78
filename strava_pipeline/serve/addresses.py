"""The addresses that the web programs listen on. Loads none of their code, since the service looks at them, too."""

import os
import socket

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.environment.setting_values import is_private_address, is_this_machine
from strava_pipeline.environment.settings import Settings

ALL = "*"  # instead of a host: every address of this machine, IPv4 and IPv6
_DASHBOARD_PORT = "8723"
_ELSEWHERE = ("192.0.2.1", 9)  # of RFC 5737: unassigned, and nothing is sent there


def dashboard_address(settings: Settings) -> str | None:
    """The dashboard's address, as `host:port`, or None if it is off.

    With DASHBOARD_LAN every address of this machine counts, unless DASHBOARD_ADDRESS names one that others reach.
    """
    host, _, port = settings.dashboard_address.rpartition(":")
    if not settings.dashboard_lan:
        return settings.dashboard_address if port != "off" else None
    if port == "off":
        return f"{ALL}:{_DASHBOARD_PORT}"
    return f"{ALL}:{port}" if is_this_machine(host.strip("[]")) else settings.dashboard_address


def listen(settings: Settings) -> socket.socket:
    """A socket that listens on the dashboard's address. Raises PipelineError if that is impossible."""
    return bound(dashboard_address(settings) or settings.dashboard_address, "DASHBOARD_ADDRESS", "dashboard")


def bound(address: str, setting: str = "STRAVA_SERVE_ADDRESS", what: str = "intake") -> socket.socket:
    """A socket that listens on the address `host:port`. Raises PipelineError, naming the program and its setting, if
    that is impossible.
    """
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    is_dual = host == ALL and socket.has_dualstack_ipv6()
    try:
        listening = socket.create_server(
            ("" if host == ALL else host, int(port)),
            family=socket.AF_INET6 if ":" in host or is_dual else socket.AF_INET,
            backlog=1024,
            dualstack_ipv6=is_dual,
        )
    except OSError as error:
        # its own text names the address once more, but a name that is not found has no number
        why = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        raise PipelineError(
            f"{address} can't be listened on ({why}). Is the {what} running already? Else set {setting} to another one."
        ) from error
    # asyncio sees to it only where the socket names its protocol; whom it accepts inherits it
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def url_of(listening: socket.socket, scheme: str = "http") -> str:
    """The URL of a listening socket."""
    host, port = listening.getsockname()[:2]
    return f"{scheme}://{_in_url(host)}:{port}"


def network_url(settings: Settings) -> str:
    """The dashboard's URL for browsers in the home network: with its first name, or else this machine's address."""
    host, _, port = (dashboard_address(settings) or "").rpartition(":")
    name = (settings.dashboard_hosts or "").split(",")[0] or host.strip("[]")
    if name in (ALL, "0.0.0.0", "::"):
        name = own_address() or "127.0.0.1"
    return f"{'http' if settings.dashboard_cert is None else 'https'}://{_in_url(name)}:{port}"


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def own_address() -> str | None:
    """This machine's private address in its network, or None. In a container it is the container's."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_ELSEWHERE)  # only chooses the way
        except OSError:
            return None
        address = str(probe.getsockname()[0])
    return address if is_private_address(address) and not is_this_machine(address) else None
