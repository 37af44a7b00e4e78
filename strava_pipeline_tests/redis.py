"""A real Redis server for tests: on a socket in a folder of its own, nothing kept, gone afterwards.

Where none is installed the tests that need one are skipped; where CI is set they fail.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from strava_pipeline_tests.patience import PATIENCE


@contextmanager
def started(folder: Path) -> Iterator[str]:
    """The URL of a running server, as Celery takes it."""
    program = shutil.which("redis-server")
    if program is None:
        message = "no Redis server is installed (Debian: apt-get install redis-server)"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    folder.mkdir()
    socket = folder / "s"
    command = [program, "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + PATIENCE
            while not socket.exists() and time.monotonic() < deadline:
                time.sleep(0.01)
            yield f"redis+socket://{socket}"
        finally:
            process.terminate()
