"""data/insights/<year>/: a year against its goals, as files made from the published warehouse; a year's summary.

Each file carries a digest of its inputs. A year is made again if those changed, whichever years a run covers: an edit
of an old year, a match or a rebuild leaves no outdated file. The sums are core/insights/'s.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import MAXYEAR, MINYEAR, date, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from strava_pipeline.core.insights.documents import (
    CountedDay,
    Eddington,
    Gear,
    Load,
    LoadDay,
    Record,
    Streak,
    Sums,
    YearSummary,
    distances,
    pacing_document,
    summary_activities,
)
from strava_pipeline.core.insights.goals import Goals, Units
from strava_pipeline.core.insights.pacing import Day, PacedMeasure, Year, latest_day, pace_measures, year_until
from strava_pipeline.core.insights.present import present_goals
from strava_pipeline.core.json_values import json_bytes
from strava_pipeline.core.numbers import Numbers
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.sports import FILE_SPORTS, LIFTED, chosen_sports, unknown_sports, whole_groups
from strava_pipeline.core.start_times import zone_of
from strava_pipeline.lake.files import write_whole
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import sql

SUMMARY, DISTANCES, PACING = "summary_activities.json", "distances.json", "pacing.json"
BESTS, LOADS, EVERYTHING = (f"strava.main.{name}" for name in ("activity_bests", "activity_load", "counted_activities"))
"""As published, whatever hides them."""
_FORM = "2"  # of the files: another form makes all of them again


@dataclass(frozen=True, slots=True)
class Athlete:
    """The login's athlete, or the one with most activities. `others`: activities of other athletes; `zone`: a label;
    `is_zone_clear`: goals.toml names it, or more than half of the newest activities.
    """

    id: int
    others: int
    units: Units
    zone: str | None
    is_zone_clear: bool = True

    def today(self, now: datetime, default_zone: str) -> date:
        """The day on the athlete's own clock."""
        return now.astimezone(self.clock(default_zone)).date()

    def clock(self, default_zone: str) -> tzinfo:
        """The zone of the athlete's own clock. `default_zone`: used if activities name none."""
        return zone_of(self.zone) or ZoneInfo(default_zone)


@dataclass(frozen=True, slots=True)
class YearInsights:
    """A year's insights. `year`: None for an empty year that has not begun; `counted`: days with sports of the files."""

    number: int
    year: Year | None
    days: list[Day]
    paced: list[PacedMeasure]
    counted: list[CountedDay]


@dataclass(frozen=True, slots=True)
class LeftOut(Numbers):
    """Numbers of activities in no year's insights: without a start; later than tomorrow, by a wrong clock; and of those
    missing from a measure's sum because the value is unknown.
    """

    activities_without_date: int = 0
    activities_in_the_future: int = 0
    activities_without_moving_time: int = 0
    activities_without_climb: int = 0


@dataclass(frozen=True, slots=True)
class InsightSources:
    """The inputs of insights: by year its digest and last active day; every sport; activities in no year."""

    years: dict[int, tuple[str, date]]
    sports: list[str]
    left_out: LeftOut


@dataclass(slots=True)
class InsightsReport(Numbers):
    """The years whose files were written, and the insights of the run's own years."""

    written: list[int] = field(default_factory=list, repr=False)
    years: dict[int, YearInsights] = field(default_factory=dict, repr=False)
    unknown_sports: list[str] = field(default_factory=list, repr=False)
    left_out: LeftOut = field(default_factory=LeftOut)

    def shown(self) -> dict[str, Any]:
        return {"years_written": len(self.written), **Numbers.shown(self)}


def athlete_of(connection: Connection, goals: Goals, now: datetime) -> Athlete | None:
    """The athlete of the insights, as of `now`, or None if the warehouse is empty.

    From here on the connection holds the rows of `counted_activities`, which all queries and views of insights read:
    planning that view takes DuckDB 30 ms in each of them, more than all the rest together.
    """
    connection.execute(f"CREATE TEMP TABLE IF NOT EXISTS counted_activities AS SELECT * FROM {EVERYTHING}")
    rows = connection.execute(sql("insights_made/athlete"), {"now": now}).fetchall()
    if not rows:
        return None
    athlete_id, others, preference, label, is_clear = rows[0]
    preferred: Units = "miles" if preference == "feet" else "km"
    return Athlete(
        athlete_id, others, goals.units or preferred, goals.timezone or label, is_clear or bool(goals.timezone)
    )


def write_insights(
    connection: Connection,
    lake: Lake,
    athlete: Athlete,
    goals: Goals,
    today: date,
    years: Iterable[int],
    sports: str = FILE_SPORTS,
) -> InsightsReport:
    """Write the files of `years` if outdated, and of every other year whose activities, goals or sports changed.

    `sports`: sports and groups, with commas, that summary_activities.json and distances.json count.
    """
    known = insight_sources(connection, athlete, today)
    asked, chosen = set(years), chosen_sports([sports], known.sports)
    stale = _stale(lake, athlete, goals, today, asked, known, chosen)
    report = InsightsReport(sorted(stale), {}, unknown_sports(known.sports), known.left_out)
    for number in sorted(stale.keys() | asked):  # one after the other: in memory a row takes ten times its size on disk
        made = compute_years(connection, athlete, goals, today, [number], known, chosen)[number]
        if number in stale:
            _write(lake, made, stale[number])
        if number in asked:
            report.years[number] = made
    return report


def stale_insights(
    connection: Connection,
    lake: Lake,
    athlete: Athlete,
    goals: Goals,
    today: date,
    years: Iterable[int],
    sports: str = FILE_SPORTS,
) -> set[int]:
    """The years whose files `write_insights` would write. Changes nothing."""
    known = insight_sources(connection, athlete, today)
    return {*_stale(lake, athlete, goals, today, set(years), known, chosen_sports([sports], known.sports))}


def _stale(
    lake: Lake,
    athlete: Athlete,
    goals: Goals,
    today: date,
    asked: set[int],
    known: InsightSources,
    sports: Collection[str | None],
) -> dict[int, str]:
    """The digest of each year whose files were made from other inputs."""
    return {
        number: digest
        for number in asked | known.years.keys() | years_on_disk(lake)
        if (digest := _digest(known.years.get(number), number, athlete, goals, today, sports))
        != digest_on_disk(lake, number)
    }


def compute_years(
    connection: Connection,
    athlete: Athlete,
    goals: Goals,
    today: date,
    numbers: list[int],
    known: InsightSources | None = None,
    sports: Collection[str | None] = (),
) -> dict[int, YearInsights]:
    """The insights of some local years, not yet written. `sports`: those of the files; None: activities without a sport."""
    known = known or insight_sources(connection, athlete, today)
    days: dict[int, list[Day]] = {number: [] for number in numbers}
    asked = {"athlete_id": athlete.id, "years": numbers, "until": latest_day(today)}
    for row in connection.execute(sql("insights_made/days"), asked).fetchall():
        on, group, ids, *amounts = row
        days[on.year].append(Day(on, group, tuple(ids), *amounts))
    counted = counted_days(connection, athlete, today, numbers, sports) if sports else {}
    found = {}
    for number in numbers:
        year = year_until(number, today, known.years[number][1] if number in known.years else None)
        of_year = pace_measures(days[number], year, goals, athlete.units) if year else []
        found[number] = YearInsights(number, year, days[number], of_year, counted.get(number, []))
    return found


def counted_days(
    connection: Connection, athlete: Athlete, today: date, numbers: list[int], sports: Collection[str | None]
) -> dict[int, list[CountedDay]]:
    """By local year the days with activities of `sports` (None: without a sport), up to tomorrow."""
    asked = {
        "athlete_id": athlete.id,
        "years": numbers,
        "until": latest_day(today),
        "sports": [sport or "" for sport in sports],
    }
    found: dict[int, list[CountedDay]] = {}
    for on, ids, distance_m in connection.execute(sql("insights_made/counted_days"), asked).fetchall():
        found.setdefault(on.year, []).append(CountedDay(on, tuple(ids), distance_m))
    return found


def counting_files(counted: Iterable[CountedDay], year: Year | None) -> dict[str, dict[str, Any]]:
    """The two files that count a choice of sports, by name."""
    days = list(counted)
    return {SUMMARY: summary_activities(days), DISTANCES: distances(days, year)}


def insight_sources(
    connection: Connection, athlete: Athlete, today: date, counted: str = "counted_activities"
) -> InsightSources:
    """`counted`: the view to count; EVERYTHING ignores the connection's limits."""
    asked = {"athlete_id": athlete.id, "until": latest_day(today), "lifted": LIFTED}
    rows = connection.execute(sql("insights_made/digests").format(counted=counted), asked).fetchall()
    undated = sum(activities for number, _, _, activities, *_ in rows if number is None)
    return InsightSources(
        years={number: (digest, last_active) for number, digest, last_active, *_ in rows if last_active is not None},
        sports=sorted({sport for *_, sports in rows for sport in sports}),
        left_out=LeftOut(undated, *(sum(row[place] for row in rows) for place in (4, 5, 6))),
    )


def remove_insights(lake: Lake, number: int | None = None) -> None:
    """Remove the files of a year, or of all: they are made again, or their inputs are gone."""
    for year in [number] if number is not None else sorted(years_on_disk(lake)):
        for name in (PACING, DISTANCES, SUMMARY):
            (lake.insights_of(year) / name).unlink(missing_ok=True)
        with suppress(OSError):  # a person keeps other files there
            lake.insights_of(year).rmdir()


def read_insights(lake: Lake, number: int) -> dict[str, Any]:
    """The files of a year by name, read from disk; missing and damaged ones are left out."""
    found = {}
    for name in (SUMMARY, DISTANCES, PACING):
        try:
            found[name] = json.loads((lake.insights_of(number) / name).read_bytes())
        except (OSError, ValueError):
            continue
    return found


def digest_on_disk(lake: Lake, number: int) -> str | None:
    """The digest of a year's files, or None if a file is missing."""
    found = read_insights(lake, number)
    pacing = found.get(PACING)
    return pacing.get("digest") if len(found) == 3 and isinstance(pacing, dict) else None


def _write(lake: Lake, made: YearInsights, digest: str) -> None:
    """Write the files, pacing.json last, because its digest vouches for the others."""
    folder = lake.insights_of(made.number)
    (folder / PACING).unlink(missing_ok=True)
    for name, document in counting_files(made.counted, made.year).items():
        write_whole(folder / name, json_bytes(document))
    write_whole(folder / PACING, json_bytes(pacing_document(made.number, made.year, made.paced, digest)))


def _digest(
    known: tuple[str, date] | None,
    number: int,
    athlete: Athlete,
    goals: Goals,
    today: date,
    sports: Collection[str | None],
) -> str:
    """A hash of all inputs of a year's files: activities, goals, sports, and how far the year has come."""
    activities, last_active = known or ("0", None)
    of_goals = sorted(repr(goal) for goal in goals.all.items() if goal[0][0] in (None, number))
    of_sports = sorted(sport or "" for sport in sports)
    inputs = (_FORM, athlete.id, activities, year_until(number, today, last_active), athlete.units, of_goals, of_sports)
    return hashlib.blake2b(repr(inputs).encode(), digest_size=16).hexdigest()


def years_on_disk(lake: Lake) -> set[int]:
    """The years that have a folder of insights."""
    folders = [
        path for path in lake.insights.glob("*") if path.is_dir() and path.name.isascii() and path.name.isdecimal()
    ]
    return {int(path.name) for path in folders if MINYEAR <= int(path.name) <= MAXYEAR}


def limit_sports(connection: Connection, names: Sequence[str]) -> list[str]:
    """Limit this connection's insights to the named sports or groups; returns the whole groups among them.

    Raises ValueError for unknown names. All views of insights read `counted_activities` and `activity_bests`; temporary
    tables of these names hide them in this connection.
    """
    held = f"SELECT DISTINCT sport_type FROM {EVERYTHING} WHERE sport_type IS NOT NULL"
    chosen = chosen_sports(names, [row[0] for row in connection.execute(held).fetchall()])
    connection.execute("CREATE TEMP TABLE chosen_sports (sport_type VARCHAR)")
    connection.executemany("INSERT INTO chosen_sports VALUES (?)", [(sport,) for sport in sorted(chosen, key=str)])
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE counted_activities AS "
        f"SELECT * FROM {EVERYTHING} AS everything "
        "SEMI JOIN chosen_sports AS chosen ON chosen.sport_type IS NOT DISTINCT FROM everything.sport_type"
    )
    connection.execute(
        f"CREATE TEMP TABLE activity_bests AS SELECT * FROM {BESTS} SEMI JOIN counted_activities USING (activity_id)"
    )
    return whole_groups(chosen)


def newest_year(connection: Connection, athlete: Athlete, today: date) -> int:
    """The newest local year with an activity, up to today's."""
    query = "SELECT max(local_year) FROM counted_activities WHERE athlete_id = $athlete_id AND local_year <= $year"
    return connection.execute(query, {"athlete_id": athlete.id, "year": today.year}).fetchall()[0][0] or today.year


def year_summary(
    connection: Connection, athlete: Athlete, goals: Goals, today: date, number: int, sports: Sequence[str] = ()
) -> YearSummary:
    """The summary of a local year; `sports`: the arguments of `limit_sports`, to be shown with it."""
    both = compute_years(connection, athlete, goals, today, [number - 1, number] if number > MINYEAR else [number])
    made, before = both[number], both.get(number - 1)
    asked, until = {"athlete_id": athlete.id, "year": number}, {"until": latest_day(today)}
    is_newest = newest_year(connection, athlete, today) <= number <= today.year
    everything = insight_sources(connection, athlete, today, EVERYTHING if sports else "counted_activities")

    def rows(name: str, **more: Any) -> Iterable[tuple[Any, ...]]:
        return connection.execute(sql(f"insights_told/{name}"), asked | more).fetchall()

    sums = list(rows("sums", **until, lifted=LIFTED))
    whole = next(row for row in sums if row[8] and row[9])
    by_day = load_days(connection, athlete.id, made.year.first, made.year.until) if made.year else []
    return YearSummary(
        number=number,
        year=made.year,
        athlete_id=athlete.id,
        units=athlete.units,
        sports=tuple(sports),
        totals=_sums(whole),
        by_sport=[(row[1], row[2], _sums(row)) for row in sums if row[8] and not row[9]],
        by_month=[(row[0], _sums(row)) for row in sums if row[9] and not row[8]],
        days=made.days,
        paced=made.paced,
        records=[Record(*row) for row in rows("records", api=STRAVA)],
        streaks=[Streak(*row) for row in rows("streaks")],
        eddington=[Eddington(*row) for row in rows("eddington", unit="km" if athlete.units == "km" else "mile")],
        gear=[Gear(*row) for row in rows("gear", **until)],
        load=_load(by_day),
        before=before.paced if before is not None else [],
        load_days=by_day,
        unknown_sports=unknown_sports(everything.sports),
        undated=everything.left_out.activities_without_date,
        later=everything.left_out.activities_in_the_future,
        others=athlete.others,
        without_moving_time=whole[10],
        without_climb=whole[11],
        dates=goals.dates,
        week_begins=goals.week_begins,
        present=present_goals([day for each in both.values() for day in each.days], goals, today) if is_newest else (),
    )


def load_days(connection: Connection, athlete_id: int, first: date, until: date) -> list[LoadDay]:
    """Load by day, both included, including rest days since the last activity."""
    asked = {"athlete_id": athlete_id, "first": first, "until": until}
    return [LoadDay(*row) for row in connection.execute(sql("insights_told/load_days"), asked).fetchall()]


def _load(days: Sequence[LoadDay]) -> Load | None:
    """The last day, and the day of the highest fitness."""
    if not days:
        return None
    last, highest = days[-1], max(days, key=lambda day: day.fitness)
    estimated = sum(day.estimated_activities for day in days)
    return Load(last.on_day, last.fitness, last.fatigue, last.form, highest.fitness, highest.on_day, estimated)


def _sums(row: tuple[Any, ...]) -> Sums:
    return Sums(*row[3:8])
