"""Makes small lakes for tests: activities, listings and details put on disk as a run would, and gold made of them."""

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from strava_pipeline.core.providers import ReadPage
from strava_pipeline.core.years import YearRange
from strava_pipeline.lake.bronze.answers import land_answer, land_detail, land_evidence
from strava_pipeline.lake.bronze.listing import Listing, begin_listing
from strava_pipeline.lake.bronze.manifests import Mode, Window
from strava_pipeline.lake.gold.deletions import mark_absent
from strava_pipeline.lake.gold.making import MergeReport
from strava_pipeline.lake.gold.merge import merge_activities
from strava_pipeline.lake.gold.warehouse import Connection, reading, writing
from strava_pipeline.lake.imports.merge import merge_details
from strava_pipeline.lake.made.shards import shard_files, write_shards
from strava_pipeline.lake.paths import Lake

YEARS = YearRange(2020, 2026)
ALL = range(2020, 2027)
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

Activity = dict[str, Any]


def copied(lake: Lake, to: Lake) -> Lake:
    """`to`, which nobody has touched, as a copy of `lake`."""
    shutil.copytree(lake.data_dir, to.data_dir)
    return to


def land_failed_detail(lake: Lake, year: int, activity_id: int, body: bytes, status: int | None, at: datetime) -> Path:
    """Put the evidence of a failure on disk."""
    return land_evidence(lake, lake.details_of(year), activity_id, body, status, at)


def land_streams(lake: Lake, year: int, activity_id: int, body: bytes, at: datetime) -> Path:
    """Put a good answer on disk."""
    return land_answer(lake, lake.streams_of(year), activity_id, body, at)


def land_no_streams(lake: Lake, year: int, activity_id: int, body: bytes, status: int | None, at: datetime) -> Path:
    """Put the 404 of an activity without streams on disk, or the evidence of a failure."""
    return land_evidence(lake, lake.streams_of(year), activity_id, body, status, at)


def activity(activity_id: int = 1, start: str = "2025-05-05T06:00:00Z", **fields: Any) -> Activity:
    """A summary; its local start is its start unless it is given."""
    return {
        "id": activity_id, "name": f"Run {activity_id}", "sport_type": "Run", "distance": 1000.5, "kudos_count": 0,
        "start_date": start, "start_date_local": start, "athlete": {"id": 7, "resource_state": 1}, **fields,
    }  # fmt: skip


def started(
    lake: Lake,
    *,
    at: datetime = NOW,
    mode: Mode = "all",
    after: datetime | None = None,
    before: datetime | None = None,
    watermark: datetime | None = None,
) -> Listing:
    """A listing without pages yet."""
    window = Window(
        mode=mode,
        after=None if after is None else int(after.timestamp()),
        before=None if before is None else int(before.timestamp()),
        watermark=watermark,
    )
    return begin_listing(lake, window, athlete_id=7, at=at)


def land(listing: Listing, *pages: Sequence[Activity], at: datetime = NOW, years: YearRange = YEARS) -> None:
    """Pages, a second apart."""
    for number, page in enumerate(pages):
        listing.land(
            ReadPage(list(page)),
            json.dumps(list(page)).encode(),
            {"page": number + 1, "per_page": 200},
            at + number * SECOND,
            years,
        )


def listed(
    lake: Lake, *pages: Sequence[Activity], at: datetime = NOW, years: YearRange = YEARS, **window: Any
) -> Listing:
    """A complete listing of these pages."""
    listing = started(lake, at=at, **window)
    land(listing, *pages, [], at=at, years=years)
    return listing


def merge(
    lake: Lake, years: Iterable[int] | None = None, *, force: bool = False, within: YearRange = YEARS
) -> MergeReport:
    """Shards and gold of `years`, as a run does each, in the order given; the sum of what changed. None: of all years, of
    which those without a shard are passed over, for there is nothing to be done."""
    wanted = list(ALL if years is None else years)
    write_shards(lake, wanted, within)
    if years is None:
        wanted = [year for year in wanted if shard_files(lake, year)]
    total = MergeReport()
    with writing(lake) as connection:
        for year in wanted:
            report = merge_activities(connection, lake, [year], force=force)
            mark_absent(connection, lake, [year], within)
            total.inserted += report.inserted
            total.updated += report.updated
    return total


def detailed(lake: Lake, *details: Activity, year: int = 2025, at: datetime = NOW, numbered: bool = True) -> None:
    """Details on disk; not `numbered`: as they landed before there were numbers, and so before what is on disk already."""
    for detail in details:
        path = land_detail(lake, year, detail["id"], json.dumps(detail).encode(), at)
        if not numbered:
            path.rename(path.with_name(f"{path.name.split('.')[0]}.json.gz"))


def merge_detailed(
    lake: Lake, *details: Activity, year: int = 2025, at: datetime = NOW, numbered: bool = True
) -> MergeReport:
    detailed(lake, *details, year=year, at=at, numbered=numbered)
    return merge_details(lake, [year])


def rows(lake: Lake, table: str = "activities_all", order: str = "1, 2") -> list[dict[str, Any]]:
    """All rows of a table of the working warehouse."""
    return rows_of(lake, {table: order})[table]


def rows_of(lake: Lake, orders: Mapping[str, str]) -> dict[str, list[dict[str, Any]]]:
    """All rows of each of the tables, in its order. In one look: opening costs more than reading."""
    with reading(lake) as connection:
        return {table: queried(connection, f"FROM {table} ORDER BY {order}") for table, order in orders.items()}


def queried(connection: Connection, query: str) -> list[dict[str, Any]]:
    cursor = connection.execute(query)
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def row(lake: Lake, table: str = "activities_all") -> dict[str, Any]:
    """The only row of a table."""
    (only,) = rows(lake, table)
    return only


class Watched:
    """What a rebuild told of its way."""

    def __init__(self) -> None:
        self.totals: dict[str, int | None] = {}
        self.steps: dict[str, int] = {}
        self.said: list[str] = []
        self.now = ""

    def begin(self, what: str, total: int | None) -> None:
        self.now, self.totals[what], self.steps[what] = what, total, 0

    def advance(self, steps: int = 1) -> None:
        self.steps[self.now] += steps

    def say(self, text: str) -> None:
        self.said.append(text)

    def end(self) -> None: ...
