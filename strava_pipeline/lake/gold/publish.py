"""Publishing: the working warehouse becomes the snapshot that readers open, with the user's own views in it.

Checkpoint, copy (a clone, where the file system can), views, fsync, rename, all under the writer's lock, with what goals.toml
and rules.toml say and what is computed of tracks; a failed publish leaves the old snapshot. Readers that have the old one open
keep it, consistent, until they open it again.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from strava_pipeline.core.errors import NothingPublishedError, PipelineError, UnusableSnapshotError
from strava_pipeline.core.numbers import Numbers, sentence
from strava_pipeline.lake.files import copy_file, sync_folder
from strava_pipeline.lake.gold.activity_list import sync_list
from strava_pipeline.lake.gold.contributions import note_contributions
from strava_pipeline.lake.gold.measured import content_state, sync_measures
from strava_pipeline.lake.gold.notes import is_noted
from strava_pipeline.lake.gold.readers import let_read, share
from strava_pipeline.lake.gold.sessions import INTERRUPTIBLE, another_program, first_line, interruptible, is_of_a_file
from strava_pipeline.lake.gold.user_views import (
    ViewFile,
    apply_views,
    published_digest,
    skipped_views,
    view_files,
    views_digest,
)
from strava_pipeline.lake.gold.warehouse import (
    REBUILDING,
    Connection,
    exclusively,
    has_other_views,
    is_due,
    is_outdated,
    opened,
    read_if_usable,
    shared_by_thread,
    transaction,
)
from strava_pipeline.lake.gold.written_anew import write_anew
from strava_pipeline.lake.notifications import notify
from strava_pipeline.lake.paths import Lake, log_of
from strava_pipeline.lake.purge import refuse_unfinished

T = TypeVar("T")
Refuse = Callable[[Connection], object]
State = tuple[str, str]  # of a warehouse's content, and of its views
"""Called with the warehouse before it is published, while nobody else can write; raises to prevent that."""


@dataclass(frozen=True, slots=True)
class Published(Numbers):
    """What readers see now: the rows of each table, and the user's views that were left out, each with the reason.

    `unequal`: tables with different row counts in snapshot and warehouse, with both; None: not compared, because the
    warehouse is half rebuilt, or is published later. `days`: of days and nights, if imports brought any.
    """

    replaced: bool
    bytes: int
    rows: dict[str, int] = field(default_factory=dict, repr=False)
    views_left_out: dict[str, str] = field(default_factory=dict)
    unequal: dict[str, tuple[int, int]] | None = field(default=None, repr=False)
    published_later: bool = False
    days: Numbers | None = None

    def shown(self) -> dict[str, Any]:
        return Numbers.shown(self) | {f"rows/{name}": count for name, count in self.rows.items()}

    def __str__(self) -> str:
        first = "Published" if self.replaced else "Nothing changed since the last publish"
        return sentence(first, (str(self.days or ""), str(self.days)))


def publish(lake: Lake, *, refuse: Refuse = lambda working: None) -> bool:
    """Replace the snapshot if the working warehouse or the user's views changed; returns whether it was replaced.

    A half rebuilt warehouse is never published: readers keep their snapshot until it is whole.
    """
    return _publish(lake, refuse, lambda working: (None, if_readable(lake, _state)))[0]


def publish_and_compare(lake: Lake, *, refuse: Refuse) -> Published:
    """Publish, and compare the result with the warehouse."""
    from strava_pipeline.lake.gold.quality import row_counts  # which imports Polars: readers of a snapshot need none

    def counted(working: Connection) -> tuple[tuple[dict[str, int] | None, _Seen | None], State | None]:
        gold, seen = None if is_noted(working, REBUILDING) else row_counts(working), if_readable(lake, _look)
        return (gold, seen), seen.state if seen else None

    with exclusively(lake):
        due, (gold, seen), days = _publish(lake, refuse, counted)
        if due or seen is None:
            with snapshot(lake) as connection:
                seen = _look(connection)
    unequal = None if gold is None else _unequal(gold, seen.rows)
    return Published(
        due, lake.snapshot.stat().st_size, seen.rows, seen.left_out, unequal, days=days if str(days) else None
    )


def _publish(
    lake: Lake, refuse: Refuse, look: Callable[[Connection], tuple[T, State | None]]
) -> tuple[bool, T, Numbers]:
    """Publish; returns whether the snapshot was replaced, what `look` found, and what became of days and nights.

    `look`: gets the warehouse as it is published, and also returns the state of the snapshot, or None if it can't be read.
    """
    with exclusively(lake):
        views = view_files(lake)
        if lake.deleted_for_good.exists():
            write_anew(lake)
        with opened(lake) as connection:
            days = _sync_tables(connection, lake)
            found, published = look(connection)
            due = _prepare(connection, lake, published, views, refuse)
            rests = connection.execute(_RESTS).fetchall()
        if due:
            _replace_snapshot(lake, views, rests)
            with snapshot(lake) as new:
                note_contributions(new, lake, lake.clock() if lake.clock else datetime.now(UTC))
        else:
            share(lake, lake.snapshot)
        return due, found, days


def published_before(lake: Lake) -> Published:
    """What readers see while the next publish is put off (publish_pause.py)."""
    seen = if_readable(lake, _look)
    rows, left_out = (seen.rows, seen.left_out) if seen else ({}, {})
    return Published(False, lake.snapshot.stat().st_size, rows, left_out, published_later=True)


def _sync_tables(connection: Connection, lake: Lake) -> Numbers:
    """Fill what a publish fills; returns the report about days and nights."""
    from strava_pipeline.lake.gold.days import sync_days  # which imports Polars
    from strava_pipeline.lake.gold.personal import sync_goals  # which reads TOML: readers of a snapshot need none

    sync_goals(connection, lake)
    with transaction(connection):
        days = sync_days(connection, lake)
    sync_measures(connection, lake)
    sync_list(connection)
    return days


def _unequal(gold: Mapping[str, int], read: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    return {name: (count, read.get(name, 0)) for name, count in gold.items() if read.get(name) != count}


def _prepare(
    connection: Connection, lake: Lake, published: State | None, views: Sequence[ViewFile], refuse: Refuse
) -> bool:
    """Whether there is something to publish; if so, put all of it into the file (CHECKPOINT)."""
    is_same = published == (content_state(connection), views_digest(views)) and not lake.deleted_for_good.exists()
    if is_noted(connection, REBUILDING) or is_same:
        return False
    refuse(connection)
    connection.execute("CHECKPOINT")
    return True


def is_published(lake: Lake) -> bool:
    """Whether readers see everything merged. True for a warehouse that has to be rebuilt, because it can't be published yet."""

    def is_current(connection: Connection) -> bool:
        published = if_readable(lake, _state)
        return is_noted(connection, REBUILDING) or (
            published is not None and published[0] == content_state(connection) and not lake.deleted_for_good.exists()
        )

    return read_if_usable(lake, is_current) is not False


def is_publish_due(connection: Connection, lake: Lake) -> bool:
    """Whether `publish` would replace the snapshot; `connection`: to the working warehouse. Changes nothing."""
    state = content_state(connection), views_digest(view_files(lake))
    return (
        lake.deleted_for_good.exists()
        or if_readable(lake, _state) != state
        or is_due(connection, partial(_sync_tables, connection, lake))
    )


_LOADS = "SELECT 1 FROM activity_load LIMIT 1"
# unknown to versions whose loads kept to a method for a year
_BY_ACTIVITY = "SELECT intensity FROM activity_load LIMIT 1"
_ONE_LOAD = """Training load goes by activity now: by measured power before heart rate before pace; 100 is an hour at \
threshold. Fitness, fatigue and form of all years have other numbers than before; the page Fitness says what they go by."""


_RESTS = "SELECT 1 FROM days WHERE resting_heartrate IS NOT NULL LIMIT 1"
_MEASURED_REST = """Load by heart rate goes by your measured resting heart rate from now on, where you say none: by the \
median of the 30 days before. Load, fitness, fatigue and form of these days have other numbers than before."""


def _replace_snapshot(lake: Lake, views: Sequence[ViewFile], rests: list[Any]) -> None:
    """`rests`: a row if the new one has a measured resting heart rate."""
    had_loads, by_activity, before = _found(lake, _LOADS, _BY_ACTIVITY, _RESTS)
    temporary = lake.snapshot.with_name(f".{lake.snapshot.name}.tmp")
    log = log_of(temporary)
    for left in (temporary, log):  # read-only already if a process was killed below
        left.unlink(missing_ok=True)
    try:
        copy_file(lake.working, temporary)
        if views:
            apply_views(views, temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        let_read(lake, temporary)
        log_of(lake.snapshot).unlink(missing_ok=True)  # left by a dead writer
        temporary.replace(lake.snapshot)
    finally:
        for left in (temporary, log):  # half a copy would keep a full disk full
            left.unlink(missing_ok=True)
    sync_folder(lake.snapshot.parent)
    lake.deleted_for_good.unlink(missing_ok=True)
    if by_activity is None and had_loads:
        notify(lake, "info", _ONE_LOAD, datetime.now(UTC), link="strava-pipeline goals check")
    if before == [] and rests:
        notify(lake, "info", _MEASURED_REST, datetime.now(UTC), link="strava-pipeline goals check")


def _found(lake: Lake, *queries: str) -> list[list[Any] | None]:
    """The rows of each query of the snapshot, or None where it can't be read or is of another version."""

    def rows(published: Connection, query: str) -> list[Any] | None:
        try:
            return published.execute(query).fetchall()
        except duckdb.Error:
            return None

    found = if_readable(lake, lambda published: [rows(published, query) for query in queries])
    return found or [None] * len(queries)


def published_at(lake: Lake) -> datetime | None:
    """When the snapshot was written, in UTC, or None if nothing was published yet."""
    try:
        return datetime.fromtimestamp(lake.snapshot.stat().st_mtime, UTC)
    except FileNotFoundError:
        return None


def snapshot_file(lake: Lake) -> Path:
    """The file of the published warehouse. Raises NothingPublishedError if there is none yet, UnusableSnapshotError after a
    purge that has not ended.
    """
    if not lake.snapshot.exists():
        refuse_unfinished(lake, UnusableSnapshotError)
        raise NothingPublishedError(
            f"There is no published warehouse at {lake.snapshot} yet. Run `strava-pipeline flow` first, or, without "
            "Strava, `strava-pipeline providers pull`."
        )
    return lake.snapshot


def damaged(lake: Lake, error: duckdb.Error) -> UnusableSnapshotError:
    """The error that the snapshot's file can't be read, with what to do."""
    if "Could not set lock" in str(error):
        return UnusableSnapshotError(
            f"The published warehouse {lake.snapshot} can't be read while {another_program(error)} has it open for writing: "
            "close it there, or open it there read-only."
        )
    return UnusableSnapshotError(
        f"The published warehouse {lake.snapshot} can't be read ({first_line(error)}). Try again; if the disk is full, free some "
        "space. If it stays so, delete that file and run `strava-pipeline compact`, which publishes it again without a call."
    )


@contextmanager
def damage_named(lake: Lake) -> Iterator[None]:
    """Raise UnusableSnapshotError if the body meets damage within the snapshot's file."""
    try:
        yield
    except duckdb.Error as error:
        if not is_of_a_file(error):
            raise
        raise damaged(lake, error) from error


@contextmanager
def snapshot(lake: Lake) -> Iterator[Connection]:
    """The published warehouse, read-only, in UTC."""
    path = snapshot_file(lake)
    try:
        connection = duckdb.connect(str(path), read_only=True)
    except duckdb.Error as error:
        raise damaged(lake, error) from error
    try:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(INTERRUPTIBLE)
        with interruptible(connection):
            yield connection
    finally:
        connection.close()


@contextmanager
def current_snapshot(lake: Lake) -> Iterator[Connection]:
    """The snapshot. Raises UnusableSnapshotError if it has the tables of another version, some of which may be missing.

    Nested bodies share one snapshot, whatever is published meanwhile: opening it costs 20 ms of CPU.
    """
    with damage_named(lake), shared_by_thread(lake.snapshot, partial(_checked, lake)) as connection:
        yield connection


@contextmanager
def _checked(lake: Lake) -> Iterator[Connection]:
    with snapshot(lake) as connection:
        _refuse_other_tables(connection)
        yield connection


def _refuse_other_tables(connection: Connection) -> None:
    if is_outdated(connection):
        raise UnusableSnapshotError(
            "The published warehouse has the tables of another version. Run `strava-pipeline compact`, which rebuilds "
            "it without a call."
        )


@contextmanager
def insights_snapshot(lake: Lake) -> Iterator[Connection]:
    """The snapshot for many small queries. Raises UnusableSnapshotError also if it has the views of another version."""
    with current_snapshot(lake) as connection:
        connection.execute("SET threads = 1")  # several threads for such small queries cost a tenth of a command's CPU
        refuse_other_version(connection)
        yield connection


def refuse_other_version(connection: Connection) -> None:
    """Raise UnusableSnapshotError if a published warehouse has the tables or the views of another version."""
    _refuse_other_tables(connection)
    if has_other_views(connection):
        raise UnusableSnapshotError(
            "The published warehouse has the views of another version. Run `strava-pipeline compact`, which makes them again."
        )


@dataclass(frozen=True, slots=True)
class _Seen:
    """The state of a snapshot: its content and hash of views, its rows, and the views left out."""

    state: State
    rows: dict[str, int]
    left_out: dict[str, str]


def _look(published: Connection) -> _Seen:
    from strava_pipeline.lake.gold.quality import row_counts

    return _Seen(_state(published), row_counts(published), skipped_views(published))


def _state(published: Connection) -> State:
    return content_state(published), published_digest(published)


def if_readable(lake: Lake, look: Callable[[Connection], T]) -> T | None:
    """The result of `look` for the snapshot, or None if it can't be read: then it has to be replaced."""
    if not lake.snapshot.exists():
        return None
    try:
        with snapshot(lake) as connection:
            return look(connection)
    except (duckdb.Error, PipelineError):
        return None
