"""What to say and to do where the Dagster instance can't be made or its records can't be reached. Opening it is instance.py's.

The records may be SQLite files in Dagster's home or, where dagster.yaml names another storage, in a database elsewhere. Then
nothing in the home is to be moved away: without its section storage, Dagster begins anew with an empty history.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import yaml  # type: ignore[import-untyped]
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from strava_pipeline.core.errors import MissingSettingsError, PipelineError
from strava_pipeline.orchestrate.dagster_private import CheckError
from strava_pipeline.orchestrate.home import CONFIG, configuration, names_other_storage
from strava_pipeline.settings import Settings

NO_CONFIGURATION = (  # what Dagster raises where it can't make sense of a dagster.yaml
    yaml.YAMLError,
    dg.DagsterInvalidConfigError,
    dg.DagsterInvariantViolationError,
    CheckError,  # also where a module that it names is not installed
    ArgumentError,  # a database's URL that is none
    TypeError,  # an emptied section
    ValueError,  # text that is not UTF-8; a URL's port that is no number
)
_STORAGE_PACKAGES = ("dagster_postgres", "dagster_mysql")  # neither need be installed


class NotUnderstoodError(PipelineError):
    """Dagster can't make an instance of a dagster.yaml."""


def not_understood(home: Path, error: Exception) -> str:
    """What to say where Dagster can't make an instance of the dagster.yaml in `home`; `error`: of NO_CONFIGURATION."""
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
    """The module or class that dagster.yaml names and that isn't there; else only the error's type.

    Dagster's other messages repeat what the file says, which may be a password.
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
def records_told(home: Path) -> Iterator[None]:
    """Dagster's own databases that can't be read or written end the body with a sentence."""
    try:
        yield
    except Exception as error:
        if (fault := fault_of_database(error)) is None:
            raise
        raise PipelineError(unreachable(home, fault)) from error


@contextmanager
def retries_unsaid() -> Iterator[None]:
    """While a database does not answer, Dagster's packages print four lines at each of six tries; the error says it once."""

    def is_said(record: logging.LogRecord) -> bool:
        return Path(record.pathname).parent.name not in _STORAGE_PACKAGES

    root = logging.getLogger()  # the one they log to
    root.addFilter(is_said)
    try:
        yield
    finally:
        root.removeFilter(is_said)


def fault_of_database(error: Exception) -> SQLAlchemyError | None:
    """What Dagster's database answered, if that is what `error` is about.

    Dagster's packages for other databases than SQLite try some times, then raise an error of their own from it.
    """
    if isinstance(error, DBAPIError):
        return error
    is_a_storages = type(error).__module__.partition(".")[0] in _STORAGE_PACKAGES
    return error.__cause__ if is_a_storages and isinstance(error.__cause__, SQLAlchemyError) else None


def unreachable(home: Path, fault: SQLAlchemyError) -> str:
    """What to say where Dagster's records can't be read or written."""
    why = str(fault.orig if isinstance(fault, DBAPIError) else fault).partition("\n")[0].strip()
    if names_other_storage(home):
        return (
            f"Dagster's records can't be read or written ({why}). They are in the database that {home / CONFIG} names: see "
            "that it runs and lets you in, then run the same command again. Nothing that was fetched is kept there."
        )
    return (
        f"Dagster's records in {home} can't be read or written ({why}). If the disk is full, free some space "
        "and run the same command again. If they are damaged, end the service and other commands and move the folders "
        "history and schedules out of there: they hold the logs of past runs and nothing that was fetched, and are made anew."
    )
