"""The table that an athlete would keep whose activities Strava has: for the demo, and for tests of matching. Pure.

Kept by hand: starts to the minute, or the day alone; miles with one or two decimals; durations in several forms; names of
their own or none; ids in some rows. Some activities are missing, and some rows are of activities that Strava does not have.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from random import Random
from typing import Any

from strava_pipeline.core.sheets.header import FOOT, MILE
from strava_pipeline.emulator.service import Json
from strava_pipeline.ingest.spreadsheet.emulator.book import Row

MISSING, ELSEWHERE, WITH_ID, DAY_ALONE, UNNAMED = 0.08, 0.06, 0.35, 0.1, 0.3  # shares of the activities
_COMPANIONS = ("Kim", "Alex and Sam", "the Tuesday group")


@dataclass(frozen=True, slots=True)
class Kept:
    """The rows of a table, oldest first.

    Args:
        pairs: Strava's id by the row's place. Other rows are at no service.
    """

    rows: list[Row] = field(repr=False)
    pairs: Mapping[int, int] = field(repr=False)


def kept_by_owner(activities: Sequence[Json], gear_names: Mapping[str, str], home: str, seed: int) -> Kept:
    """The owner's table, the same for the same arguments.

    Args:
        activities: SummaryActivity of Strava's, in any order.
        gear_names: names of gear by Strava's id.
        home: the owner's zone, as Europe/Berlin; starts elsewhere are written with their offset.
    """
    rows: list[Row] = []
    pairs: dict[int, int] = {}
    for activity in sorted(activities, key=lambda one: (one["start_date_local"], one["id"])):
        chance = Random(f"{seed}:{activity['id']}")
        if chance.random() < MISSING:
            continue
        row = _row(activity, gear_names.get(activity.get("gear_id") or ""), home, chance)
        if chance.random() < ELSEWHERE:
            rows.append(_on_another_day(row, activity["elapsed_time"], chance))
        pairs[len(rows)] = activity["id"]
        rows.append(row)
    return Kept(rows, pairs)


def _row(activity: Json, bike: str | None, home: str, chance: Random) -> Row:
    began = datetime.fromisoformat(activity["start_date_local"].removesuffix("Z")).replace(second=0)
    abroad = began.replace(tzinfo=timezone(timedelta(seconds=activity["utc_offset"])))
    has_id = chance.random() < WITH_ID
    row: Row = {
        "start_time": began if activity["timezone"].endswith(home) else abroad.isoformat(" ", "minutes"),
        "activity_type": activity["sport_type"],
        "city": "Berlin",
        "temperature": _rounded(activity.get("average_temp"), 1 / 1.8, 0, 32.0),
        "equipment": chance.choice([bike, bike.upper(), f"{bike} "]) if bike else None,
        "duration_hms": _duration(activity["elapsed_time"], chance),
        "distance": round(activity["distance"] / MILE, chance.choice([1, 2])) or None,
        "max_speed": _rounded(activity.get("max_speed"), MILE / 3600, 1),
        "avg_heart_rate": _rounded(activity.get("average_heartrate"), 1, 0),
        "max_heart_rate": _rounded(activity.get("max_heartrate"), 1, 0),
        "total_elevation_gain": _rounded(activity.get("total_elevation_gain"), FOOT, 0),
        "with_names": chance.choice(_COMPANIONS) if chance.random() < 0.2 else None,
        "strava_id": chance.choice([activity["id"], str(activity["id"]), _address(activity["id"])]) if has_id else None,
        "notes": None if chance.random() < UNNAMED else activity["name"],
    }
    return row | {"start_time": began.date()} if chance.random() < DAY_ALONE and row["distance"] else row


def _address(activity_id: int) -> str:
    return f"https://www.strava.com/activities/{activity_id}"


def _duration(seconds: int, chance: Random) -> Any:
    hours, rest = divmod(seconds, 3600)
    text = f"{hours}:{rest // 60:02}:{rest % 60:02}"
    return chance.choice([text, timedelta(seconds=seconds), seconds / 86_400 if seconds < 86_400 else text])


def _rounded(value: float | None, unit: float, decimals: int, zero: float = 0.0) -> float | None:
    return None if value is None else round(value / unit + zero, decimals)


def _on_another_day(row: Row, seconds: int, chance: Random) -> Row:
    """A row for an activity that never reached Strava, a day or two before, with another length."""
    written = row["start_time"]
    began: datetime | date = datetime.fromisoformat(written) if isinstance(written, str) else written
    earlier = timedelta(days=chance.randint(1, 2), hours=chance.randint(1, 9) if isinstance(began, datetime) else 0)
    moved = began - earlier
    share = chance.uniform(0.4, 0.7)
    other = {
        "distance": round((row["distance"] or 1.0) * share, 2),
        "duration_hms": timedelta(seconds=round(seconds * share)),
    }
    start = moved.isoformat() if isinstance(written, str) else moved
    return {**row, **other, "start_time": start, "strava_id": None, "notes": "Not at Strava"}
