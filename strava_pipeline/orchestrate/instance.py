"""The Dagster instance: opened, made or migrated by itself, its configuration looked at. No runs.

A note in the folder says which Dagster looked last, because asking the databases takes 0.2 s of CPU.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from importlib.resources import files
from io import StringIO
from pathlib import Path
from typing import Any

import dagster as dg
import yaml  # type: ignore[import-untyped]
from filelock import FileLock
from sqlalchemy.exc import DatabaseError

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.lake.files import write_whole
from strava_pipeline.orchestrate.kept_connections import keep_connections

CONFIG = "dagster.yaml"
_NOTE = ".migrated_by"
_UI = ".ui"
_NO_CONFIGURATION = (
    UnicodeDecodeError,
    yaml.YAMLError,
    dg.DagsterInvalidConfigError,
    dg.DagsterInvariantViolationError,
)


def open_instance(home: Path) -> dg.DagsterInstance:
    """The Dagster instance in `home`, made by whichever Dagster, at the present one's revision; its runs are kept.

    A new folder gets the project's dagster.yaml. One process at a time: two that make or migrate Dagster's databases at
    once break each other's.
    """
    keep_connections()
    home.mkdir(parents=True, exist_ok=True)
    config = home / CONFIG
    with FileLock(home / ".opening.lock"), records_told(home):
        if not config.exists() or not config.stat().st_size:  # an empty one would switch Dagster's telemetry on
            write_whole(config, own_configuration())
        is_new = not (home / "history").exists()
        try:
            instance = dg.DagsterInstance.from_config(str(home))
        except _NO_CONFIGURATION as error:
            raise PipelineError(
                f"Dagster {dg.__version__} does not understand {config} ({type(error).__name__}). Mend it, or move it away "
                "and run again: the project's own is then put there. Runs and logs stay."
            ) from error
        if not is_new:
            _migrate(instance, home / _NOTE)
        return instance


@contextmanager
def records_told(home: Path) -> Iterator[None]:
    """Dagster's own databases that can't be read or written end the body with a sentence."""
    try:
        yield
    except DatabaseError as error:
        raise PipelineError(
            f"Dagster's records in {home} can't be read or written ({error.orig}). If the disk is full, free some space "
            "and run the same command again. If they are damaged, end the service and other commands and move the folders "
            "history and schedules out of there: they hold the logs of past runs and nothing that was fetched, and are made anew."
        ) from error


def _migrate(instance: dg.DagsterInstance, note: Path) -> None:
    if note.exists() and note.read_text() == dg.__version__:
        return
    with ExitStack() as on_error:
        on_error.callback(instance.dispose)
        if is_behind(instance):
            with redirect_stdout(StringIO()), redirect_stderr(StringIO()):  # Dagster shows a bar per database
                instance.upgrade()
        note.write_text(dg.__version__)
        on_error.pop_all()


def note_ui(home: Path, url: str) -> None:
    """Keep where the UI of the instance in `home` is served, for messages that lead there."""
    write_whole(home / _UI, url.encode())


def ui_of(home: Path) -> str | None:
    """Where the UI was last served, as far as is known."""
    note = home / _UI
    return note.read_text() if note.exists() else None


def own_configuration() -> bytes:
    """The project's own dagster.yaml."""
    return files(__package__).joinpath(CONFIG).read_bytes()


def missing_configuration(home: Path) -> list[str]:
    """What the project's own dagster.yaml says and the one in `home`, of an older version or edited, does not."""
    own = dg.config_from_yaml_strings([own_configuration().decode()])
    present = dg.config_from_files([str(home / CONFIG)])
    return sorted(_absent(own, present))


def _absent(own: Mapping[str, Any], present: Any, above: str = "") -> list[str]:
    found: list[str] = []
    for name, value in own.items():
        if not isinstance(present, dict) or name not in present:
            found.append(f"{above}{name}")
        elif isinstance(value, dict):
            found += _absent(value, present[name], f"{above}{name}.")
    return found


def is_behind(instance: dg.DagsterInstance) -> bool:
    """Whether an older Dagster made any of its databases."""
    storages = (instance.run_storage, instance.event_log_storage, instance.schedule_storage)
    revisions = [storage.alembic_version() for storage in storages if storage is not None]
    return any(known is not None and known[0] != known[1] for known in revisions)
