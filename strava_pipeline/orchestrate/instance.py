"""The Dagster instance: opened, made or migrated by itself, its configuration looked at. No runs.

A note in the folder says which Dagster looked last, because asking the databases takes 0.2 s of CPU.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any

import dagster as dg
import yaml  # type: ignore[import-untyped]
from filelock import FileLock
from sqlalchemy.exc import DatabaseError

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.lake.files import write_whole
from strava_pipeline.orchestrate.home import CONFIG, own_configuration
from strava_pipeline.orchestrate.storage import PipelineStorage

_NOTE = ".migrated_by"
_EARLIER = {  # SHA-256 of each dagster.yaml that a version before this one wrote; add the present one's before changing it
    "47975fdfcb88b43a642bb493562da7043cf6bb59d6b32361ed1e9b1cc95fdd18",
    "63d1530eb61248bfe393b6852e65c2360c54754bcdf6c9b5fa250629445cd175",
}
_NO_COMPUTE_LOGS = {
    "compute_logs": {"module": "dagster.core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}
}
# each the user's to choose; by the names under which dagster.yaml may say it
_CHOICES = {
    "storage": {"storage", "run_storage", "event_log_storage", "schedule_storage"},
    "run_launcher": {"run_launcher"},
    "compute_logs": {"compute_logs"},
}
NO_CONFIGURATION = (
    UnicodeDecodeError,
    yaml.YAMLError,
    dg.DagsterInvalidConfigError,
    dg.DagsterInvariantViolationError,
)


def open_instance(home: Path, *, compute_logs: bool = True) -> dg.DagsterInstance:
    """The Dagster instance in `home`, made by whichever Dagster, at the present one's revision; its runs are kept.

    A new folder gets the project's dagster.yaml, and so does one whose dagster.yaml an earlier version wrote and nobody
    edited. One process at a time: two that make or migrate Dagster's databases at once break each other's. Without
    `compute_logs`, steps that run in this process write to the terminal itself and not through a file (docs/adr/0038).
    """
    home.mkdir(parents=True, exist_ok=True)
    config = home / CONFIG
    with FileLock(home / ".opening.lock"), records_told(home):
        if is_replaceable(config):
            write_whole(config, own_configuration())
        is_new = not (home / "history").exists()
        try:
            instance = load_instance(home, overrides={} if compute_logs else _NO_COMPUTE_LOGS)
        except NO_CONFIGURATION as error:
            raise PipelineError(
                f"Dagster {dg.__version__} does not understand {config} ({type(error).__name__}). Mend it, or move it away "
                "and run again: the project's own is then put there. Runs and logs stay."
            ) from error
        if not is_new:
            _migrate(instance, home / _NOTE)
        return instance


def load_instance(home: Path, overrides: Mapping[str, Any] | None = None) -> dg.DagsterInstance:
    """The instance as the dagster.yaml in `home` describes it, its sections replaced by `overrides`; nothing migrated.

    The project's own storage keeps its records in `home`, whatever DAGSTER_HOME says in this process. The name that Dagster
    gives this function of its own speaks of a temporary folder; it opens any, and is the one that takes overrides.
    """
    ours = (home / CONFIG).exists() and _configuration(home).get("storage") == _storage({"env": "DAGSTER_HOME"})
    storage = {"storage": _storage(str(home))} if ours else {}
    return dg.DagsterInstance.local_temp(str(home), overrides=storage | dict(overrides or {}))


def _storage(base_dir: object) -> dict[str, Any]:
    names = {"module": PipelineStorage.__module__, "class": PipelineStorage.__name__}
    return {"custom": {**names, "config": {"base_dir": base_dir}}}


def is_replaceable(config: Path) -> bool:
    """Whether a dagster.yaml holds nothing of the user's: there is none, or it is empty, or an earlier version's own."""
    content = config.read_bytes() if config.exists() else b""  # an empty one would switch Dagster's telemetry on
    return not content or sha256(content).hexdigest() in _EARLIER


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


def missing_configuration(home: Path) -> list[str]:
    """What the project's own dagster.yaml says and the one in `home`, of an older version or edited, does not.

    A storage, a run launcher or compute logs of the user's own are never missing.
    """
    own, present = _own(), _configuration(home)
    return sorted(
        name for name in _absent(own, present) if not _CHOICES.get(name.partition(".")[0], set()) & present.keys()
    )


def configuration_lines(names: list[str]) -> str:
    """The project's own settings of these dotted names, as lines of a dagster.yaml."""
    lines: dict[str, Any] = {}
    for name in names:
        *above, last = name.split(".")
        value, target = _own(), lines
        for part in above:
            value, target = value[part], target.setdefault(part, {})
        target[last] = value[last]
    return str(yaml.safe_dump(lines, sort_keys=False))


def _own() -> dict[str, Any]:
    return dict(dg.config_from_yaml_strings([own_configuration().decode()]))


def _configuration(home: Path) -> dict[str, Any]:
    return dict(dg.config_from_files([str(home / CONFIG)]))


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
