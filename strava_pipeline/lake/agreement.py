"""Whether the layers hold the same: bronze, shards and gold, of some years. Reads only, makes no call.

What one layer has and the next lacks is either lost or on its way: another run may have landed it a moment ago. So who
asks looks first whether anybody else is at work. What the catalogue says of a single table is quality.py's; the snapshot
is compared where it is published.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from strava_pipeline.core.sources import IMPORTED
from strava_pipeline.core.years import YearRange
from strava_pipeline.lake.detail_files import detail_files
from strava_pipeline.lake.listings import listings_of_all
from strava_pipeline.lake.locks import locked
from strava_pipeline.lake.merge_details import fetched_in_gold, is_newer
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.shards import LOCK, damage_named, holdings, shard_files
from strava_pipeline.lake.sql import sql
from strava_pipeline.lake.warehouse import Connection


@dataclass(frozen=True, slots=True)
class Agreement:
    """`above` and `here`: how much two layers hold; `missing`: what has not come down; `only_here`: what is left alone."""

    above: int
    here: int
    missing: int
    only_here: int = 0


def shards_with_bronze(lake: Lake, wanted: Sequence[int], years: YearRange) -> Agreement:
    """Pages of the API's listings that hold something of the `wanted` years, and those that no shard of a year holds."""
    with locked(lake, LOCK):
        held = {year: holdings(lake, year) for year in wanted}
    above = missing = 0
    for listing in listings_of_all(lake):
        partitions = held.keys() & listing.manifest.years_within(years)
        if partitions:
            above += listing.manifest.whole_pages
            missing += max(
                max(listing.manifest.pages_for(year, years) - held[year].get(listing.name, 0), 0) for year in partitions
            )
    return Agreement(above, above - missing, missing)


def gold_with_shards(connection: Connection, lake: Lake, years: Sequence[int]) -> Agreement:
    """Distinct activities in the shards of `years` and in gold."""
    with locked(lake, LOCK):
        shards = [path for year in years for path in shard_files(lake, year)]
        if not shards:
            query = "SELECT count(*) FROM activities_all WHERE year IN (SELECT unnest($years))"
            here = connection.execute(query, {"years": list(years)}).fetchall()[0][0]
            return Agreement(0, here, 0, here)
        with damage_named(shards):
            values = {"shards": [str(path) for path in shards], "years": list(years)}
            return Agreement(*connection.execute(sql("shards_and_gold"), values).fetchall()[0])


def history_with_gold(connection: Connection, lake: Lake, years: Sequence[int]) -> Agreement:
    """Activities of `years` in gold, and those without a version in the history."""
    query = (
        "SELECT count(*), count(*) FILTER (id NOT IN (SELECT activity_id FROM activity_history)) FROM activities_all "
        "WHERE NOT list_contains($imported, source) AND year IN (SELECT unnest($years))"
    )
    above, missing = connection.execute(query, {"imported": sorted(IMPORTED), "years": list(years)}).fetchall()[0]
    return Agreement(above, above - missing, missing)


def details_with_bronze(connection: Connection, lake: Lake, years: Sequence[int]) -> Agreement:
    """Activities of which an answer lies in the folders of `years`, and those of which gold has none as new."""
    gold = fetched_in_gold(connection)
    on_disk = [files for year in years for files in detail_files(lake, year).values() if files.good_at is not None]
    missing = sum(is_newer(files, gold.get(files.activity_id)) for files in on_disk)
    return Agreement(len(on_disk), len(on_disk) - missing, missing)
