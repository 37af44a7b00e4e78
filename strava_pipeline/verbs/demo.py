"""The command `demo`: an emulated athlete through the whole pipeline, in a folder of its own, also by an archive."""

import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.sources import NOWHERE
from strava_pipeline.core.systems import parts
from strava_pipeline.core.text import fields_of
from strava_pipeline.verbs.demo_athlete import (
    SEED,
    athlete_options,
    athlete_toml,
    goals_toml,
    import_recordings,
    providers_toml,
    write_widgets,
)
from strava_pipeline.verbs.output import short_path
from strava_pipeline.verbs.views import show

if TYPE_CHECKING:
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.lake.gold.quality import YearCounts
    from strava_pipeline.lake.paths import Lake


REPORT = "report.html"
MARK = ".made-by-strava-pipeline-demo"
ACTIVITIES, ARCHIVED = 2000, 350  # by default; the files of an archive take longer to read than the API's answers
SOURCES = """
    SELECT source, count(*) AS rows, count(DISTINCT activity_id) AS activities,
        count(DISTINCT activity_id) FILTER (sources = 1) AS alone
    FROM (SELECT source, activity_id, count(DISTINCT source) OVER (PARTITION BY activity_id) AS sources FROM activity_sources)
    GROUP BY source ORDER BY rows DESC
"""
QUERIES = (
    "SELECT local_year AS year, sport_type, count(*) AS n, round(sum(distance_m) / 1000) AS km "
    "FROM counted_activities GROUP BY ALL ORDER BY year, km DESC",
    "SELECT name, start_date_local, round(distance_m / 1000, 1) AS km, round(elevation_gain_m) AS m "
    "FROM counted_activities ORDER BY distance_m DESC LIMIT 10",
    "SELECT sport_group, record, value, unit, on_day FROM records WHERE all_time ORDER BY ALL",
)


def demo(
    activities: Annotated[
        int | None,
        typer.Option(
            min=1, help="How many activities the athlete has.", show_default=f"{ACTIVITIES}, of an archive {ARCHIVED}"
        ),
    ] = None,
    folder: Annotated[
        Path, typer.Option(help="The demo's folder; what an earlier demo left there is replaced.")
    ] = Path("demo"),
    archive: Annotated[
        bool, typer.Option("--archive", help="Out of an archive as Strava mails it: without the API.")
    ] = False,
) -> None:
    """Try everything on twelve years of a made-up athlete, in demo/: no account, no network."""

    if archive:
        demo_archive(folder.absolute(), activities or ARCHIVED)
    else:
        _demo(folder.absolute(), activities or ACTIVITIES)


def _demo(folder: Path, activities: int) -> None:
    from strava_pipeline.ingest.clock import system_clock
    from strava_pipeline.ingest.http import make_wire
    from strava_pipeline.ingest.registry import PROVIDERS
    from strava_pipeline.lake.gold.publish import publish, snapshot
    from strava_pipeline.lake.gold.quality import counts_by_year
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.operations.changing_settings import link_gear
    from strava_pipeline.orchestrate.jobs import SOURCES_JOB, STREAMS_JOB, provider_listing
    from strava_pipeline.verbs.insights import write_report
    from strava_pipeline.verbs.options import all_years, context_without_run
    from strava_pipeline.verbs.run_report import fetch_new_gear, run_and_report
    from strava_pipeline.verbs.terminal import out, print_wrapped

    began, now = time.monotonic(), datetime.now(UTC)
    athlete = athlete_options(activities, now)
    prepare_folder(folder, athlete, now)
    for system in parts("demo"):
        system.prepare(folder, SEED, now)
    out.print("Starting a Strava on this machine, and the athlete's other services …")
    with emulated(folder, athlete) as settings:
        outcome = run_and_report(settings, "flow_backfill", years=all_years(settings))
        fetch_new_gear(settings, outcome, {})
        import_recordings(settings, folder, activities, now)
        out.print("Tracks of the last four years:")
        run_and_report(settings, STREAMS_JOB, years=all_years(settings)[-4:])
        print_wrapped("Now the same athlete at four other sources, each with its own idea of what happened:")
        listings = {"bronze_activities": "incremental"} | {provider_listing(name): "all" for name in PROVIDERS}
        config = {name: {"mode": mode} for name, mode in listings.items()}
        run_and_report(settings, SOURCES_JOB, years=all_years(settings), config=config)
        link_gear(settings)
        publish(context_without_run(settings).lake)
        for system in parts("demo"):
            system.run(settings)
        wire = make_wire(settings, system_clock(settings))
        calls = json.loads(wire.send("GET", f"{settings.base_url}/_emulator/calls").body)
    with snapshot(Lake(settings.data_dir)) as connection:
        years = counts_by_year(connection)
        year_of = dict(
            connection.execute("SELECT source_id, year FROM activities_all WHERE source = 'strava'").fetchall()
        )
        sources = connection.execute(SOURCES).fetchall()
        _add_goals(folder, goals_toml(connection, now.year))
    _print_years(years, calls, year_of)
    _print_sources(sources)
    for system in parts("demo"):
        system.show(settings)
    write_report(settings, folder / REPORT)
    _print_next_steps(folder, settings, time.monotonic() - began)


@contextmanager
def emulated(folder: Path, athlete: Sequence[str]) -> "Iterator[Settings]":
    """Run the emulators of the demo's athlete (options of the command `emulator`); yields the settings for them, logged in."""
    from dotenv import dotenv_values

    from strava_pipeline.emulator.services import SETTINGS_FILE
    from strava_pipeline.verbs.auth import log_in_at_emulator
    from strava_pipeline.verbs.emulator import emulator_process

    services = folder / "services"
    with emulator_process(*athlete, "--services", str(services), log=folder / "logs" / "emulator.log") as url:
        found = {name: value or "" for name, value in dotenv_values(services / SETTINGS_FILE).items()}
        settings = demo_settings(folder, url, found)
        log_in_at_emulator(settings)
        yield settings


def demo_folder(folder: Path) -> Path:
    """The demo's folder from the root on. Raises PipelineError if there is no demo in it."""
    from strava_pipeline.verbs.terminal import program

    if not (folder / MARK).exists():
        raise PipelineError(f"There is no demo in {folder.absolute()} yet. Run `{program()} demo` first.")
    return folder.absolute()


def demo_settings(folder: Path, url: str, services: Mapping[str, str] = {}) -> "Settings":
    """Settings of the demo: no file of the user's is read or written, and no schedule runs.

    Other settings, such as DASHBOARD_ADDRESS, come from the environment, or are defaults. `services`: the settings of
    other services besides Strava, by their names in the environment.
    """
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.verbs.emulator import CLIENT_ID, CLIENT_SECRET

    return Settings.load(
        _env_file=None,
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        redirect_uri="http://localhost/exchange_token",
        base_url=url,
        api_url=f"{url}/api/v3",
        data_dir=folder / "data",
        secrets_dir=folder / "secrets",
        logs_dir=folder / "logs",
        ledger_dir=folder / "ledger",
        pings_config=folder / "cars.toml",
        providers_config=folder / "providers.toml",
        dagster_home=folder / "dagster_home",
        trips_geocoder_url=None,
        first_year=_first_year(folder),
        per_page=200,
        alert_url=None,
        database_url=None,
        export_url=None,
        sentry_dsn=None,
        automation=False,
        dashboard_requests=True,
        dashboard_behind_proxy=False,
        dashboard_hosts=None,
        dashboard_lan=False,
        dashboard_password=None,
        dashboard_cert=None,
        dashboard_key=None,
        map_tiles_url=None,
        **{name: value for system in parts("demo") for name, value in system.settings(folder).items()},
        **services,
    )


def _first_year(folder: Path) -> int:
    """The first year of the demo's athlete; 2008, the general default, if no demo was made."""
    options = (folder / MARK).read_text().split() if (folder / MARK).exists() else []
    return next((int(value[:4]) for name, value in pairwise(options) if name == "--years"), 2008)


def prepare_folder(folder: Path, athlete: tuple[str, ...], now: datetime) -> None:
    """Empty the demo's folder, or create it; `athlete`: the options with which `dev --demo` starts its emulator later."""
    from strava_pipeline.verbs.dagster_process import exclusive_instance

    if folder.exists():
        if not (folder / MARK).exists():
            raise PipelineError(
                f"{folder} was not created by the demo, so nothing in it was changed. Choose another --folder."
            )
        with exclusive_instance(folder / "dagster_home"):
            for path in folder.iterdir():
                if path.is_dir():
                    shutil.rmtree(path)  # the mark stays to the last
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).write_text(" ".join(athlete))
    (folder / "goals.toml").write_text(athlete_toml(now.date()))
    (folder / "providers.toml").write_text(providers_toml(now.date()))
    write_widgets(folder / "data")


def _add_goals(folder: Path, goals: str) -> None:
    with (folder / "goals.toml").open("a") as file:
        file.write(goals)


def _print_years(years: "list[YearCounts]", calls: dict, year_of: dict[str, int]) -> None:  # type: ignore[type-arg]
    by_year = Counter[int | None]()
    for activity_id, times in calls["details"].items():
        by_year[year_of[activity_id]] += times
    show({"years": [{**fields_of(each), "calls": by_year[each.year]} for each in years], "calls": calls["total"]})


def _print_sources(sources: list[tuple[str, int, int, int]]) -> None:
    from strava_pipeline.core.providers import spec_of
    from strava_pipeline.core.sources import IMPORTED

    names = ("source", "rows", "activities", "at_no_other_source")
    titled = [("Files" if source in IMPORTED else spec_of(source).title, *counts) for source, *counts in sources]
    rows = [dict(zip(names, row, strict=True)) for row in titled]
    show({"sources": rows}, advice=["An activity has a row at each source that knows it."])


def _print_next_steps(folder: Path, settings: "Settings", seconds: float) -> None:
    from strava_pipeline.verbs.terminal import out

    shown = short_path(folder)
    out.print(f"\nDone in {seconds:.0f} s. Everything is in {shown}{os.sep}:")
    out.print("  data/bronze     what Strava sent, byte for byte")
    out.print("  data/activities Parquet by local year")
    out.print("  data/warehouse/strava.duckdb  the warehouse, for SQL, notebooks and BI")
    out.print(f"  {REPORT}     the running year as a page: open it in a browser")
    print_queries(shown, QUERIES)
    for system in parts("demo"):
        system.print_next_steps(shown)
    print_dev_hint(folder, settings)


def print_queries(shown: Path, queries: tuple[str, ...]) -> None:
    from strava_pipeline.verbs.terminal import out, program

    out.print("\nThree queries to try:")
    for query in queries:
        files = "--files " if "read_parquet" in query else ""
        out.print(f'  STRAVA_DATA_DIR={quote(str(shown / "data"))} {program()} sql {files}"{query}"')


def folder_option(folder: Path) -> str:
    """The option for a demo's folder after a command, with a blank before it; empty for the default folder."""
    shown = short_path(folder)
    return "" if shown == Path("demo") else f" --folder {quote(str(shown))}"


def print_dev_hint(folder: Path, settings: "Settings") -> None:
    from strava_pipeline.verbs.dagster_process import Address
    from strava_pipeline.verbs.dashboard_extra import has_extra
    from strava_pipeline.verbs.terminal import out, program

    has_dashboard = settings.dashboard_address != "off" and has_extra()
    out.print("\nLook at it in your browser. This starts what shows it, until Ctrl-C:")
    out.print(f"  {program()} dev --demo{folder_option(folder)}", soft_wrap=True)
    if has_dashboard:
        out.print(f"  http://{settings.dashboard_address}  the dashboard; the command prints an address that logs in")
    out.print(f"  {Address('127.0.0.1', 3000).url}  Dagster's UI")


ARCHIVE_QUERIES = (
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
    """Import an archive of twelve years, everything inside `folder`."""
    from strava_pipeline.ingest.strava.emulator.application import EmulatorConfig
    from strava_pipeline.ingest.strava.emulator.archive import write_archive
    from strava_pipeline.lake.gold.publish import snapshot
    from strava_pipeline.lake.gold.quality import counts_by_year
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.verbs.emulator import YEARS
    from strava_pipeline.verbs.insights import write_report
    from strava_pipeline.verbs.run_job import import_runs
    from strava_pipeline.verbs.run_report import print_outcome
    from strava_pipeline.verbs.terminal import out

    began, now = time.monotonic(), datetime.now(UTC)
    prepare_folder(folder, athlete_options(activities, now), now)
    years = (now.year - YEARS + 1, now.year)
    config = EmulatorConfig(now=now, activities=activities, years=years, seed=SEED, limits=None)
    path = folder / "mailed" / f"export_{SEED}.zip"
    path.parent.mkdir()
    out.print("Writing an archive as Strava mails it …")
    archive = write_archive(config, path)
    size = path.stat().st_size / 1e6
    out.print(
        f"{short_path(path)}: {archive.rows} activities, {archive.files} with a file, "
        f"{archive.without_file} without ({size:.1f} MB)"
    )
    settings = demo_settings(folder, NOWHERE)
    for outcome in import_runs(settings, [path]):
        print_outcome(outcome)
    lake = Lake(settings.data_dir)
    with snapshot(lake) as connection:
        counted = counts_by_year(connection)
        _add_goals(folder, goals_toml(connection, now.year))
    _print_archive_years(counted, lake)
    write_report(settings, folder / REPORT)
    _print_archive_result(folder, settings, time.monotonic() - began)


def _print_archive_years(years: "list[YearCounts]", lake: "Lake") -> None:
    from rich.table import Table

    from strava_pipeline.lake.made.tracks import track_sizes
    from strava_pipeline.verbs.terminal import out

    tracks = {year.year: track_sizes(lake, year.year or 0) for year in years}
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
        number, (files, points) = year.year or "–", tracks[year.year]
        table.add_row(str(number), f"{year.activities:,}", f"{year.kilometres:,.0f}", f"{files:,}", f"{points:,}")
    out.print(table)


def _print_archive_result(folder: Path, settings: "Settings", seconds: float) -> None:
    from strava_pipeline.verbs.terminal import out

    shown = short_path(folder)
    out.print(f"\nDone in {seconds:.0f} s, without a call. Everything is in {shown}{os.sep}:")
    out.print("  data/bronze/files    what the archive held, byte for byte")
    out.print("  data/bronze/imports  under which names it came")
    out.print("  data/tracks          the points of activities, Parquet by local year")
    out.print("  data/warehouse/strava.duckdb  the warehouse, for SQL, notebooks and BI")
    out.print(f"  {REPORT}          the newest year as a page: open it in a browser")
    print_queries(shown, tuple(query.format(tracks=shown / "data" / "tracks") for query in ARCHIVE_QUERIES))
    print_dev_hint(folder, settings)
