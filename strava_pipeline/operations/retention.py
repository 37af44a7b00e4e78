"""Retention at the beginning of a run: the expiry by STRAVA_API_KEEP_DAYS, announced a day before the first time.

How data leave the lake is lake/retention.py's.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.text import counted
from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.bronze.deliveries import lock_of
from strava_pipeline.lake.bronze.expired import limited_ids
from strava_pipeline.lake.files import write_whole
from strava_pipeline.lake.gold.expired import landed_before, told_by_others
from strava_pipeline.lake.gold.publish import publish, snapshot
from strava_pipeline.lake.gold.warehouse import read_if_usable, reading
from strava_pipeline.lake.notifications import notify
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.retention import due_ids, note_expired, note_published, remove_from_bronze, remove_from_gold
from strava_pipeline.operations.copy_comparison import require_continuation
from strava_pipeline.operations.insights import make_insights
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.tracking import make_tracks

SETTING = "STRAVA_API_KEEP_DAYS"
NOTICE = timedelta(hours=20)  # from the announcement to the first time: a daily run later
_LOCK = "retention"


@dataclass(frozen=True, slots=True)
class Retention:
    """How many activities leave with the next run, how many of them stay with other sources' values, and how many have left.

    `not_before`: the first time, or None if it has passed, or nothing was announced yet.
    """

    days: int
    due: int
    staying: int
    expired: int
    not_before: datetime | None


def retention(lake: Lake, days: int, now: datetime) -> Retention:
    """The setting's present effect. Reads only."""
    expired = limited_ids(lake)
    due, staying = read_if_usable(
        lake,
        lambda connection: (
            len(ids := landed_before(connection, now - timedelta(days=days)) - expired),
            told_by_others(connection, ids),
        ),
    ) or (0, 0)
    announced = _announced_at(lake)
    not_before = None if expired or announced is None else announced + NOTICE
    return Retention(days, due, staying, len(expired), not_before)


def let_expire(run: RunContext, settings: Settings) -> None:
    """Expire due data, and complete an interrupted expiry. The first time is announced, and waits for NOTICE."""
    lake, days = run.lake, settings.api_keep_days
    if days is None:
        lake.expiry_announced.unlink(missing_ok=True)  # if it is set again, the person is notified again
    if not lake.working.exists() or (days is None and not limited_ids(lake)):
        return
    with run.exclusive(_LOCK):
        until = None if days is None else run.now() - timedelta(days=days)
        due = due_ids(lake, until, run.now()) if until is not None else set()
        if due and not limited_ids(lake) and not _may_begin(run, settings, due):
            return
        if due:
            require_continuation(run, settings)
            run.progress.say(f"{counted(len(due), 'activity')} of Strava's API expire ({SETTING}={days}).")
            note_expired(lake, due, run.now(), f"{SETTING}={days}")
            lake.shape_of(STRAVA).unlink(missing_ok=True)  # it names gear; what stays is looked at again
        with run.exclusive(lock_of(STRAVA)):  # runs that follow events write to their listings
            remove_from_bronze(lake, until, run.years, run.now())
        if years := remove_from_gold(lake, run.years):
            make_tracks(run, years)
            publish(lake)
            make_insights(run, partial(snapshot, lake), years, settings.timezone, settings.insight_sports)
            note_published(lake)


def _may_begin(run: RunContext, settings: Settings, due: set[int]) -> bool:
    """Whether the first time was announced long enough ago; it is announced here if it was not."""
    lake, now = run.lake, run.now()
    announced = _announced_at(lake)
    if announced is not None and announced <= now:
        return now >= announced + NOTICE
    with reading(lake) as connection:
        staying = told_by_others(connection, due)
    notify(
        lake,
        "warning",
        f"{SETTING}={settings.api_keep_days}: with the first run after {now + NOTICE:%Y-%m-%d %H:%M} UTC, what Strava's API told "
        f"of {counted(len(due), 'activity')} leaves this folder for good. {staying} of them stay with what archives, "
        f"files and other services say of them; the others are gone here. To keep them, unset {SETTING} before.",
        now,
        about=SETTING,
        link="strava-pipeline status",
    )
    write_whole(lake.expiry_announced, now.isoformat().encode())
    return False


def _announced_at(lake: Lake) -> datetime | None:
    try:
        return datetime.fromisoformat(lake.expiry_announced.read_text())
    except (OSError, ValueError):
        return None
