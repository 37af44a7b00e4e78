"""Insights about one activity: time in zones, efficiency and decoupling, its ranks among the bests, similar activities.

The zones come from the Parquet that was computed from tracks, everything else from the published warehouse.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from strava_pipeline.core.tables import VALUE_SECONDS
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.made.tracks import track_path
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lookups.activities import FoundActivity
from strava_pipeline.lookups.fitness import ZoneTime, zone_bounds, zone_times
from strava_pipeline.lookups.rows import Values, measured_files, rows_of

MOST_SIMILAR = 5
_PLACES = {"of_all": 10, "of_year": 3}  # the last ones that are marks


@dataclass(frozen=True, slots=True)
class ActivityInsights:
    """What insights say of an activity.

    Args:
        zones: by measure (`heartrate`, `watts`) and number, the zones of its day; measures without time are absent.
        effort: `efficiency`, `efficiency_by`, `decoupling` (%), `decoupling_absent`, as in `track_summaries`; None: not counted.
        load: its load, and what that goes by, as in `activity_load`; None: it has none.
        marks: by record (`power_60`: the best mean power over 60 `seconds`) `value`, `unit`, `place` of `among`, `place_of_year`
            of `among_of_year` in `local_year`; `is_of_all`: the place among all is a mark, else only that of the year is.
            Marks of all come first, then by place.
        similar: by id, the activities most like it: `distance_m`, `moving_time_seconds`, `elevation_gain_m`,
            `average_speed` (m/s), `has_track`; `is_on_route`: on the same route, which come first; `apart`: the sum of their
            differences, up to 3 but on a route.
    """

    zones: Mapping[str, Mapping[int, ZoneTime]]
    effort: Values | None
    load: Values | None
    marks: Mapping[str, Values]
    similar: Mapping[int, Values]


@dataclass(frozen=True, slots=True)
class ComparedActivity:
    """An activity to compare with another one: its numbers (m, s, m/s; `effort` as above), and whether its points are on disk."""

    id: int
    numbers: Values
    effort: Values
    has_track: bool


def compared_activity(connection: Connection, lake: Lake, found: FoundActivity) -> ComparedActivity:
    """An activity, not deleted, to compare with another one; without `effort` if insights don't count it."""
    (numbers,) = rows_of(connection, "compared_activity", {"id": found.id})
    effort = next(iter(rows_of(connection, "measured_activity", {"id": found.id})), {})
    return ComparedActivity(found.id, numbers, effort, track_path(lake, found.year, found.id).exists())


def activity_insights(connection: Connection, lake: Lake, found: FoundActivity) -> ActivityInsights:
    """The insights about an activity that isn't deleted; empty if insights don't count it."""
    rows = rows_of(connection, "measured_activity", {"id": found.id})
    if not rows:
        return ActivityInsights({}, None, None, {}, {})
    effort, of_id = rows[0], {"id": found.id}
    bounds = zone_bounds(connection, effort.pop("on_day"), effort.pop("sport_group"))
    held: dict[str, dict[int, float]] = {}
    if files := measured_files(lake, VALUE_SECONDS, [found.year]):
        for row in rows_of(connection, "zones_of_activity", {**of_id, "files": files}):
            held.setdefault(row["measure"], {})[row["zone"]] = row["seconds"]
    similar = rows_of(connection, "similar_activities", {**of_id, "most": MOST_SIMILAR})
    for row in similar:
        row["has_track"] = track_path(lake, row.pop("year"), row["activity_id"]).exists()
    return ActivityInsights(
        {measure: zone_times(bounds.get(measure, {}), each) for measure, each in held.items()},
        effort,
        next(iter(rows_of(connection, "load_of_activity", of_id)), None),
        {row["record"]: row for row in rows_of(connection, "marks_of_activity", {**of_id, **_PLACES})},
        {row.pop("activity_id"): row for row in similar},
    )
