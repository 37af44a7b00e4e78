"""The published data, imports of files and archives, and decisions that wait. Makes no call."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, time

from strava_pipeline.core.facts import Fact, Measure, ok, warning
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.text import at_minute, counted, counts_that_matter
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.registry import missing_login
from strava_pipeline.lake.gold.days import newest_days
from strava_pipeline.lake.gold.matches import match_counts
from strava_pipeline.lake.gold.publish import insights_snapshot, published_at
from strava_pipeline.lake.gold.quality import counts_by_year, newest_start, row_counts
from strava_pipeline.lake.gold.quarantine import failing_now
from strava_pipeline.lake.gold.user_views import skipped_views
from strava_pipeline.lake.gold.warehouse import one_number
from strava_pipeline.lake.health import later_first_year
from strava_pipeline.lake.imports.manifests import imports
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import sql

PUBLISHED_AT = Measure(
    "published_timestamp_seconds", "gauge", "When the warehouse that readers open was published last"
)
NEWEST = Measure("newest_activity_timestamp_seconds", "gauge", "When the newest published activity began")
NEWEST_DAY = Measure(
    "newest_day_timestamp_seconds", "gauge", "When the newest day began of which the source has numbers", ("source",)
)
ROWS = Measure("table_rows", "gauge", "Published rows of each table", ("table",))
MISSING = Measure("details_missing", "gauge", "Published activities whose detail was never fetched")
STALE = Measure("details_stale", "gauge", "Published activities that were edited since their detail was fetched")
_MISSING, _STALE = "without splits, laps and description", "edited since these were fetched"


def published(settings: Settings, now: datetime) -> Iterator[Fact]:
    """The facts of the published warehouse. Raises NothingPublishedError, UnusableSnapshotError."""
    lake = Lake(settings.data_dir)
    with insights_snapshot(lake) as connection:
        rows, years, newest = row_counts(connection), counts_by_year(connection), newest_start(connection)
        days, left_out = newest_days(connection), skipped_views(connection)
        problems = one_number(connection, "SELECT count(problem) FROM files")
        matched, (waiting, metres) = match_counts(connection), connection.execute(sql("waiting")).fetchall()[0]
    at, activities = published_at(lake), sum(year.activities for year in years)
    yield ok(
        "published",
        f"{at_minute(at)}, {counted(activities, 'activity')} in {counted(rows['activities_all'], 'row')} of sources",
        values={
            "at": PUBLISHED_AT(at),
            "activities": activities,
            "newest": NEWEST(newest),
            "rows": [ROWS(count, table) for table, count in rows.items()],
        },
    )
    for source, day in days.items():
        begins = datetime.combine(day, time.min, UTC)
        yield ok("days", f"until {day}", of=source, values={"newest": NEWEST_DAY(begins, source)})
    for year in years:
        lacking = counts_that_matter({_MISSING: year.missing_details, _STALE: year.stale_details})
        yield ok(
            f"year {year.year}" if year.year else "without a date",
            "; ".join(filter(None, [f"{counted(year.activities, 'activity')}, {year.kilometres:,} km", lacking])),
            values=asdict(year),
        )
    missing, stale = sum(year.missing_details for year in years), sum(year.stale_details for year in years)
    resting = sum(each.retry_at is not None and now < each.retry_at for each, _ in failing_now(lake))
    fetches = missing and missing_login(STRAVA, settings) is None
    yield ok(
        "details",
        counts_that_matter({_MISSING: missing, _STALE: stale, "failed, to be tried again later": resting}),
        advice="strava-pipeline enrich-all fetches what is missing." if fetches else None,
        values={"missing": MISSING(missing), "stale": STALE(stale), "resting": resting},
    )
    yield from _left_out(left_out, problems)
    if matched.activities:
        text = f"{counted(matched.activities, 'activity')} recorded several times count once"
        yield ok("matches", text, values={"of_several_sources": matched.activities})
    if matched.proposed:
        values = {"undecided": matched.proposed, "waiting": waiting, "waiting_km": round(metres / 1000)}
        waits = f"; until you decide, {counted(waiting, 'activity')} with {values['waiting_km']:,} km in no total"
        text = f"{counted(matched.proposed, 'pair')} of activities may be one{waits if waiting else ''}"
        yield warning("matches", text, "strava-pipeline matches list", values=values, page="/pairs")


def _left_out(views: Mapping[str, str], files: int) -> Iterator[Fact]:
    """The user's views that are not published, and files that could not be read completely."""
    for name, why in views.items():
        yield warning(f"view {name}", f"left out: {why}", "Correct the file; the next publish takes it in.")
    if files:
        advice = 'strava-pipeline sql "SELECT name, problem FROM files WHERE problem IS NOT NULL"'
        yield warning("files", f"{counted(files, 'file')} with problems", advice, values={"with_problems": files})


def imported(settings: Settings, now: datetime) -> Iterator[Fact]:
    """Imports of archives and files, and the first year with an activity if earlier ones are empty."""
    lake = Lake(settings.data_dir)
    if found := list(imports(lake)):
        at = found[-1].manifest.received_at
        files = len({file.sha256 for one in found for file in one.manifest.files})
        text = f"{counted(files, 'file')}, the last {at_minute(at)}"
        yield ok("imported", text, values={"at": at, "imports": len(found), "files": files})
    if (year := later_first_year(lake, settings.first_year)) is not None:
        yield ok("first year", f"nothing is older than {year}", values={"year": year})
