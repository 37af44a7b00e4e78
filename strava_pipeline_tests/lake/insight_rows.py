"""Activities for tests of insights, put straight into a warehouse; and what they come to, counted in plain Python.

The oracle reads rows one by one and knows none of the product's SQL: what a view says is laid beside it.
"""

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import chain, groupby
from typing import Any

from strava_pipeline.core.sports import GROUP_OF
from strava_pipeline.core.tables import TABLES
from strava_pipeline.core.tables.insights import PUBLISH_TABLES
from strava_pipeline.lake.gold.notes import mark_changed
from strava_pipeline.lake.gold.warehouse import Connection, writing
from strava_pipeline.lake.paths import Lake

Row = dict[str, Any]
ME = 77
SPORTS = ("Ride", "GravelRide", "Run", "TrailRun", "Hike", "Swim", "Yoga", "Quidditch", None)


def activity(number: int, start: str, **more: Any) -> Row:
    """An hour's ride of 20 km, unless said."""
    return {
        "id": number,
        "athlete_id": ME,
        "source": "strava",
        "sport_type": "Ride",
        "start_date": datetime.fromisoformat(start).replace(tzinfo=UTC),
        "start_date_local": datetime.fromisoformat(start),
        "distance": 20_000.0,
        "moving_time": 3600,
        "elapsed_time": 4000,
        "total_elevation_gain": 150.0,
        **more,
        "gear_source": "strava" if more.get("gear_id") else None,
    }


def many(count: int, seed: int = 3, first: str = "2019-12-20", days: int = 1200) -> list[Row]:
    """Activities of some years, among them odd ones: no distance, negative or no times, no sport, unknown sports."""
    dice, found = random.Random(seed), []
    begin = datetime.fromisoformat(first)
    for number in range(1, count + 1):
        start = begin + timedelta(seconds=dice.randrange(days * 86_400))
        row = activity(
            number,
            start.isoformat(),
            sport_type=dice.choice(SPORTS),
            distance=dice.choice([None, 0.0, -5.0, float("nan"), *(dice.uniform(500, 90_000) for _ in range(12))]),
            moving_time=dice.choice([None, 0, -60, *(dice.randrange(600, 20_000) for _ in range(9))]),
            elapsed_time=dice.choice([None, -1, *(dice.randrange(600, 30_000) for _ in range(9))]),
            total_elevation_gain=dice.choice([None, 0.0, -3.0, *(dice.uniform(0, 2000) for _ in range(9))]),
            suffer_score=dice.choice([None, *(float(dice.randrange(1, 200)) for _ in range(3))]),
            gear_id=dice.choice([None, "b1", "b2", "g1"]),
            weighted_average_watts=dice.choice([None, 180.0, 220.0]),
            device_watts=dice.choice([None, False, True]),
        )
        if row["moving_time"] == 0 and (row["elapsed_time"] or 0) <= 0:  # a way in no time can't be, and counts nowhere
            row["moving_time"] = None
        seconds = max(row["moving_time"] or 0, row["elapsed_time"] or 0)
        if row["distance"] and seconds > 0:  # nor one that is faster than its sport
            row["distance"] = min(row["distance"], (2.5 if row["sport_type"] == "Swim" else 7.5) * seconds)
        found.append(row)
    return found


def put(lake: Lake, rows: Iterable[Row], table: str = "activities_all") -> None:
    """The rows into the working warehouse, as a merge would leave them; columns that are not named are NULL."""
    with writing(lake) as connection:
        put_into(connection, rows, table)
        mark_changed(connection)


def put_into(connection: Connection, rows: Iterable[Row], table: str = "activities_all") -> None:
    """Rows of the same columns in one statement: each statement takes milliseconds to plan."""
    whole = (
        {"year": row["start_date_local"].year, **row}
        if row.get("start_date_local") and table == "activities_all"
        else row
        for row in rows
    )
    for names, alike in groupby(whole, key=tuple):
        values = [list(row.values()) for row in alike]
        marks = f"({', '.join('?' * len(names))})"
        connection.execute(
            f"INSERT INTO {(TABLES | PUBLISH_TABLES)[table].stored} ({', '.join(names)}) VALUES {', '.join([marks] * len(values))}",
            list(chain.from_iterable(values)),
        )


def splits(activity_id: int, seconds: Sequence[int], metres: float = 1000.0) -> list[Row]:
    return [
        {"activity_id": activity_id, "split_index": place, "distance_m": metres, "elapsed_time_seconds": each}
        for place, each in enumerate(seconds, start=1)
    ]


# The oracle


def measured(value: float | None, most: float = 4e7) -> float | None:
    return value if value is not None and 0 <= value <= most else None


def moved(row: Row) -> float | None:
    """The time in motion, or else from start to end."""
    moving = measured(row["moving_time"])
    return measured(row["elapsed_time"]) if moving is None else moving


def day_of(row: Row) -> date | None:
    return row["start_date_local"].date() if row["start_date_local"] else None


def group_of(row: Row) -> str:
    return GROUP_OF.get(row["sport_type"] or "", "other")


def total(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def sums(rows: Sequence[Row]) -> tuple[Any, ...]:
    """Activities, active days, metres, seconds in motion, seconds in all, metres climbed."""
    return (
        len(rows),
        len({day_of(row) for row in rows}),
        total(measured(row["distance"]) for row in rows),
        total(moved(row) for row in rows),
        *(total(measured(row[name]) for row in rows) for name in ("elapsed_time", "total_elevation_gain")),
    )


def grouped(rows: Iterable[Row], *keys: Any) -> dict[tuple[Any, ...], list[Row]]:
    found: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        if day_of(row) is not None:
            found[tuple(key(row) for key in keys)].append(row)
    return found


def streaks(days: Iterable[date], step: int = 1) -> set[tuple[date, date, int]]:
    """First, last and number of days (weeks, by their Mondays and `step` 7) without a break."""
    found, run = set(), list[date]()
    for day in sorted(set(days)):
        if run and (day - run[-1]).days != step:
            found.add((run[0], run[-1], len(run)))
            run = []
        run.append(day)
    if run:
        found.add((run[0], run[-1], len(run)))
    return found


def week_streaks(days: Iterable[date]) -> set[tuple[date, date, int]]:
    """The same of ISO weeks: first and last active day of them, and how many weeks."""
    held = sorted(set(days))
    mondays = [day - timedelta(days=day.weekday()) for day in held]
    return {
        (min(day for day in held if first <= day), max(day for day in held if day < last + timedelta(days=7)), length)
        for first, last, length in streaks(mondays, 7)
    }


def eddington(amounts: Iterable[float]) -> tuple[int, int]:
    """The number, and how many days the next one needs: tried one by one."""
    days = list(amounts)
    number = 0
    while sum(amount >= number + 1 for amount in days) >= number + 1:
        number += 1
    return number, number + 1 - sum(amount >= number + 1 for amount in days)


def loads(by_day: dict[date, float | None], last: date) -> dict[date, tuple[float, float, float]]:
    """Fitness, fatigue and form of each day, by the recursion."""
    known = [day for day, load in by_day.items() if load is not None]
    found, fitness, fatigue = {}, 0.0, 0.0
    day = min(known)
    while day <= last:
        load = by_day.get(day) or 0.0
        fitness += (load - fitness) / 42
        fatigue += (load - fatigue) / 7
        found[day] = (fitness, fatigue, fitness - fatigue)
        day += timedelta(days=1)
    return found
