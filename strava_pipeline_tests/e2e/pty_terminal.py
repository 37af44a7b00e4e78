"""A command in a terminal of its own: a pseudo-terminal with a size, whose foreground it is, as a shell would start it."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from select import select

from strava_pipeline_tests.patience import PATIENCE
from strava_pipeline_tests.rig import Rig

CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")  # colours, cursor moves, erased lines
CTRL_C = b"\x03"


class Terminal:
    """What a person sees and types. `seen`: everything that was ever drawn, without colours and moves."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self.process, self._master, self._drawn = process, master, b""

    @property
    def seen(self) -> str:
        return CONTROLS.sub("", self._drawn.decode(errors="replace"))

    def read(self) -> bool:
        """Take in what was drawn since; False at the end."""
        ready, _, _ = select([self._master], [], [], PATIENCE)
        assert ready, f"nothing was drawn for {PATIENCE} s. {self.seen}"
        try:
            drawn = os.read(self._master, 65536)
        except OSError:  # Linux: the other side is closed
            return False
        self._drawn += drawn
        return bool(drawn)

    def read_until(self, words: str) -> None:
        while words not in self.seen:
            assert self.read(), self.seen

    def read_to_the_end(self, after_each: Callable[[], object] = lambda: None) -> int:
        """The exit code."""
        while self.read():
            after_each()
        return self.process.wait(PATIENCE)

    def press(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def has_children(self) -> bool:
        """Whether any process of its foreground is left when it has ended."""
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return False
        return True


def in_a_terminal(rig: Rig, *words: str, columns: int = 80) -> AbstractContextManager[Terminal]:
    """Run a command on the rig's folders in a terminal of so many columns."""
    return terminal(rig.folder, rig.settings.environ(), *words, columns=columns)


@contextmanager
def terminal(folder: Path, settings: Mapping[str, str], *words: str, columns: int = 80) -> Iterator[Terminal]:
    """Run a command in a folder, with settings over the environment's, in a terminal of so many columns; by ssh, unless
    the settings name a DISPLAY.
    """
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    left_out = ("COLUMNS", "LINES", "NO_COLOR", "CI", "DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    outside = {name: value for name, value in os.environ.items() if name not in left_out}
    environment = {**outside, "SSH_CONNECTION": "here", **settings, "TERM": "xterm-256color"}
    process = subprocess.Popen(
        [sys.executable, "-m", "strava_pipeline", *words],
        env=environment,
        cwd=folder,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        preexec_fn=_take_the_foreground,
    )
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        process.kill()
        process.wait(PATIENCE)
        os.close(master)


def _take_the_foreground() -> None:
    """As a shell does: a session with this terminal, and no signal ignored, whatever those who run the tests ignore."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
