"""What the published warehouse says of a year, as records: for the verbs `insights` and `report`. Nothing is written."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from strava_pipeline.core.insights.documents import Eddington, Gear, Load, Record, Streak, Sums, YearSummary
from strava_pipeline.core.insights.goals import Goals
from strava_pipeline.core.insights.pacing import latest_day
from strava_pipeline.core.sports import chosen_sports, unknown_sports, whole_groups
from strava_pipeline.lake.insights import EVERYTHING, Athlete, known_of, years_made
from strava_pipeline.lake.sql import sql
from strava_pipeline.lake.warehouse import Connection


def count_only(connection: Connection, names: Sequence[str]) -> list[str]:
    """Limit what this connection's insights count to the sports or groups named; the groups that are whole among them. ValueError
    names what is neither.

    All views of insights read `counted_activities`; a temporary one of that name stands before it, in this connection alone.
    """
    held = "SELECT DISTINCT sport_type FROM counted_activities WHERE sport_type IS NOT NULL"
    chosen = chosen_sports(names, [row[0] for row in connection.execute(held).fetchall()])
    connection.execute("CREATE TEMP TABLE chosen_sports (sport_type VARCHAR)")
    connection.executemany("INSERT INTO chosen_sports VALUES (?)", [(sport,) for sport in sorted(chosen, key=str)])
    connection.execute(
        "CREATE TEMP VIEW counted_activities AS "
        f"SELECT * FROM {EVERYTHING} AS everything "
        "SEMI JOIN chosen_sports AS chosen ON chosen.sport_type IS NOT DISTINCT FROM everything.sport_type"
    )
    return whole_groups(chosen)


def newest_year(connection: Connection, athlete: Athlete, today: date) -> int:
    """The newest local year with an activity, up to today's."""
    query = "SELECT max(local_year) FROM counted_activities WHERE athlete_id = $athlete_id AND local_year <= $year"
    found = connection.execute(query, {"athlete_id": athlete.id, "year": today.year}).fetchall()[0][0]
    return int(found) if found is not None else today.year


def year_told(
    connection: Connection, athlete: Athlete, goals: Goals, today: date, number: int, sports: Sequence[str] = ()
) -> YearSummary:
    """Everything of a local year; `sports`: what `count_only` was told, to be shown with it."""
    made = years_made(connection, athlete, goals, today, [number])[number]
    asked: dict[str, Any] = {"athlete_id": athlete.id, "year": number}
    until = {"until": latest_day(today)}
    everything = known_of(connection, athlete, today, EVERYTHING)

    def rows(name: str, **more: Any) -> Iterable[tuple[Any, ...]]:
        return connection.execute(sql(f"insights_told/{name}"), asked | more).fetchall()

    sums = list(rows("sums", **until))
    return YearSummary(
        number=number,
        year=made.year,
        athlete_id=athlete.id,
        units=athlete.units,
        sports=tuple(sports),
        totals=next(_sums(row) for row in sums if row[8] and row[9]),
        by_sport=[(row[1], row[2], _sums(row)) for row in sums if row[8] and not row[9]],
        by_month=[(row[0], _sums(row)) for row in sums if row[9] and not row[8]],
        days=made.days,
        paced=made.paced,
        records=[Record(*row) for row in rows("records")],
        streaks=[Streak(*row) for row in rows("streaks")],
        eddington=[Eddington(*row) for row in rows("eddington", unit="km" if athlete.units == "km" else "mile")],
        gear=[Gear(*row) for row in rows("gear", **until)],
        load=[Load(*row) for row in rows("load", until=made.year.until)] if made.year else [],
        unknown_sports=unknown_sports(everything.sports),
        undated=everything.left_out.undated,
        later=everything.left_out.later,
        others=athlete.others,
    )


def _sums(row: tuple[Any, ...]) -> Sums:
    return Sums(*row[3:8])
