"""Which years a run that follows webhook events is to cover: of what is known, where gold has it; else the newest.

Looks only: whoever asks may be a sensor, twice a minute.
"""

from contextlib import suppress

from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.webhooks import summarise_events
from strava_pipeline.core.years import YearRange
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.lake.bronze.events import EventsState, has_unread_events, peek_events
from strava_pipeline.lake.gold.event_followup import years_unmerged
from strava_pipeline.lake.gold.publish import is_published, snapshot
from strava_pipeline.lake.gold.warehouse import (
    DamagedWarehouseError,
    OtherCatalogueError,
    is_a_database,
    is_outdated,
    reading,
)
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import sql
from strava_pipeline.operations.options import EventsOptions
from strava_pipeline.operations.strava_source import budget_of
from strava_pipeline.settings import Settings

LOOKED_AT = 5000  # events; the run takes in all of them


def years_of_news(settings: Settings, state: EventsState, years: YearRange, clock: ServerClock) -> set[int]:
    """The partitions that a run now is likely to touch; none: there is nothing new that can be followed."""
    lake = Lake(settings.data_dir)
    news = summarise_events(peek_events(lake, state, LOOKED_AT), clock.now())
    waiting = {key for key, one in state.waiting.items() if one.may_be_fetched(clock.now())}
    if waiting and not has_unread_events(lake, state) and not _may_call(settings, clock):
        waiting = set()
    ids = waiting | news.changed.keys() | news.gone.keys()
    known: dict[int, int] = {}
    if ids and lake.snapshot.exists():
        with snapshot(lake) as connection:
            if not is_outdated(connection):
                known = dict(
                    connection.execute(sql("years_of_events"), {"source": STRAVA, "ids": list(ids)}).fetchall()
                )
    found = {years.clamp(year) for year in known.values()}
    if ids - known.keys() or (has_unread_events(lake, state) and not ids):
        found.add(years.newest)
    return found


def years_behind_events(lake: Lake, years: YearRange) -> set[int]:
    """The partitions where gold, or what is published, lacks something that was fetched or told: a run died, or had
    another year.
    """
    if not lake.working.exists() or not is_a_database(lake.working):
        return set()
    found: set[int] = set()
    with suppress(OtherCatalogueError, DamagedWarehouseError), reading(lake) as connection:  # else it is made anew
        found = years_unmerged(connection, lake, years)
    return found if found or is_published(lake) else {years.newest}


def _may_call(settings: Settings, clock: ServerClock) -> bool:
    """Whether a limit leaves a call to what is not the daily run."""
    return budget_of(settings, EventsOptions(), clock).remaining().governing.left > 0
