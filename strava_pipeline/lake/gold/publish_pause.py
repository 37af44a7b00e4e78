"""Publishing after a pause: what waits for it, and whether somebody sees to it.

Events that come one by one would each replace the whole snapshot. A run that may wait notes the years of what it merged in
`data/state/publish_waits` instead. They stand there until the insights of each are made of a snapshot with all that was merged.
Whatever publishes meanwhile, and a restart, lose none of it; the sensor `publishing` starts the run for what is left.
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
    """Whether what a run merged may be published later: the last publish is no `pause` ago, and somebody will do it.

    What was deleted disappears for readers at once. `now`: by this machine's clock.
    """
    if pause_ends_at(lake, pause, now) is None or not is_looked_after(lake, now):
        return False
    with reading(lake) as connection:
        return is_publish_due(connection, lake) and not _shows_deleted(connection, lake)


def _shows_deleted(working: Connection, lake: Lake) -> bool:
    """Whether readers see an activity that is marked as deleted by now; also where there is nothing that they can read."""
    deleted = [
        key for (key,) in working.execute("SELECT id FROM activities_all WHERE deleted_at IS NOT NULL").fetchall()
    ]

    def shown(published: Connection) -> list[tuple[int]]:
        return published.execute("SELECT id FROM activities WHERE id IN (SELECT unnest($1))", [deleted]).fetchall()

    return if_readable(lake, shown) != []


def pause_ends_at(lake: Lake, pause: timedelta, now: datetime) -> datetime | None:
    """When `pause` after the last publish is over; None: it is, or nothing was published. `now`: by this machine's clock."""
    last = published_at(lake)
    return last + pause if last is not None and last <= now < last + pause else None


def put_off(lake: Lake, years: Iterable[int]) -> None:
    """Note that what was merged of `years` waits."""
    with locked(lake, _LOCK):
        _write(lake, waiting_years(lake) | {*years})


def waiting_years(lake: Lake) -> set[int]:
    """The years of what waits."""
    try:
        return {int(line) for line in lake.publish_waits.read_text().split() if line.isdigit()}
    except FileNotFoundError:
        return set()


def note_insights(lake: Lake, years: Iterable[int]) -> None:
    """Nothing of `years` waits any more, their insights being made of the snapshot as it is: if that has all that was merged."""
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
    """Note that the sensor looks after what waits."""
    with suppress(OSError):
        lake.publish_looked.parent.mkdir(parents=True, exist_ok=True)
        lake.publish_looked.touch()
        os.utime(lake.publish_looked, (at.timestamp(), at.timestamp()))


def is_looked_after(lake: Lake, now: datetime) -> bool:
    """Whether the sensor looked lately: else nothing is put off."""
    try:
        seen = datetime.fromtimestamp(lake.publish_looked.stat().st_mtime, UTC)
    except FileNotFoundError:
        return False
    return abs(now - seen) < _ALIVE
