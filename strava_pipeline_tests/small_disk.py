"""A disk of a few megabytes in a mount namespace of its own, which no right of root's is needed for. Linux only."""

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SIZE = 32 << 20  # bytes: the whole pipeline of a dozen activities takes about 20 MB, and 29 while it publishes
_MOUNT = 'mount -t tmpfs -o size="$2" tmpfs "$1" && echo mounted && exec cat'


@dataclass(frozen=True)
class SmallDisk:
    """What is mounted at `folder`, for processes inside. From outside it is seen at `seen`."""

    folder: Path
    holder: int

    @property
    def seen(self) -> Path:
        return Path(f"/proc/{self.holder}/root{self.folder}")

    def typed(self, environment: dict[str, str], *words: str) -> "subprocess.CompletedProcess[str]":
        """A command of the pipeline, in a process inside."""
        return self.run(sys.executable, "-m", "strava_pipeline", *words, environment=environment)

    def leave(self, free: int) -> None:
        """Fill it up to `free` bytes."""
        usage = shutil.disk_usage(self.seen)
        with (self.seen / "ballast").open("wb") as file:
            file.write(bytes(max(usage.free - free, 0)))

    def empty(self) -> None:
        """Give the space back."""
        (self.seen / "ballast").unlink()

    def read_only(self, yes: bool) -> None:
        self.run("mount", "-o", f"remount,{'ro' if yes else 'rw'}", str(self.folder)).check_returncode()

    def run(self, *words: str, environment: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
        """Run a program in a process inside."""
        enter = ["nsenter", "--target", str(self.holder), "--user", "--mount", "--preserve-credentials"]
        env = {**os.environ, **(environment or {})}
        return subprocess.run([*enter, *words], env=env, cwd="/", capture_output=True, text=True, timeout=120)


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk]:
    """Mounts it over `folder`, with what the folder holds; OSError, saying why, where the kernel forbids it."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", _MOUNT, "sh", str(folder), str(SIZE)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stderr is not None
        if holder.stdout.readline() != b"mounted\n":
            raise OSError(holder.stderr.read().decode())
        disk = SmallDisk(folder, holder.pid)
        shutil.copytree(folder, disk.seen, dirs_exist_ok=True)
        try:
            yield disk
        finally:
            holder.communicate()


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """What a full disk does to a file: the bytes that find room are written, the rest is an error."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
