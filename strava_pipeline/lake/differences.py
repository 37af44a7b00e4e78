"""What a listing would change in gold, without changing it: the comparison that a dry run and an estimate are made from.

`compare` is pure and works on two frames; reading them is beside it. A listing that is not whole proves no deletion, and
a whole one none of what came to gold after it began.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import polars as pl

from strava_pipeline.core.activities import summary_frame
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.years import YearRange
from strava_pipeline.lake.absence import bounds, proven
from strava_pipeline.lake.listing import Listing
from strava_pipeline.lake.manifests import Manifest
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import sql
from strava_pipeline.lake.warehouse import reading

_LISTED: dict[str, Any] = {
    "id": pl.Int64,
    "year": pl.Int32,
    "start_date": pl.Datetime("us"),
    "content_hash": pl.String,
    "fingerprint": pl.String,
    "ingestion_ts": pl.Datetime("us"),
}
_HELD: dict[str, Any] = {**_LISTED, "is_deleted": pl.Boolean}  # in the order of the statement's columns
_SEEN: dict[str, Any] = {**_LISTED, "gear_id": pl.String, "sport_type": pl.String, "type": pl.String}


@dataclass(frozen=True, slots=True)
class Differences:
    """Ids, by what a merge would do with them. `edited` are those of `changed` whose detail would be fetched again.

    `listed`: the start (bare UTC) of each activity of the years in the listing; `gear`: what these name; `sports`: the
    sport of each. `deleted` None: the listing is not whole.
    """

    listed: dict[int, datetime | None]
    inserted: frozenset[int]
    changed: frozenset[int]
    edited: frozenset[int]
    deleted: frozenset[int] | None
    gear: frozenset[str] = frozenset()
    sports: dict[int, str | None] = field(default_factory=dict)

    def of_sports(self, ids: Collection[int], sports: Collection[str] | None) -> frozenset[int]:
        """Those of `ids` that were listed with one of `sports`; None: all of them."""
        return frozenset(ids if sports is None else (one for one in ids if self.sports.get(one) in sports))


def differences(lake: Lake, listing: Listing, years: Collection[int], within: YearRange) -> Differences:
    """What the listing, as far as it came, would change in gold's `years`."""
    listed = _listed(listing, years, within)
    return compare(listed, _held(lake, listed["id"].to_list(), years), years, listing.manifest)


def compare(listed: pl.DataFrame, held: pl.DataFrame, years: Collection[int], manifest: Manifest) -> Differences:
    """Lay what was listed beside what is held, by id; of an activity that was listed twice the newest sighting counts."""
    newest = listed.sort("ingestion_ts").unique("id", keep="last")
    met = newest.join(held, on="id", how="left", suffix="_held")
    is_new = pl.col("content_hash_held").is_null() | pl.col("is_deleted")
    known = met.filter(~is_new & (pl.col("ingestion_ts") > pl.col("ingestion_ts_held")))
    other_content = pl.col("content_hash").ne(pl.col("content_hash_held")) | pl.col("year").ne(pl.col("year_held"))
    return Differences(
        listed=dict(newest.select("id", "start_date").iter_rows()),
        inserted=_ids(met.filter(is_new)),
        changed=_ids(known.filter(other_content)),
        edited=_ids(known.filter(pl.col("fingerprint").ne(pl.col("fingerprint_held")))),
        deleted=_ids(_absent(newest, held, years, manifest)) if manifest.complete else None,
        gear=frozenset(newest["gear_id"].drop_nulls()),
        sports=dict(newest.select("id", pl.coalesce("sport_type", "type")).iter_rows()),
    )


def _absent(listed: pl.DataFrame, held: pl.DataFrame, years: Collection[int], manifest: Manifest) -> pl.DataFrame:
    """What is held as present in these years, started where the listing proves something, and was there when it began."""
    present = held.filter(
        ~pl.col("is_deleted")
        & pl.col("year").is_in(list(years))
        & pl.col("start_date").is_not_null()
        & (pl.col("ingestion_ts") < manifest.started_at.astimezone(UTC).replace(tzinfo=None))
    )
    start = pl.col("start_date").dt.epoch("s")
    columns = bounds(proven(manifest))
    spans = [(start > after) & (start < before) for after, before in zip(*columns.values(), strict=True)]
    present = present.filter(pl.any_horizontal(pl.lit(value=False), *spans))
    return present.join(listed, on="id", how="anti")


def _ids(rows: pl.DataFrame) -> frozenset[int]:
    return frozenset(rows["id"])


def _listed(listing: Listing, years: Collection[int], within: YearRange) -> pl.DataFrame:
    frames = [pl.DataFrame(schema=_SEEN)]
    for page, activities in listing.pages():
        rows, _ = summary_frame(
            activities, years=within, ingestion_ts=page.fetched_at, athlete_id=listing.manifest.athlete_id
        )
        of_years = rows.filter(pl.col("year").is_in(list(years))).select(*_SEEN)
        frames.append(of_years.with_columns(pl.col("start_date", "ingestion_ts").dt.replace_time_zone(None)))
    return pl.concat(frames)


def _held(lake: Lake, ids: Collection[int], years: Collection[int]) -> pl.DataFrame:
    if not lake.working.exists():
        return pl.DataFrame(schema=_HELD)
    with reading(lake) as connection:
        rows = connection.execute(
            sql("held_of_listing"), {"source": STRAVA, "years": list(years), "ids": list(ids)}
        ).fetchall()
    return pl.DataFrame(rows, schema=_HELD, orient="row")
