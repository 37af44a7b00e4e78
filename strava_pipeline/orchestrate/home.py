"""Our part of Dagster's home: the project's configuration, its daemon, and the address of its UI.

Nothing of Dagster's is imported: commands that only look read these. Opening the instance is verbs/instance.py's.
"""

import os
import socket
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.environment.file_locks import is_held, open_or_create, try_lock
from strava_pipeline.environment.process_owner import is_house
from strava_pipeline.lake.files import write_whole

CONFIG = "dagster.yaml"
HOUSE_DEFINITIONS = "strava_pipeline.orchestrate.house.definitions"  # the module that Dagster loads for all athletes
STORAGES = {"storage", "run_storage", "event_log_storage", "schedule_storage"}  # sections of dagster.yaml
_HOME = {"env": "DAGSTER_HOME"}  # as dagster.yaml names the folder that it is in
_UI = ".ui"
_DAEMON = ".daemon.lock"


def own_configuration() -> bytes:
    """The project's own dagster.yaml."""
    return files(__package__).joinpath(CONFIG).read_bytes()


def workspace_file() -> Path:
    """The file that tells Dagster where the definitions are, as `dev` and the service load them."""
    folder = files(__package__).joinpath("house") if is_house() else files(__package__)
    return Path(str(folder.joinpath("workspace.yaml")))


def may_have_records(home: Path) -> bool:
    """Whether records of runs may exist: Dagster's own files in `home`, or a storage elsewhere, which has to be asked."""
    return (home / "history" / "runs.db").exists() or names_other_storage(home)


def names_other_storage(home: Path) -> bool:
    """Whether dagster.yaml names a storage of the user's own (PostgreSQL, say), so that the records are not in `home`.

    SQLite files in `home` are not elsewhere, whether the project's own class keeps them or Dagster's.
    """
    sections = configuration(home)
    present = {name: sections[name] for name in STORAGES if sections.get(name) is not None}
    if present.keys() != {"storage"}:
        return bool(present)
    return not _is_in(home, present["storage"])


def _is_in(home: Path, storage: Any) -> bool:
    """Whether the section `storage` names SQLite files in `home`."""
    match storage:
        case {"sqlite": {"base_dir": base_dir}}:
            pass
        case {"custom": {"config": {"base_dir": base_dir}, **names}} if names == _own_names():
            pass
        case _:
            return False
    return base_dir == _HOME or (isinstance(base_dir, str) and Path(base_dir).resolve() == home.resolve())


def _own_names() -> dict[str, Any]:
    """The module and class of the project's own storage."""
    custom = yaml.safe_load(own_configuration())["storage"]["custom"]
    return {name: custom[name] for name in ("module", "class")}


def configuration(home: Path) -> dict[str, Any]:
    """The sections of dagster.yaml; empty if it doesn't exist or isn't YAML."""
    config = home / CONFIG
    try:
        sections = yaml.safe_load(config.read_bytes()) if config.exists() else {}
    except (yaml.YAMLError, UnicodeDecodeError):
        return {}
    return sections if isinstance(sections, dict) else {}


def note_ui(home: Path, url: str) -> None:
    """Record the address of the UI of the instance in `home`, for messages that lead there."""
    write_whole(home / _UI, url.encode())


def ui_of(home: Path) -> str | None:
    """The last address of the UI, or None."""
    note = home / _UI
    return note.read_text() if note.exists() else None


class DaemonRunsError(PipelineError):
    """Another daemon is alive on a home. Two would start each run of a backfill or a schedule twice."""

    def __init__(self, home: Path) -> None:
        who = daemon_of(home) or "starting or ending"
        super().__init__(
            f"Dagster is already running on {home} ({who}). Stop it there (Ctrl-C in its terminal, or `strava-pipeline service "
            "down`), or set DAGSTER_HOME to another folder."
        )


class DaemonLock:
    """The right of this process to be the daemon on `home`, until `close` or the end of the process, however it ends.

    Raises DaemonRunsError if another process has it.
    """

    def __init__(self, home: Path) -> None:
        self._descriptor = open_or_create(home / _DAEMON)
        if not try_lock(self._descriptor):
            self.close()
            raise DaemonRunsError(home)
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode())

    def close(self) -> None:
        """Let another process be the daemon."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def daemon_of(home: Path) -> str | None:
    """The process that is the daemon on `home`, in words, or None as far as the folder shows."""
    note = home / _DAEMON
    return (note.read_text() or None) if is_held(note) else None
