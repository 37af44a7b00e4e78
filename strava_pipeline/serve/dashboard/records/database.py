"""The database of the records, and the creation of its tables. Their contents are store.py's.

`migrate` runs once per start, in the process that starts the others: they only connect. It may run any number of times,
and two programs that start together wait for each other.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from pkgutil import iter_modules
from typing import Protocol, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, inspect, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from strava_pipeline.core.errors import MissingSettingsError, PipelineError
from strava_pipeline.environment.file_locks import exclusive
from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.paths import Lake
from strava_pipeline.serve.dashboard.records.migrations import versions

VERSION_TABLE = "dashboard_version"  # Dagster uses Alembic's default name in a shared database
_PATIENCE = 10  # seconds for a connection, or for another process to finish its write
_LOCK_NUMBER = 7_243_101  # of PostgreSQL's advisory lock: any number that nobody else uses


def database_of(settings: Settings) -> URL:
    """The address of the records. Raises MissingSettingsError if DATABASE_URL is of another kind."""
    if settings.database_url is None:
        return URL.create("sqlite+pysqlite", database=str(Lake(settings.data_dir).app_records))
    try:
        url = make_url(settings.database_url.get_secret_value())
    except (SQLAlchemyError, ValueError):  # the latter for an invalid port
        raise MissingSettingsError(f"DATABASE_URL is no address of a database. {_LIKE}") from None
    if url.drivername.partition("+")[0] not in ("postgresql", "postgres"):
        raise MissingSettingsError(f"DATABASE_URL is not PostgreSQL's. {_LIKE}")
    return url.set(drivername="postgresql+psycopg")


_LIKE = "Write one like postgresql://user:password@host/name, or unset it: then a file in the data folder is used."


def connect(url: URL) -> Engine:
    """Connections to the records, made on demand. A forked process makes its own engine."""
    if url.get_backend_name() == "sqlite":
        return create_engine(url, connect_args={"timeout": _PATIENCE}, hide_parameters=True)
    return create_engine(url, connect_args={"connect_timeout": _PATIENCE}, pool_pre_ping=True, hide_parameters=True)


class _Closable(Protocol):
    def close(self) -> None: ...


R = TypeVar("R", bound=_Closable)


@contextmanager
def opened(settings: Settings, kind: Callable[[Engine], R]) -> Iterator[R]:
    """The records of a dashboard as `kind`, such as `Records`, with their tables made or updated."""
    url = database_of(settings)
    migrate(url, Lake(settings.data_dir).state)
    with closing(kind(connect(url))) as records:
        yield records


def migrate(url: URL, state: Path) -> None:
    """Make or update the tables. `state`: a folder for the lock. Raises PipelineError if the database can't be used."""
    state.mkdir(parents=True, exist_ok=True)
    is_file = url.get_backend_name() == "sqlite"
    if is_file:
        os.close(os.open(str(url.database), os.O_CREAT | os.O_RDWR, 0o600))  # SQLite would make it readable to all
    engine = connect(url)
    try:
        with exclusive(state / "app.lock"), closing(engine.connect()) as connection, connection.begin():
            if not is_file:  # other machines may start with the same database
                connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK_NUMBER})
            _upgrade(connection)
    except SQLAlchemyError as error:
        where = str(url.database) if is_file else "DATABASE_URL"
        raise PipelineError(
            f"The dashboard's records in {where} can't be used ({type(error).__name__}). Check that the database is there "
            "and that this user may create tables in it."
        ) from None
    finally:
        engine.dispose()


def newest_version() -> str:
    """The last of the migrations: 0001 for versions/v0001_sessions.py."""
    return max(found.name for found in iter_modules(versions.__path__)).removeprefix("v").partition("_")[0]


def _upgrade(connection: Connection) -> None:
    if inspect(connection).has_table(VERSION_TABLE) and [newest_version()] == [
        *connection.scalars(text(f"SELECT version_num FROM {VERSION_TABLE}"))
    ]:
        return
    from alembic import command  # 11 MB of memory, which a dashboard with its tables made doesn't need
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "strava_pipeline.serve.dashboard.records:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
