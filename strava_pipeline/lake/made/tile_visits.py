"""The first visits of the map's tiles, as Parquet by year, from the cells of ways."""

import polars as pl

from strava_pipeline.core.tables import TILE_VISITS, TRACK_WAYS, WAY_CELLS
from strava_pipeline.core.ways import WAY_ZOOM
from strava_pipeline.lake.made.made_files import made_from, table_file, table_years, write_made
from strava_pipeline.lake.paths import Lake

EXPLORER_ZOOMS = (14, 17)  # those that other programs count: tiles of 1.6 km and 200 m at 48° north


def sync_tile_visits(lake: Lake) -> list[int]:
    """Update the files from the ways; returns the years that were written."""
    written = []
    for year in sorted(table_years(lake, [TRACK_WAYS, TILE_VISITS])):
        ways = made_from(lake, year, [TRACK_WAYS, WAY_CELLS]) or {}
        if ways == (made_from(lake, year, [TILE_VISITS]) or {}):
            continue
        if ways:
            write_made(lake, TILE_VISITS, year, _visits(lake, year), ways)
        else:
            table_file(lake, TILE_VISITS, year).unlink(missing_ok=True)
        written.append(year)
    return written


def _visits(lake: Lake, year: int) -> pl.DataFrame:
    """For each tile and group of sports, the year's first activity, and how many there were."""
    ways = pl.read_parquet(table_file(lake, TRACK_WAYS, year), hive_partitioning=False).filter(
        pl.col("sport_group").is_not_null()
    )
    seen = pl.read_parquet(
        table_file(lake, WAY_CELLS, year), columns=["activity_id", "x", "y"], hive_partitioning=False
    )
    found, zoom = [], WAY_ZOOM
    for wanted in sorted(EXPLORER_ZOOMS, reverse=True):
        seen = seen.with_columns(pl.col("x", "y") // 2 ** (zoom - wanted)).unique()
        zoom = wanted
        found.append(seen.join(ways, on="activity_id").with_columns(zoom=pl.lit(zoom, pl.Int32)))
    return (
        pl.concat(found)
        .sort("start_date_local", "activity_id", nulls_last=True)
        .group_by(TILE_VISITS.key, maintain_order=True)
        .agg(pl.col("activity_id", "start_date_local").first(), activities=pl.len().cast(pl.Int32))
        .select(*TILE_VISITS.polars_schema)
        .sort(TILE_VISITS.key)
    )
