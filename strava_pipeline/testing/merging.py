"""The steps of a run for a listing that landed, without Dagster: shards, gold, matches, history."""

from collections.abc import Sequence

from strava_pipeline.lake.gold.deletions import AbsenceReport
from strava_pipeline.lake.gold.warehouse import reading, writing
from strava_pipeline.lake.made.shards import shard_files, write_shards
from strava_pipeline.operations.merging import match, merge_listed, settle
from strava_pipeline.operations.run_context import RunContext


def merge_years(run: RunContext, years: Sequence[int], *, matched: bool = True) -> None:
    """Merge everything. Years without a shard are skipped."""
    write_shards(run.lake, years, run.years)
    settle(run)
    years = [year for year in years if shard_files(run.lake, year)]
    with reading(run.lake):  # opened once for all
        merge_listings(run, years)
        if matched:
            match(run)


def merge_listings(run: RunContext, years: Sequence[int], *, allow_shrink: bool = False) -> AbsenceReport:
    """Merge their shards into gold, and mark deletions."""
    with writing(run.lake) as connection:
        return merge_listed(connection, run, years, allow_shrink=allow_shrink)[1]
