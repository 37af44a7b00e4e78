"""The commands `insights`, `report` and `goals check`: a year as lines, as JSON, as one of its files, as a page.

The numbers come from core/insights and lake/gold/insights.py, out of the published warehouse.
"""

from collections.abc import Callable
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from strava_pipeline.core.text import counted
from strava_pipeline.verbs.options import Json, command_group
from strava_pipeline.verbs.output import echo_json

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import date

    from strava_pipeline.core.insights.documents import YearSummary
    from strava_pipeline.core.insights.goals import Goals, Units
    from strava_pipeline.core.insights.heat import HeatPicture
    from strava_pipeline.core.privacy import PrivacyZone
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.lake.gold.insights import Athlete
    from strava_pipeline.lake.gold.warehouse import Connection
    from strava_pipeline.lake.paths import Lake


_MAP_ZOOM, _MAP_CELLS = 20, 500_000  # tiles of 38 m at the equator; more than a year of any athlete
Year = Annotated[
    int | None, typer.Option("--year", min=1, max=9999, help="Local year; else the newest with an activity.")
]
Sports = Annotated[
    list[str] | None,
    typer.Option(
        "--sports",
        help="Count only these groups or sports: run, or Ride,GravelRide. Nothing is left out of the warehouse.",
    ),
]


class YearFile(StrEnum):
    """The files of a year that count a choice of sports, by their names without .json."""

    SUMMARY_ACTIVITIES = "summary_activities"
    DISTANCES = "distances"


def insights(
    year: Year = None,
    sports: Sports = None,
    file: Annotated[
        YearFile | None,
        typer.Option(
            "--file", help="Print this file of data/insights as JSON, for --sports or else STRAVA_INSIGHT_SPORTS."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """A year: totals, goals and pace, records, streaks, gear, training load. From the published warehouse; no call."""

    from strava_pipeline.core.insights.documents import year_json
    from strava_pipeline.environment.settings import Settings

    settings = Settings.load()
    if file is not None:
        echo_json(_year_file(settings, year, sports, file))
        return
    with _published(settings) as published:
        summary = _summary(published, year, sports)
    if as_json:
        echo_json(year_json(summary))
    else:
        _print_year(summary)


def report(
    html: Annotated[Path, typer.Option("--html", help="Where to write the page; what is there is replaced.")],
    year: Year = None,
    sports: Sports = None,
    with_map: Annotated[
        bool, typer.Option("--map", help="With a map of where activities went, privacy zones left out.")
    ] = False,
    with_names: Annotated[bool, typer.Option("--names", help="With the titles of activities.")] = False,
) -> None:
    """A year as one HTML page that needs nothing else: charts, a calendar, months, records. No titles and no map by itself."""
    from strava_pipeline.core.errors import MisuseError
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.verbs.terminal import out

    path = html.expanduser().absolute()
    if not path.parent.is_dir():
        raise MisuseError(f"{path.parent} is no folder. Make it, or name a page in a folder that is there.")
    summary = write_report(Settings.load(), path, year, sports, with_map=with_map, with_names=with_names)
    out.print(f"{summary.number}: {counted(summary.totals.activities, 'activity')}. The page is {path}")


def write_report(
    settings: "Settings",
    path: Path,
    year: int | None = None,
    sports: list[str] | None = None,
    *,
    with_map: bool = False,
    with_names: bool = False,
) -> "YearSummary":
    """Write the page of a year to `path`, whole or not at all. Raises UnusableGoalsError for a map without known zones."""
    from strava_pipeline.core.insights.page import year_page
    from strava_pipeline.lake.files import write_whole
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.lake.user_files import goals_of

    lake = Lake(settings.data_dir)
    zones = goals_of(lake).zones if with_map else ()  # if the file can't be read, the places to leave out are unknown
    with _published(settings) as published:
        summary = _summary(published, year, sports)
        connection, athlete, _, _ = published
        names = _titles(connection, summary) if with_names else None
        heat = _heat(lake, connection, athlete, summary.number, zones) if with_map else None
    write_whole(path, year_page(summary, names=names, heat=heat).encode())
    return summary


def _titles(connection: "Connection", summary: "YearSummary") -> dict[int, str]:
    from strava_pipeline.lookups.activities import titles_of

    return titles_of(connection, [each.activity_id for each in summary.records])


def _heat(
    lake: "Lake", connection: "Connection", athlete: "Athlete", year: int, zones: "tuple[PrivacyZone, ...]"
) -> "HeatPicture | None":
    """The map of the year's activities; None, with a message about it, without tracks."""
    from strava_pipeline.core.insights.heat import heat_picture
    from strava_pipeline.lookups.heat import heat_map
    from strava_pipeline.verbs.terminal import err

    held = heat_map(connection, lake, athlete.id, year=year, zoom=_MAP_ZOOM, limit=_MAP_CELLS)
    heat = heat_picture(held.cells, held.zoom, zones)
    if heat is None:
        err.print(f"No track of {year} is there outside the privacy zones, so there is no map.")
    return heat


def _summary(
    published: "tuple[Connection, Athlete, Goals, date]", year: int | None, sports: list[str] | None
) -> "YearSummary":
    from strava_pipeline.lake.gold.insights import EVERYTHING, insight_sources, limit_sports, newest_year, year_summary

    connection, athlete, goals, today = published
    if sports:
        try:
            goals = goals.limited_to(limit_sports(connection, sports))
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--sports") from error
    number = year if year is not None else newest_year(connection, athlete, today)
    summary = year_summary(connection, athlete, goals, today, number, sports or ())
    if not summary.totals.activities:
        _refuse_year_before_first(insight_sources(connection, athlete, today, EVERYTHING).years, number)
    return summary


def _year_file(settings: "Settings", year: int | None, sports: list[str] | None, file: YearFile) -> "dict[str, Any]":
    from strava_pipeline.core.insights.pacing import year_until
    from strava_pipeline.core.sports import chosen_sports
    from strava_pipeline.lake.gold.insights import counted_days, counting_files, insight_sources, newest_year

    with _published(settings) as (connection, athlete, _, today):
        known = insight_sources(connection, athlete, today)
        try:
            chosen = chosen_sports(sports or [settings.insight_sports], known.sports)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--sports") from error
        number = year if year is not None else newest_year(connection, athlete, today)
        if number not in known.years:
            _refuse_year_before_first(known.years, number)
        last_active = known.years[number][1] if number in known.years else None
        days = counted_days(connection, athlete, today, [number], chosen).get(number, [])
        return counting_files(days, year_until(number, today, last_active))[f"{file}.json"]


@contextmanager
def _published(settings: "Settings") -> "Iterator[tuple[Connection, Athlete, Goals, date]]":
    """The published warehouse, the athlete, their goals, and the day on their clock."""
    from strava_pipeline.core.errors import PipelineError
    from strava_pipeline.core.insights.goals import Goals
    from strava_pipeline.ingest.registry import primed_clock
    from strava_pipeline.lake.gold.insights import athlete_of
    from strava_pipeline.lake.gold.publish import insights_snapshot
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.lake.user_files import UnusableGoalsError, goals_of
    from strava_pipeline.verbs.terminal import err

    lake = Lake(settings.data_dir)
    try:
        goals = goals_of(lake)
    except UnusableGoalsError as error:
        err.print(f"{error}\nUntil that is corrected, years are shown without goals.", style="yellow")
        goals = Goals()
    now = primed_clock(settings).now()
    with insights_snapshot(lake) as connection:
        athlete = athlete_of(connection, goals, now)
        if athlete is None:
            raise PipelineError("The warehouse has no activity yet. Run `strava-pipeline flow` or `import` first.")
        yield connection, athlete, goals, athlete.today(now, settings.timezone)


def _refuse_year_before_first(active: "Collection[int]", year: int) -> None:
    """Raise MisuseError for a year before the first activity. A later year may be empty, and a coming one may have goals."""
    from strava_pipeline.core.errors import MisuseError

    if active and year < min(active):
        raise MisuseError(f"There is no activity in {year}: the first is of {min(active)}, the last of {max(active)}.")


_FOR_PROGRAMS = ("reached", "athlete_id", "by_month", "units", "ahead", "on_pace", "over", "sport_group", "highest_on")


def _print_year(summary: "YearSummary") -> None:
    from strava_pipeline.core.insights.documents import year_json
    from strava_pipeline.core.insights.goals import group_name, record_name, record_text
    from strava_pipeline.core.insights.page import goal_rows, how_told, present_rows, record_place
    from strava_pipeline.verbs.views import show

    records = [
        {
            "sports": group_name(each.group),
            "record": record_name(each.record),
            "value": record_text(each.value, each.unit, each.record, summary.units, each.group, each.at_most),
            "on": each.on_day,
            "how": how_told(each.told_by, each.measured_by),
            "of all years": "the best" if each.all_time else "",
        }
        for each in sorted(summary.records, key=lambda each: (each.group, record_place(each.record)))
    ]
    found = {name: value for name, value in year_json(summary).items() if value != 0 and name != "pacing"}
    shown = found | {"records": records, "goals": goal_rows(summary), "present_goals": present_rows(summary)}
    show(shown, hidden=_FOR_PROGRAMS, forms=_amounts(summary.units))


def _amounts(units: "Units") -> dict[str, Callable[[Any], str]]:
    """The formats of sums, by their names."""
    from strava_pipeline.core.insights.goals import MEASURES, amount_text

    found = {each.name: lambda amount, of=each.name: amount_text(of, amount or None, units) for each in MEASURES}
    return {**found, "distance_of_all_m": found["distance_m"], "every_m": found["distance_m"]}


goals = command_group("Your goals, in goals.toml beside the data folder.")


@goals.callback()
def _group() -> None:
    """Keeps `check` a subcommand while it is the only one."""


@goals.command()
def check() -> None:
    """Show the goals that goals.toml sets, or what is wrong in it. Ends with 2 where it can't be used."""
    from strava_pipeline.core.insights.athlete import low_maxima
    from strava_pipeline.core.insights.goals import MEASURES, amount_text, group_name, speed
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.lake.user_files import UnusableGoalsError, goals_of
    from strava_pipeline.lookups.fitness import estimated_thresholds
    from strava_pipeline.verbs.terminal import err, out
    from strava_pipeline.verbs.views import show

    lake = Lake(Settings.load().data_dir)
    try:
        found = goals_of(lake)
    except UnusableGoalsError as error:
        err.print(str(error), style="red")
        err.print("Until it is corrected, years are shown without goals. goals.example.toml shows how one is written.")
        raise typer.Exit(2) from error
    if not lake.goals.exists():
        out.print(f"There is no {lake.goals}; years are shown without goals. Copy goals.example.toml to begin.")
        return
    titles, units = {measure.name: measure.title for measure in MEASURES}, found.units or "km"
    goals = [
        {
            "year": f"every {year or 'year'}" if year is None or isinstance(year, str) else year,
            "sports": group_name(group),
            "measure": titles[measure],
            "goal": " and ".join(amount_text(measure, amount, units) for amount in amounts),
        }
        for (year, group, measure), amounts in sorted(
            found.all.items(), key=lambda item: (str(item[0][0] or ""), item[0][1:])
        )
    ]
    low = low_maxima(found.athlete, estimated_thresholds(lake))
    advice = ["Power that names no group of sports counts for rides. Name others so: ftp = { ride = 250, run = 310 }"]
    show(
        {"goals": goals, "athlete": found.athlete, "services": found.services},
        advice=[*(advice if found.ungrouped_power else []), *sorted(low), f"{lake.goals} can be followed."],
        forms=_amounts(units) | {"threshold_pace": lambda pace: speed(1000 / pace, "run", units)},
    )
