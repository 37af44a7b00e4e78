"""Publishing: the working warehouse becomes the snapshot that readers open.

Checkpoint, copy, the user's own views, fsync, rename, all under the writer's lock; a failed publish leaves the old
snapshot. Readers that have the old one open keep it, consistent, until they open anew.
"""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.lake.files import sync_folder
from strava_pipeline.lake.paths import Lake, log_of
from strava_pipeline.lake.views import ViewFile, apply, digest, published_digest, view_files
from strava_pipeline.lake.warehouse import (
    REBUILDING,
    Connection,
    DamagedWarehouseError,
    OtherCatalogueError,
    exclusively,
    has_other_views,
    is_a_database,
    is_marked,
    is_outdated,
    opened,
    reading,
    revision,
)

READ_ONLY = 0o444


def publish(lake: Lake, *, refuse: Callable[[Connection], object] = lambda working: None) -> bool:
    """Replace the snapshot if the working warehouse or the user's views changed since; whether it was replaced.

    One that is half rebuilt is never published: readers keep what they have until it is whole. `refuse` is shown what
    is about to be published, while nobody else can write, and raises if it must not be.
    """
    with exclusively(lake):
        views = view_files(lake)
        with opened(lake) as connection:
            if is_marked(connection, REBUILDING) or _published(lake) == (revision(connection), digest(views)):
                return False
            refuse(connection)
            connection.execute("CHECKPOINT")
        _replace_snapshot(lake, views)
        return True


def is_published(lake: Lake) -> bool:
    """Whether readers see all that was merged; a warehouse that is to be made anew is not for publishing yet."""
    if not lake.working.exists() or not is_a_database(lake.working):
        return True
    with suppress(OtherCatalogueError, DamagedWarehouseError), reading(lake) as connection:
        published = _published(lake)
        return is_marked(connection, REBUILDING) or (published is not None and published[0] == revision(connection))
    return True


def _replace_snapshot(lake: Lake, views: Sequence[ViewFile]) -> None:
    temporary = lake.snapshot.with_name(f".{lake.snapshot.name}.tmp")
    log = log_of(temporary)
    for left in (temporary, log):  # read-only already, where a kill came between two lines below
        left.unlink(missing_ok=True)
    try:
        shutil.copyfile(lake.working, temporary)
        if views:
            apply(views, temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(READ_ONLY)
        log_of(lake.snapshot).unlink(missing_ok=True)  # left by a writer that is no more
        temporary.replace(lake.snapshot)
    finally:
        for left in (temporary, log):  # half a copy would keep a full disk full
            left.unlink(missing_ok=True)
    sync_folder(lake.snapshot.parent)


def snapshot_file(lake: Lake) -> Path:
    """Where the published warehouse is; PipelineError if nothing was published yet."""
    if not lake.snapshot.exists():
        raise PipelineError(
            f"There is no published warehouse at {lake.snapshot} yet. Run `strava-pipeline flow` first."
        )
    return lake.snapshot


@contextmanager
def snapshot(lake: Lake) -> Iterator[Connection]:
    """The published warehouse, read-only, in UTC."""
    path = snapshot_file(lake)
    try:
        connection = duckdb.connect(str(path), read_only=True)
    except duckdb.Error as error:
        raise PipelineError(
            f"The published warehouse {lake.snapshot} can't be opened ({type(error).__name__}). "
            "Delete it and run `strava-pipeline compact`, which publishes it again without a call."
        ) from error
    try:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection
    finally:
        connection.close()


@contextmanager
def current_snapshot(lake: Lake) -> Iterator[Connection]:
    """The same; PipelineError where another version made its tables: some that are asked for may not be there."""
    with snapshot(lake) as connection:
        if is_outdated(connection):
            raise PipelineError(
                "The published warehouse has the tables of another version. Run `strava-pipeline compact`, which makes it "
                "anew without a call."
            )
        yield connection


@contextmanager
def insights_snapshot(lake: Lake) -> Iterator[Connection]:
    """The same; PipelineError also where another version made its views, though its tables are the present ones."""
    with current_snapshot(lake) as connection:
        if has_other_views(connection):
            raise PipelineError(
                "The published warehouse has the views of another version. Run `strava-pipeline compact`, which makes them anew."
            )
        yield connection


def _published(lake: Lake) -> tuple[str, str] | None:
    """Of which revision and with which views the snapshot is."""
    if not lake.snapshot.exists():
        return None
    try:
        with snapshot(lake) as connection:
            return revision(connection), published_digest(connection)
    except (duckdb.Error, PipelineError):
        return None  # unreadable: to be replaced
