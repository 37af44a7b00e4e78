"""restic, the program that keeps the second copy: its calls, its answers, and the meaning of its errors for a person.

Versions from 0.14 on. What is copied, and when, is operations/copying.py's. Nothing here shows a password, its command
or the environment. How programs call restic: https://restic.readthedocs.io/en/stable/075_scripting.html
"""

import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

from strava_pipeline.core.copies import CopySnapshot
from strava_pipeline.core.errors import MissingSettingsError, PipelineError
from strava_pipeline.core.json_values import object_of
from strava_pipeline.core.text import printable
from strava_pipeline.environment.private_files import read_private
from strava_pipeline.environment.settings import Settings

INSTALL = (
    "restic, which makes the second copy, is not installed here. Most systems have it as a package (`apt install restic`, "
    "`brew install restic`), https://restic.net as one file, and the container image has it."
)
_NOT_ALL_READ = 3  # exit code of `backup`: a snapshot was made, without some files
_LONGEST = 300  # characters of restic's line that are shown
# the age from which restic itself treats a lock as a dead process's, wherever that ran
STALE = timedelta(minutes=30)
_EVERY = 1.0  # seconds between two looks at the files that a restore has written
_IGNORED = "ignoring error for "  # before a path, up to restic 0.16
Each = Callable[[dict[str, Any]], object]


class NoRepositoryError(PipelineError):
    """No repository of restic exists at RESTIC_REPOSITORY, or it can't be reached."""


class BusyRepositoryError(PipelineError):
    """Another restic process works on the repository."""


class ResticFailedError(PipelineError):
    """restic failed for a reason that has no type here; the text has the first line of its message.

    `about`: what follows a path of the snapshot that it named, with the path: `/bronze/a: ciphertext verification failed`.
    """

    about: tuple[str, ...] = ()


class CopyIncompleteError(PipelineError):
    """The copy lacks, or has lost, data that it should hold."""

    exit_code = 4


@dataclass(frozen=True, slots=True)
class Backup:
    """A new snapshot: its id (before restic 0.15 the first 8 digits), new and changed files, and bytes added."""

    id: str
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Restic:
    """A repository.

    Args:
        where: its address without a password.
        environment: the variables that restic needs to open it.
        started: a folder with a file for each restic that was started and not seen to end: its number, and in it which start
            of the machine that was.
    """

    where: str
    address: str = field(repr=False)
    environment: Mapping[str, str] = field(repr=False)
    started: Path | None = field(default=None, repr=False)

    def version(self) -> str:
        """The version of restic, such as 0.14.0."""
        lines: list[str] = []
        self._run(["version"], each_line=lines.append)
        return found[0] if (found := re.findall(r"\d+\.\d+\.\d+", "".join(lines))) else "of an unknown version"

    def snapshots(self) -> list[CopySnapshot]:
        """All snapshots. Raises NoRepositoryError, BusyRepositoryError, and PipelineError for any other failure."""
        lines: list[str] = []
        self._run(["snapshots"], each_line=lines.append)
        try:
            return [CopySnapshot.of(item) for item in json.loads("".join(lines)) or ()]
        except (ValueError, LookupError, TypeError):
            raise PipelineError(f"restic's list of snapshots in {self.where} can't be read. Update restic.") from None

    def begin(self) -> None:
        """Create a repository."""
        self._run(["init"])

    def backup(
        self,
        folder: Path,
        paths: Iterable[str],
        tags: Sequence[str],
        host: str,
        at: datetime,
        parent: str | None,
        files: int,
        seen: Callable[[int], object],
    ) -> Backup:
        """Copy paths below `folder`, as a snapshot with tags.

        Args:
            at: the time, by a correct clock.
            files: the number of files to copy.
            parent: a snapshot; files with an unchanged size and time are not read again.
            seen: receives the number of finished files.

        Raises CopyIncompleteError if some could not be read, or are missing in the snapshot, which then doesn't exist.
        """
        when = f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"
        arguments = ["backup", "--host", host, "--time", when, "--exclude", ".*.tmp", "--files-from-raw", "-"]
        arguments += [word for tag in tags for word in ("--tag", tag)] + (["--parent", parent] if parent else [])
        summary: dict[str, Any] = {}

        def each(found: dict[str, Any]) -> None:
            if found.get("message_type") == "summary":
                summary.update(found)
            elif "files_done" in found:
                seen(found["files_done"])

        try:
            self._run(arguments, each, folder=folder, stdin=b"".join(os.fsencode(path) + b"\0" for path in paths))
        except CopyIncompleteError:
            if incomplete := summary.get("snapshot_id"):
                self.forget([incomplete])  # it must not become the newest state
            raise
        try:
            new = summary.get("files_new", 0) + summary.get("files_changed", 0)  # a 0 may be left out
            made, total = (
                Backup(summary["snapshot_id"], new, summary.get("data_added", 0)),
                summary["total_files_processed"],
            )
        except (LookupError, TypeError):
            raise PipelineError(f"restic did not say what it copied to {self.where}. Update restic.") from None
        if total < files:
            self.forget([made.id])
            raise CopyIncompleteError(
                f"The copy in {self.where} lacks {files - total} of {files} files. restic left them out."
            )
        return made

    def forget(self, snapshots: Iterable[str]) -> None:
        """Delete snapshots; bytes that no other one has stay until `prune`."""
        self._run(["forget", *snapshots])

    def prune(self, *, tight: bool) -> None:
        """Delete bytes that no snapshot needs. `tight`: all; otherwise a twentieth may stay, so that less is rewritten."""
        self._run(["prune", *(["--max-unused", "0"] if tight else [])])

    def nodes(self, snapshot: str, each: Callable[[str, str, int], object]) -> None:
        """Call `each` with type (`file`, `dir`, `symlink` …), path and size of everything in a snapshot."""

        def node(found: dict[str, Any]) -> None:
            if "node" in (found.get("struct_type"), found.get("message_type")):  # the older and the newer name
                each(str(found.get("type")), str(found.get("path")), int(found.get("size") or 0))

        self._run(["ls", snapshot], node)

    def restore(self, snapshot: str, into: Path, look: Callable[[], object], *only: str) -> None:
        """Write a snapshot, or the paths `only` of it, into a folder, over existing files. `look` is called each second."""
        included = [word for path in only for word in ("--include", path)]
        self._run(["restore", snapshot, "--target", str(into), *included], look=look)

    def check(self, percent: float) -> None:
        """Check that the repository is complete, and read a part of its data. Raises CopyIncompleteError if it is damaged."""
        try:
            self._run(["check", f"--read-data-subset={percent:g}%"])
        except ResticFailedError as error:
            raise CopyIncompleteError(
                f"The copy in {self.where} is damaged, or can't be read. {error} How to repair it: "
                "https://restic.readthedocs.io/en/stable/077_troubleshooting.html"
            ) from None

    def _run(self, arguments: Sequence[str], each: Each = lambda found: None, **more: Any) -> None:
        """Call restic; if locks of dead processes are in the way, once more without them."""
        try:
            self._call(arguments, each, **more)
        except BusyRepositoryError as error:
            own = [*self.started.iterdir()] if self.started is not None and self.started.is_dir() else []
            if (until := self._left_from({path.name for path in own if path.read_text() == _boot()})) > datetime.now(
                UTC
            ):
                raise BusyRepositoryError(
                    f"{error} If it was killed, its lock is removed from {until:%H:%M} UTC on."
                ) from None
            self._call(["unlock"], each)
            self._call(arguments, each, **more)
            for path in own:
                path.unlink(missing_ok=True)

    def _left_from(self, own: Collection[str]) -> datetime:
        """From when on every lock belongs to a dead process: a living one renews its lock every five minutes.

        `own`: the numbers of those that this folder started; their locks are left at once, and `unlock` keeps those of living
        ones. It would also remove the lock of a living process on another machine of this name, if its number is free here.
        """
        left = datetime.min.replace(tzinfo=UTC)
        for lock in self._said("list", "locks", "--no-lock").split():
            with suppress(ResticFailedError):  # it is gone meanwhile
                found = object_of(self._said("cat", "lock", lock, "--no-lock").encode())
                if str(found["pid"]) not in own or found["hostname"] != socket.gethostname():
                    left = max(left, datetime.fromisoformat(found["time"]) + STALE)
        return left

    def _said(self, *arguments: str) -> str:
        """restic's whole output."""
        lines: list[str] = []
        self._call(arguments, lambda found: None, each_line=lines.append)
        return "".join(lines)

    def _call(
        self,
        arguments: Sequence[str],
        each: Each,
        *,
        each_line: Callable[[str], object] | None = None,
        folder: Path | None = None,
        stdin: bytes = b"",
        look: Callable[[], object] | None = None,
    ) -> None:
        environment = {**self.environment, **({"PWD": str(folder)} if folder else {})}  # Go believes it
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as errors, tempfile.TemporaryFile() as said:
            given.write(stdin)
            given.seek(0)
            out = said if look else subprocess.PIPE
            command = [program(), "--json", *arguments]
            process = subprocess.Popen(command, cwd=folder, env=environment, stdin=given, stdout=out, stderr=errors)
            note = (
                self.started / str(process.pid) if self.started is not None and self.started.parent.is_dir() else None
            )
            try:
                if note is not None:
                    with suppress(OSError):  # a full disk: its lock waits its half hour
                        note.parent.mkdir(exist_ok=True)
                        note.write_text(_boot())
                while look and process.poll() is None:
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(_EVERY)
                    look()
                for line in process.stdout or ():
                    text = line.decode(errors="replace")
                    each_line(text) if each_line else each(object_of(text.encode()))
                code = process.wait()
            finally:
                if process.poll() is None:  # interrupted: restic ends by itself, and cleans up
                    process.terminate()
                    process.wait()
                if process.stdout:
                    process.stdout.close()
                if note is not None:
                    note.unlink(missing_ok=True)
            if code:
                raise self._error(code, _text(errors))

    def _error(self, code: int, text: str) -> PipelineError:
        """The meaning of an exit code, and in versions before 0.17 of the text with it, for a person."""
        # else RESTIC_PASSWORD_COMMAND wrote it
        said = [found for line in text.splitlines() if (found := _message(line))]
        line = (said or [f"it ended with code {code}"])[0].replace(self.address, self.where)
        line = printable(line)[:_LONGEST].rstrip(".")
        where = self.where
        if code == _NOT_ALL_READ:
            return CopyIncompleteError(f"The copy in {where} lacks files that could not be read: {line}.")
        if "no space left on device" in text:
            return PipelineError(f"There is no space left where the copy is, in {where}, or for temporary files here.")
        if code == 12 or "wrong password" in text:
            return PipelineError(f"The password is not that of the copy in {where}. Correct RESTIC_PASSWORD_FILE.")
        if "Resolving password failed" in text or "password-command" in text:
            return PipelineError("RESTIC_PASSWORD_FILE or RESTIC_PASSWORD_COMMAND gives no password. Try it by hand.")
        if code == 10 or "Is there a repository at the following location" in text:
            return NoRepositoryError(f"There is no repository of restic in {where}, or it can't be reached: {line}.")
        if code == 11 or "unable to create lock" in text or "already locked" in text:
            return BusyRepositoryError(f"Another restic works on {where}. Run the same command when it has ended.")
        failed = ResticFailedError(f"restic failed on {where}: {line}.")
        items = (object_of(each.encode()).get("item") or each.removeprefix(_IGNORED) for each in text.splitlines())
        failed.about = tuple(str(each) for each in items if str(each).startswith("/"))
        return failed


def restic_of(settings: Settings) -> Restic:
    """The repository of the settings. Raises MissingSettingsError if one is missing, or restic is not installed."""
    address, command = settings.restic_repository, settings.restic_password_command
    if address is None or (settings.restic_password_file is None and command is None):
        lacking = "RESTIC_REPOSITORY" if address is None else "RESTIC_PASSWORD_FILE"
        raise MissingSettingsError(
            f"{lacking} is not set, so there is no second copy. In .env, RESTIC_REPOSITORY says where it is, and "
            "RESTIC_PASSWORD_FILE which file holds its password: docs/copies.md."
        )
    program()
    if (file := settings.restic_password_file) is not None:
        try:
            read_private(file)
        except OSError as error:
            raise MissingSettingsError(f"RESTIC_PASSWORD_FILE: {file}: {error.strerror}. Correct it in .env.") from None
    own = {
        "RESTIC_REPOSITORY": address.get_secret_value(),
        "RESTIC_PROGRESS_FPS": "1",
        "TZ": "UTC",  # of `--time`
        **({"RESTIC_PASSWORD_FILE": str(file)} if file else {"RESTIC_PASSWORD_COMMAND": command or ""}),
    }
    started = settings.data_dir / "state" / "copied" / "restic"  # lake/paths.py
    return Restic(
        settings.copy_place or "", address.get_secret_value(), {**settings.restic_environment(), **own}, started
    )


def _boot() -> str:
    """Which start of this machine it is, as far as it says so: process numbers begin again with each."""
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text().strip() if path.exists() else "unknown"


def program() -> str:
    """The path of restic. Raises MissingSettingsError if it is not installed."""
    if (found := shutil.which("restic")) is None:
        raise MissingSettingsError(INSTALL)
    return found


def _text(errors: IO[bytes]) -> str:
    errors.seek(0)
    return errors.read().decode(errors="replace")


def _message(line: str) -> str:
    """The message in a line of an error, which restic begins with `Fatal`, or gives as JSON; empty for lines that
    aren't restic's.
    """
    found = object_of(line.encode())
    error = found.get("error", found)
    said = error.get("message") or error.get("Op") if isinstance(error, dict) else None
    if isinstance(said, str):
        return (
            f"{found['item']}: {said.splitlines()[0]}"
            if found.get("item")
            else said.splitlines()[0].removeprefix("Fatal: ")
        )
    return line.removeprefix("Fatal: ") if line.startswith("Fatal: ") else ""
