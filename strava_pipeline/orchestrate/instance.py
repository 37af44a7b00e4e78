"""The Dagster instance after an update: its databases migrated by themselves, its configuration looked at. No runs.

A note in the folder says which Dagster looked last, because asking the databases takes 0.2 s of CPU.
"""

from collections.abc import Mapping
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from importlib.resources import files
from io import StringIO
from pathlib import Path
from typing import Any

import dagster as dg
from filelock import FileLock

from strava_pipeline.core.errors import PipelineError

CONFIG = "dagster.yaml"
_NOTE = ".migrated_by"


def opened_instance(home: Path) -> dg.DagsterInstance:
    """The instance in `home`, made by whichever Dagster, at the present one's revision; its runs are kept."""
    with FileLock(home / ".migrating.lock"):  # two processes must not migrate at once
        try:
            instance = dg.DagsterInstance.from_config(str(home))
        except (dg.DagsterInvalidConfigError, dg.DagsterInvariantViolationError) as error:
            raise PipelineError(
                f"Dagster {dg.__version__} does not understand {home / CONFIG} ({type(error).__name__}). Move it away and "
                "run again: the project's own is then put there. Runs and logs stay."
            ) from error
        note = home / _NOTE
        if not note.exists() or note.read_text() != dg.__version__:
            with ExitStack() as on_error:
                on_error.callback(instance.dispose)
                if _is_behind(instance):
                    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):  # Dagster shows a bar per database
                        instance.upgrade()
                note.write_text(dg.__version__)
                on_error.pop_all()
        return instance


def missing_configuration(home: Path) -> list[str]:
    """What the project's own dagster.yaml says and the one in `home`, of an older version or edited, does not."""
    own = dg.config_from_yaml_strings([files(__package__).joinpath(CONFIG).read_text(encoding="utf-8")])
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


def _is_behind(instance: dg.DagsterInstance) -> bool:
    storages = (instance.run_storage, instance.event_log_storage, instance.schedule_storage)
    revisions = [storage.alembic_version() for storage in storages if storage is not None]
    return any(known is not None and known[0] != known[1] for known in revisions)
