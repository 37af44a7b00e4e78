"""Publishing: the working warehouse becomes the snapshot that readers open.

Checkpoint, copy, the user's own views, fsync, rename, all under the writer's lock; a failed publish leaves the old
snapshot. Readers that have the old one open keep it, consistent, until they open anew.
"""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import duckdb

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.lake.connections import interruptible
from strava_pipeline.lake.counts import row_counts
from strava_pipeline.lake.files import sync_folder
from strava_pipeline.lake.paths import Lake, log_of
from strava_pipeline.lake.views import ViewFile, apply, digest, left_out, published_digest, view_files
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
T = TypeVar("T")
Refuse = Callable[[Connection], object]
"""Is shown what is about to be published, while nobody else can write, and raises if it must not be."""


@dataclass(frozen=True, slots=True)
class Published:
    """What readers see from now on: the rows of each table, and the user's views that were left out, each with the reason.

    `unequal`: tables of which they see another number of rows than there are, with both; None: half rebuilt, nothing was
    compared.
    """

    replaced: bool
    rows: dict[str, int]
    left_out: dict[str, str]
    unequal: dict[str, tuple[int, int]] | None


def publish(lake: Lake, *, refuse: Refuse = lambda working: None) -> bool:
    """Replace the snapshot if the working warehouse or the user's views changed since; whether it was replaced.

    One that is half rebuilt is never published: readers keep what they have until it is whole.
    """
    with exclusively(lake):
        views = view_files(lake)
        with opened(lake) as connection:
            due = _prepare(connection, _if_readable(lake, _state), views, refuse)
        if due:
            _replace_snapshot(lake, views)
        return due


def publish_and_compare(lake: Lake, *, refuse: Refuse) -> Published:
    """The same, and what readers see then beside what there is."""
    with exclusively(lake):
        views = view_files(lake)
        with opened(lake) as connection:
            gold = None if is_marked(connection, REBUILDING) else row_counts(connection)
            seen = _if_readable(lake, _look)
            due = _prepare(connection, seen.state if seen else None, views, refuse)
        if due:
            _replace_snapshot(lake, views)
        if due or seen is None:
            with snapshot(lake) as connection:
                seen = _look(connection)
    unequal = None if gold is None else _unequal(gold, seen.rows)
    return Published(due, seen.rows, seen.left_out, unequal)


def _unequal(gold: Mapping[str, int], read: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    return {name: (count, read.get(name, 0)) for name, count in gold.items() if read.get(name) != count}


def _prepare(
    connection: Connection, published: tuple[str, str] | None, views: Sequence[ViewFile], refuse: Refuse
) -> bool:
    """Whether there is something to publish; if so, all of it is in the file."""
    if is_marked(connection, REBUILDING) or published == (revision(connection), digest(views)):
        return False
    refuse(connection)
    connection.execute("CHECKPOINT")
    return True


def is_published(lake: Lake) -> bool:
    """Whether readers see all that was merged; a warehouse that is to be made anew is not for publishing yet."""
    if not lake.working.exists() or not is_a_database(lake.working):
        return True
    with suppress(OtherCatalogueError, DamagedWarehouseError), reading(lake) as connection:
        published = _if_readable(lake, _state)
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
        with interruptible(connection):
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
    """The same, for many small queries; PipelineError also where another version made its views, though not its tables."""
    with current_snapshot(lake) as connection:
        connection.execute("SET threads = 1")  # to share so little among several takes a tenth of a command's CPU
        if has_other_views(connection):
            raise PipelineError(
                "The published warehouse has the views of another version. Run `strava-pipeline compact`, which makes them anew."
            )
        yield connection


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a look into the snapshot shows: of which revision and with which views it is, its rows, views left out."""

    state: tuple[str, str]
    rows: dict[str, int]
    left_out: dict[str, str]


def _look(published: Connection) -> _Seen:
    return _Seen(_state(published), row_counts(published), left_out(published))


def _state(published: Connection) -> tuple[str, str]:
    return revision(published), published_digest(published)


def _if_readable(lake: Lake, look: Callable[[Connection], T]) -> T | None:
    """A look into the snapshot; None where there is none that can be read: it is to be replaced."""
    if not lake.snapshot.exists():
        return None
    try:
        with snapshot(lake) as connection:
            return look(connection)
    except (duckdb.Error, PipelineError):
        return None
