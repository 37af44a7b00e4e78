"""The athlete's days as a calendar shows them: a year with its weeks, a month with its activities, starting hours.

Days are those of the athlete's clock at each start. Only activities that insights count are counted. Values are metres
and seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from strava_pipeline.core.insights.weeks import (
    Sums,
    Week,
    days_of_year,
    first_of_week,
    months_of_year,
    shades,
    total,
    weekdays,
    weeks_of_month,
    weeks_of_year,
)
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lookups.rows import Values, rows_of

MOST_OF_A_DAY = 8  # activities that are named; a link leads to the others
HOURS = 2  # that a row of starts spans


def first_year(connection: Connection, athlete_id: int) -> int | None:
    """The local year of the first activity, or None if no activity has a day."""
    first: date | None = rows_of(connection, "first_day", {"athlete_id": athlete_id})[0]["on_day"]
    return None if first is None else first.year


@dataclass(frozen=True, slots=True)
class CalendarYear:
    """A year.

    Args:
        days: the totals of each day that has an activity.
        sports: of these days, the groups of sports, the one with the most time first.
        shades: of these days, 1 to 4: quarters of them, by the amount that was asked for.
        months: by month (2026-10) a row of days for each weekday, a column a week.
        weeks: by their first days, the newest first, with those of the year before.
        weekdays: by day of the week (0 is Monday), in the order of the calendar; without climb.
        hours: by the first hour of each two in which activities begin; without climb.
        without_time: the number of activities whose start has a day but no time.
    """

    number: int
    days: Mapping[date, Sums]
    sports: Mapping[date, list[str]]
    sums: Sums
    shades: Mapping[date, int]
    months: Mapping[str, list[list[date | None]]]
    weeks: Mapping[date, Week]
    weekdays: Mapping[int, Sums]
    hours: Mapping[int, Sums]
    without_time: int


def calendar_year(
    connection: Connection, athlete_id: int, number: int, today: date, *, begins: int, by: str
) -> CalendarYear:
    """The days of a local year. `begins`: the first weekday of weeks; `by`: the amount of `Sums` that determines shades."""
    found = _days(connection, athlete_id, *days_of_year(number, begins))
    days = {day: sums for day, sums in found.items() if day.year == number}
    starts = _starts(connection, athlete_id, number)
    sports = rows_of(connection, "sports_by_day", {"athlete_id": athlete_id, "year": number})
    return CalendarYear(
        number,
        days,
        {row["on_day"]: row["sport_groups"] for row in sports},
        total(days.values()),
        shades({day: getattr(sums, by) for day, sums in days.items()}),
        months_of_year(number, begins),
        weeks_of_year(number, found, today, begins),
        {day: starts.get(("weekday", day), Sums()) for day in weekdays(begins)},
        _by_hours({hour: sums for (part, hour), sums in starts.items() if part == "hour" and hour is not None}),
        starts.get(("hour", None), Sums()).activities,
    )


def _days(connection: Connection, athlete_id: int, first: date, last: date) -> dict[date, Sums]:
    asked = {"athlete_id": athlete_id, "first_on": first, "last_on": last}
    return {row.pop("on_day"): Sums(**row) for row in rows_of(connection, "days", asked)}


def _starts(connection: Connection, athlete_id: int, number: int) -> dict[tuple[str, int | None], Sums]:
    rows = rows_of(connection, "starts", {"athlete_id": athlete_id, "year": number})
    return {(row.pop("part"), row.pop("number")): Sums(**row) for row in rows}


def _by_hours(by_hour: Mapping[int, Sums]) -> dict[int, Sums]:
    """From the first to the last two hours in which any activity begins."""
    if not by_hour:
        return {}
    first, last = (hour // HOURS * HOURS for hour in (min(by_hour), max(by_hour)))
    return {
        hour: total(by_hour[each] for each in range(hour, hour + HOURS) if each in by_hour)
        for hour in range(first, last + 1, HOURS)
    }


@dataclass(frozen=True, slots=True)
class CalendarMonth:
    """A month.

    Args:
        weeks: a row of days for each week; the first and the last one are whole.
        activities: of each day with any, the first `MOST_OF_A_DAY` of them; `of_day`: how many the day has.
        week_sums: of each week.
    """

    month: str
    sums: Sums
    weeks: list[list[date]]
    activities: Mapping[date, list[Values]]
    week_sums: list[Sums]

    @property
    def days(self) -> list[date]:
        """The days of the month itself."""
        return [day for week in self.weeks for day in week if f"{day:%Y-%m}" == self.month]


def calendar_month(connection: Connection, athlete_id: int, month: str, *, begins: int) -> CalendarMonth:
    """The days of a local month (2026-10), with the whole weeks at its ends."""
    weeks = weeks_of_month(month, begins)
    first, last = weeks[0][0], weeks[-1][-1]
    days = _days(connection, athlete_id, first, last)
    own = (sums for day, sums in days.items() if f"{day:%Y-%m}" == month)
    return CalendarMonth(
        month,
        total(own),
        weeks,
        _activities(connection, athlete_id, first, last),
        [total(days[day] for day in week if day in days) for week in weeks],
    )


def _activities(connection: Connection, athlete_id: int, first: date, last: date) -> dict[date, list[Values]]:
    asked = {"athlete_id": athlete_id, "first_on": first, "last_on": last, "most": MOST_OF_A_DAY}
    found: dict[date, list[Values]] = {}
    for row in rows_of(connection, "activities_by_day", asked):
        found.setdefault(row["on_day"], []).append(row)
    return found


@dataclass(frozen=True, slots=True)
class PresentWeek:
    """The week of a day: its days, the activities of each day with any, its sums, and those of the week before."""

    days: list[date]
    activities: Mapping[date, list[Values]]
    sums: Sums
    before: Sums

    @property
    def days_before(self) -> tuple[date, date]:
        """The first and the last day of the week before."""
        return self.days[0] - timedelta(days=7), self.days[0] - timedelta(days=1)


def present_week(connection: Connection, athlete_id: int, today: date, *, begins: int) -> PresentWeek:
    """The week that `today` is in; weeks begin on the weekday `begins`."""
    first = first_of_week(today, begins)
    days = [first + timedelta(days=place) for place in range(-7, 7)]
    done = _days(connection, athlete_id, days[0], days[-1])
    before, sums = (total(done[day] for day in week if day in done) for week in (days[:7], days[7:]))
    return PresentWeek(days[7:], _activities(connection, athlete_id, first, days[-1]), sums, before)
