"""Addresses that the web programs listen on. It loads nothing of theirs, since the service looks at them, too."""

import os
import socket

from strava_pipeline.core.errors import PipelineError


def bound(address: str, setting: str = "STRAVA_SERVE_ADDRESS", what: str = "intake") -> socket.socket:
    """The address `host:port`, listened on; PipelineError where it can't be, which names the program and its setting."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    try:
        listening = socket.create_server(
            (host, int(port)), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=1024
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


def url_of(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
