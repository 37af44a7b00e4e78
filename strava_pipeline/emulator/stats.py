"""ActivityStats: totals of the last four weeks, of the year and of all time.

Made from rows alone; which path shows them is api.py's business.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from strava_pipeline.emulator.store import Row
from strava_pipeline.emulator.wire import Json

KINDS = ("Ride", "Run", "Swim")
RECENT = timedelta(weeks=4)  # developers.strava.com/docs/reference, ActivityStats


def athlete_stats(rows: list[Row], now: datetime) -> Json:
    """By kind of sport; the year is that of UTC."""
    recent_from = (now - RECENT).timestamp()
    year_from = datetime(now.year, 1, 1, tzinfo=UTC).timestamp()
    by_kind = {kind: [row for row in rows if row.kind == kind] for kind in KINDS}
    report: Json = {
        "biggest_ride_distance": max((row.distance for row in by_kind["Ride"]), default=None),
        "biggest_climb_elevation_gain": max((row.gain for row in by_kind["Ride"]), default=None),
    }
    for kind, own in by_kind.items():
        name = kind.lower()
        recent = _totals(row for row in own if row.start >= recent_from)
        report[f"recent_{name}_totals"] = {**recent, "achievement_count": 0}
        report[f"ytd_{name}_totals"] = _totals(row for row in own if row.start >= year_from)
        report[f"all_{name}_totals"] = _totals(own)
    return report


def _totals(rows: Iterable[Row]) -> Json:
    rows = list(rows)
    return {
        "count": len(rows),
        "distance": round(sum(row.distance for row in rows), 1),
        "moving_time": sum(row.moving_time for row in rows),
        "elapsed_time": sum(row.elapsed_time for row in rows),
        "elevation_gain": round(sum(row.gain for row in rows), 1),
    }
