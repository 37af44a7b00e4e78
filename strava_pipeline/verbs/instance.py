"""The Dagster instance: opened, created and migrated, and the messages if that fails. No runs.

A note in the folder records the version of Dagster that last checked the databases there, because a check takes 0.2 s
of CPU. The records may be SQLite files in Dagster's home or, if dagster.yaml names another storage, in a database
elsewhere. Then each command checks, and no message may suggest moving anything in the home: without its section
storage, Dagster begins with an empty history.

The instance in Dagster: https://docs.dagster.io/deployment/oss/dagster-yaml
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any

import dagster as dg
import yaml  # type: ignore[import-untyped]
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from strava_pipeline.core.errors import MissingSettingsError, PipelineError
from strava_pipeline.environment.file_locks import exclusive
from strava_pipeline.environment.setting_sources import provide_variables
from strava_pipeline.environment.settings import Settings, secrets_folder
from strava_pipeline.lake.files import write_whole
from strava_pipeline.orchestrate.dagster_private import CheckError, SqliteRunStorage
from strava_pipeline.orchestrate.home import CONFIG, configuration, names_other_storage, own_configuration
from strava_pipeline.orchestrate.records import MIGRATED_BY
from strava_pipeline.orchestrate.storage import PipelineStorage

_SCHEDULER = "SCHEDULER"  # Dagster's name of the daemon's thread
_EARLIER = {  # SHA-256 of each dagster.yaml that a version before this one wrote; add the present one's before changing it
    "47975fdfcb88b43a642bb493562da7043cf6bb59d6b32361ed1e9b1cc95fdd18",
    "63d1530eb61248bfe393b6852e65c2360c54754bcdf6c9b5fa250629445cd175",
    "918914ed6f5cc3cf70779e32719671ff9f790ed1fbaf80c0a429f85ab76925bc",
    "326ec5c910cb4e262784f82c0f245e6e17ba2206b75637ccbdc2039158374263",
    "31ac8e69ca707fce27ff37bbecccad10e030ce9e37bbb8e7239adb8d093440f7",
}
_NO_COMPUTE_LOGS = {
    "compute_logs": {"module": "dagster.core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}
}


def open_instance(home: Path, *, compute_logs: bool = True) -> dg.DagsterInstance:
    """The Dagster instance in `home`, whichever version created it, migrated to the present one; its runs are kept.

    A new folder gets the project's dagster.yaml, as does one with an earlier version's unedited dagster.yaml. One
    process at a time: two that create or migrate Dagster's databases at once damage them. Without `compute_logs`, steps
    that run in this process write to the terminal itself and not through a file (docs/adr/0038).
    """
    home.mkdir(parents=True, exist_ok=True)
    config = home / CONFIG
    with exclusive(home / ".opening.lock"), database_faults_named(home):
        if is_replaceable(config):
            write_whole(config, own_configuration())
        is_new = not (home / "history").exists()
        instance = load_instance(home, overrides={} if compute_logs else _NO_COMPUTE_LOGS)
        if is_new and keeps_records_in(home, instance):
            (home / MIGRATED_BY).write_text(dg.__version__)
        else:
            _migrate(instance, home)
        return instance


def load_instance(home: Path, overrides: Mapping[str, Any] | None = None) -> dg.DagsterInstance:
    """The instance described by the dagster.yaml in `home`, its sections replaced by `overrides`; nothing is migrated.

    The project's own storage keeps its records in `home`, whatever DAGSTER_HOME says in this process. Dagster's own
    name of this function speaks of a temporary folder; it opens any, and is the one that accepts overrides. Raises
    NotUnderstoodError if Dagster can't use the file, and the errors of an unreachable database.
    """
    provide_secrets(home)
    try:
        ours = (home / CONFIG).exists() and configuration_sections(home).get("storage") == _storage(
            {"env": "DAGSTER_HOME"}
        )
        storage = {"storage": _storage(str(home))} if ours else {}
        with without_retry_messages():
            return dg.DagsterInstance.local_temp(str(home), overrides=storage | dict(overrides or {}))
    except NO_CONFIGURATION as error:
        raise NotUnderstoodError(not_understood(home, error)) from None  # its text may repeat a password


def provide_secrets(home: Path) -> None:
    """Give Dagster the variables that the dagster.yaml in `home` names and that files in /run/secrets contain.

    Dagster reads only the environment. Children that are started afterwards inherit them.
    """
    if secrets_folder():
        provide_variables(unset_variables(home))


def _storage(base_dir: object) -> dict[str, Any]:
    names = {"module": PipelineStorage.__module__, "class": PipelineStorage.__name__}
    return {"custom": {**names, "config": {"base_dir": base_dir}}}


def is_replaceable(config: Path) -> bool:
    """Whether a dagster.yaml contains nothing of the user's: it is missing, empty, or an earlier version's own."""
    content = config.read_bytes() if config.exists() else b""  # an empty one would switch Dagster's telemetry on
    return not content or sha256(content).hexdigest() in _EARLIER


def keeps_records_in(home: Path, instance: dg.DagsterInstance) -> bool:
    """Whether the records are SQLite files in `home`, and neither elsewhere nor in another database."""
    storage = instance.run_storage
    return (
        isinstance(storage, SqliteRunStorage) and storage._conn_string == f"sqlite:///{home.absolute()}/history/runs.db"
    )


def _migrate(instance: dg.DagsterInstance, home: Path) -> None:
    note, is_noted = home / MIGRATED_BY, keeps_records_in(home, instance)
    if is_noted and note.exists() and note.read_text() == dg.__version__:
        return
    with ExitStack() as on_error:
        on_error.callback(instance.dispose)
        if is_behind(instance):
            with redirect_stdout(StringIO()), redirect_stderr(StringIO()):  # Dagster shows a bar per database
                instance.upgrade()
        if is_noted:
            note.write_text(dg.__version__)
        on_error.pop_all()


def configuration_sections(home: Path) -> dict[str, Any]:
    """The sections of the dagster.yaml in `home`, as Dagster reads them."""
    return dict(dg.config_from_files([str(home / CONFIG)]))


def is_behind(instance: dg.DagsterInstance) -> bool:
    """Whether an older Dagster created any of its databases."""
    storages = (instance.run_storage, instance.event_log_storage, instance.schedule_storage)
    revisions = [storage.alembic_version() for storage in storages if storage is not None]
    return any(revision is not None and revision[0] != revision[1] for revision in revisions)


def scheduler_heartbeat(instance: dg.DagsterInstance) -> datetime | None:
    """When the daemon's scheduler, in any process, last reported that it is alive; it does so every half minute."""
    beat = instance.get_daemon_heartbeats().get(_SCHEDULER)
    return datetime.fromtimestamp(beat.timestamp, UTC) if beat else None


NO_CONFIGURATION = (  # what Dagster raises where it can't make sense of a dagster.yaml
    yaml.YAMLError,
    dg.DagsterInvalidConfigError,
    dg.DagsterInvariantViolationError,
    CheckError,  # also where a module that it names is not installed
    ArgumentError,  # an invalid database URL
    TypeError,  # an emptied section
    ValueError,  # text that is not UTF-8; a URL's invalid port
)
_STORAGE_PACKAGES = ("dagster_postgres", "dagster_mysql")  # neither need be installed


class NotUnderstoodError(PipelineError):
    """Dagster can't use a dagster.yaml."""


def not_understood(home: Path, error: Exception) -> str:
    """The message if Dagster can't use the dagster.yaml in `home`; `error`: of NO_CONFIGURATION."""
    config = home / CONFIG
    if unset := unset_variables(home):
        names = " and ".join(unset)
        return (
            f"{config} takes {names} from the environment, where it is not set. Set it there, or put a file of that name "
            "into /run/secrets; .env is not read for it."
        )
    why = _reason(error)
    if names_other_storage(home):
        return (
            f"Dagster {dg.__version__} can't make an instance of {config} ({why}). Correct it, and install what it names (for "
            "PostgreSQL: dagster-postgres). Keep its section storage: without that, the records of past runs are not found."
        )
    return (
        f"Dagster {dg.__version__} does not understand {config} ({why}). Correct it, or move it away and run again: the "
        "project's own is then put there. Runs and logs stay where they are."
    )


def _reason(error: Exception) -> str:
    """The missing module or class that dagster.yaml names, or else only the error's type.

    Dagster's other messages repeat the file's contents, which may include a password.
    """
    text = str(error).removeprefix("Failure condition: ")
    is_missing = text.startswith(("Couldn't import module ", "Couldn't find class "))
    return text if isinstance(error, CheckError) and is_missing else type(error).__name__


def unset_variables(home: Path) -> list[str]:
    """The environment variables that dagster.yaml names and that are not set."""
    return sorted({name for name in _variables(configuration(home)) if name != "DAGSTER_HOME" and not _is_set(name)})


def _variables(value: Any) -> Iterator[str]:
    """The names in every `{env: NAME}`, Dagster's way to name a variable."""
    if isinstance(value, dict):
        if value.keys() == {"env"}:
            yield str(value["env"])
        else:
            for part in value.values():
                yield from _variables(part)
    elif isinstance(value, list):
        for part in value:
            yield from _variables(part)


def _is_set(name: str) -> bool:
    try:
        Settings.variable(name)
    except MissingSettingsError:
        return False
    return True


@contextmanager
def database_faults_named(home: Path) -> Iterator[None]:
    """Turn errors of Dagster's own databases in the body into a message."""
    try:
        yield
    except Exception as error:
        if (fault := fault_of_database(error)) is None:
            raise
        raise PipelineError(unreachable(home, fault)) from error


@contextmanager
def without_retry_messages() -> Iterator[None]:
    """Suppress retry messages: while a database does not answer, Dagster's packages print four lines at each of six
    tries; the error says it once.
    """

    def is_said(record: logging.LogRecord) -> bool:
        return Path(record.pathname).parent.name not in _STORAGE_PACKAGES

    root = logging.getLogger()  # the one they log to
    root.addFilter(is_said)
    try:
        yield
    finally:
        root.removeFilter(is_said)


def fault_of_database(error: Exception) -> SQLAlchemyError | None:
    """The database error behind `error`, or None.

    Dagster's packages for other databases than SQLite try several times, then raise an error of their own from it.
    """
    if isinstance(error, DBAPIError):
        return error
    is_a_storages = type(error).__module__.partition(".")[0] in _STORAGE_PACKAGES
    return error.__cause__ if is_a_storages and isinstance(error.__cause__, SQLAlchemyError) else None


def unreachable(home: Path, fault: SQLAlchemyError) -> str:
    """The message if Dagster's records can't be read or written."""
    why = str(fault.orig if isinstance(fault, DBAPIError) else fault).partition("\n")[0].strip()
    if names_other_storage(home):
        return (
            f"Dagster's records can't be read or written ({why}). They are in the database that {home / CONFIG} names: see "
            "that it runs and lets you in, then run the same command again. Nothing that was fetched is kept there."
        )
    return (
        f"Dagster's records in {home} can't be read or written ({why}). If the disk is full, free some space "
        "and run the same command again. If they are damaged, end the service and other commands and move the folders "
        "history and schedules out of there: they hold the logs of past runs and nothing that was fetched; new ones are created."
    )
