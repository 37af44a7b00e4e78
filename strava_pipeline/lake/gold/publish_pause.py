"""Publishing after a pause: which years wait for it, and whether a sensor watches them.

Events that come one by one would each replace the whole snapshot. A run that may wait records the years that it merged
in `data/state/publish_waits` instead. They stay there until the insights of each are made from a snapshot with
everything merged. An earlier publish or a restart loses none of them; the sensor `publishing` starts the run for the
rest.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from strava_pipeline.lake.files import write_whole
from strava_pipeline.lake.gold.publish import if_readable, is_publish_due, is_published, published_at
from strava_pipeline.lake.gold.warehouse import Connection, reading
from strava_pipeline.lake.locks import locked
from strava_pipeline.lake.paths import Lake

_LOCK = "publish_waits"
_ALIVE = timedelta(minutes=5)  # the sensor looks once a minute


def may_wait(lake: Lake, pause: timedelta, now: datetime) -> bool:
    """Whether a run's merged data may be published later: the last publish is less than `pause` ago, and the sensor will do it.

    Deletions are never postponed: they disappear for readers at once. `now`: by this machine's clock.
    """
    if pause_ends_at(lake, pause, now) is None or not is_looked_after(lake, now):
        return False
    with reading(lake) as connection:
        return is_publish_due(connection, lake) and not _shows_deleted(connection, lake)


def _shows_deleted(working: Connection, lake: Lake) -> bool:
    """Whether readers see an activity that is now marked as deleted; also True if there is nothing that they can read."""
    deleted = [
        key for (key,) in working.execute("SELECT id FROM activities_all WHERE deleted_at IS NOT NULL").fetchall()
    ]

    def shown(published: Connection) -> list[tuple[int]]:
        return published.execute("SELECT id FROM activities WHERE id IN (SELECT unnest($1))", [deleted]).fetchall()

    return if_readable(lake, shown) != []


def pause_ends_at(lake: Lake, pause: timedelta, now: datetime) -> datetime | None:
    """The end of the `pause` after the last publish, or None if it is over or nothing was published. `now`: by this
    machine's clock.
    """
    last = published_at(lake)
    return last + pause if last is not None and last <= now < last + pause else None


def put_off(lake: Lake, years: Iterable[int]) -> None:
    """Record that merged data of `years` waits."""
    with locked(lake, _LOCK):
        _write(lake, waiting_years(lake) | {*years})


def waiting_years(lake: Lake) -> set[int]:
    """The years that wait."""
    try:
        return {int(line) for line in lake.publish_waits.read_text().split() if line.isdigit()}
    except FileNotFoundError:
        return set()


def note_insights(lake: Lake, years: Iterable[int]) -> None:
    """Stop waiting for `years`, whose insights were made from the present snapshot, if that has everything merged."""
    if not lake.publish_waits.exists():
        return
    with locked(lake, _LOCK):  # so that a run which merges now puts it off after this
        if is_published(lake):
            _write(lake, waiting_years(lake) - {*years})


def _write(lake: Lake, years: set[int]) -> None:
    if years:
        write_whole(lake.publish_waits, "\n".join(map(str, sorted(years))).encode())
    else:
        lake.publish_waits.unlink(missing_ok=True)


def note_look(lake: Lake, at: datetime) -> None:
    """Record that the sensor looked for waiting years."""
    with suppress(OSError):
        lake.publish_looked.parent.mkdir(parents=True, exist_ok=True)
        lake.publish_looked.touch()
        os.utime(lake.publish_looked, (at.timestamp(), at.timestamp()))


def is_looked_after(lake: Lake, now: datetime) -> bool:
    """Whether the sensor looked lately; otherwise nothing is postponed."""
    try:
        seen = datetime.fromtimestamp(lake.publish_looked.stat().st_mtime, UTC)
    except FileNotFoundError:
        return False
    return abs(now - seen) < _ALIVE
