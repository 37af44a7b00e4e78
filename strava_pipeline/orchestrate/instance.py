"""The Dagster instance: opened, made or migrated by itself, its configuration looked at. No runs.

A note in the folder says which Dagster looked last at the databases there, because asking them takes 0.2 s of CPU. Where the
records are elsewhere (PostgreSQL, say), the folder knows nothing of them, and they are asked each time.
"""

from collections.abc import Mapping
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any

import dagster as dg

from strava_pipeline.file_locks import exclusive
from strava_pipeline.lake.files import write_whole
from strava_pipeline.orchestrate.dagster_private import SqliteRunStorage, create_db_conn_string
from strava_pipeline.orchestrate.home import CONFIG, own_configuration
from strava_pipeline.orchestrate.instance_faults import (
    NO_CONFIGURATION,
    NotUnderstoodError,
    not_understood,
    records_told,
    retries_unsaid,
    unset_variables,
)
from strava_pipeline.orchestrate.storage import PipelineStorage
from strava_pipeline.setting_files import provide_variables
from strava_pipeline.settings import SECRETS

_NOTE = ".migrated_by"
_EARLIER = {  # SHA-256 of each dagster.yaml that a version before this one wrote; add the present one's before changing it
    "47975fdfcb88b43a642bb493562da7043cf6bb59d6b32361ed1e9b1cc95fdd18",
    "63d1530eb61248bfe393b6852e65c2360c54754bcdf6c9b5fa250629445cd175",
}
_NO_COMPUTE_LOGS = {
    "compute_logs": {"module": "dagster.core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}
}


def open_instance(home: Path, *, compute_logs: bool = True) -> dg.DagsterInstance:
    """The Dagster instance in `home`, made by whichever Dagster, at the present one's revision; its runs are kept.

    A new folder gets the project's dagster.yaml, and so does one whose dagster.yaml an earlier version wrote and nobody
    edited. One process at a time: two that make or migrate Dagster's databases at once break each other's. Without
    `compute_logs`, steps that run in this process write to the terminal itself and not through a file (docs/adr/0038).
    """
    home.mkdir(parents=True, exist_ok=True)
    config = home / CONFIG
    with exclusive(home / ".opening.lock"), records_told(home):
        if is_replaceable(config):
            write_whole(config, own_configuration())
        is_new = not (home / "history").exists()
        instance = load_instance(home, overrides={} if compute_logs else _NO_COMPUTE_LOGS)
        if not is_new or not keeps_records_in(home, instance):
            _migrate(instance, home)
        return instance


def load_instance(home: Path, overrides: Mapping[str, Any] | None = None) -> dg.DagsterInstance:
    """The instance as the dagster.yaml in `home` describes it, its sections replaced by `overrides`; nothing migrated.

    The project's own storage keeps its records in `home`, whatever DAGSTER_HOME says in this process. The name that Dagster
    gives this function of its own speaks of a temporary folder; it opens any, and is the one that takes overrides.
    Raises NotUnderstoodError where Dagster can't make sense of the file, and what a database raises that can't be reached.
    """
    provide_secrets(home)
    try:
        ours = (home / CONFIG).exists() and configuration_sections(home).get("storage") == _storage(
            {"env": "DAGSTER_HOME"}
        )
        storage = {"storage": _storage(str(home))} if ours else {}
        with retries_unsaid():
            return dg.DagsterInstance.local_temp(str(home), overrides=storage | dict(overrides or {}))
    except NO_CONFIGURATION as error:
        raise NotUnderstoodError(not_understood(home, error)) from None  # its text may repeat a password


def provide_secrets(home: Path) -> None:
    """Give Dagster the variables that the dagster.yaml in `home` names and that files in /run/secrets hold.

    Dagster reads the environment only. Children that are started afterwards inherit them.
    """
    provide_variables(SECRETS, unset_variables(home))


def _storage(base_dir: object) -> dict[str, Any]:
    names = {"module": PipelineStorage.__module__, "class": PipelineStorage.__name__}
    return {"custom": {**names, "config": {"base_dir": base_dir}}}


def is_replaceable(config: Path) -> bool:
    """Whether a dagster.yaml holds nothing of the user's: there is none, or it is empty, or an earlier version's own."""
    content = config.read_bytes() if config.exists() else b""  # an empty one would switch Dagster's telemetry on
    return not content or sha256(content).hexdigest() in _EARLIER


def keeps_records_in(home: Path, instance: dg.DagsterInstance) -> bool:
    """Whether the records are SQLite files in `home`, and neither elsewhere nor in another database."""
    storage = instance.run_storage
    return isinstance(storage, SqliteRunStorage) and storage._conn_string == create_db_conn_string(
        str(home / "history"), "runs"
    )


def _migrate(instance: dg.DagsterInstance, home: Path) -> None:
    note, is_noted = home / _NOTE, keeps_records_in(home, instance)
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
    """Whether an older Dagster made any of its databases."""
    storages = (instance.run_storage, instance.event_log_storage, instance.schedule_storage)
    revisions = [storage.alembic_version() for storage in storages if storage is not None]
    return any(known is not None and known[0] != known[1] for known in revisions)
