"""Programs that tests run to their end."""

import socket
import subprocess
import sys
from typing import Any

from strava_pipeline_tests.patience import PATIENCE


def ran(*words: str, **how: Any) -> "subprocess.CompletedProcess[str]":
    """What a program ended with and printed."""
    return subprocess.run(words, capture_output=True, text=True, **{"timeout": PATIENCE, **how})


def python(*words: str, **how: Any) -> "subprocess.CompletedProcess[str]":
    """The same of this Python with these arguments."""
    return ran(sys.executable, *words, **how)


def free_port() -> int:
    """One of this machine that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
