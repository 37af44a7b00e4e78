"""The demo of an archive: what Strava would mail the emulated athlete, imported as the verb `import` does. No server runs."""

import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from strava_pipeline.verbs.demo import (
    REPORT,
    SEED,
    athlete_options,
    demo_settings,
    say_dev,
    say_queries,
    seen_from_here,
    start_anew,
)

if TYPE_CHECKING:
    from strava_pipeline.lake.counts import YearCounts
    from strava_pipeline.lake.paths import Lake

NOWHERE = "http://127.0.0.1:9"  # nothing is asked; `dev --demo` brings an emulator
QUERIES = (
    "SELECT year, count(DISTINCT activity_id) AS tracks, count(*) AS points, round(avg(heartrate)) AS heartrate, "
    "round(max(altitude)) AS highest_m FROM read_parquet('{tracks}/**/*.parquet', hive_partitioning = true) "
    "GROUP BY year ORDER BY year",
    "SELECT s.device_name, count(DISTINCT s.activity_id) AS activities, count(*) AS laps, round(avg(l.distance)) AS lap_m, "
    "max(l.max_heartrate) AS highest_hr FROM activity_sessions s JOIN activity_laps l USING (activity_id) "
    "GROUP BY 1 ORDER BY activities DESC",
    "SELECT role, format, count(*) AS files, sum(recordings) AS recordings, round(sum(size) / 1e6, 1) AS mb, "
    "count(problem) AS problems FROM files GROUP BY ALL ORDER BY files DESC",
)


def demo_archive(folder: Path, activities: int) -> None:
    """An archive of twelve years through the import, in `folder` alone."""
    from strava_pipeline.emulator.strava.application import EmulatorConfig
    from strava_pipeline.emulator.strava.archive import write_archive
    from strava_pipeline.lake.counts import counts_by_year
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.lake.publish import snapshot
    from strava_pipeline.verbs.emulator import YEARS
    from strava_pipeline.verbs.import_ import take_in
    from strava_pipeline.verbs.insights import write_report
    from strava_pipeline.verbs.running import say
    from strava_pipeline.verbs.terminal import out

    began, now = time.monotonic(), datetime.now(UTC)
    start_anew(folder, athlete_options(activities))
    years = (now.year - YEARS + 1, now.year)
    config = EmulatorConfig(now=now, activities=activities, years=years, seed=SEED, limits=None)
    path = folder / "mailed" / f"export_{SEED}.zip"
    path.parent.mkdir()
    out.print("Writing an archive as Strava mails it …")
    made = write_archive(config, path)
    size = path.stat().st_size / 1e6
    out.print(
        f"{seen_from_here(path)}: {made.rows} activities, {made.files} with a file, {made.without_file} without ({size:.1f} MB)"
    )
    settings = demo_settings(folder, NOWHERE)
    for outcome in take_in(settings, [path]):
        say(outcome)
    lake = Lake(settings.data_dir)
    with snapshot(lake) as connection:
        counted = counts_by_year(connection)
    _say_years(counted, lake)
    write_report(settings, folder / REPORT)
    _say_next(folder, time.monotonic() - began)


def _say_years(years: "list[YearCounts]", lake: "Lake") -> None:
    from rich.table import Table

    from strava_pipeline.lake.tracks import track_sizes
    from strava_pipeline.verbs.terminal import out

    tracks = {year.year: track_sizes(lake, year.year) for year in years}
    table = Table(show_footer=True)
    table.add_column("year", footer="all", justify="right")
    for name, total in (
        ("activities", sum(year.activities for year in years)),
        ("kilometres", sum(year.kilometres for year in years)),
        ("tracks", sum(files for files, _ in tracks.values())),
        ("points", sum(points for _, points in tracks.values())),
    ):
        table.add_column(name, footer=f"{total:,.0f}", justify="right")
    for year in years:
        files, points = tracks[year.year]
        table.add_row(str(year.year), f"{year.activities:,}", f"{year.kilometres:,.0f}", f"{files:,}", f"{points:,}")
    out.print(table)


def _say_next(folder: Path, seconds: float) -> None:
    from strava_pipeline.verbs.terminal import out

    shown = seen_from_here(folder)
    out.print(f"\nDone in {seconds:.0f} s, without a call. Everything is in {shown}{os.sep}:")
    out.print("  data/bronze/files    what the archive held, byte for byte")
    out.print("  data/bronze/imports  under which names it came")
    out.print("  data/tracks          the points of activities, Parquet by local year")
    out.print("  data/warehouse/strava.duckdb  the warehouse, for SQL, notebooks and BI")
    out.print(f"  {REPORT}          the newest year as a page: open it in a browser")
    say_queries(shown, tuple(query.format(tracks=shown / "data" / "tracks") for query in QUERIES))
    say_dev(shown)
