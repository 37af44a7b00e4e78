"""How far listings and gold reach: years that are behind, years that whole listings cover, the changes of a listing.

For plans, estimates and dry runs; reads only. An interrupted run, or one that met a limit, leaves years behind, and the
next daily run covers them too. What a run would do is computed in operations/planning.py. An incomplete listing proves
no deletion, and a complete one proves nothing about activities that came to gold after it began.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from strava_pipeline.core.activities import summary_frame
from strava_pipeline.core.plan import YearPlan
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.years import YearRange
from strava_pipeline.lake.bronze.answers import detail_files
from strava_pipeline.lake.bronze.listing import Listing
from strava_pipeline.lake.bronze.listings import listings, proven_spans, span_columns
from strava_pipeline.lake.bronze.manifests import Manifest
from strava_pipeline.lake.gold.event_followup import years_unmerged
from strava_pipeline.lake.gold.fetch_selection import Scope, select_details
from strava_pipeline.lake.gold.merge import merged_pages, unmerged_years
from strava_pipeline.lake.gold.quality import rows_of_source
from strava_pipeline.lake.gold.warehouse import Connection, read_if_usable, reading
from strava_pipeline.lake.imports.activities import all_listings
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import sql

SLACK = timedelta(days=2)  # a year listed up to yesterday is known; later activities are a call or two
_EVER = datetime(1, 1, 1, tzinfo=UTC)
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


def years_behind(lake: Lake, years: YearRange, *, but: str = "") -> set[int]:
    """The years with unmerged pages of listings, new activities without a detail, or deletions that no run has judged.

    `but`: a listing that gold has completely.
    """

    def known_in_gold(connection: Connection) -> tuple[dict[int, dict[str, int]], set[int]]:
        unfetched = years_unmerged(connection, lake, years)
        since = first_pull_ended_at(lake)
        if since is not None:
            rows = connection.execute(sql("years_unfetched"), {"source": STRAVA, "since": since}).fetchall()
            unfetched = unfetched.union(year for (year,) in rows)
        return merged_pages(connection), unfetched

    # A warehouse that has to be rebuilt holds nothing yet.
    merged, unfetched = read_if_usable(lake, known_in_gold) or ({}, set())
    waiting = (
        listing for listing in all_listings(lake) if not (listing.manifest.brought_nothing or listing.name == but)
    )
    return unfetched.union(*(unmerged_years(merged, listing, years) for listing in waiting))


def first_pull_ended_at(lake: Lake) -> datetime | None:
    """When (UTC) the first listing up to the present was complete. Activities first seen later are new."""
    whole = (listing.manifest for listing in listings(lake) if listing.manifest.complete)
    # from the watermark, or the beginning, to the present: the newest year alone does not say when
    pulls = (each for each in whole if each.window.is_open_ended and each.window.mode != "year")
    return min((manifest.fetched_at for manifest in pulls), default=None)


@dataclass(frozen=True, slots=True)
class Differences:
    """Ids by what a merge would do with them. `edited`: those of `changed` whose detail would be fetched again.

    `listed`: the start (bare UTC) of each of the listing's activities in the years; `gear`: the gear they name;
    `sports`: the sport of each. `deleted` None: the listing is incomplete.
    """

    listed: dict[int, datetime | None]
    inserted: frozenset[int]
    changed: frozenset[int]
    edited: frozenset[int]
    deleted: frozenset[int] | None
    gear: frozenset[str] = frozenset()
    sports: dict[int, str | None] = field(default_factory=dict)

    def of_sports(self, ids: Collection[int], sports: Collection[str] | None) -> frozenset[int]:
        """Those of `ids` that were listed with one of `sports`; None for all."""
        return frozenset(ids if sports is None else (one for one in ids if self.sports.get(one) in sports))


@dataclass(frozen=True, slots=True)
class ListingAtHand:
    """A year's listing that a run would resume; `changes`: the changes that it would make, if complete."""

    listing: Listing
    changes: Differences | None


def year_plans(
    lake: Lake,
    within: YearRange,
    chosen: Sequence[int],
    at_hand: Mapping[int, ListingAtHand],
    now: datetime,
    sports: frozenset[str] | None = None,
) -> list[YearPlan]:
    """The plans of the chosen years, the newest first. `sports`: whose details are due."""
    held: dict[int, int] = {}
    merged: dict[int, dict[str, int]] = {}
    due: dict[int, set[int]] = defaultdict(set)
    resting: set[int] = set()
    if lake.working.exists():
        with reading(lake) as connection:
            merged, held = merged_pages(connection), rows_of_source(connection, STRAVA)
        wanted = select_details(lake, chosen, Scope(sports=sports), now)
        resting = {candidate.activity_id for candidate in wanted.resting}
        for candidate in wanted.due:
            due[candidate.year].add(candidate.activity_id)
    whole = [each for each in listings(lake) if each.manifest.complete]
    unmerged = {
        each.name: set[int]() if each.manifest.brought_nothing else unmerged_years(merged, each, within)
        for each in whole
    }
    plans = []
    for year in sorted(chosen, reverse=True):
        found = at_hand.get(year)
        if found is not None and found.changes is not None:
            still = _due_after(lake, year, due[year], found.changes, sports) - resting
            plans.append(YearPlan(year, len(found.changes.listed), len(still)))
        else:
            is_known = _is_covered(year, (each.manifest for each in whole if year not in unmerged[each.name]), now)
            plans.append(YearPlan(year, held.get(year, 0), len(due[year]), is_known))
    return plans


def _due_after(lake: Lake, year: int, due: set[int], changes: Differences, sports: frozenset[str] | None) -> set[int]:
    """The activities whose detail has to be fetched once the listing is merged."""
    on_disk = {key for key, files in detail_files(lake, year).items() if files.good is not None}
    return (due - (changes.deleted or frozenset())) | changes.of_sports(
        (changes.inserted - on_disk) | changes.edited, sports
    )


def _is_covered(year: int, whole: Iterable[Manifest], now: datetime) -> bool:
    """Whether these whole listings reach from the year's first instant to its last, or to the present."""
    begin, end = datetime(year, 1, 1, tzinfo=UTC), min(datetime(year + 1, 1, 1, tzinfo=UTC), now)
    reached, gaps = begin, timedelta(0)
    for first, last in sorted(map(_span, whole)):
        gaps += max(min(first, end) - reached, timedelta(0))
        reached = max(reached, last)
    return reached > begin and gaps + max(end - reached, timedelta(0)) <= SLACK


def _span(manifest: Manifest) -> tuple[datetime, datetime]:
    """The span that a whole listing covers."""
    after, before = (
        None if at is None else datetime.fromtimestamp(at, UTC)
        for at in (manifest.window.after, manifest.window.before)
    )
    return after or _EVER, min(before or manifest.started_at, manifest.started_at)


def differences(lake: Lake, listing: Listing, years: Collection[int], within: YearRange) -> Differences:
    """The changes that the listing, as far as it got, would make in gold's `years`."""
    listed = _listed(listing, years, within)
    return compare_frames(listed, _held(lake, listed["id"].to_list(), years), years, listing.manifest)


def newest_row_at(connection: Connection) -> datetime | None:
    """When (UTC) Strava's newest row was listed, by the clock of then."""
    text = "SELECT max(ingestion_ts) FROM activities_all WHERE source = $source"
    ((at,),) = connection.execute(text, {"source": STRAVA}).fetchall()
    return at.replace(tzinfo=UTC) if isinstance(at, datetime) else None


def compare_frames(listed: pl.DataFrame, held: pl.DataFrame, years: Collection[int], manifest: Manifest) -> Differences:
    """Compare listed and held activities by id; if one is listed twice, the newer row counts."""
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
    """Held activities of these years, not deleted and older than the listing, that it lacks where it proves absence."""
    present = held.filter(
        ~pl.col("is_deleted")
        & pl.col("year").is_in(list(years))
        & pl.col("start_date").is_not_null()
        & (pl.col("ingestion_ts") < manifest.started_at.astimezone(UTC).replace(tzinfo=None))
    )
    start = pl.col("start_date").dt.epoch("s")
    columns = span_columns(proven_spans(manifest))
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
